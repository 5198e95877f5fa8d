import type {
  Decisions,
  Drift,
  FieldMapping,
  FieldPair,
  MappingEntity,
  MappingField,
  MappingLine,
  MappingTarget,
  StandardLine,
  Suggestion,
} from "./api-types";

/**
 * The draft of a field mapping: what people decide before it is saved, and what that makes of each field. Suggestions
 * are no part of it until somebody confirms them. The steps of a line are `mapping-steps.ts`.
 */

export const CUSTOM = "custom_fields.";
const ENTITIES: MappingEntity[] = ["commitments", "actuals", "projects"];

/** The kinds of records of a system whose fields can be mapped. */
export function mappable(entities: string[]): MappingEntity[] {
  return ENTITIES.filter((one) => entities.includes(one));
}

// The draft ----------------------------------------------------------------------------------------------------------

/** `base` is what the draft began with; `past` the drafts before each step, the newest last. */
export type Editing = { base: Decisions & { version: number }; draft: Decisions; past: Decisions[] };

export type Action =
  | { do: "confirm"; lines: MappingLine[] }
  | { do: "reject"; field: string; target: string }
  | { do: "ignore"; field: string }
  | { do: "heed"; field: string }
  /** `instead`: the line that this one replaces. */
  | { do: "set"; line: MappingLine; instead?: MappingLine }
  | { do: "remove"; line: MappingLine }
  | { do: "merge"; target: string }
  | { do: "undo" };

export function begin({ version, lines, ignored, rejected }: FieldMapping): Editing {
  const base = { version: version ?? 0, lines, ignored, rejected };
  return { base, draft: { lines, ignored, rejected }, past: [] };
}

export function reduce(now: Editing, action: Action): Editing {
  if (action.do === "undo") {
    const last = now.past.at(-1);
    return last ? { ...now, draft: last, past: now.past.slice(0, -1) } : now;
  }
  return { ...now, draft: step(now.draft, action), past: [...now.past, now.draft] };
}

function step(draft: Decisions, action: Exclude<Action, { do: "undo" }>): Decisions {
  if (action.do === "confirm") return action.lines.reduce((next, line) => withLine(next, line), draft);
  if (action.do === "set") {
    const { line, instead } = action;
    if (instead && isSame(line, instead)) return draft;
    return withLine(instead ? withoutLine(draft, instead) : draft, { ...line, origin: "by_hand" });
  }
  if (action.do === "remove") return withoutLine(draft, action.line);
  if (action.do === "merge") return merged(draft, action.target);
  if (action.do === "heed") return { ...draft, ignored: draft.ignored.filter((name) => name !== action.field) };
  if (action.do === "ignore") {
    // A field that is set aside fills nothing, neither alone nor together with others.
    const lines = draft.lines.filter((line) => !line.sources.includes(action.field));
    return { ...draft, lines, ignored: unique([...draft.ignored, action.field]) };
  }
  const { field, target } = action;
  const known = draft.rejected.some((pair) => isPair(pair, field, target));
  return known ? draft : { ...draft, rejected: [...draft.rejected, { field, target }] };
}

/** A field that fills something is neither set aside nor refused for that target; the same end twice is one line. */
function withLine(draft: Decisions, line: MappingLine): Decisions {
  return {
    ...draft,
    lines: [...draft.lines.filter((one) => lineKey(one) !== lineKey(line)), line],
    ignored: draft.ignored.filter((name) => !line.sources.includes(name)),
    rejected: draft.rejected.filter((pair) => !line.sources.some((field) => isPair(pair, field, line.target))),
  };
}

function withoutLine(draft: Decisions, line: MappingLine): Decisions {
  return { ...draft, lines: draft.lines.filter((one) => !isSame(one, line)) };
}

/** Two lines of one target become one that writes their values one after the other. */
function merged(draft: Decisions, target: string): Decisions {
  const these = draft.lines.filter((line) => line.target === target);
  const [first] = these;
  if (!first) return draft;
  const sources = unique(these.flatMap((line) => line.sources));
  const steps = sources.length > 1 ? [{ do: "concatenate", separator: " " }] : first.steps;
  const others = draft.lines.filter((line) => line.target !== target);
  return { ...draft, lines: [...others, { ...first, sources, steps, origin: "by_hand" }] };
}

function isPair(pair: FieldPair, field: string, target: string): boolean {
  return pair.field === field && pair.target === target;
}

function unique(list: string[]): string[] {
  return [...new Set(list)];
}

/** The draft as it is sent. */
export function decisionsOf({ lines, ignored, rejected }: Decisions): Decisions {
  return { lines, ignored, rejected };
}

// What changes -------------------------------------------------------------------------------------------------------

