import type { LatePosting, ProjectFigures, ProjectList, WaitingMoney } from "./api-types";
import { grouped } from "./grouped";
import { formatMoney, isZero, sumOf } from "./money";
import type { Translate } from "./sync-message";

/** What the figures are short of, and what came into them late: read from the Costbook's answers, put into words. */

type Waiting = { rows: number; amounts: WaitingMoney[] };

/** One project's quarantine, or that of all projects and of what belongs to none yet. */
export function waitingIn(list: ProjectList, project: ProjectFigures | undefined): Waiting {
  if (project) return { rows: project.quarantined, amounts: project.quarantined_amounts };
  const { rows, amounts } = list.unassigned_quarantined;
  return {
    rows: list.items.reduce((sum, item) => sum + item.quarantined, rows),
    amounts: byCurrency([...list.items.flatMap((item) => item.quarantined_amounts), ...amounts]),
  };
}

function byCurrency(all: WaitingMoney[]): WaitingMoney[] {
  return [...grouped(all, ({ currency }) => currency)].map(([currency, some]) => ({
    currency,
    open: sumOf(some.map(({ open }) => open)),
    actual: sumOf(some.map(({ actual }) => actual)),
  }));
}

/** "3 Datensätze in Quarantäne: 1.234,00 € offen, 99,00 € gebucht fehlen in diesen Zahlen"; null: nothing waits. */
export function waitingSentence({ rows, amounts }: Waiting, t: Translate, locale: string): string | null {
  if (rows === 0) return null;
  const missing = amounts.flatMap(({ currency, open, actual }) => {
    const money = (amount: string) => {
      const text = formatMoney(amount, locale, currency);
      return currency ? text : t("quarantine.noCurrency", { amount: text });
    };
    return [
      isZero(open) ? [] : t("quarantine.open", { amount: money(open) }),
      isZero(actual) ? [] : t("quarantine.posted", { amount: money(actual) }),
    ].flat();
  });
  if (missing.length === 0) return t("quarantine.unknown", { count: rows });
  return t("quarantine.missing", { count: rows, amounts: missing.join(", ") });
}

/** Late postings of one project or of all, one entry per period and currency. */
export function lateIn(list: ProjectList, project: ProjectFigures | undefined): LatePosting[] {
  const all = project ? project.late : list.items.flatMap((item) => item.late);
  const places = grouped(all, (one) => [one.fiscal_year, one.fiscal_period, one.currency].join("/"));
  return [...places]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([, some]) => {
      const [first] = some;
      if (!first) return [];
      const rows = some.reduce((sum, one) => sum + one.rows, 0);
      return [{ ...first, rows, amount: sumOf(some.map(({ amount }) => amount)) }];
    });
}

/** "Nachträglich in geschlossene Periode 003/2026 gebucht: 500,00 € (2 Zeilen)". */
export function lateSentence(late: LatePosting, t: Translate, locale: string): string {
  return t("quarantine.late", {
    period: periodWord(`${late.fiscal_year}/${late.fiscal_period}`),
    amount: formatMoney(late.amount, locale, late.currency),
    count: late.rows,
  });
}

/** `2026/003` as people write it: `003/2026`. */
export function periodWord(period: string): string {
  const [year, number] = period.split("/");
  return number ? `${number.padStart(3, "0")}/${year}` : period;
}
