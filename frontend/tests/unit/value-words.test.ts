import { expect, test } from "vitest";
import { messages } from "@/lib/messages";
import { valueWord } from "@/lib/value-words";

const words: Record<string, string> = messages.de.values;
const word = (field: string, code: string) => valueWord(field, code, (key) => words[key]);

test.each([
  ["po_status", "active", "aktiv"],
  ["po_status", "pending approval", "wartet auf Freigabe"],
  ["po_status", "InReview", "in Prüfung"],
  ["po_status", "Backorder Confirmed", "bestellt, bestätigt"],
  ["closed_reason", "vanished", "in der Quelle nicht mehr vorhanden"],
  ["closed_reason", "invoiced", "vollständig fakturiert"],
  ["po_status", "invoiced", "fakturiert"],
  ["status", "reversal", "Storno"],
  ["relieved_by", "work", "Aufwand"],
])("%s %s is %s", (field, code, german) => {
  expect(word(field, code)).toBe(german);
});

test.each([
  ["po_status", "In Progress"],
  ["po_status", "Confirmed by Ada"],
  ["po_status", ""],
  ["vendor", "active"],
  ["item_text", "invoice"],
])("%s “%s” stays as it is", (field, code) => {
  expect(word(field, code)).toBeUndefined();
});
