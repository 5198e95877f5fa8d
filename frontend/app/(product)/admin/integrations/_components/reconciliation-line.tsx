"use client";
import { Scale, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { useFormatter, useLocale, useTranslations } from "use-intl";
import { DataTable } from "@/components/ui/data-table";
import { Dialog } from "@/components/ui/dialog";
import { useEntityWord } from "@/components/use-entity-word";
import type { Difference, Reconciliation } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { formatAmount } from "@/lib/money";
import { periodWord } from "@/lib/quarantine";
import { figureWord, firstDifference, reconciliationState } from "@/lib/reconciliation";

type Props = { reconciliation: Reconciliation; system: string };

/** Whether our rows and money are the source's own, in one line; behind it what was compared. */
export function ReconciliationLine({ reconciliation, system }: Props) {
  const t = useTranslations();
  const [open, setOpen] = useState(false);
  const Icon = reconciliation.ok ? Scale : TriangleAlert;
  return (
    <>
      <button
        type="button"
        aria-haspopup="dialog"
        className={cn(
          "flex min-h-6 items-center gap-1 text-start text-xs underline decoration-dotted underline-offset-2",
          reconciliation.ok ? "text-muted" : "font-medium text-warn",
        )}
        onClick={() => setOpen(true)}
      >
        <Icon aria-hidden className="size-3.5 shrink-0" />
        {reconciliationState(reconciliation, system, t)}
      </button>
      <p className="text-muted text-xs tabular-nums">
        {t("reconciliation.rowsShort", { system, ...reconciliation.rows })}
      </p>
      {open ? <Details reconciliation={reconciliation} system={system} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function Details({ reconciliation, system, onClose }: Props & { onClose: () => void }) {
  const t = useTranslations();
  const locale = useLocale();
  const sentence = firstDifference(reconciliation, system, t, locale);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("reconciliation.title", { system })}
      description={t("reconciliation.lead", { system })}
      className="sm:w-[min(60rem,94vw)]"
    >
      <div className="grid min-h-0 flex-1 content-start gap-5 overflow-y-auto px-5 py-4">
        <p className={cn(sentence && "font-medium text-warn")}>{sentence ?? t("reconciliation.agreesLong")}</p>
        <Rows reconciliation={reconciliation} system={system} />
        {reconciliation.differences.length > 0 ? (
          <Differences differences={reconciliation.differences} system={system} />
        ) : null}
      </div>
    </Dialog>
  );
}

function Rows({ reconciliation, system }: Props) {
  const t = useTranslations("reconciliation");
  const format = useFormatter();
  const entityWord = useEntityWord();
  return (
    <section className="grid gap-2">
      <h3 className="font-semibold">{t("rows")}</h3>
      <table className="w-full max-w-md">
        <caption className="sr-only">{t("rows")}</caption>
        <thead>
          <tr className="border-b text-muted text-xs">
            <th scope="col" className="py-1.5">
              {t("entity")}
            </th>
            <th scope="col" className="py-1.5 text-end">
              {t("ours")}
            </th>
            <th scope="col" className="py-1.5 text-end">
              {system}
            </th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(reconciliation.rows_by_entity).map(([entity, { ours, source }]) => (
            <tr key={entity} className={cn("border-b last:border-0", ours !== source && "font-medium text-warn")}>
              <th scope="row" className="py-1.5">
                {entityWord(entity)}
              </th>
              <td className="amount py-1.5">{format.number(ours)}</td>
              <td className="amount py-1.5">{format.number(source)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const MONEY = ["ours", "source", "delta"] as const;

function Differences({ differences, system }: { differences: Difference[]; system: string }) {
  const t = useTranslations();
  const locale = useLocale();
  const entityWord = useEntityWord();
  const name = t("reconciliation.differences");
  return (
    <section className="grid gap-2">
      <h3 className="font-semibold">{name}</h3>
      <DataTable name={name} className="max-h-80">
        <thead>
          <tr>
            {(["project", "currency", "period", "entity", "figure"] as const).map((key) => (
              <th key={key} scope="col">
                {t(`reconciliation.${key}`)}
              </th>
            ))}
            <th scope="col" className="text-end">
              {t("reconciliation.ours")}
            </th>
            <th scope="col" className="text-end">
              {system}
            </th>
            <th scope="col" className="text-end">
              {t("reconciliation.delta")}
            </th>
          </tr>
        </thead>
        <tbody>
          {differences.map((one) => (
            <tr key={[one.entity, one.figure, one.project_nr, one.currency, one.period].join("/")}>
              <th scope="row" className="whitespace-nowrap">
                {one.project_nr}
              </th>
              <td>{one.currency}</td>
              <td className="whitespace-nowrap">
                {one.period ? periodWord(one.period) : t("reconciliation.allPeriods")}
              </td>
              <td>{entityWord(one.entity)}</td>
              <td className="whitespace-nowrap">{figureWord(one.figure, t)}</td>
              {MONEY.map((side) => (
                <td key={side} className="amount">
                  {formatAmount(one[side], locale, one.currency)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </DataTable>
    </section>
  );
}
