/** Codes that the server keeps in a field, and the keys of their words in the messages. */

/** The fields that hold codes; every other text is the source's own, whatever it says. */
const CODED = ["po_status", "status", "closed_reason", "removed_reason", "not_counted_reason", "relieved_by"];

/** Sources write `InReview`, `pending approval` or `fully_billed`. */
function keyOf(code: string): string {
  return code
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_");
}

/**
 * The word for a code; undefined where there is none. What it means in one field alone goes before its usual word.
 * A source may set two codes beside each other, like `Backorder Confirmed`.
 */
export function valueWord(field: string, code: string, lookup: (key: string) => string | undefined) {
  if (!CODED.includes(field)) return undefined;
  const wordFor = (one: string) => lookup(`${field}_${keyOf(one)}`) ?? lookup(keyOf(one));
  const whole = wordFor(code);
  if (whole) return whole;
  const words = code.split(" ").map(wordFor);
  return words.every((word) => word !== undefined) ? words.join(", ") : undefined;
}
