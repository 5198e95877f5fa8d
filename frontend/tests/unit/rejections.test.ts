import { createTranslator } from "use-intl/core";
import { describe, expect, test } from "vitest";
import type { Rejection, Run } from "@/lib/api-types";
import { sourceNumber, withCostCenter } from "@/lib/assign";
import { messages } from "@/lib/messages";
import {
  amountsOf,
  filtersIn,
  offerObstacle,
  offersFor,
  rejectionsPage,
  rejectionsPath,
  replayObstacle,
  replayOf,
  replayOfAll,
} from "@/lib/rejections";
import { type Replayed, replayFailure, replayMessage } from "@/lib/replay-message";

const de = createTranslator({ locale: "de", messages: messages.de });
const url = (text: string) => new URLSearchParams(text);

function rejection(given: Partial<Rejection>): Rejection {
  return {
    id: 1,
    system: "sap",
    entity: "commitments",
    key: "4500000001/00010/01",
    code: "unknown_project",
    field: "project_nr",
    reason: "The project P-9 is not among the source's projects.",
    raw: {},
    amount: "10.00",
    open_amount: "10.00",
    currency: "EUR",
    project_nr: "P-9",
    company_code: "1010",
    run_id: "r",
    at: "2026-11-25T22:00:00Z",
    replayable: true,
    link: { system: "sap", company_code: "1010", project_nr: "P-9" },
    cost_center: null,
    ...given,
  };
}

describe("the filter", () => {
  test("comes from the address and goes to the server under its names", () => {
    const filters = filtersIn(url("system=sap&project=P-9&code=&record=7"));
    expect(filters).toEqual({ system: "sap", project: "P-9" });
    expect(rejectionsPath(filters, { limit: "1" })).toBe("integrations/rejections?system=sap&project_nr=P-9&limit=1");
  });

  test("makes the address of the page", () => {
    expect(rejectionsPage({})).toBe("/admin/integrations/rejections");
    expect(rejectionsPage({ project: "P 1&2" })).toBe("/admin/integrations/rejections?project=P+1%262");
  });
});

describe("a replay", () => {
  test("is asked for once per system, by ids", () => {
    const items = [rejection({ id: 1 }), rejection({ id: 2, system: "jira" }), rejection({ id: 3 })];
    expect(replayOf(items)).toEqual([
      { system: "sap", ids: [1, 3] },
      { system: "jira", ids: [2] },
    ]);
  });

  test("of everything that matches is asked for by the filter", () => {
    expect(replayOfAll({ code: "bad_amount", project: "P-9" }, ["sap"])).toEqual([
      { system: "sap", code: "bad_amount", project_nr: "P-9" },
    ]);
  });

  const replayed = (asked: number, given: Partial<Run>): Replayed => ({
    asked,
    run: { run_id: "r", system: "sap", entity: "costs", status: "success", ...given },
  });

  test("says how many were taken and how many are still rejected", () => {
    const errors = [{ key: "4500000001/00010/01", field: "amount", reason: "Kein Betrag." }];
    expect(replayMessage(replayed(3, { inserted: 1, updated: 1, rejected: 1, errors }), de)).toEqual({
      kind: "warning",
      title: "2 übernommen, 1 weiterhin abgelehnt",
      description: "4500000001/00010/01: Kein Betrag.",
    });
    expect(replayMessage(replayed(2, { inserted: 2 }), de)).toMatchObject({ kind: "success", title: "2 übernommen" });
    expect(replayMessage(replayed(1, { skipped: 1 }), de).title).toBe("0 übernommen, 1 übersprungen");
  });

  test("counts no other part of the same order, which never was rejected", () => {
    const title = (asked: number, given: Partial<Run>) => replayMessage(replayed(asked, given), de).title;
    expect(title(44, { inserted: 44, unchanged: 2 })).toBe("44 übernommen");
    expect(title(1, { inserted: 1, skipped: 1 })).toBe("1 übernommen");
    expect(title(2, { inserted: 1, unchanged: 1, rejected: 1 })).toBe("1 übernommen, 1 weiterhin abgelehnt");
    expect(title(1, { unchanged: 1, rejected: 1 })).toBe("0 übernommen, 1 weiterhin abgelehnt");
  });

  test("that failed says why", () => {
    const given = { status: "failed", problem: "unavailable", reason: "Zeit abgelaufen." } as const;
    const failed = replayMessage(replayed(1, given), de);
    expect(failed.kind).toBe("error");
    expect(failed.title).toMatch(/^Erneutes Verarbeiten fehlgeschlagen – .*SAP/);
    expect(replayFailure("canceled", "", "SAP", de).kind).toBe("warning");
  });
});

describe("what can be done about a record", () => {
  test("a project is linked where the project or WBS element is unknown", () => {
    expect(offersFor(rejection({}))).toEqual(["link"]);
    expect(offersFor(rejection({ code: "unknown_wbs" }))).toEqual(["link"]);
    expect(offersFor(rejection({ code: "bad_amount" }))).toEqual([]);
    expect(offersFor(rejection({ code: "no_project", cost_center: "10101301" }))).toEqual(["costCenter"]);
  });

  test("and what cannot says why", () => {
    const controller = { sync: true, configure: false };
    expect(offerObstacle("link", rejection({ link: null }), controller)).toBe("noLink");
    expect(offerObstacle("link", rejection({}), controller)).toBeUndefined();
    expect(offerObstacle("costCenter", rejection({}), controller)).toBe("noRightToConfigure");
    expect(offerObstacle("costCenter", rejection({}), { sync: true, configure: true })).toBeUndefined();
    expect(replayObstacle(rejection({ replayable: false }), true)).toBe("notReplayable");
    expect(replayObstacle(rejection({}), true)).toBe("busy");
    expect(replayObstacle(rejection({}), false)).toBeUndefined();
  });

  test("the source's own number is that of its company, else any of that system", () => {
    const links = [
      { system: "jira", company_code: "", project_nr: "ABC" },
      { system: "sap", company_code: "1710", project_nr: "P-17" },
      { system: "sap", company_code: "1010", project_nr: "P-10" },
    ];
    expect(sourceNumber(links, { system: "sap", company_code: "1010" })).toBe("P-10");
    expect(sourceNumber(links, { system: "sap", company_code: "9999" })).toBe("P-17");
    expect(sourceNumber(links, { system: "netsuite", company_code: "" })).toBeNull();
  });

  test("a cost centre is added to those that are mapped", () => {
    expect(withCostCenter({ client: "100", cost_centers: { A: "P-1" } }, "B", "P-2")).toEqual({
      client: "100",
      cost_centers: { A: "P-1", B: "P-2" },
    });
    expect(withCostCenter({}, "B", "P-2")).toEqual({ cost_centers: { B: "P-2" } });
  });
});

test("chosen records are summed per currency; what has no readable amount adds nothing", () => {
  const items = [
    rejection({ amount: "0.10" }),
    rejection({ amount: "0.20" }),
    rejection({ amount: null }),
    rejection({ amount: "5", currency: null }),
  ];
  expect(amountsOf(items)).toEqual([
    { currency: "EUR", amount: "0.30" },
    { currency: "", amount: "5" },
  ]);
});
