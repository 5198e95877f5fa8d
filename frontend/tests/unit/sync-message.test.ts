import { createTranslator } from "use-intl/core";
import { describe, expect, test } from "vitest";
import type { Run } from "@/lib/api-types";
import { messages } from "@/lib/messages";
import { failure, syncMessage } from "@/lib/sync-message";

const de = createTranslator({ locale: "de", messages: messages.de });
const en = createTranslator({ locale: "en", messages: messages.en });

function run(given: Partial<Run>): Run {
  return { run_id: "r", system: "sap", entity: "costs", status: "success", ...given };
}

function title(given: Partial<Run>): string {
  return syncMessage(run(given), "SAP", de).title;
}

describe("the toast after a sync", () => {
  test("counts new commitments, one of them in the singular", () => {
    expect(title({ inserted: 12, entity: "commitments" })).toBe("Sync erfolgreich – 12 neue Commitments");
    expect(title({ inserted: 1, entity: "commitments" })).toBe("Sync erfolgreich – 1 neues Commitment");
  });

  test("says so when nothing has changed", () => {
    expect(title({ inserted: 0, updated: 0 })).toBe("Sync erfolgreich – keine Änderungen");
  });

  test("names the changed rows when none is new, and the closed ones", () => {
    expect(title({ inserted: 0, updated: 3 })).toBe("Sync erfolgreich – 3 geändert");
    expect(title({ closed: 2 })).toBe("Sync erfolgreich – 2 geschlossen");
  });

  test("keeps commitments and actuals apart where the server tells them apart", () => {
    const by_entity = { commitments: { inserted: 3 }, actuals: { inserted: 1 } };
    const message = syncMessage(run({ inserted: 4, updated: 2, by_entity }), "SAP", de);
    expect(message.title).toBe("Sync erfolgreich – 3 neue Commitments");
    expect(message.description).toBe("1 neuer Ist-Wert, 2 geändert");
  });

  test("does not call actuals commitments", () => {
    const by_entity = { commitments: { inserted: 0 }, actuals: { inserted: 5 } };
    expect(title({ inserted: 5, by_entity })).toBe("Sync erfolgreich – 5 neue Ist-Werte");
    expect(title({ inserted: 5, entity: "actuals" })).toBe("Sync erfolgreich – 5 neue Ist-Werte");
  });

  test("calls rows of nobody knows what just rows", () => {
    expect(title({ inserted: 5 })).toBe("Sync erfolgreich – 5 neue Zeilen");
  });

  test("says that a stopped sync was stopped", () => {
    expect(title({ status: "canceled" })).toBe("Sync abgebrochen");
  });

  test("warns of rejected records and says why the first was", () => {
    const errors = [{ key: "4500000001/10/1", field: "currency", reason: "Unbekannte Währung QQQ." }];
    const message = syncMessage(
      run({ status: "partial", entity: "commitments", inserted: 12, rejected: 2, errors }),
      "SAP",
      de,
    );
    expect(message.description).toBe("4500000001/10/1: Unbekannte Währung QQQ.");
    expect(message.title).toBe("Sync mit Hinweisen – 12 neue Commitments, 2 abgelehnt");
    expect(message.kind).toBe("warning");
    expect(title({ status: "partial", rejected: 2 })).toBe("Sync mit Hinweisen – keine Änderungen, 2 abgelehnt");
  });

  test("says why a sync failed, with the server's sentence below", () => {
    const message = failure("credentials", "SAP answered 401.", "SAP", de);
    expect(message).toEqual({
      kind: "error",
      title: "Sync fehlgeschlagen – Anmeldung bei SAP abgelehnt",
      description: "SAP answered 401.",
    });
    expect(title({ status: "failed", problem: "unavailable" })).toBe("Sync fehlgeschlagen – SAP ist nicht erreichbar");
    expect(failure("something-new", "", "SAP", de).title).toBe("Sync fehlgeschlagen – ein Fehler im Costbook");
  });

  test("speaks English by the same keys", () => {
    expect(syncMessage(run({ entity: "commitments", inserted: 1 }), "SAP", en).title).toBe(
      "Sync complete – 1 new commitment",
    );
    expect(syncMessage(run({ entity: "commitments", inserted: 1200 }), "SAP", en).title).toBe(
      "Sync complete – 1,200 new commitments",
    );
  });
});

describe("the toast after a message to Slack", () => {
  const told = { commitments: { inserted: 12, updated: 1 }, digest: { messages: 1, alerts: 2 } };

  test("says that it was sent, and what of", () => {
    const message = syncMessage(run({ system: "slack", inserted: 12, updated: 1, by_entity: told }), "Slack", de);
    expect(message.title).toBe("Sync erfolgreich – Zusammenfassung gesendet");
    expect(message.description).toBe("2 Warnungen, 12 neue Commitments, 1 geändert");
  });

  test("says that there was nothing to tell", () => {
    const nothing = { digest: { messages: 0, alerts: 0 } };
    expect(syncMessage(run({ system: "slack", by_entity: nothing }), "Slack", en).title).toBe(
      "Sync complete – nothing to tell",
    );
  });
});

test.each([
  ["unusable", "Sync fehlgeschlagen – die Antwort von SAP ist nicht verwendbar"],
  ["not_offered", "Sync fehlgeschlagen – das gibt es bei SAP nicht"],
  ["not-offered", "Sync fehlgeschlagen – das gibt es bei SAP nicht"],
])("a run that ended for the reason %s blames nobody else", (problem, said) => {
  expect(title({ status: "failed", problem })).toBe(said);
});
