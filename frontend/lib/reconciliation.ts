import type { Difference, Reconciliation } from "./api-types";
import type { Messages } from "./messages";
import { formatMoney } from "./money";
import { periodWord } from "./quarantine";
import type { Translate } from "./sync-message";

/** Our rows and money beside the source's, put into words. The figures and their differences are the server's. */

/** "Abgleich: stimmt mit SAP überein", or how many differences there are. */
export function reconciliationState({ ok, differences }: Reconciliation, system: string, t: Translate): string {
  if (ok) return t("reconciliation.agrees", { system });
  if (differences.length === 0) return t("reconciliation.rowsDiffer");
  return t("reconciliation.differs", { count: differences.length });
}

/** The first thing that differs, with its project, currency and period; null when nothing does. */
export function firstDifference(found: Reconciliation, system: string, t: Translate, locale: string): string | null {
  const [first] = found.differences;
  if (first) return differenceSentence(first, system, t, locale);
  const [entity, rows] = Object.entries(found.rows_by_entity).find(([, one]) => one.ours !== one.source) ?? [];
  if (!entity || !rows) return null;
  return t("reconciliation.rowsSentence", { system, entity: entityWord(entity, t), ...rows });
}

function differenceSentence(one: Difference, system: string, t: Translate, locale: string): string {
  const money = (amount: string) => formatMoney(amount, locale, one.currency);
  const said = {
    system,
    project: one.project_nr,
    currency: one.currency,
    entity: entityWord(one.entity, t),
    figure: figureWord(one.figure, t),
    ours: money(one.ours),
    source: money(one.source),
    delta: money(one.delta),
  };
  if (!one.period) return t("reconciliation.sentenceAllPeriods", said);
  return t("reconciliation.sentence", { ...said, period: periodWord(one.period) });
}

type EntityKey = keyof Messages["reconciliation"]["entities"];
const ENTITIES: EntityKey[] = ["commitments", "actuals", "projects"];

function entityWord(entity: string, t: Translate): string {
  const known = ENTITIES.find((one) => one === entity);
  return known ? t(`reconciliation.entities.${known}`) : entity;
}

const FIGURES: Record<string, keyof Messages["reconciliation"]["figures"]> = {
  amount: "amount",
  ordered: "ordered",
  open: "open",
  relieved: "relieved",
  "relieved:receipt": "relievedByReceipt",
  "relieved:invoice": "relievedByInvoice",
};

export function figureWord(figure: string, t: Translate): string {
  const key = FIGURES[figure];
  return key ? t(`reconciliation.figures.${key}`) : figure;
}
