"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Filter, FilterX } from "lucide-react";
import { type MouseEvent, useState } from "react";
import { useLocale, useTranslations } from "use-intl";
import { useDay } from "@/components/time";
import { Button } from "@/components/ui/button";
import { DataTable } from "@/components/ui/data-table";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Hint } from "@/components/ui/hint";
import { Panel } from "@/components/ui/panel";
import { Skeleton } from "@/components/ui/skeleton";
import { Tag } from "@/components/ui/tag";
import { useValueWord } from "@/components/use-value-word";
import { get } from "@/lib/api";
import type { Line, LineList } from "@/lib/api-types";
import { asOfIn } from "@/lib/as-of";
import { cn } from "@/lib/class-names";
import { asSearch, linesQuery, withoutTable } from "@/lib/lines-query";
import { formatAmount, isNegative } from "@/lib/money";
import { useUrl } from "@/lib/use-url";
import { COLUMNS, type Column, DEFAULT_SORT } from "./columns";
import { LineDrawer } from "./line-drawer";
import { LinesHead } from "./lines-head";
import { Pager } from "./pager";

type Kind = "commitments" | "actuals";
type Props = { projectId: string; kind: Kind; fresh: string[] };

/** One project's lines. Sorting, filtering, paging and sums are the server's; this shows one page of them. */
export function LinesTable({ projectId, kind, fresh }: Props) {
  const t = useTranslations();
  const [url, change] = useUrl();
  const asked = linesQuery(url, DEFAULT_SORT[kind]);
  const active = Object.keys(asked.filters).length;
  const [filtering, setFiltering] = useState(active > 0);
  const asOf = asOfIn(url);
  const search = asSearch(asked, asOf);
  const open = url.get("line");
  const lines = useQuery({
    queryKey: ["lines", projectId, kind, search],
    queryFn: ({ signal }) =>
      get<LineList>(`costbook/projects/${encodeURIComponent(projectId)}/${kind}?${search}`, signal),
    placeholderData: keepPreviousData,
  });
  if (lines.isError) return <ErrorPanel error={lines.error} onRetry={() => lines.refetch()} />;
  if (!lines.data) return <TableSkeleton />;
  const { total, sums } = lines.data;
  if (total === 0 && active === 0) {
    const text = t(kind === "commitments" ? "lines.emptyCommitments" : "lines.emptyActuals");
    return <Panel className="p-10 text-center text-muted">{text}</Panel>;
  }
  const first = asked.page * asked.size;
  const heads = filtering ? 2 : 1;
  return (
    <div className="grid gap-2">
      <FilterBar
        active={active}
        open={filtering}
        onToggle={() => setFiltering(!filtering)}
        onReset={() => change(withoutTable(url, ["sort"]))}
      />
      <DataTable
        name={t(`costbook.tabs.${kind}`)}
        rows={heads + total + Object.keys(sums).length}
        busy={lines.isPlaceholderData}
        className="max-h-[max(10rem,max(20rem,100dvh-20.5rem)-var(--toasts))]"
      >
        <LinesHead columns={COLUMNS[kind]} asked={asked} filtering={filtering} items={lines.data.items} />
        {total === 0 ? (
          <NothingFound columns={COLUMNS[kind].length} />
        ) : (
          <Rows columns={COLUMNS[kind]} items={lines.data.items} first={first + heads + 1} fresh={fresh} />
        )}
        <Sums columns={COLUMNS[kind]} list={lines.data} filtered={active > 0} />
      </DataTable>
      <Pager page={asked.page} size={asked.size} total={total} />
      {open ? (
        <LineDrawer
          key={open}
          projectId={projectId}
          kind={kind}
          lineId={open}
          isPast={asOf !== null}
          onClose={() => change({ line: null })}
        />
      ) : null}
    </div>
  );
}

type FilterBarProps = { active: number; open: boolean; onToggle: () => void; onReset: () => void };

function FilterBar({ active, open, onToggle, onReset }: FilterBarProps) {
  const t = useTranslations("lines");
  return (
    <div className="no-print flex items-center gap-2">
      <Button size="small" aria-expanded={open} onClick={onToggle}>
        <Filter aria-hidden />
        {t("filter")}
      </Button>
      {active > 0 ? (
        <>
          <Button size="small" variant="quiet" onClick={onReset}>
            <FilterX aria-hidden />
            {t("resetFilter")}
          </Button>
          <span role="status" className="text-muted text-xs">
            {t("filterActive", { count: active })}
          </span>
        </>
      ) : null}
    </div>
  );
}

function NothingFound({ columns }: { columns: number }) {
  const t = useTranslations("lines");
  return (
    <tbody>
      <tr>
        <td colSpan={columns} className="py-8! text-muted">
          {t("noMatch")}
        </td>
      </tr>
    </tbody>
  );
}