export type Changes = {
  added: MappingLine[];
  changed: { before: MappingLine; after: MappingLine }[];
  removed: MappingLine[];
  ignored: string[];
  heeded: string[];
  rejected: number;
};

/** From one set of decisions to another, by target. */
export function changesBetween(before: Decisions, after: Decisions): Changes {
  const fresh = after.lines.filter((line) => !before.lines.some((one) => isSame(one, line)));
  const gone = before.lines.filter((line) => !after.lines.some((one) => isSame(one, line)));
  const pairs = gone.flatMap((line) => {
    const next = fresh.find((one) => one.target === line.target);
    return next ? [{ before: line, after: next }] : [];
  });
  return {
    added: fresh.filter((line) => !pairs.some((pair) => pair.after === line)),
    changed: pairs,
    removed: gone.filter((line) => !pairs.some((pair) => pair.before === line)),
    ignored: after.ignored.filter((name) => !before.ignored.includes(name)),
    heeded: before.ignored.filter((name) => !after.ignored.includes(name)),
    rejected: newPairs(before, after).length,
  };
}

function newPairs(before: Decisions, after: Decisions): FieldPair[] {
  return after.rejected.filter(({ field, target }) => !before.rejected.some((pair) => isPair(pair, field, target)));
}

export function isDirty({ base, draft }: Editing): boolean {
  const { added, changed, removed, ignored, heeded, rejected } = changesBetween(base, draft);
  const back = newPairs(draft, base);
  return [added, changed, removed, ignored, heeded, back].some((list) => list.length > 0) || rejected > 0;
}

/** The same decisions over what somebody else has saved meanwhile: theirs stay where they are not decided here. */
export function rebase(now: Editing, data: FieldMapping): Editing {
  const { added, changed, removed, ignored, heeded } = changesBetween(now.base, now.draft);
  const next = begin(data);
  const mine = [...added, ...changed.map(({ after }) => after)];
  const targets = [...mine, ...removed].map((line) => line.target);
  const lines = [...data.lines.filter((line) => !targets.includes(line.target)), ...mine];
  const draft = {
    lines,
    ignored: unique([...data.ignored.filter((name) => !heeded.includes(name)), ...ignored]),
    rejected: [...data.rejected, ...newPairs(data, { ...now.draft, rejected: newPairs(now.base, now.draft) })],
  };
  return { ...next, draft };
}

/** Where a line comes from and leads to. */
export function lineKey({ target, sources }: MappingLine): string {
  return `${target} ← ${sources.join(" + ")}`;
}

/** Whether two lines do the same; how they came about makes no other line. */
export function isSame(one: MappingLine, other: MappingLine): boolean {
  return canonical({ ...one, origin: null }) === canonical({ ...other, origin: null });
}

function isByHand({ origin }: MappingLine): boolean {
  return origin === "by_hand";
}

/** The same text for the same line, whatever the order of its keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    one !== null && typeof one === "object" && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

// What becomes of each field -------------------------------------------------------------------------------------------

export type FieldState = "conflict" | "manual" | "confirmed" | "standard" | "ignored" | "suggested" | "open";

export type FieldRow = {
  field: MappingField;
  state: FieldState;
  /** Own lines that read it. */
  lines: MappingLine[];
  /** Standard lines that read it. */
  standard: StandardLine[];
  suggestion?: Suggestion;
  drift?: Drift;
  /** The source no longer has it. */
  gone: boolean;
};

/** Every field of the source with its state in the draft. The order is that of what is saved, so no decision moves a row. */
export function fieldRows(data: FieldMapping, draft: Decisions, suggestions: Suggestion[]): FieldRow[] {
  const suggested = new Map(suggestions.map((one) => [one.field, one]));
  const drifts = new Map(data.drift.map((one) => [one.field, one]));
  const doubled = conflictsIn(draft.lines);
  const own = bySource(draft.lines);
  const standard = bySource(data.standard);
  const rows = [...vanished(data), ...data.fields].map((field) => {
    const lines = own.get(field.name) ?? [];
    const given = standard.get(field.name) ?? [];
    const suggestion = openSuggestion(suggested.get(field.name), draft);
    const facts = { field, lines, standard: given, suggestion };
    const state = stateOf(facts, draft, doubled);
    return { ...facts, state, drift: drifts.get(field.name), gone: !data.fields.includes(field) };
  });
  return rows.sort((a, b) => rank(a) - rank(b));
}

function stateOf(row: Omit<FieldRow, "state" | "gone">, draft: Decisions, doubled: Set<string>): FieldState {
  const targets = row.lines.map((line) => line.target);
  if (targets.some((target) => doubled.has(target))) return "conflict";
  if (row.lines.some(isByHand)) return "manual";
  if (targets.length > 0) return "confirmed";
  if (draft.ignored.includes(row.field.name)) return "ignored";
  if (row.field.state === "standard" || row.standard.length > 0) return "standard";
  return row.field.read && row.suggestion?.target ? "suggested" : "open";
}

