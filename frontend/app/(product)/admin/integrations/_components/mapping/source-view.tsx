"use client";
import { ChevronLeft, ChevronRight } from "lucide-react";
import {
  type KeyboardEvent,
  useCallback,
  useDeferredValue,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { cn } from "@/lib/class-names";
import { FILTERS, type FieldRow, isIn, matchesSearch, type RowFilter } from "@/lib/mapping";
import { SearchField } from "./search-field";
import { SourceRow } from "./source-row";
import type { Editor } from "./use-editor";

/** So many rows are drawn at once: all fields of a usual tenant, and not the thousands of a large one. */
const PAGE = 200;

/** Every field of the source, one row each: what it holds, what is suggested, what it fills. All of it by keyboard. */
export function SourceView({ editor }: { editor: Editor }) {
  const t = useTranslations("mapping");
  const common = useTranslations("common");
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState<RowFilter>("all");
  // Typing goes before the rows that it finds.
  const sought = useDeferredValue(search);
  const visible = editor.rows.filter((row) => isIn(filter, row) && matchesSearch(row, sought, editor.labelOf));
  const list = useRows(visible, editor);
  const first = list.page * PAGE;
  const hint = useId();
  return (
    <div className="grid gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <SearchField label={t("searchFields")} value={search} onChange={setSearch} />
        <Filters rows={editor.rows} value={filter} onChange={setFilter} />
      </div>
      <p id={hint} className="hidden text-muted text-xs sm:block">
        {t("keys")}
      </p>
      <table
        ref={list.table}
        // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a grid of rows is what it is to the keyboard
        role="grid"
        aria-label={t("views.source")}
        aria-describedby={hint}
        aria-rowcount={visible.length + 1}
        className="block w-full lg:table lg:table-fixed"
        onKeyDown={list.onKeyDown}
      >
        <thead className="sr-only lg:not-sr-only lg:table-header-group">
          <tr className="text-muted text-xs">
            {(["field", "suggestion", "target"] as const).map((key) => (
              <th key={key} scope="col" className="border-b px-2 py-1.5">
                {t(`columns.${key}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="block divide-y lg:table-row-group">
          {visible.slice(first, first + PAGE).map((row, at) => (
            <SourceRow
              key={row.field.name}
              editor={editor}
              row={row}
              index={first + at + 2}
              active={row.field.name === list.active}
              onActive={list.setActive}
              onDecide={list.decide}
            />
          ))}
        </tbody>
      </table>
      {visible.length === 0 ? <p className="py-8 text-center text-muted">{common("noMatch")}</p> : null}
      {visible.length > PAGE ? <Pages page={list.page} total={visible.length} onTurn={list.turn} /> : null}
    </div>
  );
}

/** Which row has the focus, which page is shown, and where the focus goes after a decision. */
function useRows(visible: FieldRow[], editor: Editor) {
  const table = useRef<HTMLTableElement>(null);
  const [wanted, setActive] = useState<string | null>(null);
  const [turned, setTurned] = useState(0);
  const [focusing, setFocusing] = useState(0);
  const latest = useRef(visible);
  const page = Math.min(turned, Math.max(0, Math.ceil(visible.length / PAGE) - 1));
  const shown = visible.slice(page * PAGE, page * PAGE + PAGE);
  const active = shown.some((row) => row.field.name === wanted) ? wanted : (shown[0]?.field.name ?? null);

  // With the rows themselves: a key that is pressed before an effect of its own has run would decide among others.
  useLayoutEffect(() => {
    latest.current = visible;
  });
  useEffect(() => {
    if (focusing) table.current?.querySelector<HTMLElement>('tbody > tr[tabindex="0"]')?.focus();
  }, [focusing]);

  const goTo = (at: number) => {
    const row = visible[Math.max(0, Math.min(visible.length - 1, at))];
    if (!row) return;
    setActive(row.field.name);
    setTurned(Math.floor(visible.indexOf(row) / PAGE));
    setFocusing((count) => count + 1);
  };
  /**
   * The button that was pressed may go with the decision: the focus stays in the row, or goes on. Always the same
   * function, so that moving from row to row draws these two alone.
   */
  const decide = useCallback((row: FieldRow, decision: (row: FieldRow) => void, goesOn = false) => {
    const rows = latest.current;
    const at = rows.findIndex((one) => one.field.name === row.field.name);
    const next = rows[at + 1] ?? rows[at - 1];
    decision(row);
    setActive(goesOn && next ? next.field.name : row.field.name);
    if (goesOn && next) setTurned(Math.floor(rows.indexOf(next) / PAGE));
    setFocusing((count) => count + 1);
  }, []);
  const onKeyDown = (event: KeyboardEvent<HTMLTableElement>) => {
    const { target, currentTarget, key } = event;
    // Dialogs and lists that a row has opened are elsewhere in the document.
    if (!(target instanceof HTMLElement) || !currentTarget.contains(target)) return;
    const at = visible.findIndex((row) => row.field.name === active);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: visible.length - 1 }[key];
    const row = visible[at];
    if (to !== undefined) goTo(to);
    else if (key === "Delete" && row && row.state !== "ignored") decide(row, editor.ignore, true);
    else if (key === "Enter" && row && target.matches("tbody > tr")) onEnter(row, target);
    else return;
    event.preventDefault();
  };
  const onEnter = (row: FieldRow, element: HTMLElement) => {
    if (row.state === "suggested") decide(row, editor.confirm, true);
    else element.querySelector<HTMLElement>("[data-pick] button")?.click();
  };
  const turn = (to: number) => goTo(to * PAGE);
  return { table, active, page, setActive, decide, turn, onKeyDown };
}

type FiltersProps = { rows: FieldRow[]; value: RowFilter; onChange: (filter: RowFilter) => void };

function Filters({ rows, value, onChange }: FiltersProps) {
  const t = useTranslations("mapping");
  return (
    <fieldset className="flex flex-wrap gap-1">
      <legend className="sr-only">{t("filter")}</legend>
      {FILTERS.map((filter) => (
        <button
          key={filter}
          type="button"
          aria-pressed={filter === value}
          className={cn(
            "min-h-7 rounded-full border px-2.5 text-xs tabular-nums",
            filter === value ? "border-main bg-main-soft font-medium text-main-strong" : "text-muted hover:bg-raised",
          )}
          onClick={() => onChange(filter)}
        >
          {t(`filters.${filter}`, { count: rows.filter((row) => isIn(filter, row)).length })}
        </button>
      ))}
    </fieldset>
  );
}

type PagesProps = { page: number; total: number; onTurn: (page: number) => void };

function Pages({ page, total, onTurn }: PagesProps) {
  const t = useTranslations("lines");
  const start = page * PAGE + 1;
  const end = Math.min(total, page * PAGE + PAGE);
  return (
    <div className="flex items-center justify-end gap-3 text-muted text-xs">
      <span aria-live="polite" className="tabular-nums">
        {t("range", { start, end, total })}
      </span>
      <div className="flex gap-1">
        <Button size="icon" aria-label={t("previous")} disabled={page === 0} onClick={() => onTurn(page - 1)}>
          <ChevronLeft aria-hidden />
        </Button>
        <Button size="icon" aria-label={t("next")} disabled={end >= total} onClick={() => onTurn(page + 1)}>
          <ChevronRight aria-hidden />
        </Button>
      </div>
    </div>
  );
}
