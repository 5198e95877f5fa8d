"use client";
import { ArrowRight, Check, EyeOff, X } from "lucide-react";
import { memo } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Tag } from "@/components/ui/tag";
import type { MappingLine, MappingTarget, Suggestion } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { type FieldRow, lineKey } from "@/lib/mapping";
import { LineChip, Steps } from "./line-chip";
import { StateBadge } from "./state-badge";
import { TargetPick } from "./target-pick";
import type { Editor } from "./use-editor";

type Decide = (row: FieldRow, decision: (row: FieldRow) => void) => void;

type Props = {
  editor: Editor;
  row: FieldRow;
  index: number;
  active: boolean;
  onActive: (name: string) => void;
  onDecide: Decide;
};

const cell = "block px-2 py-1 align-top lg:table-cell lg:py-2";

/** One field of the source. Only the row with the focus lets Tab into its buttons: the arrow keys go past the others. */
export const SourceRow = memo(function SourceRow({ editor, row, index, active, onActive, onDecide }: Props) {
  const tabIndex = active ? 0 : -1;
  return (
    <tr
      tabIndex={tabIndex}
      aria-rowindex={index}
      className={cn(
        "block scroll-mt-16 scroll-mb-2 py-1.5 lg:table-row lg:py-0",
        "focus-visible:outline-offset-[-2px]",
        row.state === "ignored" && "text-muted",
      )}
      onFocus={() => onActive(row.field.name)}
    >
      <th scope="row" className={cn(cell, "font-normal")}>
        <FieldCell row={row} />
      </th>
      <td className={cell}>
        <SuggestionCell editor={editor} row={row} tabIndex={tabIndex} onDecide={onDecide} />
      </td>
      <td className={cell}>
        <TargetCell editor={editor} row={row} tabIndex={tabIndex} onDecide={onDecide} />
      </td>
    </tr>
  );
});

function FieldCell({ row: { field, drift, gone } }: { row: FieldRow }) {
  const t = useTranslations("mapping");
  const hasLabel = field.label && field.label !== field.name;
  const type = drift?.kind === "type_changed" ? `${drift.was} → ${drift.now}` : field.type;
  return (
    <div className="grid gap-0.5">
      <div className="flex flex-wrap items-center gap-x-1.5 gap-y-0.5">
        <span className={cn("min-w-0 break-words font-medium", !hasLabel && "break-all font-mono text-xs")}>
          {hasLabel ? field.label : field.name}
        </span>
        {field.custom ? <Tag>{t("customField")}</Tag> : null}
        {drift || gone ? (
          <Tag className="bg-warn-soft text-warn">{t(`drifts.${drift?.kind ?? "vanished"}`)}</Tag>
        ) : null}
        {!field.read && !gone ? <Tag className="bg-raised text-muted">{t("notRead")}</Tag> : null}
      </div>
      <p className="break-all text-muted text-xs">
        {hasLabel ? <span className="font-mono">{field.name}</span> : null}
        {hasLabel && type ? " · " : null}
        {type}
      </p>
      {field.samples.length > 0 ? (
        <ul aria-label={t("samples")} className="flex flex-wrap gap-1">
          {field.samples.slice(0, 3).map((sample) => (
            <li key={sample} title={sample} className="max-w-48 truncate rounded-sm bg-raised px-1.5 text-xs">
              {sample}
            </li>
          ))}
        </ul>
      ) : field.read && !gone ? (
        <p className="text-muted text-xs">{t("noSamples")}</p>
      ) : null}
    </div>
  );
}

type CellProps = { editor: Editor; row: FieldRow; tabIndex: number; onDecide: Decide };

function SuggestionCell({ editor, row, tabIndex, onDecide }: CellProps) {
  const { state, suggestion, standard } = row;
  const rule = standard.find((line) => line.rule)?.rule;
  const undecided = state === "suggested" || state === "open";
  return (
    <div className="grid justify-items-start gap-1">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
        <StateBadge state={state} />
        {state === "suggested" && suggestion ? <Confidence suggestion={suggestion} /> : null}
      </div>
      {state === "standard" && rule ? <p className="text-muted text-xs">{rule}</p> : null}
      {undecided && suggestion?.reason ? <p className="text-muted text-xs">{suggestion.reason}</p> : null}
      {undecided && suggestion ? (
        <Alternatives editor={editor} row={row} suggestion={suggestion} tabIndex={tabIndex} onDecide={onDecide} />
      ) : null}
    </div>
  );
}

/** A word for how sure it is, the number, and whose suggestion it is. */
export function Confidence({ suggestion: { word, score, origin } }: { suggestion: Suggestion }) {
  const t = useTranslations("mapping");
  const origins = useTranslations("mapping.origins");
  const key = origin as Parameters<typeof origins>[0];
  return (
    <span className={cn("text-xs tabular-nums", word === "sure" ? "text-good" : "text-warn")}>
      {t(`words.${word}`)} · {t("score", { score })}
      <span className="text-muted"> · {origins.has(key) ? origins(key) : origin}</span>
    </span>
  );
}

/** Less likely than this is noise beside a choice of all targets. */
const LEAST = 0.05;

function Alternatives({ editor, row, suggestion, tabIndex, onDecide }: CellProps & { suggestion: Suggestion }) {
  const t = useTranslations("mapping");
  const likely = suggestion.alternatives.filter(({ score }) => score >= LEAST).slice(0, 3);
  if (likely.length === 0) return null;
  return (
    <div className="flex flex-wrap items-center gap-1 text-xs">
      <span className="text-muted">{t(suggestion.target ? "otherwise" : "perhaps")}</span>
      {likely.map(({ target, score }) => (
        <button
          key={target}
          type="button"
          tabIndex={tabIndex}
          className="min-h-6 rounded-sm border px-1.5 tabular-nums hover:bg-raised"
          aria-label={t("chooseLabel", { field: editor.fieldLabelOf(row.field.name), target: editor.labelOf(target) })}
          onClick={() => onDecide(row, () => editor.set(lineTo(row, target, editor.targets)))}
        >
          {editor.labelOf(target)} <span className="text-muted">{t("score", { score })}</span>
        </button>
      ))}
    </div>
  );
}

