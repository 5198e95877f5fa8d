import { createTranslator } from "use-intl/core";
import { describe, expect, test } from "vitest";
import type { Difference, Reconciliation } from "@/lib/api-types";
import { messages } from "@/lib/messages";
import { firstDifference, reconciliationState } from "@/lib/reconciliation";

const de = createTranslator({ locale: "de", messages: messages.de });
const en = createTranslator({ locale: "en", messages: messages.en });

function difference(given: Partial<Difference>): Difference {
  return {
    entity: "actuals",
    figure: "amount",
    project_nr: "P-1000",
    currency: "EUR",
    period: "2026/003",
    ours: "1234.00",
    source: "1300.00",
    delta: "-66.00",
    ...given,
  };
}

function found(given: Partial<Reconciliation>): Reconciliation {
  return {
    ok: false,
    rows: { ours: 10, source: 10 },
    rows_by_entity: { commitments: { ours: 4, source: 4 }, actuals: { ours: 6, source: 6 } },
    differences: [],
    detail: "",
    ...given,
  };
}

const plain = (text: string | null) => text?.replace(/[\u00a0\u202f]/g, " ") ?? null;
const sentence = (given: Partial<Reconciliation>, t = de, locale = "de") =>
  plain(firstDifference(found(given), "SAP", t, locale));

describe("the state in one line", () => {
  test("agrees, or counts the differences", () => {
    expect(reconciliationState(found({ ok: true }), "SAP", de)).toBe("Abgleich: stimmt mit SAP überein");
    expect(reconciliationState(found({ differences: [difference({})] }), "SAP", de)).toBe("Abgleich: 1 Abweichung");
    const two = [difference({}), difference({ project_nr: "P-2" })];
    expect(reconciliationState(found({ differences: two }), "SAP", de)).toBe("Abgleich: 2 Abweichungen");
    expect(reconciliationState(found({ differences: two }), "SAP", en)).toBe("Reconciliation: 2 differences");
  });

  test("says so when only the numbers of rows differ", () => {
    expect(reconciliationState(found({}), "SAP", de)).toBe("Abgleich: Zeilenzahl weicht ab");
  });
});

describe("the first difference as a sentence", () => {
  test("names project, currency and period with both amounts, in the user's language", () => {
    const differences = [difference({}), difference({ project_nr: "P-2000" })];
    expect(sentence({ differences })).toBe(
      "Projekt P-1000, EUR, Periode 003/2026: das Costbook führt 1.234,00 €, SAP meldet 1.300,00 € (Ist-Werte, Betrag; Differenz −66,00 €).",
    );
    expect(sentence({ differences }, en, "en")).toBe(
      "Project P-1000, EUR, period 003/2026: the Costbook holds €1,234.00, SAP reports €1,300.00 (actuals, amount; difference −€66.00).",
    );
  });

  test("of a sum over all periods names none", () => {
    const one = difference({ entity: "commitments", figure: "relieved:receipt", period: "", currency: "JPY" });
    expect(sentence({ differences: [one] })).toContain("Projekt P-1000, JPY, alle Perioden:");
    expect(sentence({ differences: [one] })).toContain("(Commitments, durch Wareneingang abgebaut;");
  });

  test("shows a figure that is new to it by its own name", () => {
    expect(sentence({ differences: [difference({ figure: "retained" })] })).toContain("retained");
  });

  test("is about rows when only they differ, and about nothing when nothing does", () => {
    const rows_by_entity = { commitments: { ours: 4, source: 4 }, actuals: { ours: 1234, source: 1235 } };
    expect(sentence({ rows_by_entity })).toBe("SAP zählt 1.235 Ist-Werte, das Costbook 1.234.");
    expect(sentence({ ok: true })).toBeNull();
  });
});
