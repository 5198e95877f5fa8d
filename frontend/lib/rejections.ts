import type { Rejection, RejectionList, ReplayRequest } from "./api-types";
import { grouped } from "./grouped";
import { sumOf } from "./money";
import type { Changes } from "./use-url";

/** The quarantine's list: what is asked for, what is chosen, and what can be done about a record. */

/** What the list is filtered by in the page's address, and what the API calls it. */
const FILTERS = { system: "system", entity: "entity", code: "code", project: "project_nr" } as const;
export type FilterName = keyof typeof FILTERS;
const FILTER_NAMES = Object.keys(FILTERS) as FilterName[];
export type Filters = Partial<Record<FilterName, string>>;

export const CODES = [
  "unknown_project",
  "unknown_wbs",
  "no_project",
  "unknown_currency",
  "bad_amount",
  "bad_date",
  "missing_field",
  "contradiction",
  "no_rate",
  "other_currency",
  "mapping",
] as const;

export function filtersIn(url: URLSearchParams): Filters {
  return Object.fromEntries(
    FILTER_NAMES.flatMap((name) => {
      const value = url.get(name)?.trim();
      return value ? [[name, value]] : [];
    }),
  );
}

export function withoutFilters(): Changes {
  return Object.fromEntries([...FILTER_NAMES, "record"].map((name) => [name, null]));
}

function asked(filters: Filters): Record<string, string> {
  return Object.fromEntries(FILTER_NAMES.flatMap((name) => (filters[name] ? [[FILTERS[name], filters[name]]] : [])));
}

export function rejectionsPath(filters: Filters, more: Record<string, string> = {}): string {
  return `integrations/rejections?${new URLSearchParams({ ...asked(filters), ...more })}`;
}

/** The page that lists them, filtered. */
export function rejectionsPage(filters: Filters): string {
  const query = new URLSearchParams(filters).toString();
  return query ? `/admin/integrations/rejections?${query}` : "/admin/integrations/rejections";
}

/** Chosen records, one request per system: a replay is one system's. */
export function replayOf(items: Rejection[]): ReplayRequest[] {
  return [...grouped(items, ({ system }) => system)].map(([system, some]) => ({
    system,
    ids: some.map(({ id }) => id),
  }));
}

/** All that the filter matches, also what is not loaded yet. */
export function replayOfAll(filters: Filters, systems: string[]): ReplayRequest[] {
  const { system: _, ...rest } = asked(filters);
  return systems.map((system) => ({ system, ...rest }));
}

/** Two pages of one list as one; total and sums are those of the newest answer. */
export function joined(pages: RejectionList[]): RejectionList | undefined {
  const last = pages.at(-1);
  return last && { ...last, items: pages.flatMap((page) => page.items) };
}

/** The money of chosen records per currency; records without a readable amount add nothing. */
export function amountsOf(items: Rejection[]): { currency: string; amount: string }[] {
  const known = items.flatMap(({ amount, currency }) =>
    amount === null ? [] : [{ amount, currency: currency ?? "" }],
  );
  return [...grouped(known, ({ currency }) => currency)].map(([currency, some]) => ({
    currency,
    amount: sumOf(some.map(({ amount }) => amount)),
  }));
}

export type Offer = "link" | "costCenter";

/** How its cause may be mended right here. */
export function offersFor({ code, cost_center }: Rejection): Offer[] {
  const linkable = code === "unknown_project" || code === "unknown_wbs";
  return [linkable ? ("link" as const) : [], cost_center ? ("costCenter" as const) : []].flat();
}

type Right = { configure: boolean; sync: boolean };
type Obstacle = "notReplayable" | "busy" | "noLink" | "noRightToConfigure";

/** Why it cannot be tried again now; undefined when it can. */
export function replayObstacle(item: Rejection, busy: boolean): Obstacle | undefined {
  if (!item.replayable) return "notReplayable";
  return busy ? "busy" : undefined;
}

export function offerObstacle(offer: Offer, item: Rejection, rights: Right): Obstacle | undefined {
  if (offer === "link") return item.link ? undefined : "noLink";
  return rights.configure ? undefined : "noRightToConfigure";
}