function lineTo({ field }: FieldRow, name: string, targets: MappingTarget[]): MappingLine {
  const type = targets.find((target) => target.name === name)?.type ?? "text";
  return { target: name, type, sources: [field.name], steps: [] };
}

function TargetCell({ editor, row, tabIndex, onDecide }: CellProps) {
  const t = useTranslations("mapping");
  const { state, field, gone, lines, standard } = row;
  const name = editor.fieldLabelOf(field.name);
  const filled = standard.length > 0 ? standard.map((line) => line.target) : state === "standard" ? field.targets : [];
  const again = lines.length > 0 || filled.length > 0;
  return (
    <div className="grid gap-1.5">
      {state === "suggested" ? <Suggested editor={editor} suggestion={row.suggestion} /> : null}
      {lines.map((line) => (
        <LineChip
          key={lineKey(line)}
          editor={editor}
          line={line}
          beside="source"
          tabIndex={tabIndex}
          onRemove={() => onDecide(row, () => editor.remove(line))}
        />
      ))}
      {filled.length > 0 ? (
        <p className="flex items-start gap-1 text-muted">
          <ArrowRight aria-hidden className="mt-0.5 size-3.5 shrink-0" />
          <span className="min-w-0 break-words">{filled.map(editor.labelOf).join(", ")}</span>
        </p>
      ) : null}
      <Unread row={row} />
      <div className="flex flex-wrap items-center gap-1">
        {state === "suggested" ? <Answers editor={editor} row={row} tabIndex={tabIndex} onDecide={onDecide} /> : null}
        {field.mappable && state !== "ignored" ? (
          <span data-pick className="min-w-0 max-w-full">
            <TargetPick
              editor={editor}
              tabIndex={tabIndex}
              label={t(again ? "furtherLabel" : "pickLabel", { field: name })}
              text={t(again ? "further" : state === "suggested" ? "pickOther" : "pickTarget")}
              onChoose={(target) => onDecide(row, () => editor.set(lineTo(row, target.name, [target])))}
            />
          </span>
        ) : null}
        {state === "ignored" ? (
          <Button
            size="small"
            tabIndex={tabIndex}
            aria-label={t("heedLabel", { field: name })}
            onClick={() => onDecide(row, editor.heed)}
          >
            {t("heed")}
          </Button>
        ) : gone || state === "standard" || !field.read ? null : (
          <Button
            size="small"
            variant="quiet"
            tabIndex={tabIndex}
            aria-label={t("ignoreLabel", { field: name })}
            onClick={() => onDecide(row, editor.ignore)}
          >
            <EyeOff aria-hidden />
            {t("ignore")}
          </Button>
        )}
      </div>
    </div>
  );
}

/** When a field that was not read so far has values, that it never has, or that no line may read what there is. */
function Unread({ row: { field, gone, state, lines } }: { row: FieldRow }) {
  const t = useTranslations("mapping");
  if ((field.read && field.mappable) || gone || (state !== "open" && lines.length === 0)) return null;
  const hint = field.mappable ? "nextSyncHint" : field.read ? "personHint" : "notReadHint";
  return <p className="text-muted text-xs">{t(hint)}</p>;
}

/** What would be done once it is confirmed; until then nothing is. */
function Suggested({ editor, suggestion }: { editor: Editor; suggestion: Suggestion | undefined }) {
  if (!suggestion?.target) return null;
  const target = editor.labelOf(suggestion.target);
  return (
    <div className="grid gap-1">
      <p className="flex items-start gap-1">
        <ArrowRight aria-hidden className="mt-0.5 size-3.5 shrink-0 text-muted" />
        <span className="min-w-0 break-words">{target}</span>
      </p>
      <Steps steps={suggestion.steps} />
      <Taken editor={editor} target={suggestion.target} />
    </div>
  );
}

function Answers({ editor, row, tabIndex, onDecide }: CellProps) {
  const t = useTranslations("mapping");
  const target = editor.labelOf(row.suggestion?.target ?? "");
  const said = { field: editor.fieldLabelOf(row.field.name), target };
  return (
    <>
      <Button
        size="small"
        variant="main"
        tabIndex={tabIndex}
        aria-label={t("confirmLabel", said)}
        onClick={() => onDecide(row, editor.confirm)}
      >
        <Check aria-hidden />
        {t("confirm")}
      </Button>
      <Button
        size="small"
        tabIndex={tabIndex}
        aria-label={t("rejectLabel", said)}
        onClick={() => onDecide(row, editor.reject)}
      >
        <X aria-hidden />
        {t("reject")}
      </Button>
    </>
  );
}

/** What fills the target now. */
function Taken({ editor, target }: { editor: Editor; target: string }) {
  const t = useTranslations("mapping");
  const filled = editor.filled.find((row) => row.target.name === target);
  const own = filled?.lines.flatMap((line) => line.sources).map(editor.fieldLabelOf);
  if (own && own.length > 0) return <p className="text-bad text-xs">{t("takenBy", { sources: own.join(", ") })}</p>;
  const standard = filled?.standard.flatMap((line) => line.sources) ?? [];
  if (filled?.state !== "standard") return null;
  return <p className="text-warn text-xs">{t("replaces", { sources: standard.join(", ") })}</p>;
}
