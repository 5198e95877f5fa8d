"use client";
import { ArrowRight, Pencil, X } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import type { MappingLine, Step } from "@/lib/api-types";
import { conflictsIn } from "@/lib/mapping";
import { detailOf, stepName } from "@/lib/mapping-steps";
import { LineEditor } from "./line-editor";
import type { Editor } from "./use-editor";

type Props = {
  editor: Editor;
  line: MappingLine;
  /** Which end of the line stands beside it already. */
  beside: "source" | "target";
  tabIndex?: number;
  /** Instead of removing it here: what also looks after the focus. */
  onRemove?: () => void;
};

/** One own line: what it fills or what fills it, its steps, and what can be done to it. */
export function LineChip({ editor, line, beside, tabIndex, onRemove }: Props) {
  const t = useTranslations("mapping");
  const origins = useTranslations("mapping.lineOrigins");
  const [open, setOpen] = useState(false);
  const target = editor.labelOf(line.target);
  const sources = line.sources.map(editor.fieldLabelOf).join(" + ");
  return (
    <div className="grid gap-0.5 rounded-md border px-2 py-1">
      <div className="flex items-center gap-1">
        <ArrowRight
          aria-hidden
          className={beside === "source" ? "size-3.5 shrink-0" : "size-3.5 shrink-0 rotate-180"}
        />
        <span className="min-w-0 flex-1 break-words font-medium">
          {beside === "source" ? target : sources || t("fixed")}
        </span>
        <Button
          variant="quiet"
          size="icon"
          className="size-6"
          tabIndex={tabIndex}
          aria-label={t("editLabel", { target })}
          onClick={() => setOpen(true)}
        >
          <Pencil aria-hidden />
        </Button>
        <Button
          variant="quiet"
          size="icon"
          className="size-6"
          tabIndex={tabIndex}
          aria-label={t("removeLabel", { target, sources })}
          onClick={onRemove ?? (() => editor.remove(line))}
        >
          <X aria-hidden />
        </Button>
      </div>
      {beside === "source" && line.sources.length > 1 ? (
        <p className="break-words text-muted text-xs">{t("together", { sources })}</p>
      ) : null}
      <Steps steps={line.steps} />
      {line.origin ? <p className="text-muted text-xs">{origins(line.origin)}</p> : null}
      {beside === "source" && conflictsIn(editor.editing.draft.lines).has(line.target) ? (
        <Conflict editor={editor} line={line} tabIndex={tabIndex} />
      ) : null}
      {open ? <LineEditor editor={editor} line={line} instead={line} onClose={() => setOpen(false)} /> : null}
    </div>
  );
}

/** What happens to the value on its way, in a few words. */
export function Steps({ steps }: { steps: Step[] }) {
  const wordFor = useStepWord();
  if (steps.length === 0) return null;
  return <p className="break-words text-muted text-xs">{steps.map(wordFor).join(" → ")}</p>;
}

export function useStepWord(): (step: Step) => string {
  const t = useTranslations("mapping.steps");
  return (step) => {
    const name = stepName(step);
    return [name ? t(name) : step.do, detailOf(step)].filter(Boolean).join(" ");
  };
}

type ConflictProps = { editor: Editor; line: MappingLine; tabIndex?: number };

/** Two lines fill the same target: one of them goes, or they become one. */
export function Conflict({ editor, line, tabIndex }: ConflictProps) {
  const t = useTranslations("mapping");
  const others = editor.editing.draft.lines.filter((one) => one.target === line.target && one !== line);
  const names = others
    .flatMap((one) => one.sources)
    .map(editor.fieldLabelOf)
    .join(", ");
  return (
    <div className="grid justify-items-start gap-1 text-xs">
      <p className="text-bad">{t("conflictWith", { sources: names })}</p>
      <div className="flex flex-wrap gap-1">
        <Button
          size="small"
          tabIndex={tabIndex}
          onClick={() =>
            others.forEach((one) => {
              editor.remove(one);
            })
          }
        >
          {t("onlyThis")}
        </Button>
        <Button size="small" tabIndex={tabIndex} onClick={() => editor.merge(line.target)}>
          {t("merge")}
        </Button>
      </div>
    </div>
  );
}
