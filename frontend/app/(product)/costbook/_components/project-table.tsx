"use client";
import { useLocale, useTranslations } from "use-intl";
import { DataTable } from "@/components/ui/data-table";
import { Tag } from "@/components/ui/tag";
import type { ProjectFigures, Totals } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { standing } from "@/lib/costbook";
import { formatAmount, formatMoney, withoutSign } from "@/lib/money";
import { systemName } from "@/lib/systems";

type Props = {
  items: ProjectFigures[];
  totals: Totals[];
  currency: string;
  changed: Set<string>;
  onChoose: (id: string) => void;
};

const FIGURES = ["budget", "committed", "actual", "open"] as const;

/** One row per project in the chosen currency; the total is the server's. */
export function ProjectTable({ items, totals, currency, changed, onChoose }: Props) {
  const t = useTranslations();
  const locale = useLocale();
  const shown = items.filter((item) => item.currency === currency);
  const total = totals.find((one) => one.currency === currency);
  // Numbers repeat between systems: where there are several, each row says whose it is.
  const several = new Set(shown.flatMap((item) => item.systems)).size > 1;
  return (
    <DataTable name={t("costbook.projects")}>
      <thead>
        <tr>
          <th scope="col">{t("costbook.projectNr")}</th>
          <th scope="col">{t("costbook.projectName")}</th>
          {several ? <th scope="col">{t("costbook.systems")}</th> : null}
          {FIGURES.map((field) => (
            <th key={field} scope="col" className="text-end">
              {t(`kpi.${field}`)}
            </th>
          ))}
          <th scope="col" className="text-end">
            {t("kpi.variance")} ({currency})
          </th>
        </tr>
      </thead>
      <tbody>
        {shown.map((item) => (
          <tr key={item.project_id}>
            <th scope="row" className="whitespace-nowrap">
              <button
                type="button"
                className="rounded font-medium text-main-strong underline-offset-2 hover:underline"
                onClick={() => onChoose(item.project_id)}
              >
                {item.project_nr}
              </button>
              {changed.has(item.project_id) ? <Tag className="ml-2">{t("lines.changed")}</Tag> : null}
            </th>
            <td className="max-w-80 truncate">{item.name ?? "–"}</td>
            {several ? <td>{item.systems.map(systemName).join(", ") || "–"}</td> : null}
            {FIGURES.map((field) => (
              <td key={field} className="amount">
                {formatAmount(item[field], locale, currency)}
              </td>
            ))}
            <td className="amount">
              <Variance figures={item} />
            </td>
          </tr>
        ))}
      </tbody>
      {total ? (
        <tfoot>
          <tr>
            <th scope="row">{t("costbook.total")}</th>
            <td>{t("costbook.projectCount", { count: shown.length })}</td>
            {several ? <td /> : null}
            {FIGURES.map((field) => (
              <td key={field} className="amount">
                {formatAmount(total[field], locale, currency)}
              </td>
            ))}
            <td className="amount">
              <Variance figures={total} />
            </td>
          </tr>
        </tfoot>
      ) : null}
    </DataTable>
  );
}

function Variance({ figures }: { figures: ProjectFigures | Totals }) {
  const t = useTranslations("kpi");
  const locale = useLocale();
  const where = standing(figures);
  if (where === "none" || figures.variance === null) return <span className="text-muted">–</span>;
  if (where === "on") return t("onBudget");
  const amount = formatMoney(withoutSign(figures.variance), locale, figures.currency);
  return (
    <span className={cn(where === "over" && "text-bad")}>{t(where === "over" ? "overBy" : "underBy", { amount })}</span>
  );
}