const RANKS = { open: 2, own: 3, standard: 4, ignored: 5 };

/** What somebody should look at first: a changed source, then the customer's own fields; last what is not read. */
function rank({ field, drift, gone }: FieldRow): number {
  if (gone || drift) return 0;
  if (field.state !== "open") return RANKS[field.state];
  return field.read ? RANKS.open - Number(field.custom) : RANKS.ignored + 1;
}

/** What was refused meanwhile is no suggestion any more, also before the server was asked again. */
function openSuggestion(suggestion: Suggestion | undefined, draft: Decisions): Suggestion | undefined {
  if (!suggestion) return undefined;
  const { field, target, alternatives } = suggestion;
  const isRefused = (name: string) => draft.rejected.some((pair) => isPair(pair, field, name));
  const others = alternatives.filter((one) => !isRefused(one.target));
  if (target === null || !isRefused(target)) return { ...suggestion, alternatives: others };
  return { ...suggestion, target: null, word: "none", reason: "", reasons: [], alternatives: others };
}

/** Fields that the source no longer has, but of which something is said or that lines still read. */
function vanished({ fields, lines, drift }: FieldMapping): MappingField[] {
  const known = new Set(fields.map((field) => field.name));
  const read = lines.flatMap((line) => line.sources).filter((name) => !name.startsWith("record."));
  const lost = drift.filter((one) => one.kind === "vanished").map((one) => one.field);
  const types = new Map(drift.map((one) => [one.field, one.was ?? ""]));
  return unique([...lost, ...read])
    .filter((name) => !known.has(name))
    .map((name) => ({
      name,
      label: name,
      type: types.get(name) ?? "",
      custom: false,
      read: false,
      mappable: false,
      samples: [],
      state: "own",
      targets: lines.filter((line) => line.sources.includes(name)).map((line) => line.target),
    }));
}

function bySource<Line extends { sources: string[] }>(lines: Line[]): Map<string, Line[]> {
  const found = new Map<string, Line[]>();
  for (const line of lines) {
    for (const source of unique(line.sources)) found.set(source, [...(found.get(source) ?? []), line]);
  }
  return found;
}

/** Targets that more than one line fills. */
export function conflictsIn(lines: MappingLine[]): Set<string> {
  const targets = lines.map((line) => line.target);
  return new Set(targets.filter((target, at) => targets.indexOf(target) !== at));
}

// Filter -----------------------------------------------------------------------------------------------------------------

export const FILTERS = ["all", "undecided", "own", "standard", "ignored"] as const;
export type RowFilter = (typeof FILTERS)[number];

const IN_FILTER: Record<Exclude<RowFilter, "all">, FieldState[]> = {
  undecided: ["suggested", "open", "conflict"],
  own: ["confirmed", "manual", "conflict"],
  standard: ["standard"],
  ignored: ["ignored"],
};

export function isIn(filter: RowFilter, { state, field }: FieldRow): boolean {
  if (filter === "all") return true;
  // Of what is not read there is nothing to decide.
  return IN_FILTER[filter].includes(state) && (filter !== "undecided" || field.read);
}

/** By name, label, and the label of what it fills or might fill. */
export function matchesSearch(
  { field, lines, standard, suggestion }: FieldRow,
  search: string,
  label: LabelOf,
): boolean {
  const wanted = search.trim().toLowerCase();
  if (!wanted) return true;
  const targets = [...lines, ...standard].map((line) => line.target);
  const names = [...targets, ...(suggestion?.target ? [suggestion.target] : [])].map(label);
  return [field.name, field.label, ...names].some((text) => text.toLowerCase().includes(wanted));
}

export type LabelOf = (target: string) => string;

// What each target gets --------------------------------------------------------------------------------------------------

export type TargetState = "missing" | "conflict" | "manual" | "confirmed" | "standard" | "empty";

export type TargetRow = { target: MappingTarget; state: TargetState; lines: MappingLine[]; standard: StandardLine[] };

/** Every field of the Costbook with what fills it; custom ones that the draft adds come last. */
export function targetRows(data: FieldMapping, draft: Decisions): TargetRow[] {
  const doubled = conflictsIn(draft.lines);
  return allTargets(data, draft).map((target) => {
    const lines = draft.lines.filter((line) => line.target === target.name);
    const standard = data.standard.filter((line) => line.target === target.name);
    const state = targetState(target, lines, standard, doubled);
    return { target, lines, standard, state };
  });
}

