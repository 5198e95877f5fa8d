/** Which columns the two line tables show, in the order their users know. Keys are the API's and the messages'. */

export type Column = { key: ColumnKey; kind: "id" | "text" | "code" | "date" | "money" };
export type ColumnKey = (typeof COMMITMENTS)[number]["key"] | (typeof ACTUALS)[number]["key"];

const COMMITMENTS = [
  { key: "po_number", kind: "id" },
  { key: "po_line_nr", kind: "id" },
  { key: "po_date", kind: "date" },
  { key: "vendor_description", kind: "text" },
  { key: "po_line_text", kind: "text" },
  { key: "wbs_element", kind: "id" },
  { key: "cost_center", kind: "id" },
  { key: "po_status", kind: "code" },
  { key: "delivery_date", kind: "date" },
  { key: "ordered_amount", kind: "money" },
  { key: "relieved_amount", kind: "money" },
  { key: "open_amount", kind: "money" },
  { key: "currency", kind: "id" },
] as const;

const ACTUALS = [
  { key: "fi_doc_no", kind: "id" },
  { key: "fi_doc_line", kind: "id" },
  { key: "posting_date", kind: "date" },
  { key: "document_type", kind: "id" },
  { key: "vendor_description", kind: "text" },
  { key: "item_text", kind: "text" },
  { key: "wbs_element", kind: "id" },
  { key: "cost_center", kind: "id" },
  { key: "po_no", kind: "id" },
  { key: "amount", kind: "money" },
  { key: "currency", kind: "id" },
  { key: "document_date", kind: "date" },
  { key: "vendor_invoice_no", kind: "id" },
  { key: "gl_account", kind: "id" },
] as const;

export const COLUMNS: Record<"commitments" | "actuals", readonly Column[]> = {
  commitments: COMMITMENTS,
  actuals: ACTUALS,
};

/** Columns whose text the server can search; dates and amounts are sorted instead. */
export function isFilterable({ kind }: Column): boolean {
  return kind === "id" || kind === "text" || kind === "code";
}

/** What an order's status may be in the Costbook's own words; a source may have others. */
export const ORDER_STATUSES = [
  "active",
  "open",
  "unreleased",
  "rejected",
  "blocked",
  "received",
  "invoiced",
  "completed",
  "closed",
  "cancelled",
  "deleted",
];

export const DEFAULT_SORT = { commitments: "-po_date", actuals: "-posting_date" } as const;
