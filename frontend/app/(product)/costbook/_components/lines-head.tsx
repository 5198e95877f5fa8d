"use client";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { Input, Select } from "@/components/ui/field";
import { useValueWord } from "@/components/use-value-word";
import type { Line } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { grouped } from "@/lib/grouped";
import { type LinesQuery, withFilter } from "@/lib/lines-query";
import { useUrl } from "@/lib/use-url";
import { type Column, isFilterable, ORDER_STATUSES } from "./columns";

type Props = { columns: readonly Column[]; asked: LinesQuery; filtering: boolean; items: Line[] };

/** The columns' names, which sort, and below them what to look for in each. */
export function LinesHead({ columns, asked, filtering, items }: Props) {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map((column) => (
          <SortHead key={column.key} column={column} sort={asked.sort} />
        ))}
      </tr>
      {filtering ? (
        <tr aria-rowindex={2}>
          {columns.map((column) => (
            <td key={column.key} className="px-1.5! py-1!">
              <Filter column={column} value={asked.filters[column.key] ?? ""} items={items} />
            </td>
          ))}
        </tr>
      ) : null}
    </thead>
  );
}

function SortHead({ column: { key, kind }, sort }: { column: Column; sort: string }) {
  const t = useTranslations("lines");
  const [, change] = useUrl();
  const [field, down] = sort.startsWith("-") ? [sort.slice(1), true] : [sort, false];
  const sorted = key === field;
  const Arrow = down ? ArrowDown : ArrowUp;
  return (
    <th
      scope="col"
      aria-sort={sorted ? (down ? "descending" : "ascending") : undefined}
      className={cn(kind === "money" && "text-end", "first:sticky first:left-0 first:z-20")}
    >
      <button
        type="button"
        title={t("sortBy", { name: t(key) })}
        className={cn("inline-flex items-center gap-1 rounded hover:text-text", sorted && "text-text")}
        onClick={() => change({ sort: sorted && !down ? `-${key}` : key, page: null })}
      >
        {kind === "money" && sorted ? <Arrow aria-hidden className="size-3" /> : null}
        {t(key)}
        {kind !== "money" && sorted ? <Arrow aria-hidden className="size-3" /> : null}
      </button>
    </th>
  );
}

type FilterProps = { column: Column; value: string };

function Filter({ items, ...given }: FilterProps & { items: Line[] }) {
  if (!isFilterable(given.column)) return null;
  return given.column.kind === "code" ? <CodeChoice items={items} {...given} /> : <FilterInput {...given} />;
}

/** A code is chosen by its word. What the lines hold beside the usual codes is offered as it is. */
function CodeChoice({ column: { key }, value, items }: FilterProps & { items: Line[] }) {
  const t = useTranslations();
  const [, change] = useUrl();
  const wordFor = useValueWord();
  const found = items.map((line) => line[key]).filter((code): code is string => typeof code === "string");
  // The server looks for texts whatever their case.
  const codes = grouped([value, ...ORDER_STATUSES, ...found].filter(Boolean), (code) => code.toLowerCase());
  return (
    <Select
      aria-label={t("lines.filterBy", { name: t(`lines.${key}`) })}
      className="h-6 min-w-24 px-1.5 text-xs"
      value={value}
      onChange={(event) => change(withFilter(key, event.target.value))}
    >
      <option value="">{t("common.all")}</option>
      {[...codes.values()].map(([code = ""]) => (
        <option key={code} value={code}>
          {wordFor(key, code) ?? code}
        </option>
      ))}
    </Select>
  );
}

const PAUSE_MS = 300;

/** Asks when the typing pauses, not at each key. */
function FilterInput({ column, value }: FilterProps) {
  const t = useTranslations("lines");
  const [, change] = useUrl();
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const later = window.setTimeout(() => change(withFilter(column.key, text)), PAUSE_MS);
    return () => window.clearTimeout(later);
  }, [text, value, column.key, change]);
  return (
    <Input
      type="search"
      aria-label={t("filterBy", { name: t(column.key) })}
      className="h-6 min-w-16 px-1.5 text-xs"
      autoComplete="off"
      spellCheck={false}
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}
