import type { ProjectFigures } from "./api-types";
import { formatMoney, isZero } from "./money";
import type { Translate } from "./sync-message";
import { systemName } from "./systems";

/** Between which systems people can choose; the chosen one stays in the list when it is linked no more. */
export function labourSystems({ labour }: ProjectFigures): string[] {
  const { source, systems } = labour ?? { source: null, systems: [] };
  return source === null || systems.includes(source) ? systems : [...systems, source];
}

/** "Jira: 50,00 € gebucht, 30,00 € offen zählen nicht, weil …": why hours are in no figure, one sentence per system. */
export function labourSentences(project: ProjectFigures, t: Translate, locale: string): string[] {
  const { source, left_out } = project.labour ?? { source: null, left_out: [] };
  return left_out.map(({ system, currency, actual, open }) => {
    const parts = [
      isZero(actual) ? [] : t("quarantine.posted", { amount: formatMoney(actual, locale, currency) }),
      isZero(open) ? [] : t("quarantine.open", { amount: formatMoney(open, locale, currency) }),
    ].flat();
    const amounts = parts.join(", ") || t("quarantine.posted", { amount: formatMoney(actual, locale, currency) });
    const values = { system: systemName(system), amounts };
    return source ? t("labour.chosen", { ...values, source: systemName(source) }) : t("labour.postingsFirst", values);
  });
}
