"use client";
import { useMemo, useState } from "react";
import { useTranslations } from "use-intl";
import type { FieldMapping, MappingLine } from "@/lib/api-types";
import { type Action, allTargets, CUSTOM, type FieldRow, fieldRows, isDirty, lineFor, targetRows } from "@/lib/mapping";
import type { Drafts } from "./use-drafts";
import { type Place, useSuggestions } from "./use-mapping";

/** One draft as the views show and change it. Whatever is done to it is also said, for those who do not see it. */
export function useEditor(place: Place, data: FieldMapping, drafts: Drafts) {
  const t = useTranslations("mapping");
  const [said, setSaid] = useState("");
  const editing = drafts.current(data);
  const { draft } = editing;
  const suggested = useSuggestions(place, draft);
  const suggestions = suggested.data?.suggestions;
  const rows = useMemo(() => fieldRows(data, draft, suggestions ?? []), [data, draft, suggestions]);
  const targets = useMemo(() => allTargets(data, draft), [data, draft]);
  const filled = useMemo(() => targetRows(data, draft), [data, draft]);
  const labels = useMemo(() => new Map(targets.map((one) => [one.name, one.label])), [targets]);
  const fieldLabels = useMemo(() => new Map(rows.map(({ field }) => [field.name, field.label || field.name])), [rows]);
  const labelOf = (target: string) => labels.get(target) || target.replace(CUSTOM, "");
  const fieldLabelOf = (source: string) => fieldLabels.get(source) ?? source;
  const act = (action: Action, words: string) => {
    drafts.act(data, action);
    setSaid(words);
  };
  return {
    place,
    data,
    editing,
    dirty: isDirty(editing),
    suggested,
    rows,
    targets,
    filled,
    said,
    labelOf,
    fieldLabelOf,
    confirm: (row: FieldRow) => {
      const line = lineFor(row, targets);
      if (!line) return;
      act({ do: "confirm", lines: [line] }, t("said.confirmed", { field: fieldLabelOf(row.field.name) }));
    },
    confirmAll: (lines: MappingLine[]) =>
      act({ do: "confirm", lines }, t("said.confirmedAll", { count: lines.length })),
    reject: ({ field, suggestion }: FieldRow) => {
      if (!suggestion?.target) return;
      const target = suggestion.target;
      act({ do: "reject", field: field.name, target }, t("said.rejected", { target: labelOf(target) }));
    },
    ignore: ({ field }: FieldRow) =>
      act({ do: "ignore", field: field.name }, t("said.ignored", { field: fieldLabelOf(field.name) })),
    heed: ({ field }: FieldRow) =>
      act({ do: "heed", field: field.name }, t("said.heeded", { field: fieldLabelOf(field.name) })),
    set: (line: MappingLine, instead?: MappingLine) =>
      act({ do: "set", line, instead }, t("said.set", { target: labelOf(line.target) })),
    remove: (line: MappingLine) => act({ do: "remove", line }, t("said.removed", { target: labelOf(line.target) })),
    merge: (target: string) => act({ do: "merge", target }, t("said.merged", { target: labelOf(target) })),
    undo: () => act({ do: "undo" }, t("said.undone")),
  };
}

export type Editor = ReturnType<typeof useEditor>;
