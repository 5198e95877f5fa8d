/**
 * Money as people read it. Amounts come as exact decimal strings and stay strings: `Intl.NumberFormat` takes them
 * digit by digit, so nothing is rounded through a float on the way. Nothing here adds; sums come from the server.
 */

const EXACT = /^-?\d+(\.\d+)?$/;
const TAGS: Record<string, string> = { de: "de-DE", en: "en-GB" };
const formatters = new Map<string, Intl.NumberFormat>();

function formatter(locale: string, currency: string): Intl.NumberFormat {
  const key = `${locale}|${currency}`;
  let found = formatters.get(key);
  if (!found) {
    found = build(TAGS[locale] ?? locale, currency);
    formatters.set(key, found);
  }
  return found;
}

function build(tag: string, currency: string): Intl.NumberFormat {
  try {
    return new Intl.NumberFormat(tag, { style: "currency", currency });
  } catch {
    // A code that is not shaped like a currency still shows as a number with two decimals.
    return new Intl.NumberFormat(tag, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  }
}

type Part = Intl.NumberFormatPart;

function parts(amount: string, locale: string, currency: string): Part[] {
  const shown = formatter(locale, currency).formatToParts(amount as Intl.StringNumericLiteral);
  const isZero = shown.every((part) => !/[1-9]/.test(part.value));
  return shown.flatMap((part) => {
    if (part.type !== "minusSign") return [part];
    return isZero ? [] : [{ ...part, value: "−" }];
  });
}

function text(list: Part[]): string {
  return list
    .map((part) => part.value)
    .join("")
    .trim();
}

/** `"-1234.5"` in German euros: `−1.234,50 €`. Missing is `–`; what is no amount is shown as it came. */
export function formatMoney(amount: string | null | undefined, locale: string, currency: string): string {
  if (amount === null || amount === undefined) return "–";
  if (!EXACT.test(amount)) return amount;
  return text(parts(amount, locale, currency));
}

/** The same without the currency, for columns whose header or neighbour names it; decimals are the currency's own. */
export function formatAmount(amount: string | null | undefined, locale: string, currency: string): string {
  if (amount === null || amount === undefined) return "–";
  if (!EXACT.test(amount)) return amount;
  return text(parts(amount, locale, currency).filter((part) => part.type !== "currency" && part.type !== "literal"));
}

export function isNegative(amount: string | null | undefined): boolean {
  return Boolean(amount?.startsWith("-") && /[1-9]/.test(amount));
}

/** The amount without its sign, for words that say the direction themselves ("unter Budget"). */
export function withoutSign(amount: string): string {
  return amount.replace(/^-/, "");
}
