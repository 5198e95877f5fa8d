"use client";
import { History } from "lucide-react";
import { useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Skeleton } from "@/components/ui/skeleton";
import { Tag } from "@/components/ui/tag";
import type { Decisions, MappingVersion } from "@/lib/api-types";
import { changesBetween } from "@/lib/mapping";
import { ChangesList } from "./changes-list";
import { SaveDialog } from "./save-dialog";
import type { Editor } from "./use-editor";
import { useRestore, useVersions } from "./use-mapping";

type Props = { editor: Editor; onRestored: () => void };

/** Who saved what, when and why, the newest first; an old one is in force again in two clicks. */
export function Versions({ editor, onRestored }: Props) {
  const t = useTranslations("mapping.versions");
  const versions = useVersions(editor.place);
  const [restoring, setRestoring] = useState<Restorable | null>(null);
  if (versions.isError) return <ErrorPanel error={versions.error} onRetry={() => versions.refetch()} />;
  if (!versions.data) return <Loading />;
  const { items } = versions.data;
  if (items.length === 0) return <p className="py-10 text-center text-muted">{t("none")}</p>;
  return (
    <div className="grid gap-2">
      <ol className="grid gap-2" aria-label={t("title")}>
        {items.map((version, at) => (
          <Version
            key={version.version}
            editor={editor}
            version={version}
            before={items[at + 1]}
            onRestore={() => setRestoring(version)}
          />
        ))}
      </ol>
      {isStandard(editor.data) ? null : (
        <div className="flex flex-wrap items-center gap-2 rounded-lg border border-dashed p-3">
          <span className="min-w-0 flex-1 text-muted">{t("standard")}</span>
          <Button size="small" aria-label={t("restoreStandard")} onClick={() => setRestoring(STANDARD)}>
            <History aria-hidden />
            {t("restore")}
          </Button>
        </div>
      )}
      {restoring ? (
        <Restore editor={editor} version={restoring} onRestored={onRestored} onClose={() => setRestoring(null)} />
      ) : null}
    </div>
  );
}

function isStandard({ lines, ignored, rejected }: Decisions): boolean {
  return [lines, ignored, rejected].every((list) => list.length === 0);
}

function Loading() {
  const t = useTranslations("common");
  return (
    <div role="status" className="grid gap-2">
      <span className="sr-only">{t("loading")}</span>
      {["a", "b", "c"].map((name) => (
        <Skeleton key={name} className="h-20" />
      ))}
    </div>
  );
}

const NOTHING: Decisions = { lines: [], ignored: [], rejected: [] };
type Restorable = Decisions & { version: number };
const STANDARD: Restorable = { ...NOTHING, version: 0 };

type VersionProps = {
  editor: Editor;
  version: MappingVersion;
  before: MappingVersion | undefined;
  onRestore: () => void;
};

function Version({ editor, version, before, onRestore }: VersionProps) {
  const t = useTranslations("mapping.versions");
  const format = useFormatter();
  const date = format.dateTime(new Date(version.saved_at), { dateStyle: "medium", timeStyle: "short" });
  return (
    <li className="grid gap-2 rounded-lg border p-3">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <h3 className="font-semibold">{t("version", { version: version.version })}</h3>
        {version.active ? <Tag>{t("active")}</Tag> : null}
        {version.restored_from !== null ? (
          <span className="text-muted text-xs">
            {version.restored_from === 0
              ? t("restoredStandard")
              : t("restoredFrom", { version: version.restored_from })}
          </span>
        ) : null}
        <span className="text-muted text-xs">{t("saved", { date, by: version.saved_by ?? "–" })}</span>
        {version.active ? null : (
          <Button
            size="small"
            className="ml-auto"
            aria-label={t("restoreLabel", { version: version.version })}
            onClick={onRestore}
          >
            <History aria-hidden />
            {t("restore")}
          </Button>
        )}
      </div>
      {version.reason ? <p className="break-words">{version.reason}</p> : null}
      <details open={version.active}>
        <summary className="min-h-6 w-fit text-main-strong">{t("details")}</summary>
        <div className="mt-1.5">
          <ChangesList editor={editor} changes={changesBetween(before ?? NOTHING, version)} />
        </div>
      </details>
    </li>
  );
}

type RestoreProps = { editor: Editor; version: Restorable; onRestored: () => void; onClose: () => void };

function Restore({ editor, version, onRestored, onClose }: RestoreProps) {
  const t = useTranslations("mapping.versions");
  const restore = useRestore(editor.place, () => {
    onClose();
    onRestored();
  });
  return (
    <SaveDialog
      editor={editor}
      title={version.version === 0 ? t("restoreStandard") : t("restoreTitle", { version: version.version })}
      changes={changesBetween(editor.data, version)}
      lines={version.lines}
      warning={editor.dirty ? t("dropsDraft") : undefined}
      submitText={restore.isPending ? t("restoring") : t("restore")}
      pending={restore.isPending}
      error={restore.error}
      onSubmit={(reason) => restore.mutate({ version: version.version, reason, active: editor.data.version ?? 0 })}
      onClose={onClose}
    />
  );
}
