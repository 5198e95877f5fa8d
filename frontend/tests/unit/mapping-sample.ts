import type { FieldMapping, MappingField, MappingLine, Suggestion } from "@/lib/api-types";

/** A mapping as the API answers it: one field of each kind. */

export const line = (target: string, ...sources: string[]): MappingLine => ({
  target,
  type: "text",
  sources,
  steps: [],
});

export const field = (name: string, more: Partial<MappingField> = {}): MappingField => ({
  name,
  label: name,
  type: "Edm.String",
  custom: true,
  read: true,
  mappable: true,
  samples: ["a", "b"],
  state: "open",
  targets: [],
  ...more,
});

const target = (name: string, label: string, required = false) => ({
  name,
  label,
  help: `${label}.`,
  type: "text" as const,
  required,
  custom: false,
  state: "empty" as const,
});

export const suggestion = (of: string, to: string | null, more: Partial<Suggestion> = {}): Suggestion => ({
  field: of,
  target: to,
  sources: [of],
  score: 0.97,
  word: to ? "sure" : "none",
  reason: "Der Name bedeutet es.",
  reasons: [{ code: "name_means", params: {} }],
  alternatives: [],
  steps: [],
  concept: "",
  origin: "rule",
  ...more,
});

export const MAPPING: FieldMapping = {
  system: "sap",
  entity: "commitments",
  version: 2,
  saved_at: "2026-11-27T08:00:00Z",
  saved_by: "anna@example.org",
  reason: null,
  restored_from: null,
  applied: true,
  fields: [
    field("order.Supplier", { custom: false, state: "standard", targets: ["vendor"], label: "Supplier" }),
    field("item.YY1_Plant", { state: "own", targets: ["custom_fields.plant"], label: "Plant (item)" }),
    field("item.YY1_Requester", { label: "Anforderer" }),
    field("item.YY1_Foo", { state: "ignored" }),
    field("item.YY1_Bar"),
  ],
  targets: [
    target("po_number", "Bestellnummer", true),
    target("vendor", "Lieferant"),
    target("requester", "Anforderer"),
    { ...target("custom_fields.plant", "plant"), custom: true, state: "own" },
  ],
  standard: [
    { ...line("po_number", "order.PurchaseOrder"), origin: "standard", rule: null },
    { ...line("vendor", "order.Supplier"), origin: "standard", rule: null },
  ],
  lines: [line("custom_fields.plant", "item.YY1_Plant")],
  ignored: ["item.YY1_Foo"],
  rejected: [],
  missing: [],
  drift: [],
  asked_at: "2026-11-27T08:00:00Z",
  awaited: null,
};

export const SUGGESTIONS = [
  suggestion("item.YY1_Requester", "requester"),
  suggestion("item.YY1_Bar", null, { alternatives: [{ target: "vendor", score: 0.31 }] }),
];