function targetState(
  { name, required }: MappingTarget,
  lines: MappingLine[],
  standard: StandardLine[],
  doubled: Set<string>,
): TargetState {
  if (doubled.has(name)) return "conflict";
  if (lines.length > 0) return lines.some(isByHand) ? "manual" : "confirmed";
  if (standard.length > 0) return "standard";
  return required ? "missing" : "empty";
}

export function allTargets({ targets }: FieldMapping, { lines }: Decisions): MappingTarget[] {
  const known = new Set(targets.map((target) => target.name));
  const added = lines.filter((line) => !known.has(line.target));
  const names = unique(added.map((line) => line.target));
  return [...targets, ...names.map((name) => customTarget(name, added.find((line) => line.target === name)?.type))];
}

export function customTarget(name: string, type: MappingTarget["type"] = "text"): MappingTarget {
  const label = name.replace(CUSTOM, "");
  return { name, label, help: "", type, required: false, custom: true, state: "empty" };
}

/** Required targets that neither the standard nor an own line fills. */
export function missingIn(data: FieldMapping, draft: Decisions): MappingTarget[] {
  return targetRows(data, draft).flatMap(({ state, target }) => (state === "missing" ? [target] : []));
}

// What can be confirmed together -------------------------------------------------------------------------------------------

export type Offer = { row: FieldRow; line: MappingLine; replaces: boolean; chosen: boolean };

/** The line that confirming a suggestion makes; null where nothing is suggested. */
export function lineFor({ suggestion }: Pick<FieldRow, "suggestion">, targets: MappingTarget[]): MappingLine | null {
  if (!suggestion?.target) return null;
  const { target, sources, steps } = suggestion;
  return { target, type: typeOf(target, targets), sources, steps, origin: "suggestion" };
}

export function typeOf(name: string, targets: MappingTarget[]): MappingTarget["type"] {
  return targets.find((target) => target.name === name)?.type ?? "text";
}

/**
 * Suggestions that are sure. One that would replace what the standard does is listed and not chosen: somebody should
 * want that. One whose target is filled by an own line already is not offered here.
 */
export function sureOffers(rows: FieldRow[], data: FieldMapping, draft: Decisions): Offer[] {
  const targets = allTargets(data, draft);
  const taken = new Set(draft.lines.map((line) => line.target));
  return rows.flatMap((row) => {
    const line = row.state === "suggested" && row.suggestion?.word === "sure" ? lineFor(row, targets) : null;
    if (!line || taken.has(line.target)) return [];
    taken.add(line.target);
    const replaces = data.standard.some((one) => one.target === line.target);
    return [{ row, line: { ...line, origin: "sure" }, replaces, chosen: !replaces }];
  });
}

/** Fields that mean nothing known and carry values: worth keeping under a name of their own. */
export function restOffers(rows: FieldRow[], data: FieldMapping, draft: Decisions): Offer[] {
  const taken = new Set(
    [...allTargets(data, draft), ...draft.lines.map(({ target }) => ({ name: target }))].map((one) => one.name),
  );
  return rows.filter(isWorthKeeping).map((row) => {
    const name = freeName(row.field, taken);
    taken.add(name);
    const line: MappingLine = { target: name, type: "text", sources: [row.field.name], steps: [], origin: "rest" };
    return { row, line, replaces: false, chosen: row.field.custom };
  });
}

function isWorthKeeping({ state, field, suggestion, gone }: FieldRow): boolean {
  // What the Costbook does not need of the source's own is left; what the customer has added, somebody wanted.
  const isNeedless = !field.custom && suggestion?.reasons.some((reason) => reason.code === "not_needed");
  return state === "open" && field.read && !gone && field.samples.length > 0 && !isNeedless;
}

function freeName(field: MappingField, taken: Set<string>): string {
  const wanted = CUSTOM + customName(field);
  if (!taken.has(wanted)) return wanted;
  for (let next = 2; ; next++) if (!taken.has(`${wanted}_${next}`)) return `${wanted}_${next}`;
}

/** A name for the field as one of our own: by its label where it has one. */
export function customName({ name, label }: Pick<MappingField, "name" | "label">): string {
  return slug(label && label !== name ? label : (name.split(".").pop() ?? name));
}

const LETTERS: Record<string, string> = { ä: "ae", ö: "oe", ü: "ue", ß: "ss" };

/** Letters, digits and underscores, the first no digit: what the name of an own field may be. */
export function slug(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[äöüß]/g, (letter) => LETTERS[letter] ?? letter)
    .normalize("NFD")
    .replace(/\p{M}/gu, "");
  const name = plain.replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  return /^[a-z]/.test(name) ? name : `f_${name}`.replace(/_$/, "");
}
