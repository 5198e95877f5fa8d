"use client";
import { useTranslations } from "use-intl";
import type { MappingLine } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { type Changes, lineKey } from "@/lib/mapping";
import { useStepWord } from "./line-chip";
import type { Editor } from "./use-editor";

/** What becomes different: lines added, changed and removed, fields set aside and heeded, suggestions refused. */
export function ChangesList({ editor, changes }: { editor: Editor; changes: Changes }) {
  const t = useTranslations("mapping.changes");
  const lineText = useLineText(editor);
  const names = (fields: string[]) => fields.map(editor.fieldLabelOf).join(", ");
  const entries: [keyof typeof TONES, string, string][] = [
    ...changes.added.map((line): Entry => ["added", `+${lineKey(line)}`, lineText(line)]),
    ...changes.changed.map(
      ({ before, after }): Entry => [
        "changed",
        `~${lineKey(after)}`,
        t("fromTo", { before: lineText(before), after: lineText(after) }),
      ],
    ),
    ...changes.removed.map((line): Entry => ["removed", `-${lineKey(line)}`, lineText(line)]),
  ];
  const rest = [
    changes.ignored.length > 0 ? t("ignored", { fields: names(changes.ignored) }) : null,
    changes.heeded.length > 0 ? t("heeded", { fields: names(changes.heeded) }) : null,
    changes.rejected > 0 ? t("rejected", { count: changes.rejected }) : null,
  ].filter((text) => text !== null);
  if (entries.length === 0 && rest.length === 0) return <p className="text-muted">{t("none")}</p>;
  return (
    <ul className="grid gap-1">
      {entries.map(([kind, key, text]) => (
        <li key={key} className="flex items-start gap-2">
          <span className={cn("shrink-0 rounded-sm px-1.5 font-medium text-xs leading-5", TONES[kind])}>{t(kind)}</span>
          <span className="min-w-0 break-words">{text}</span>
        </li>
      ))}
      {rest.map((text) => (
        <li key={text} className="break-words text-muted">
          {text}
        </li>
      ))}
    </ul>
  );
}

const TONES = {
  added: "bg-good-soft text-good",
  changed: "bg-warn-soft text-warn",
  removed: "bg-bad-soft text-bad",
};
type Entry = [keyof typeof TONES, string, string];

function useLineText(editor: Editor): (line: MappingLine) => string {
  const t = useTranslations("mapping");
  const stepWord = useStepWord();
  return ({ target, sources, steps }) => {
    const from = sources.map(editor.fieldLabelOf).join(" + ") || t("fixed");
    const how = steps.length > 0 ? ` (${steps.map(stepWord).join(" → ")})` : "";
    return `${from} → ${editor.labelOf(target)}${how}`;
  };
}
