import { expect, test } from "vitest";
import {
  type Action,
  begin,
  changesBetween,
  customName,
  type Editing,
  fieldRows,
  isDirty,
  isIn,
  mappable,
  missingIn,
  rebase,
  reduce,
  restOffers,
  sureOffers,
  targetRows,
} from "@/lib/mapping";
import { field, line, MAPPING, SUGGESTIONS, suggestion } from "./mapping-sample";

/** Nothing takes effect that nobody confirmed: a draft is what people decided, and only that. */

const after = (...actions: Action[]): Editing => actions.reduce(reduce, begin(MAPPING));
const states = ({ draft }: Editing, suggestions = SUGGESTIONS) =>
  Object.fromEntries(fieldRows(MAPPING, draft, suggestions).map(({ field, state }) => [field.name, state]));
const requester = line("requester", "item.YY1_Requester");

test("a suggestion alone changes no line of the draft", () => {
  const now = begin(MAPPING);
  expect(states(now)).toEqual({
    "item.YY1_Requester": "suggested",
    "item.YY1_Bar": "open",
    "item.YY1_Plant": "confirmed",
    "order.Supplier": "standard",
    "item.YY1_Foo": "ignored",
  });
  expect(isDirty(now)).toBe(false);
  expect(now.draft.lines).toEqual(MAPPING.lines);
});

test("confirming makes the line, by hand is told apart, and both are undone step by step", () => {
  const confirmed = after({ do: "confirm", lines: [requester] });
  expect(states(confirmed)["item.YY1_Requester"]).toBe("confirmed");
  const byHand = reduce(confirmed, { do: "set", line: line("vendor", "item.YY1_Bar") });
  expect(states(byHand)["item.YY1_Bar"]).toBe("manual");
  expect(reduce(byHand, { do: "undo" })).toEqual(confirmed);
  expect(isDirty(reduce(reduce(byHand, { do: "undo" }), { do: "undo" }))).toBe(false);
});

test("by hand stays by hand once it is saved; how a line came about alone is no change", () => {
  const [plant] = MAPPING.lines;
  if (!plant) throw new Error("The sample has a line.");
  const saved = begin({ ...MAPPING, lines: [{ ...plant, origin: "by_hand" }] });
  expect(states(saved)["item.YY1_Plant"]).toBe("manual");
  expect(targetRows(MAPPING, saved.draft).find(({ target }) => target.name === plant.target)?.state).toBe("manual");
  expect(isDirty(reduce(saved, { do: "confirm", lines: [{ ...plant, origin: "suggestion" }] }))).toBe(false);
  const untouched = reduce(saved, { do: "set", line: { ...plant, origin: null }, instead: plant });
  expect(untouched.draft).toEqual(saved.draft);
});

test("a refused suggestion is remembered and gone at once", () => {
  const now = after({ do: "reject", field: "item.YY1_Requester", target: "requester" });
  expect(states(now)["item.YY1_Requester"]).toBe("open");
  expect(now.draft.rejected).toEqual([{ field: "item.YY1_Requester", target: "requester" }]);
  expect(isDirty(now)).toBe(true);
});

test("choosing by hand what was refused takes the refusal back", () => {
  const refused: Action = { do: "reject", field: "item.YY1_Requester", target: "requester" };
  expect(after(refused, { do: "set", line: requester }).draft.rejected).toEqual([]);
});

test("choosing a target for a field that was set aside heeds it again", () => {
  expect(after({ do: "set", line: line("vendor", "item.YY1_Foo") }).draft.ignored).toEqual([]);
});

test("a field that is set aside fills nothing, and heeding it leaves it open", () => {
  const now = after({ do: "ignore", field: "item.YY1_Plant" });
  expect(now.draft.lines).toEqual([]);
  expect(states(now)["item.YY1_Plant"]).toBe("ignored");
  expect(states(reduce(now, { do: "heed", field: "item.YY1_Plant" }))["item.YY1_Plant"]).toBe("open");
});

test("one field may fill several targets; one target by two lines is a conflict until they are one", () => {
  const two = after({ do: "set", line: line("vendor", "item.YY1_Plant") });
  expect(two.draft.lines.filter(({ sources }) => sources[0] === "item.YY1_Plant")).toHaveLength(2);
  const doubled = reduce(two, { do: "set", line: line("vendor", "item.YY1_Bar") });
  expect(states(doubled)["item.YY1_Bar"]).toBe("conflict");
  expect(targetRows(MAPPING, doubled.draft).find(({ target }) => target.name === "vendor")?.state).toBe("conflict");
  const one = reduce(doubled, { do: "merge", target: "vendor" });
  expect(one.draft.lines.find(({ target }) => target === "vendor")).toEqual({
    ...line("vendor", "item.YY1_Plant", "item.YY1_Bar"),
    steps: [{ do: "concatenate", separator: " " }],
    origin: "by_hand",
  });
  expect(states(one)["item.YY1_Bar"]).toBe("manual");
});

test("an edited line takes the place of the old one", () => {
  const before = line("custom_fields.plant", "item.YY1_Plant");
  const edited = { ...before, steps: [{ do: "trim_zeros" }] };
  const { base, draft } = after({ do: "set", line: edited, instead: before });
  const changes = changesBetween(base, draft);
  expect(changes.changed).toEqual([{ before, after: { ...edited, origin: "by_hand" } }]);
  expect([changes.added, changes.removed]).toEqual([[], []]);
});

