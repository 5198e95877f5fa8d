import { describe, expect, test } from "vitest";
import { formatAmount, formatMoney, isNegative, sumOf, withoutSign } from "@/lib/money";

const plain = (text: string) => text.replace(/\u00a0|\u202f/g, " ");
const money = (...given: Parameters<typeof formatMoney>) => plain(formatMoney(...given));

describe("formatMoney", () => {
  test("groups and marks decimals as the language does", () => {
    expect(money("1234567.5", "de", "EUR")).toBe("1.234.567,50 €");
    expect(money("1234567.5", "en", "EUR")).toBe("€1,234,567.50");
  });

  test("keeps every digit of an amount that a float would round", () => {
    expect(money("12345678901234567890.15", "de", "EUR")).toBe("12.345.678.901.234.567.890,15 €");
    expect(money("9007199254740993.01", "en", "EUR")).toBe("€9,007,199,254,740,993.01");
  });

  test("rounds halves away from zero on the exact decimal", () => {
    // 1.005 as a float is a little less than that and would round down.
    expect(money("1.005", "en", "EUR")).toBe("€1.01");
    expect(money("-1.005", "en", "EUR")).toBe("−€1.01");
  });

  test("uses as many decimals as the currency has", () => {
    expect(money("1234", "de", "JPY")).toBe("1.234 ¥");
    expect(money("1.2345", "en", "KWD")).toBe("KWD 1.235");
  });

  test("shows a true minus sign and no negative zero", () => {
    expect(money("-12.30", "de", "EUR")).toBe("−12,30 €");
    expect(money("-0.00", "de", "EUR")).toBe("0,00 €");
    expect(money("-0.001", "de", "EUR")).toBe("0,00 €");
  });

  test("tells missing from zero", () => {
    expect(money(null, "de", "EUR")).toBe("–");
    expect(money("0", "de", "EUR")).toBe("0,00 €");
  });

  test("shows what is no amount as it came", () => {
    expect(money("n/a", "de", "EUR")).toBe("n/a");
    expect(money("1e5", "de", "EUR")).toBe("1e5");
  });

  test("survives a code that is no currency", () => {
    expect(money("5", "de", "EURO")).toBe("5,00");
  });
});

test("formatAmount leaves the currency to the column's head", () => {
  expect(formatAmount("-1234.5", "de", "EUR")).toBe("−1.234,50");
  expect(formatAmount("-1234.5", "en", "USD")).toBe("−1,234.50");
  expect(formatAmount("1234", "en", "JPY")).toBe("1,234");
});

test("the sign is read from the text", () => {
  expect(isNegative("-0.01")).toBe(true);
  expect(isNegative("-0.00")).toBe(false);
  expect(isNegative(null)).toBe(false);
  expect(withoutSign("-12.30")).toBe("12.30");
});

describe("sums that the server has not made", () => {
  test("are exact to the last digit", () => {
    expect(sumOf(["0.1", "0.2"])).toBe("0.3");
    expect(sumOf(["9007199254740993.01", "0.00"])).toBe("9007199254740993.01");
    expect(sumOf(["-1.50", "1.5"])).toBe("0.00");
    expect(sumOf(["-0.05", "0.01"])).toBe("-0.04");
    expect(sumOf(["100", "-250"])).toBe("-150");
    expect(sumOf([])).toBe("0");
  });

  test("refuse what is no amount", () => {
    expect(() => sumOf(["1", "1e3"])).toThrow(RangeError);
  });
});
