import { expect, test } from "vitest";
import { asSearch, linesQuery, withFilter, withoutTable } from "@/lib/lines-query";

const url = (text: string) => new URLSearchParams(text);

test("a bare address asks for the first page in the table's own order", () => {
  expect(asSearch(linesQuery(url(""), "-po_date"))).toBe("limit=25&offset=0&sort=-po_date");
});

test("a past time is asked for with the rest", () => {
  const sent = new URLSearchParams(asSearch(linesQuery(url(""), "-po_date"), "2026-11-25T22:00:00Z"));
  expect(sent.get("as_of")).toBe("2026-11-25T22:00:00Z");
});

test("page, order and filters come from the address", () => {
  const asked = linesQuery(url("page=3&size=100&sort=vendor&filter.po_number=4500&filter.vendor=&tab=x"), "-po_date");
  expect(asked).toEqual({ size: 100, page: 2, sort: "vendor", filters: { po_number: "4500" } });
  const sent = new URLSearchParams(asSearch(asked));
  expect([...sent]).toEqual([
    ["limit", "100"],
    ["offset", "200"],
    ["sort", "vendor"],
    ["filter[po_number]", "4500"],
  ]);
});

test("nonsense in the address is the first page", () => {
  for (const text of ["page=-4&size=9", "page=x&size=100000", "page=0"]) {
    expect(linesQuery(url(text), "s")).toMatchObject({ size: 25, page: 0 });
  }
});

test("another filter starts on the first page and an emptied one goes", () => {
  expect(withFilter("vendor", " ACME ")).toEqual({ "filter.vendor": "ACME", page: null });
  expect(withFilter("vendor", " ")).toEqual({ "filter.vendor": null, page: null });
});

test("what belongs to one table does not follow to another", () => {
  const nothing = { "filter.vendor": null, sort: null, page: null, line: null };
  expect(withoutTable(url("filter.vendor=A&tab=actuals&project=1&size=50"))).toEqual(nothing);
  expect(withoutTable(url("filter.vendor=A"), ["sort"])).toEqual({ "filter.vendor": null, page: null, line: null });
});
