import type { Json, MappingLine, Step } from "./api-types";

/**
 * The steps of a line as a form edits them: which there are, what each needs, what is wrong with one, and how one is
 * told in a few words. What they do to a value is the server's.
 */

/** The forms in which sources write dates, by what a person calls them. */
export const DATE_FORMATS = [
  "YYYY-MM-DD",
  "ISO",
  "DD.MM.YYYY",
  "DD.MM.YY",
  "YYYYMMDD",
  "MM/DD/YYYY",
  "DD/MM/YYYY",
  "DD-MON-YYYY",
  "/Date(…)/",
] as const;

export const STEPS = [
  "date",
  "number",
  "sign",
  "trailing_minus",
  "constant",
  "lookup",
  "concatenate",
  "split",
  "trim_zeros",
  "unit",
] as const;
export type StepName = (typeof STEPS)[number];

type Control = "format" | "decimal" | "text" | "list" | "table" | "whole" | "optional";
export type StepField = { name: string; control: Control };

const FIELDS: Record<StepName, StepField[]> = {
  date: [{ name: "format", control: "format" }],
  number: [{ name: "decimal", control: "decimal" }],
  sign: [
    { name: "negative", control: "list" },
    { name: "positive", control: "list" },
  ],
  trailing_minus: [],
  constant: [{ name: "value", control: "text" }],
  lookup: [
    { name: "table", control: "table" },
    { name: "default", control: "optional" },
  ],
  concatenate: [{ name: "separator", control: "text" }],
  split: [
    { name: "separator", control: "text" },
    { name: "part", control: "whole" },
  ],
  trim_zeros: [],
  unit: [
    { name: "times", control: "text" },
    { name: "by", control: "text" },
  ],
};

const BEGINNINGS: Record<StepName, Record<string, Json>> = {
  date: { format: "DD.MM.YYYY" },
  number: { decimal: "," },
  sign: { negative: ["H"], positive: ["S"] },
  trailing_minus: {},
  constant: { value: "" },
  lookup: { table: {} },
  concatenate: { separator: " " },
  split: { separator: "-", part: 1 },
  trim_zeros: {},
  unit: { times: "1", by: "1" },
};

export function stepName(step: Step): StepName | undefined {
  return STEPS.find((name) => name === step.do);
}

/** What there is to fill in; nothing for a step that is new to this page. */
export function fieldsOfStep(step: Step): StepField[] {
  const name = stepName(step);
  return name ? FIELDS[name] : [];
}

export function newStep(name: StepName): Step {
  return { do: name, ...BEGINNINGS[name] };
}

/** A parameter as text for its control. */
export function textOf(step: Step, { name, control }: StepField): string {
  const value = step[name];
  if (control === "list" && Array.isArray(value)) return value.join(", ");
  if (control === "table" && value !== null && typeof value === "object" && !Array.isArray(value)) {
    return Object.entries(value)
      .map(([from, to]) => `${from} = ${String(to)}`)
      .join("\n");
  }
  return value === undefined || value === null ? "" : String(value);
}

/** The step with a parameter from the text of its control; an optional one that is empty goes. */
export function withText(step: Step, { name, control }: StepField, text: string): Step {
  if (control === "optional" && text === "") {
    const { [name]: _, ...others } = step;
    return others as Step;
  }
  return { ...step, [name]: parsed(control, text) };
}

function parsed(control: Control, text: string): Json {
  if (control === "list") return entries(text, ",");
  if (control === "whole") return /^-?\d+$/.test(text.trim()) ? Number(text) : text;
  if (control !== "table") return text;
  const pairs = entries(text, "\n").map((line) => {
    const [from = "", ...to] = line.split("=");
    return [from.trim(), to.join("=").trim()];
  });
  return Object.fromEntries(pairs);
}

function entries(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((one) => one.trim())
    .filter(Boolean);
}

export type Complaint =
  | "noSource"
  | "severalSources"
  | "needsValue"
  | "needsSign"
  | "needsTable"
  | "needsSeparator"
  | "needsPart"
  | "needsFactor";

/** What the server would refuse about one step; null when it is right. */
export function stepComplaint(step: Step): Complaint | null {
  if (step.do === "constant") return step.value === "" ? "needsValue" : null;
  if (step.do === "sign") return [step.negative, step.positive].flat().length > 0 ? null : "needsSign";
  if (step.do === "lookup") return Object.keys(step.table ?? {}).length > 0 ? null : "needsTable";
  if (step.do === "split" && step.separator === "") return "needsSeparator";
  if (step.do === "split") return Number.isInteger(step.part) && step.part !== 0 ? null : "needsPart";
  if (step.do === "unit") return [step.times, step.by].every(isFactor) ? null : "needsFactor";
  return null;
}

function isFactor(text: Json | undefined): boolean {
  return typeof text === "string" && /^\d+(\.\d+)?$/.test(text) && /[1-9]/.test(text);
}

/** What the server would refuse about the line as a whole. */
export function lineComplaint({ sources, steps }: MappingLine): Complaint | null {
  const [first] = steps;
  if (sources.length === 0 && first?.do !== "constant") return "noSource";
  const joins = first?.do === "concatenate" || (first?.do === "sign" && sources.length === 2);
  return sources.length > 1 && !joins ? "severalSources" : null;
}

/** A further source is written behind the others unless the steps say already how they become one. */
export function withSource(line: MappingLine, source: string): MappingLine {
  const next = { ...line, sources: [...line.sources, source] };
  if (lineComplaint(next) !== "severalSources") return next;
  return { ...next, steps: [newStep("concatenate"), ...next.steps] };
}

export function withoutSource(line: MappingLine, source: string): MappingLine {
  const sources = line.sources.filter((one) => one !== source);
  const steps = sources.length < 2 ? line.steps.filter((step) => step.do !== "concatenate") : line.steps;
  return { ...line, sources, steps };
}

/** The telling parameter of a step, for the few words beside a line. */
export function detailOf(step: Step): string {
  const [first] = fieldsOfStep(step);
  if (!first) return "";
  if (step.do === "lookup") return String(Object.keys(step.table ?? {}).length);
  if (step.do === "unit") return `× ${String(step.times)} ÷ ${String(step.by)}`;
  if (step.do === "sign") return `${[step.negative].flat().join("/")} −`;
  if (step.do === "split") return `${String(step.part)}`;
  return textOf(step, first);
}