type RowsProps = { columns: readonly Column[]; items: Line[]; first: number; fresh: string[] };

/** A click anywhere in a row opens it; for the keyboard its number is a button. */
function Rows({ columns, items, first, fresh }: RowsProps) {
  const t = useTranslations("line");
  const [, change] = useUrl();
  const [head, ...rest] = columns;
  if (!head) return null;
  const onClick = (event: MouseEvent<HTMLTableRowElement>, line: Line) => {
    const inside = event.target instanceof Element && event.target.closest("button, a");
    // Whoever marks a number to copy it wants no drawer.
    if (inside || window.getSelection()?.toString()) return;
    event.currentTarget.querySelector("button")?.focus();
    change({ line: line.id });
  };
  return (
    <tbody>
      {items.map((line, index) => (
        <tr
          key={line.id}
          aria-rowindex={first + index}
          className={cn("cursor-pointer", line.counts === false && "text-muted")}
          onClick={(event) => onClick(event, line)}
        >
          <th scope="row" className="whitespace-nowrap font-medium">
            <button
              type="button"
              title={t("open", { name: String(line[head.key]) })}
              aria-haspopup="dialog"
              className="min-h-6 rounded font-medium text-main-strong underline-offset-2 hover:underline"
              onClick={() => change({ line: line.id })}
            >
              <Value column={head} line={line} />
            </button>
            <Freshness line={line} fresh={fresh} />
            <NotCounted line={line} />
            <Late line={line} />
          </th>
          {rest.map((column) => (
            <td
              key={column.key}
              className={cn(column.kind === "money" && "amount", column.kind !== "text" && "whitespace-nowrap")}
            >
              <Value column={column} line={line} />
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}

function Value({ column, line }: { column: Column; line: Line }) {
  const locale = useLocale();
  const day = useDay();
  const wordFor = useValueWord();
  const value = line[column.key];
  if (value === null || value === undefined || value === "") return <span className="text-muted">–</span>;
  const text = String(value);
  if (column.kind === "date") return day(value);
  if (column.kind === "id") return text;
  if (column.kind === "code") return wordFor(column.key, text) ?? text;
  if (column.kind === "money") {
    return <span className={cn(isNegative(text) && "text-bad")}>{formatAmount(text, locale, line.currency)}</span>;
  }
  return (
    <span title={text} className="line-clamp-1 min-w-32 max-w-64 break-all">
      {text}
    </span>
  );
}

/** Marks rows that a sync on this visit brought or changed. */
function Freshness({ line, fresh }: { line: Line; fresh: string[] }) {
  const t = useTranslations("lines");
  if (!line.run_id || !fresh.includes(line.run_id)) return null;
  const isNew = line.first_seen_at === line.last_changed_at;
  return <Tag className="ml-2">{isNew ? t("new") : t("changed")}</Tag>;
}

/** Shown for completeness, but in no figure; the server says why. */
function NotCounted({ line }: { line: Line }) {
  const t = useTranslations("lines");
  const wordFor = useValueWord();
  if (line.counts !== false) return null;
  const reason = line.not_counted_reason;
  return (
    <Hint text={reason ? (wordFor("not_counted_reason", reason) ?? reason) : undefined}>
      <button type="button" className="ml-2 cursor-default! rounded-sm">
        <Tag className="bg-raised text-muted">{t("notCounted")}</Tag>
      </button>
    </Hint>
  );
}

function Late({ line }: { line: Line }) {
  const t = useTranslations("lines");
  if (!line.late) return null;
  return (
    <Hint text={t("lateHint")}>
      <button type="button" className="ml-2 cursor-default! rounded-sm">
        <Tag className="bg-warn-soft text-warn">{t("late")}</Tag>
      </button>
    </Hint>
  );
}

function Sums({ columns, list, filtered }: { columns: readonly Column[]; list: LineList; filtered: boolean }) {
  const t = useTranslations("lines");
  const locale = useLocale();
  const firstMoney = columns.findIndex((column) => column.kind === "money");
  return (
    <tfoot>
      {Object.entries(list.sums).map(([currency, sums]) => (
        <tr key={currency}>
          <th scope="row" colSpan={firstMoney}>
            {t(filtered ? "sumFiltered" : "sum", { count: list.total, currency })}
          </th>
          {columns.slice(firstMoney).map((column) => (
            <td key={column.key} className={cn(column.kind === "money" && "amount")}>
              {column.kind === "money" ? formatAmount(sums[column.key], locale, currency) : null}
              {column.key === "currency" ? currency : null}
            </td>
          ))}
        </tr>
      ))}
    </tfoot>
  );
}

function TableSkeleton() {
  const t = useTranslations("common");
  return (
    <div role="status" className="grid gap-2">
      <span className="sr-only">{t("loading")}</span>
      {["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => (
        <Skeleton key={name} className="h-7" />
      ))}
    </div>
  );
}
