"use client";
import { ToggleGroup } from "radix-ui";
import { useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { Confirm } from "@/components/ui/confirm";
import { Dialog } from "@/components/ui/dialog";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Skeleton } from "@/components/ui/skeleton";
import { useEntityWord } from "@/components/use-entity-word";
import type { Connector, FieldMapping, MappingEntity } from "@/lib/api-types";
import { mappable } from "@/lib/mapping";
import { MappingEditor } from "./mapping-editor";
import { useDrafts } from "./use-drafts";
import { type Place, useMapping } from "./use-mapping";

type Props = { connector: Pick<Connector, "system" | "name" | "entities">; onClose: () => void };

/** Which field of the source fills which field of the Costbook, for each kind of record. */
export function MappingDialog({ connector: { system, name, entities }, onClose }: Props) {
  const t = useTranslations("mapping");
  const kinds = mappable(entities);
  const [entity, setEntity] = useState<MappingEntity>(kinds[0] ?? "commitments");
  const drafts = useDrafts();
  const [leaving, setLeaving] = useState(false);
  const place: Place = { system, name, entity };
  const mapping = useMapping(place);
  const close = () => (drafts.dirty ? setLeaving(true) : onClose());
  const answer = (leave: boolean) => {
    setLeaving(false);
    if (leave) onClose();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={t("title", { name })}
      description={useSubtitle(mapping.data)}
      className="sm:h-[calc(94dvh-var(--toasts))] sm:max-h-none sm:w-[min(96rem,97vw)]"
    >
      <EntitySwitch kinds={kinds} value={entity} isDirtyIn={drafts.isDirtyIn} onChange={setEntity} />
      {mapping.isError ? (
        <div className="p-5">
          <ErrorPanel error={mapping.error} onRetry={() => mapping.refetch()} />
        </div>
      ) : mapping.data ? (
        <MappingEditor key={entity} place={place} data={mapping.data} drafts={drafts} />
      ) : (
        <Loading />
      )}
      {leaving ? <Confirm question={t("leave")} yes={t("leaveYes")} no={t("leaveNo")} onAnswer={answer} /> : null}
    </Dialog>
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
