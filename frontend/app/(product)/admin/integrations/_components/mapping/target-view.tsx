"use client";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import type { MappingLine, StandardLine } from "@/lib/api-types";
import { lineKey, type TargetRow } from "@/lib/mapping";
import { newStep } from "@/lib/mapping-steps";
import { Conflict, LineChip, Steps } from "./line-chip";
import { LineEditor } from "./line-editor";
import { SearchField } from "./search-field";
import { StateBadge } from "./state-badge";
import { SourcePick } from "./target-pick";
import type { Editor } from "./use-editor";

const cell = "block px-2 py-1 align-top lg:table-cell lg:py-2";

/** Every field of the Costbook and what fills it: the standard, an own line, or nothing. */
export function TargetView({ editor }: { editor: Editor }) {
  const t = useTranslations("mapping");
  const common = useTranslations("common");
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const shown = editor.filled.filter(({ target }) => `${target.label} ${target.name}`.toLowerCase().includes(wanted));
  return (
    <div className="grid gap-2">
      <SearchField label={t("searchTargets")} value={search} onChange={setSearch} />
      <p className="text-muted text-xs">{t("overlay")}</p>
      <table className="block w-full lg:table lg:table-fixed">
        <caption className="sr-only">{t("views.target")}</caption>
        <thead className="sr-only lg:not-sr-only lg:table-header-group">
          <tr className="text-muted text-xs">
            {(["target", "standard", "own"] as const).map((key) => (
              <th key={key} scope="col" className="border-b px-2 py-1.5">
                {t(`columns.${key}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="block divide-y lg:table-row-group">
          {shown.map((row) => (
            <Row key={row.target.name} editor={editor} row={row} />
          ))}
        </tbody>
      </table>
      {shown.length === 0 ? <p className="py-8 text-center text-muted">{common("noMatch")}</p> : null}
    </div>
  );
}

function Row({ editor, row }: { editor: Editor; row: TargetRow }) {
  const t = useTranslations("mapping");
  const types = useTranslations("mapping.types");
  const { target, state, standard } = row;
  return (
    <tr className="block py-1.5 lg:table-row lg:py-0">
      <th scope="row" className={`${cell} font-normal`}>
        <span className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
          <span className="min-w-0 break-words font-medium">{target.label || target.name}</span>
          {target.required ? <span className="text-muted text-xs">{t("required")}</span> : null}
          <StateBadge state={state} />
        </span>
        <span className="block text-muted text-xs">{target.help}</span>
        <span className="block break-all text-muted text-xs">
          <span className="font-mono">{target.name}</span> · {types(target.type)}
        </span>
      </th>
      <td className={cell}>
        {standard.map((line) => (
          <Standard key={line.sources.join("+")} editor={editor} line={line} />
        ))}
        {standard.length === 0 ? <span className="text-muted">–</span> : null}
      </td>
      <td className={cell}>
        <Own editor={editor} row={row} />
      </td>
    </tr>
  );
}

function Standard({ editor, line }: { editor: Editor; line: StandardLine }) {
  const named = line.sources.map((source) => {
    const label = editor.fieldLabelOf(source);
    return label === source ? source : `${label} (${source})`;
  });
  return (
    <div className="text-muted">
      <p className="break-words">{named.join(" + ")}</p>
      <Steps steps={line.steps} />
      {line.rule ? <p className="text-xs">{line.rule}</p> : null}
    </div>
  );
}

function Own({ editor, row: { target, lines, state } }: { editor: Editor; row: TargetRow }) {
  const t = useTranslations("mapping");
  const [fixing, setFixing] = useState(false);
  const bare: MappingLine = { target: target.name, type: target.type, sources: [], steps: [] };
  const label = target.label || target.name;
  const [first] = lines;
  return (
    <div className="grid gap-1.5">
      {lines.map((line) => (
        <LineChip key={lineKey(line)} editor={editor} line={line} beside="target" />
      ))}
      {state === "conflict" && first ? <Conflict editor={editor} line={first} /> : null}
      {lines.length === 0 ? (
        <div className="flex flex-wrap gap-1">
          <SourcePick
            editor={editor}
            label={t("fillLabel", { target: label })}
            text={t("fill")}
            onChoose={(source) => editor.set({ ...bare, sources: [source] })}
          />
          <Button
            size="small"
            variant="quiet"
            aria-label={t("fixedLabel", { target: label })}
            onClick={() => setFixing(true)}
          >
            {t("fixed")}
          </Button>
        </div>
      ) : null}
      {fixing ? (
        <LineEditor editor={editor} line={{ ...bare, steps: [newStep("constant")] }} onClose={() => setFixing(false)} />
      ) : null}
    </div>
  );
}
