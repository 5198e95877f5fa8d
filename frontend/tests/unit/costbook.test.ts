import { expect, test } from "vitest";
import type { ProjectFigures, ProjectList, Run } from "@/lib/api-types";
import { countStanding, figuresOf, lastSyncs, standing, whose, withoutBudget } from "@/lib/costbook";

function project(given: Partial<ProjectFigures>): ProjectFigures {
  return {
    project_id: "1",
    project_nr: "P-0001",
    name: "Neubau Halle 3",
    status: "released",
    currency: "EUR",
    budget: "100.00",
    committed: "0.00",
    actual: "0.00",
    open: "0.00",
    total_spend: "0.00",
    variance: "100.00",
    eac: null,
    uncommitted_budget: null,
    quarantined: 0,
    quarantined_amounts: [],
    late: [],
    by_currency: [],
    systems: ["sap"],
    as_of: null,
    ...given,
  };
}

test("the sign of the variance says over or under budget, nothing else does", () => {
  expect(standing({ budget: "1", variance: "-0.01" })).toBe("over");
  expect(standing({ budget: "1", variance: "0.01" })).toBe("under");
  expect(standing({ budget: "1", variance: "0.00" })).toBe("on");
  expect(standing({ budget: null, variance: null })).toBe("none");
});

test("only projects of the shown currency are counted", () => {
  const items = [project({ variance: "-5" }), project({ variance: "-5", currency: "USD" }), project({})];
  expect(countStanding(items, "EUR", "over")).toBe(1);
  expect(countStanding(items, "EUR", "under")).toBe(1);
});

test("without a project the server's total of the chosen currency is shown", () => {
  const totals = ["EUR", "USD"].map((currency) => project({ currency, budget: `${currency.length}` }));
  const list: ProjectList = {
    items: [],
    next_cursor: null,
    totals,
    unassigned_quarantined: { rows: 0, amounts: [] },
  };
  expect(figuresOf(list, undefined, "USD").currency).toBe("USD");
  expect(figuresOf(list, undefined, "CHF").currency).toBe("EUR");
  expect(figuresOf(list, project({ currency: "CHF" }), "USD").currency).toBe("CHF");
});

test("the newest run that brought something counts as the last sync", () => {
  const runs = [
    { run_id: "4", system: "slack", entity: "commitments", status: "success", synced_at: "2026-01-03T00:00:00Z" },
    { run_id: "3", system: "sap", entity: "costs", status: "failed", synced_at: null },
    { run_id: "2", system: "sap", entity: "costs", status: "partial", synced_at: "2026-01-02T00:00:00Z" },
    { run_id: "1", system: "sap", entity: "costs", status: "success", synced_at: "2026-01-01T00:00:00Z" },
  ] satisfies Run[];
  expect(lastSyncs(runs).map((run) => run.run_id)).toEqual(["2"]);
});

test("a project says whose it is where others have its number too", () => {
  const own = project({});
  const other = project({ project_id: "2", systems: ["netsuite", "jira"] });
  expect(whose(own, [own, project({ project_id: "3", project_nr: "P-9" })])).toBe("");
  expect(whose(other, [own, other])).toBe("Oracle NetSuite, Jira");
});

test("the projects without a budget are counted in their own currency", () => {
  const items = [project({}), project({ budget: null }), project({ budget: null, currency: "USD" })];
  expect(withoutBudget({ items } as ProjectList, "EUR")).toBe(1);
});
