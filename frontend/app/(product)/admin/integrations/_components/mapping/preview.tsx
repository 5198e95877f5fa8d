"use client";
import { CircleAlert, Clock, TriangleAlert } from "lucide-react";
import { useFormatter, useLocale, useTranslations } from "use-intl";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Skeleton } from "@/components/ui/skeleton";
import type { Json, MappingPreview, MoneyMoved } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { formatAmount, isNegative, isZero } from "@/lib/money";
import { figureWord } from "@/lib/reconciliation";
import type { Editor } from "./use-editor";
import { usePreview } from "./use-mapping";

/** What the draft would do to what is held: some records before and after, what can't be read, and the money. */
export function Preview({ editor }: { editor: Editor }) {
  const t = useTranslations("mapping.preview");
  const preview = usePreview(editor.place, editor.editing.draft.lines, true);
  const found = preview.data;
  if (preview.isError)
    return <ErrorPanel error={preview.error} onRetry={() => preview.refetch()} title={t("failed")} />;
  if (!found) return <Loading />;
  return (
    <div
      aria-busy={preview.isFetching}
      className={cn("grid gap-4 transition-opacity", preview.isPlaceholderData && "opacity-60")}
    >
      <Summary found={found} />
      <Awaited editor={editor} found={found} />
      <Errors editor={editor} found={found} />
      <MoneyTable found={found} />
      <ProjectsTable found={found} />
      <Examples editor={editor} found={found} />
    </div>
  );
}

function Loading() {
  const t = useTranslations("common");
  return (
    <div role="status" className="grid gap-3">
      <span className="sr-only">{t("loading")}</span>
      {["a", "b", "c", "d"].map((name) => (
        <Skeleton key={name} className="h-16" />
      ))}
    </div>
  );
}

type FoundProps = { found: MappingPreview };

export function Summary({ found }: FoundProps) {
  const t = useTranslations("mapping.preview");
  const { rows, of, changed, rejected } = found;
  return (
    <div className="grid gap-1" role="status">
      <p className="font-medium">{of === 0 ? t("nothingHeld") : t("changed", { changed, rows })}</p>
      {rows < of ? <p className="text-muted text-xs">{t("part", { rows, of })}</p> : null}
      {rejected > 0 ? (
        <p className="flex items-start gap-1.5 text-bad">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          {t("rejected", { count: rejected })}
        </p>
      ) : null}
    </div>
  );
}

