"use client";
import type { ReactNode } from "react";
import { useLocale, useTranslations } from "use-intl";
import { Panel } from "@/components/ui/panel";
import type { Figures, ProjectFigures } from "@/lib/api-types";
import { formatAmount, formatMoney } from "@/lib/money";
import { type Bar, FiguresChart } from "./figures-chart";

type Props = {
  figures: Figures;
  project: ProjectFigures | undefined;
  /** Of the projects in these figures, how many have no budget. */
  unbudgeted: number;
  children: ReactNode;
};

export function Overview({ figures, project, unbudgeted, children }: Props) {
  return (
    <div className="grid gap-4">
      <Balance figures={figures} unbudgeted={unbudgeted} />
      {project && project.by_currency.length > 1 ? <ByCurrency project={project} /> : null}
      {children}
    </div>
  );
}

function useBars(figures: Figures): Bar[] {
  const t = useTranslations("kpi");
  return [
    { key: "budget", label: t("budget"), amount: figures.budget, fill: "var(--bar-budget)" },
    { key: "committed", label: t("committed"), amount: figures.committed, fill: "var(--bar-committed)" },
    { key: "actual", label: t("actual"), amount: figures.actual, fill: "var(--bar-actual)" },
    { key: "open", label: t("open"), amount: figures.open, fill: "var(--bar-open)" },
  ];
}

function Balance({ figures, unbudgeted }: Pick<Props, "figures" | "unbudgeted">) {
  const t = useTranslations();
  const locale = useLocale();
  const bars = useBars(figures);
  const money = (amount: string | null) => formatMoney(amount, locale, figures.currency);
  const said = { budget: money(figures.budget), actual: money(figures.actual), open: money(figures.open) };
  const summary = figures.budget === null ? t("chart.summaryNoBudget", said) : t("chart.summary", said);
  return (
    <Panel className="grid gap-x-8 gap-y-4 p-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <div className="min-w-0">
        <h2 className="font-semibold">{t("chart.title")}</h2>
        <p className="mt-0.5 text-muted last-of-type:mb-3">{summary}</p>
        {unbudgeted && figures.budget !== null ? (
          <p className="text-muted last-of-type:mb-3">{t("chart.unbudgeted", { count: unbudgeted })}</p>
        ) : null}
        <FiguresChart bars={bars} currency={figures.currency} summary={summary} />
      </div>
      <table className="self-end">
        <caption className="sr-only">{t("chart.title")}</caption>
        <thead>
          <tr className="border-b text-muted text-xs">
            <th className="py-1.5">{t("chart.figure")}</th>
            <th className="py-1.5 text-end">
              {t("chart.amount")} ({figures.currency})
            </th>
          </tr>
        </thead>
        <tbody>
          {bars.map((bar) => (
            <tr key={bar.key} className="border-b last:border-0">
              <th scope="row" className="flex items-center gap-2 py-1.5 font-normal">
                <span aria-hidden className="size-2.5 rounded-xs" style={{ background: bar.fill }} />
                {bar.label}
              </th>
              <td className="amount py-1.5">{formatAmount(bar.amount, locale, figures.currency)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function ByCurrency({ project }: { project: ProjectFigures }) {
  const t = useTranslations();
  const locale = useLocale();
  const fields = ["committed", "actual", "open"] as const;
  return (
    <Panel className="p-4">
      <h2 className="mb-2 font-semibold">{t("costbook.otherCurrencies")}</h2>
      <table className="w-full max-w-2xl">
        <thead>
          <tr className="border-b text-muted text-xs">
            <th className="py-1.5">{t("costbook.currency")}</th>
            {fields.map((field) => (
              <th key={field} className="py-1.5 text-end">
                {t(`kpi.${field}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {project.by_currency.map((row) => (
            <tr key={row.currency} className="border-b last:border-0">
              <th scope="row" className="py-1.5">
                {row.currency}
              </th>
              {fields.map((field) => (
                <td key={field} className="amount py-1.5">
                  {formatAmount(row[field], locale, row.currency)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
