import { expect, test } from "vitest";
import { safeNext } from "@/lib/next-path";

test("after signing in the browser goes on within this site", () => {
  expect(safeNext("/costbook?project=7&tab=actuals")).toBe("/costbook?project=7&tab=actuals");
  expect(safeNext("/admin/integrations")).toBe("/admin/integrations");
});

test.each([
  null,
  "",
  "https://evil.example",
  "//evil.example",
  "/\\evil.example",
  "/login?next=/login",
  "/auth/logout",
])("%s leads to the Costbook instead", (next) => expect(safeNext(next)).toBe("/costbook"));