/** Lines that change nothing yet, because their fields were not read so far. */
export function Awaited({ editor, found }: FoundProps & { editor: Editor }) {
  const t = useTranslations("mapping.preview");
  if (found.awaited.length === 0) return null;
  return (
    <section className="grid gap-1.5 rounded-lg border bg-raised p-3">
      <h3 className="flex items-center gap-1.5 font-medium">
        <Clock aria-hidden className="size-4" />
        {t("awaited")}
      </h3>
      <ul className="grid gap-1.5">
        {found.awaited.map((line) => (
          <li key={line.target}>
            <span className="font-medium">
              {line.sources.map(editor.fieldLabelOf).join(" + ")} → {editor.labelOf(line.target)}:{" "}
              {t("count", { count: line.count })}
            </span>
            <span className="block break-words text-xs">{line.reason}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Errors({ editor, found }: FoundProps & { editor: Editor }) {
  const t = useTranslations("mapping.preview");
  if (found.errors.length === 0) return null;
  return (
    <section className="grid gap-1.5 rounded-lg border border-warn/40 bg-warn-soft p-3">
      <h3 className="flex items-center gap-1.5 font-medium text-warn">
        <TriangleAlert aria-hidden className="size-4" />
        {t("errors")}
      </h3>
      <ul className="grid gap-1.5">
        {found.errors.map((error) => (
          <li key={`${error.target}/${error.sources.join()}/${error.reason}`}>
            <span className="font-medium">
              {error.sources.map(editor.fieldLabelOf).join(" + ")} → {editor.labelOf(error.target)}:{" "}
              {t("count", { count: error.count })}
            </span>
            <span className="block break-words text-xs">{error.reason}</span>
            {error.samples.length > 0 ? (
              <span className="block break-all text-muted text-xs">{error.samples.join(" · ")}</span>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

const SIDES = ["before", "after", "delta"] as const;

/** Sums that move; that none does is said too. */
export function MoneyTable({ found }: FoundProps) {
  const t = useTranslations();
  const moved = found.money.filter(({ delta }) => !isZero(delta));
  return (
    <section className="grid gap-1">
      <h3 className="font-semibold">{t("mapping.preview.money")}</h3>
      {moved.length === 0 ? (
        <p className="text-muted">{t("mapping.preview.noMoney")}</p>
      ) : (
        <Scrolled name={t("mapping.preview.money")}>
          <Head first={t("mapping.preview.figure")} />
          <tbody>
            {moved.map((one) => (
              <tr key={`${one.currency}/${one.figure}`} className="border-b last:border-0">
                <th scope="row" className="py-1 pe-3 font-normal">
                  {figureWord(one.figure, t)}, {one.currency}
                </th>
                <Moved moved={one} />
              </tr>
            ))}
          </tbody>
        </Scrolled>
      )}
    </section>
  );
}

function ProjectsTable({ found }: FoundProps) {
  const t = useTranslations();
  if (found.projects.length === 0) return null;
  return (
    <section className="grid gap-1">
      <h3 className="font-semibold">{t("mapping.preview.projects")}</h3>
      <Scrolled name={t("mapping.preview.projects")} className="max-h-72">
        <Head first={t("mapping.preview.project")} />
        <tbody>
          {found.projects.map((one) => (
            <tr
              key={`${one.project_nr}/${one.project_id}/${one.currency}/${one.figure}`}
              className="border-b last:border-0"
            >
              <th scope="row" className="py-1 pe-3 font-normal">
                <span className="font-medium">{one.project_nr}</span>
                <span className="block text-muted text-xs">
                  {[one.name, figureWord(one.figure, t), one.currency].filter(Boolean).join(" · ")}
                </span>
              </th>
              <Moved moved={one} />
            </tr>
          ))}
        </tbody>
      </Scrolled>
    </section>
  );
}

function Moved({ moved }: { moved: MoneyMoved }) {
  const locale = useLocale();
  return SIDES.map((side) => (
    <td
      key={side}
      className={cn("amount py-1 ps-3", side === "delta" && "font-medium", isNegative(moved[side]) && "text-bad")}
    >
      {formatAmount(moved[side], locale, moved.currency)}
    </td>
  ));
}

function Head({ first }: { first: string }) {
  const t = useTranslations("mapping.preview");
  return (
    <thead>
      <tr className="border-b text-muted text-xs">
        <th scope="col" className="py-1 pe-3">
          {first}
        </th>
        {SIDES.map((side) => (
          <th key={side} scope="col" className="py-1 ps-3 text-end">
            {t(side)}
          </th>
        ))}
      </tr>
    </thead>
  );
}

type ScrolledProps = { name: string; className?: string; children: React.ReactNode };

function Scrolled({ name, className, children }: ScrolledProps) {
  return (
    <section
      aria-label={name}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      className={cn("overflow-auto", className)}
    >
      <table className="w-full">
        <caption className="sr-only">{name}</caption>
        {children}
      </table>
    </section>
  );
}

function Examples({ editor, found }: FoundProps & { editor: Editor }) {
  const t = useTranslations("mapping.preview");
  if (found.examples.length === 0) return null;
  return (
    <section className="grid gap-2">
      <h3 className="font-semibold">{t("examples")}</h3>
      <ul className="grid gap-2">
        {found.examples.map(({ key, project_nr, values }) => (
          <li key={key} className="rounded-md border p-2">
            <p className="break-all font-mono text-xs">
              {key}
              {project_nr ? <span className="text-muted"> · {project_nr}</span> : null}
            </p>
            <dl className="mt-1 grid gap-1">
              {values.map((value) => (
                <div key={value.target} className="grid gap-x-2 sm:grid-cols-[minmax(6rem,1fr)_2fr]">
                  <dt className="break-words text-muted text-xs">{editor.labelOf(value.target)}</dt>
                  <dd className="min-w-0 break-words">
                    <Value value={value.before} />
                    {value.error ? (
                      <span className="block text-bad text-xs">{value.error}</span>
                    ) : (
                      <>
                        {" → "}
                        <span className="font-medium">
                          <Value value={value.after} />
                        </span>
                      </>
                    )}
                  </dd>
                </div>
              ))}
            </dl>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** A value as it is held; what is empty is said, not left out. */
function Value({ value }: { value: Json }) {
  const t = useTranslations("mapping.preview");
  const format = useFormatter();
  if (value === null || value === "") return <span className="text-muted">{t("empty")}</span>;
  if (typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value)) {
    return format.dateTime(new Date(`${value}T00:00:00Z`), { timeZone: "UTC", dateStyle: "medium" });
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
