import type { useFormatter } from "use-intl";
import { formatAmount, formatNumber } from "./money";
import { systemName } from "./systems";

/** All fields of a line: their order, and each value as people read it. */

const COMMITMENT = [
  "po_number",
  "po_line_nr",
  "assignment_nr",
  "po_status",
  "po_date",
  "po_line_text",
  "vendor",
  "vendor_description",
  "requester",
  "delivery_date",
  "project_nr",
  "wbs_element",
  "cost_center",
  "gl_account",
  "account_group_level1",
  "account_subgroup_level2",
  "account_level3",
  "contract_number",
  "purchase_requisition",
  "ordered_amount",
  "relieved_amount",
  "open_amount",
  "tax_amount",
  "currency",
  "company_ordered_amount",
  "company_relieved_amount",
  "company_open_amount",
  "company_currency",
  "exchange_rate",
  "exchange_rate_date",
  "relieved_by",
  "counts",
  "not_counted_reason",
  "changed_at",
  "closed_at",
  "closed_reason",
];

const ACTUAL = [
  "fi_doc_no",
  "fi_doc_line",
  "document_type",
  "posting_date",
  "document_date",
  "fiscal_year",
  "fiscal_period",
  "ledger",
  "item_text",
  "vendor",
  "vendor_description",
  "vendor_invoice_no",
  "po_no",
  "po_line_no",
  "project_nr",
  "wbs_element",
  "cost_center",
  "gl_account",
  "amount",
  "tax_amount",
  "retained_amount",
  "currency",
  "company_amount",
  "company_currency",
  "quantity",
  "unit",
  "net_due_date",
  "status",
  "reversal_of",
  "counts",
  "not_counted_reason",
  "removed_at",
  "removed_reason",
];

const BOTH = ["system", "company_code", "source_key", "first_seen_at", "last_changed_at", "custom_fields"];
/** Ids that only programs need; the runs have a section of their own. */
const HIDDEN = ["id", "project_id", "run_id"];

/** Every field that a line can have, in the usual order. */
export function usualFields(kind: "commitments" | "actuals"): string[] {
  return [...(kind === "commitments" ? COMMITMENT : ACTUAL), ...BOTH];
}

/** The line's fields in their usual order; what is new to this page comes last. */
export function fieldsOfLine(kind: "commitments" | "actuals", line: Record<string, unknown>): string[] {
  const usual = usualFields(kind);
  const others = Object.keys(line).filter((name) => !usual.includes(name) && !HIDDEN.includes(name));
  return [...usual.filter((name) => name in line), ...others];
}

const NUMBERS = ["exchange_rate", "quantity"];

type Words = {
  locale: string;
  yes: string;
  no: string;
  format: ReturnType<typeof useFormatter>;
  /** The word for a code such as `vanished`, where there is one. */
  wordFor: (field: string, code: string) => string | undefined;
};

/** A value by its field's name: money in its own currency, days without a time zone, ids as they are. */
export function fieldText(name: string, value: unknown, line: Record<string, unknown>, words: Words): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? words.yes : words.no;
  if (Array.isArray(value)) return JSON.stringify(value);
  if (typeof value === "object") {
    const parts = Object.entries(value).map(([key, one]) => `${key}: ${fieldText(key, one, line, words)}`);
    return parts.join(", ") || "–";
  }
  const text = String(value);
  if (name.endsWith("amount")) return formatAmount(text, words.locale, currencyOf(name, line));
  if (NUMBERS.includes(name)) return formatNumber(text, words.locale);
  if (name.endsWith("_date") && !Number.isNaN(Date.parse(text))) {
    const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
    return words.format.dateTime(day, { timeZone: "UTC", dateStyle: "medium" });
  }
  if (name.endsWith("_at") && !Number.isNaN(Date.parse(text))) {
    return words.format.dateTime(new Date(text), { dateStyle: "medium", timeStyle: "short" });
  }
  if (name === "system") return systemName(text);
  return words.wordFor(name, text) ?? text;
}

function currencyOf(name: string, line: Record<string, unknown>): string {
  const currency = line[name.startsWith("company_") ? "company_currency" : "currency"];
  return typeof currency === "string" ? currency : "";
}
