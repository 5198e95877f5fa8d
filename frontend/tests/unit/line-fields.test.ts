import { createFormatter } from "use-intl/core";
import { expect, test } from "vitest";
import { COLUMNS } from "@/app/(product)/costbook/_components/columns";
import { fieldsOfLine, fieldText, usualFields } from "@/lib/line-fields";
import { messages } from "@/lib/messages";
import { locales, localeTag } from "@/lib/preferences";

const words = {
  locale: "de",
  yes: "Ja",
  no: "Nein",
  format: createFormatter({ locale: localeTag("de"), timeZone: "UTC" }),
  wordFor: (field: string, code: string) => (`${field}_${code}` === "closed_reason_vanished" ? "weg" : undefined),
};
const line = { currency: "JPY", company_currency: "EUR" };
const text = (name: string, value: unknown) => fieldText(name, value, line, words);

test("money is in its own currency, the company's in the company's", () => {
  expect(text("ordered_amount", "-1234")).toBe("−1.234");
  expect(text("company_ordered_amount", "-1234.50000")).toBe("−1.234,50");
});

test("rates and quantities keep all their digits; ids stay as they are", () => {
  expect(text("exchange_rate", "0.0060123456789")).toBe("0,0060123456789");
  expect(text("quantity", "1234.5")).toBe("1.234,5");
  expect(text("po_number", "4500000001")).toBe("4500000001");
});

test("a day is moved by no time zone, a moment is told with its time", () => {
  expect(text("po_date", "2026-03-01")).toBe("01.03.2026");
  expect(text("changed_at", "2026-03-01T12:30:00Z")).toBe("01.03.2026, 12:30");
});

test("nothing, yes and no, and what is nested", () => {
  expect([text("vendor", null), text("vendor", ""), text("counts", true), text("counts", false)]).toEqual([
    "–",
    "–",
    "Ja",
    "Nein",
  ]);
  expect(text("custom_fields", { YY1_A: 1, YY1_B: "x" })).toBe("YY1_A: 1, YY1_B: x");
  expect([text("custom_fields", {}), text("custom_fields", [1])]).toEqual(["–", "[1]"]);
});

test("a known code has a word, an unknown one is itself", () => {
  expect([text("closed_reason", "vanished"), text("closed_reason", "else")]).toEqual(["weg", "else"]);
});

test("a system is called by its name", () => {
  expect(text("system", "netsuite")).toBe("Oracle NetSuite");
});

test("fields come in their usual order, new ones last, ids of programs not at all", () => {
  const found = fieldsOfLine("commitments", {
    id: "1",
    project_id: "2",
    brand_new: 1,
    open_amount: "1",
    po_number: "4",
  });
  expect(found).toEqual(["po_number", "open_amount", "brand_new"]);
});

test.each(["commitments", "actuals"] as const)("every field of %s has a name, shown in the table or not", (kind) => {
  const columns = COLUMNS[kind].map(({ key }) => key);
  expect(columns.filter((name) => !usualFields(kind).includes(name))).toEqual([]);
  for (const language of locales) {
    expect(usualFields(kind).filter((name) => !(name in messages[language].lines))).toEqual([]);
  }
});

test("a day in English cannot be taken for an American one", () => {
  const english = { ...words, locale: "en", format: createFormatter({ locale: localeTag("en"), timeZone: "UTC" }) };
  expect(fieldText("po_date", "2026-03-01", line, english)).toBe("1 Mar 2026");
  expect(fieldText("changed_at", "2026-03-01T12:30:00Z", line, english)).toBe("1 Mar 2026, 12:30");
  expect(fieldText("quantity", "1234.5", line, english)).toBe("1,234.5");
});
