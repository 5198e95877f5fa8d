/** The time that the Costbook is looked at, in the page's address; without one it is now. */

const DAY = /^\d{4}-\d{2}-\d{2}$/;

export function asOfIn(url: URLSearchParams): string | null {
  return url.get("as_of") || null;
}

/** A day alone means its end, so that only the day is said. */
export function isDay(asOf: string): boolean {
  return DAY.test(asOf);
}

export function isTime(asOf: string): boolean {
  return !Number.isNaN(Date.parse(asOf));
}

/** What a `datetime-local` field shows for it: the clock of whoever looks. */
export function asInput(asOf: string | null, now: Date): string {
  const date = asOf && isTime(asOf) ? new Date(isDay(asOf) ? `${asOf}T23:59` : asOf) : now;
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** What was typed, in UTC; null when it is no time. */
export function fromInput(text: string): string | null {
  if (!isTime(text)) return null;
  return new Date(text).toISOString();
}

/** For a query's end: `""`, or `&as_of=…`. */
export function asOfParameter(asOf: string | null): string {
  return asOf ? `&as_of=${encodeURIComponent(asOf)}` : "";
}
