import type { Figures, ProjectFigures, ProjectList, Run } from "./api-types";
import { isNegative } from "./money";
import { bringsCosts, systemName } from "./systems";

/** Reading the Costbook's answers: which figures to show, how many projects are over. Nothing here adds money. */

const ZERO = "0";

export function currenciesOf(list: ProjectList): string[] {
  return list.totals.map((total) => total.currency);
}

/** The chosen project's figures, else the server's total in the chosen currency (of several, the first). */
export function figuresOf(list: ProjectList, project: ProjectFigures | undefined, currency: string | null): Figures {
  if (project) return project;
  return list.totals.find((total) => total.currency === currency) ?? list.totals[0] ?? nothing(currency ?? "EUR");
}

function nothing(currency: string): Figures {
  const none = { budget: null, committed: ZERO, actual: ZERO, open: ZERO, total_spend: ZERO, variance: null };
  return { currency, ...none };
}

type Standing = "over" | "under" | "on" | "none";

export function standing({ budget, variance }: Pick<Figures, "budget" | "variance">): Standing {
  if (budget === null || variance === null) return "none";
  if (isNegative(variance)) return "over";
  return /[1-9]/.test(variance) ? "under" : "on";
}

export function countStanding(items: ProjectFigures[], currency: string, wanted: Standing): number {
  return items.filter((item) => item.currency === currency && standing(item) === wanted).length;
}

/** A project's figures in one string: two that differ mean that a sync changed the project. */
export function fingerprint(project: ProjectFigures): string {
  return [project.committed, project.actual, project.open, project.budget].join("|");
}

/** The newest run of each system that brought costs. */
export function lastSyncs(runs: Run[]): Run[] {
  const seen = new Map<string, Run>();
  for (const run of runs) {
    const counts = ["success", "partial"].includes(run.status) && bringsCosts(run.system);
    if (counts && run.synced_at && !seen.has(run.system)) seen.set(run.system, run);
  }
  return [...seen.values()];
}

/** The systems of a project whose number others have too; nothing where the number tells it. */
export function whose(project: ProjectFigures, projects: ProjectFigures[]): string {
  const alike = projects.filter((other) => other.project_nr === project.project_nr).length > 1;
  return alike ? project.systems.map(systemName).join(", ") : "";
}

/** How many of a currency's projects have no budget; what they spend is part of the portfolio's variance. */
export function withoutBudget(list: ProjectList, currency: string): number {
  return list.items.filter((item) => item.currency === currency && item.budget === null).length;
}
