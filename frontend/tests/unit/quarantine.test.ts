import { createTranslator } from "use-intl/core";
import { describe, expect, test } from "vitest";
import type { LatePosting, ProjectFigures, ProjectList } from "@/lib/api-types";
import { messages } from "@/lib/messages";
import { lateIn, lateSentence, periodWord, waitingIn, waitingSentence } from "@/lib/quarantine";

const de = createTranslator({ locale: "de", messages: messages.de });
const en = createTranslator({ locale: "en", messages: messages.en });

function project(given: Partial<ProjectFigures>): ProjectFigures {
  return {
    project_id: "1",
    project_nr: "P-0001",
    name: null,
    status: null,
    currency: "EUR",
    budget: null,
    committed: "0.00",
    actual: "0.00",
    open: "0.00",
    total_spend: "0.00",
    variance: null,
    eac: null,
    uncommitted_budget: null,
    quarantined: 0,
    quarantined_amounts: [],
    late: [],
    by_currency: [],
    systems: [],
    as_of: null,
    ...given,
  };
}

function list(items: ProjectFigures[], rows = 0, amounts: ProjectFigures["quarantined_amounts"] = []): ProjectList {
  return { items, next_cursor: null, totals: [], unassigned_quarantined: { rows, amounts } };
}

/** Without the narrow and no-break spaces that formatters put in. */
const plain = (text: string | null) => text?.replace(/[\u00a0\u202f]/g, " ") ?? null;

describe("what is missing from the figures", () => {
  const one = project({
    quarantined: 3,
    quarantined_amounts: [{ currency: "EUR", open: "1234.00", actual: "99.00" }],
  });

  test("is said of one project with its money", () => {
    expect(plain(waitingSentence(waitingIn(list([one]), one), de, "de"))).toBe(
      "3 Datensätze in Quarantäne: 1.234,00 € offen, 99,00 € gebucht fehlen in diesen Zahlen",
    );
    expect(plain(waitingSentence(waitingIn(list([one]), one), en, "en"))).toBe(
      "3 records in quarantine: €1,234.00 open, €99.00 posted are missing from these figures",
    );
  });

  test("is added exactly over all projects and what belongs to none, each currency for itself", () => {
    const other = project({
      quarantined: 1,
      quarantined_amounts: [{ currency: "EUR", open: "9007199254740993.01", actual: "0.00" }],
    });
    const waiting = waitingIn(list([one, other], 2, [{ currency: "JPY", open: "500", actual: "0" }]), undefined);
    expect(waiting).toEqual({
      rows: 6,
      amounts: [
        { currency: "EUR", open: "9007199254742227.01", actual: "99.00" },
        { currency: "JPY", open: "500", actual: "0" },
      ],
    });
    expect(plain(waitingSentence(waiting, de, "de"))).toContain("99,00 € gebucht, 500 ¥ offen");
  });

  test("is said even where the amount is not known, and of one in the singular", () => {
    const unknown = { rows: 1, amounts: [{ currency: "", open: "0", actual: "0" }] };
    expect(waitingSentence(unknown, de, "de")).toBe(
      "1 Datensatz in Quarantäne fehlt in diesen Zahlen; der Betrag ist nicht bekannt",
    );
  });

  test("names an amount whose currency is not known", () => {
    const unknown = { rows: 1, amounts: [{ currency: "", open: "12.5", actual: "0" }] };
    expect(waitingSentence(unknown, de, "de")).toBe(
      "1 Datensatz in Quarantäne: 12,50 ohne Währung offen fehlen in diesen Zahlen",
    );
  });

  test("is nothing where nothing waits", () => {
    expect(waitingSentence(waitingIn(list([project({})]), undefined), de, "de")).toBeNull();
  });
});

describe("late postings", () => {
  const late = (given: Partial<LatePosting>): LatePosting => ({
    fiscal_year: "2026",
    fiscal_period: "003",
    currency: "EUR",
    amount: "100.10",
    rows: 1,
    ...given,
  });

  test("name period, money and rows", () => {
    expect(plain(lateSentence(late({ rows: 2 }), de, "de"))).toBe(
      "Nachträglich in geschlossene Periode 003/2026 gebucht: 100,10 € (2 Zeilen)",
    );
    expect(plain(lateSentence(late({}), en, "en"))).toBe("Posted later into closed period 003/2026: €100.10 (1 row)");
  });

  test("of all projects are told once per period and currency", () => {
    const items = [
      project({ late: [late({ fiscal_period: "004" }), late({})] }),
      project({ late: [late({ amount: "-0.10", rows: 3 }), late({ currency: "USD" })] }),
    ];
    expect(lateIn(list(items), undefined)).toEqual([
      late({ amount: "100.00", rows: 4 }),
      late({ currency: "USD" }),
      late({ fiscal_period: "004" }),
    ]);
  });

  test("a period reads as people write it", () => {
    expect(periodWord("2026/003")).toBe("003/2026");
    expect(periodWord("2026/3")).toBe("003/2026");
    expect(periodWord("2026")).toBe("2026");
  });
});