test("what changes is told by lines added and removed, fields set aside and heeded", () => {
  const { base, draft } = after(
    { do: "confirm", lines: [requester] },
    { do: "remove", line: line("custom_fields.plant", "item.YY1_Plant") },
    { do: "heed", field: "item.YY1_Foo" },
    { do: "ignore", field: "item.YY1_Bar" },
  );
  const changes = changesBetween(base, draft);
  expect(changes.added.map(({ target }) => target)).toEqual(["requester"]);
  expect(changes.removed.map(({ target }) => target)).toEqual(["custom_fields.plant"]);
  expect([changes.ignored, changes.heeded]).toEqual([["item.YY1_Bar"], ["item.YY1_Foo"]]);
});

test("the order of a step's parameters is no change", () => {
  const steps = [{ do: "split", separator: "-", part: 1 }];
  const data = { ...MAPPING, lines: [{ ...line("vendor", "x"), steps }] };
  const other = { ...data.lines[0], steps: [{ part: 1, separator: "-", do: "split" }] };
  const now = begin(data);
  expect(isDirty({ ...now, draft: { ...now.draft, lines: [other as (typeof data.lines)[0]] } })).toBe(false);
});

test("over what somebody else saved the draft keeps its own decisions and their others", () => {
  const mine = after({ do: "confirm", lines: [requester] }, { do: "heed", field: "item.YY1_Foo" });
  const theirs = {
    ...MAPPING,
    version: 3,
    lines: [line("vendor", "item.YY1_Bar"), line("requester", "item.YY1_Plant")],
    ignored: ["item.YY1_Foo", "item.YY1_Plant"],
  };
  const { base, draft } = rebase(mine, theirs);
  expect(base.version).toBe(3);
  expect(draft.lines).toEqual([line("vendor", "item.YY1_Bar"), requester]);
  expect(draft.ignored).toEqual(["item.YY1_Plant"]);
});

test("a required target is missing while neither the standard nor a line fills it", () => {
  const bare = { ...MAPPING, standard: [] };
  expect(missingIn(bare, begin(bare).draft).map(({ name }) => name)).toEqual(["po_number"]);
  const filled = reduce(begin(bare), { do: "set", line: line("po_number", "item.YY1_Bar") });
  expect(missingIn(bare, filled.draft)).toEqual([]);
  expect(missingIn(MAPPING, begin(MAPPING).draft)).toEqual([]);
});

test("together only sure ones are offered, and what would replace the standard is not chosen", () => {
  const { draft } = begin(MAPPING);
  const given = [
    suggestion("item.YY1_Requester", "requester", { word: "check", score: 0.7 }),
    suggestion("item.YY1_Bar", "vendor"),
  ];
  const offers = sureOffers(fieldRows(MAPPING, draft, given), MAPPING, draft);
  expect(offers.map(({ line, replaces, chosen }) => [line.target, replaces, chosen])).toEqual([
    ["vendor", true, false],
  ]);
  const sure = sureOffers(fieldRows(MAPPING, draft, SUGGESTIONS), MAPPING, draft);
  expect(sure.map(({ line, chosen }) => [line, chosen])).toEqual([[{ ...requester, origin: "sure" }, true]]);
});

test("the rest is kept under names of its own where there are values and nothing better", () => {
  const data = {
    ...MAPPING,
    fields: [
      field("item.YY1_Bar", { label: "Plant" }),
      field("item.Empty", { samples: [] }),
      field("item.Period", { custom: false }),
      field("item.YY1_Lot", { label: "Lot" }),
      field("item.Unread", { read: false }),
    ],
  };
  const needless = { reasons: [{ code: "not_needed", params: {} }] };
  const given = [
    suggestion("item.YY1_Bar", null),
    suggestion("item.Period", null, needless),
    suggestion("item.YY1_Lot", null, needless),
  ];
  const { draft } = begin(data);
  const offers = restOffers(fieldRows(data, draft, given), data, draft);
  expect(offers.map(({ line }) => [line.target, line.sources, line.origin])).toEqual([
    ["custom_fields.plant_2", ["item.YY1_Bar"], "rest"],
    ["custom_fields.lot", ["item.YY1_Lot"], "rest"],
  ]);
});

test("a field that vanished stays in sight as long as a line reads it", () => {
  const data = { ...MAPPING, lines: [line("vendor", "item.Old")] };
  const [first] = fieldRows(data, begin(data).draft, []);
  expect([first?.field.name, first?.gone, first?.state]).toEqual(["item.Old", true, "confirmed"]);
});

test("the customer's own fields come first, and what is not read comes last and is nothing to decide", () => {
  const fields = [field("Unread", { read: false, custom: false }), field("Plain", { custom: false }), field("YY1_Own")];
  const data = { ...MAPPING, fields, lines: [] };
  const rows = fieldRows(data, begin(data).draft, [suggestion("Unread", "vendor")]);
  expect(rows.map((row) => row.field.name)).toEqual(["YY1_Own", "Plain", "Unread"]);
  expect(rows.map((row) => isIn("undecided", row))).toEqual([true, true, false]);
  expect(rows.at(-1)?.state).toBe("open");
});

test("the name of an own field is one that can be", () => {
  expect(customName({ name: "item.YY1_Größe_PDI", label: "Größe (Artikel)" })).toBe("groesse_artikel");
  expect(customName({ name: "customfield_10042", label: "customfield_10042" })).toBe("customfield_10042");
  expect(customName({ name: "x.2nd", label: "" })).toBe("f_2nd");
});

test("only records with fields are mapped, in the order of the page", () => {
  expect(mappable(["projects", "costs", "actuals", "commitments"])).toEqual(["commitments", "actuals", "projects"]);
  expect(mappable(["digest"])).toEqual([]);
});
