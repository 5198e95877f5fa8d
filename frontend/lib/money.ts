import { localeTag } from "./preferences";

/**
 * Money as people read it. Amounts come as exact decimal strings and stay strings: `Intl.NumberFormat` takes them
 * digit by digit, so nothing is rounded through a float on the way. Sums come from the server; where it has none,
 * `sumOf` adds exactly.
 */

const EXACT = /^-?\d+(\.\d+)?$/;
const formatters = new Map<string, Intl.NumberFormat>();

function formatter(locale: string, currency: string): Intl.NumberFormat {
  const key = `${locale}|${currency}`;
  let found = formatters.get(key);
  if (!found) {
    found = build(localeTag(locale), currency);
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

/** A quantity or a rate with all its digits. */
export function formatNumber(number: string, locale: string): string {
  if (!EXACT.test(number)) return number;
  const exact = new Intl.NumberFormat(localeTag(locale), { maximumFractionDigits: 20 });
  return exact.format(number as Intl.StringNumericLiteral).replace("-", "−");
}

/** Exact decimals added exactly, as whole numbers of their smallest digit. */
export function sumOf(amounts: string[]): string {
  const digits = Math.max(0, ...amounts.map((amount) => fractionOf(amount).length));
  const sum = amounts.reduce((total, amount) => total + scaled(amount, digits), BigInt(0));
  const sign = sum < 0 ? "-" : "";
  const text = String(sum < 0 ? -sum : sum).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits);
  return digits > 0 ? `${sign}${whole}.${text.slice(text.length - digits)}` : sign + whole;
}

function scaled(amount: string, digits: number): bigint {
  if (!EXACT.test(amount)) throw new RangeError(`${amount} is no exact amount.`);
  const [whole] = amount.split(".");
  return BigInt(whole + fractionOf(amount).padEnd(digits, "0"));
}

function fractionOf(amount: string): string {
  return amount.split(".")[1] ?? "";
}

export function isZero(amount: string): boolean {
  return !/[1-9]/.test(amount);
}

export function isNegative(amount: string | null | undefined): boolean {
  return Boolean(amount?.startsWith("-") && /[1-9]/.test(amount));
}

/** The amount without its sign, for words that say the direction themselves ("unter Budget"). */
export function withoutSign(amount: string): string {
  return amount.replace(/^-/, "");
}
