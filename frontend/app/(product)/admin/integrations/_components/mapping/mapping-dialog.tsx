"use client";
import { ToggleGroup } from "radix-ui";
import { useEffect } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { QueryDialog } from "@/components/ui/query-dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { useEntityWord } from "@/components/use-entity-word";
import type { Connector, FieldMapping, MappingEntity } from "@/lib/api-types";
import { mappable } from "@/lib/mapping";
import type { Address } from "@/lib/mapping-address";
import { MappingEditor } from "./mapping-editor";
import { useDrafts } from "./use-drafts";
import { type Place, useMapping } from "./use-mapping";

type Props = {
  connector: Pick<Connector, "name" | "entities">;
  address: Address;
  /** Back has left it while there was a draft. */
  left?: boolean;
  onMove: (to: Partial<Address>) => void;
  onStay: () => void;
  onDirty: (dirty: boolean) => void;
  onClose: () => void;
};

/** Which field of the source fills which field of the Costbook, for each kind of record. */
export function MappingDialog({
  connector: { name, entities },
  address,
  left,
  onMove,
  onStay,
  onDirty,
  onClose,
}: Props) {
  const t = useTranslations("mapping");
  const { system, entity, view } = address;
  const drafts = useDrafts(system);
  const { dirty } = drafts;
  useEffect(() => onDirty(dirty), [onDirty, dirty]);
  const place: Place = { system, name, entity };
  const mapping = useMapping(place);
  return (
    <QueryDialog
      query={mapping}
      title={t("title", { name })}
      description={useSubtitle(mapping.data)}
      className="sm:h-[calc(94dvh-var(--toasts))] sm:max-h-none sm:w-[min(96rem,97vw)]"
      dirty={dirty}
      question={{ text: t("leave"), yes: t("leaveYes"), no: t("leaveNo") }}
      left={left}
      onStay={onStay}
      onClose={() => {
        drafts.forget();
        onClose();
      }}
      head={
        <EntitySwitch
          kinds={mappable(entities)}
          value={entity}
          isDirtyIn={drafts.isDirtyIn}
          onChange={(kind) => onMove({ entity: kind })}
        />
      }
      loading={<Loading />}
    >
      {(data) => (
        <MappingEditor
          key={entity}
          place={place}
          data={data}
          drafts={drafts}
          view={view}
          onView={(next) => onMove({ view: next })}
        />
      )}
    </QueryDialog>
  );
}

function useSubtitle(data: FieldMapping | undefined): string {
  const t = useTranslations("mapping");
  const format = useFormatter();
  if (!data?.saved_at) return t("lead");
  const date = format.dateTime(new Date(data.saved_at), { dateStyle: "medium", timeStyle: "short" });
  return `${t("version", { version: data.version ?? 0, date, by: data.saved_by ?? "–" })}. ${t("lead")}`;
}

type SwitchProps = {
  kinds: MappingEntity[];
  value: MappingEntity;
  isDirtyIn: (entity: MappingEntity) => boolean;
  onChange: (entity: MappingEntity) => void;
};

function EntitySwitch({ kinds, value, isDirtyIn, onChange }: SwitchProps) {
  const t = useTranslations("mapping");
  const entityWord = useEntityWord();
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={t("entity")}
      value={value}
      onValueChange={(next) => next && onChange(next as MappingEntity)}
      className="flex flex-wrap gap-1 border-b px-5 py-2"
    >
      {kinds.map((kind) => (
        <ToggleGroup.Item
          key={kind}
          value={kind}
          className="min-h-7 rounded-md px-2.5 font-medium text-muted hover:text-text data-[state=on]:bg-main-soft data-[state=on]:text-main-strong"
        >
          {entityWord(kind)}
          {isDirtyIn(kind) ? <span className="text-warn text-xs"> · {t("draft")}</span> : null}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}

function Loading() {
  const t = useTranslations("common");
  return (
    <div role="status" className="grid flex-1 content-start gap-3 p-5">
      <span className="sr-only">{t("loading")}</span>
      <Skeleton className="h-8 w-80 max-w-full" />
      {["a", "b", "c", "d", "e", "f"].map((name) => (
        <Skeleton key={name} className="h-16" />
      ))}
    </div>
  );
}
