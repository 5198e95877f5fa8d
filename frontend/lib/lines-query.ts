/** Which lines a table asks the server for, read from the page's address: page, order and filters. */

export const PAGE_SIZES = [25, 50, 100, 500];
const FILTER = "filter.";

export type LinesQuery = { size: number; page: number; sort: string; filters: Record<string, string> };

export function linesQuery(url: URLSearchParams, defaultSort: string): LinesQuery {
  return {
    size: PAGE_SIZES.find((option) => String(option) === url.get("size")) ?? 25,
    page: Math.max(0, Number.parseInt(url.get("page") ?? "1", 10) - 1 || 0),
    sort: url.get("sort") ?? defaultSort,
    filters: Object.fromEntries(
      [...url].flatMap(([name, value]) =>
        name.startsWith(FILTER) && value ? [[name.slice(FILTER.length), value]] : [],
      ),
    ),
  };
}

/** The same as the API takes it, at a past time when one is given. */
export function asSearch({ size, page, sort, filters }: LinesQuery, asOf: string | null = null): string {
  const search = new URLSearchParams({ limit: String(size), offset: String(page * size), sort });
  if (asOf) search.set("as_of", asOf);
  for (const [field, value] of Object.entries(filters)) search.set(`filter[${field}]`, value);
  return search.toString();
}

/** A change of the address: another filter starts on the first page. */
export function withFilter(field: string, value: string): Record<string, string | null> {
  return { [FILTER + field]: value.trim() || null, page: null };
}

/** Takes every filter, the order, the page and the open line out of the address: they belong to one table. */
export function withoutTable(url: URLSearchParams, keep: string[] = []): Record<string, null> {
  const own = [...url.keys()].filter((name) => name.startsWith(FILTER));
  return Object.fromEntries(
    [...own, "sort", "page", "line"].filter((name) => !keep.includes(name)).map((name) => [name, null]),
  );
}
