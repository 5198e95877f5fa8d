"use client";
import { Check, CircleAlert, Clock, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import type { Drift } from "@/lib/api-types";
import { conflictsIn } from "@/lib/mapping";
import { Conflict } from "./line-chip";
import { SourcePick } from "./target-pick";
import type { Editor } from "./use-editor";

/** What needs somebody, on top of everything else: required fields without a source, conflicts, a changed source. */
export function Notes({ editor, onSeen }: { editor: Editor; onSeen: () => void }) {
  return (
    <>
      <Missing editor={editor} />
      <Conflicts editor={editor} />
      <Awaited editor={editor} />
      <Drifts editor={editor} onSeen={onSeen} />
    </>
  );
}

function Missing({ editor }: { editor: Editor }) {
  const t = useTranslations("mapping");
  const missing = editor.filled.filter((row) => row.state === "missing");
  if (missing.length === 0) return null;
  return (
    <section aria-label={t("states.missing")} className="grid gap-2 rounded-lg border border-bad/40 bg-bad-soft p-3">
      <h3 className="flex items-center gap-1.5 font-medium text-bad">
        <CircleAlert aria-hidden className="size-4 shrink-0" />
        {t("missingTitle", { count: missing.length })}
      </h3>
      <ul className="flex flex-wrap gap-x-4 gap-y-1.5">
        {missing.map(({ target }) => (
          <li key={target.name} className="flex max-w-full flex-wrap items-center gap-1.5">
            <span className="font-medium">{target.label || target.name}</span>
            <Suggested editor={editor} target={target.name} />
            <SourcePick
              editor={editor}
              label={t("fillLabel", { target: target.label || target.name })}
              text={t("fill")}
              onChoose={(source) =>
                editor.set({ target: target.name, type: target.type, sources: [source], steps: [] })
              }
            />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The suggestion for a required field, one click away. */
function Suggested({ editor, target }: { editor: Editor; target: string }) {
  const t = useTranslations("mapping");
  const row = editor.rows.find((one) => one.state === "suggested" && one.suggestion?.target === target);
  if (!row) return null;
  const field = editor.fieldLabelOf(row.field.name);
  return (
    <Button
      size="small"
      aria-label={t("confirmLabel", { field, target: editor.labelOf(target) })}
      onClick={() => editor.confirm(row)}
    >
      <Check aria-hidden />
      <span className="min-w-0 truncate">{t("confirmThis", { field })}</span>
    </Button>
  );
}

function Conflicts({ editor }: { editor: Editor }) {
  const t = useTranslations("mapping");
  const { lines } = editor.editing.draft;
  const doubled = [...conflictsIn(lines)];
  if (doubled.length === 0) return null;
  return (
    <section aria-label={t("states.conflict")} className="grid gap-2 rounded-lg border border-bad/40 bg-bad-soft p-3">
      <h3 className="flex items-center gap-1.5 font-medium text-bad">
        <CircleAlert aria-hidden className="size-4 shrink-0" />
        {t("conflictsTitle", { count: doubled.length })}
      </h3>
      {doubled.map((target) => {
        const first = lines.find((line) => line.target === target);
        if (!first) return null;
        const sources = first.sources.map(editor.fieldLabelOf).join(" + ");
        return (
          <div key={target}>
            <p className="font-medium">
              {editor.labelOf(target)}: {sources}
            </p>
            <Conflict editor={editor} line={first} />
          </div>
        );
      })}
    </section>
  );
}

/** What is saved and has no values before the next sync. */
function Awaited({ editor }: { editor: Editor }) {
  const { awaited } = editor.data;
  if (!awaited) return null;
  return (
    <p className="flex items-start gap-1.5 rounded-lg border bg-raised p-3">
      <Clock aria-hidden className="mt-0.5 size-4 shrink-0" />
      {awaited.reason}
    </p>
  );
}

const KINDS: Drift["kind"][] = ["vanished", "type_changed", "appeared"];

function Drifts({ editor, onSeen }: { editor: Editor; onSeen: () => void }) {
  const t = useTranslations("mapping");
  const [all, setAll] = useState(false);
  const drift = KINDS.flatMap((kind) => editor.data.drift.filter((one) => one.kind === kind));
  if (drift.length === 0) return null;
  const shown = all ? drift : drift.slice(0, 5);
  return (
    <section aria-label={t("driftTitle")} className="grid gap-2 rounded-lg border border-warn/40 bg-warn-soft p-3">
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="flex items-center gap-1.5 font-medium text-warn">
          <TriangleAlert aria-hidden className="size-4 shrink-0" />
          {t("driftTitle")}
        </h3>
        <Button size="small" className="ml-auto" onClick={onSeen}>
          {t("seen")}
        </Button>
      </div>
      <ul className="grid gap-0.5">
        {shown.map((one) => (
          <li key={one.field} className="break-words">
            <DriftText editor={editor} drift={one} />
          </li>
        ))}
      </ul>
      {drift.length > shown.length ? (
        <Button size="small" variant="quiet" className="justify-self-start" onClick={() => setAll(true)}>
          {t("driftMore", { count: drift.length - shown.length })}
        </Button>
      ) : null}
    </section>
  );
}

function DriftText({ editor, drift }: { editor: Editor; drift: Drift }) {
  const t = useTranslations("mapping.driftText");
  const field = editor.fieldLabelOf(drift.field);
  const targets = drift.targets.map(editor.labelOf).join(", ");
  if (drift.kind === "type_changed") return t("type_changed", { field, was: drift.was ?? "–", now: drift.now ?? "–" });
  if (drift.kind === "appeared") return t("appeared", { field });
  return targets ? t("vanishedUsed", { field, targets }) : t("vanished", { field });
}
