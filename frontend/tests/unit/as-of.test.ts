import { expect, test } from "vitest";
import { asInput, asOfIn, asOfParameter, fromInput, isDay } from "@/lib/as-of";

test("without a time in the address it is now", () => {
  expect(asOfIn(new URLSearchParams(""))).toBeNull();
  expect(asOfIn(new URLSearchParams("as_of="))).toBeNull();
  expect(asOfIn(new URLSearchParams("as_of=2026-11-25"))).toBe("2026-11-25");
});

test("what is typed by the clock on the wall goes out in UTC and comes back the same", () => {
  const sent = fromInput("2026-11-25T22:05");
  expect(sent).toBe(new Date(2026, 10, 25, 22, 5).toISOString());
  expect(asInput(sent, new Date())).toBe("2026-11-25T22:05");
  expect(fromInput("")).toBeNull();
  expect(fromInput("morgen")).toBeNull();
});

test("a day is its end; nonsense and nothing start from now", () => {
  expect(isDay("2026-11-25")).toBe(true);
  expect(isDay("2026-11-25T10:00:00Z")).toBe(false);
  expect(asInput("2026-11-25", new Date())).toBe("2026-11-25T23:59");
  const now = new Date(2026, 0, 2, 3, 4);
  expect(asInput("nonsense", now)).toBe("2026-01-02T03:04");
  expect(asInput(null, now)).toBe("2026-01-02T03:04");
});

test("it is written so that a query takes it", () => {
  expect(asOfParameter(null)).toBe("");
  expect(asOfParameter("2026-11-25T22:00:00+01:00")).toBe("&as_of=2026-11-25T22%3A00%3A00%2B01%3A00");
});
