/** The HTTP API's shapes as this frontend reads them. Money is an exact decimal string, times are ISO 8601 in UTC. */

export type Role = "admin" | "integration" | "controller" | "viewer";
export type Money = string;

export type Me = {
  sub: string;
  email: string | null;
  name: string | null;
  role: Role;
  organization_id: string;
  rights: { configure: boolean; sync: boolean };
};

export type Figures = {
  currency: string;
  budget: Money | null;
  committed: Money;
  actual: Money;
  open: Money;
  total_spend: Money;
  variance: Money | null;
};

export type ProjectFigures = Figures & {
  project_id: string;
  project_nr: string;
  name: string | null;
  status: string | null;
  eac: Money | null;
  uncommitted_budget: Money | null;
  quarantined: number;
  by_currency: { currency: string; committed: Money; actual: Money; open: Money }[];
  systems: string[];
  as_of: string | null;
};

export type Totals = Figures & { over_budget?: number; under_budget?: number };

export type ProjectList = { items: ProjectFigures[]; next_cursor: string | null; totals: Totals[] };

export type Line = {
  id: string;
  system: string;
  currency: string;
  run_id?: string | null;
  first_seen_at?: string | null;
  last_changed_at?: string | null;
  counts?: boolean;
  not_counted_reason?: string | null;
} & Record<string, unknown>;

export type LineList = {
  items: Line[];
  next_cursor: string | null;
  total: number;
  sums: Record<string, Record<string, Money>>;
  as_of: string | null;
};

export type Entity = "commitments" | "actuals" | "projects" | "costs";
export type RunStatus = "queued" | "running" | "success" | "partial" | "failed" | "canceled";

export type Counts = {
  total: number;
  inserted: number;
  updated: number;
  unchanged: number;
  closed: number;
  rejected: number;
  skipped: number;
};

export type Run = Partial<Counts> & {
  run_id: string;
  system: string;
  entity: string;
  status: RunStatus;
  /** The same counts per entity, for a sync of more than one. */
  by_entity?: Record<string, Partial<Counts>> | null;
  errors?: { key: string; field: string | null; reason: string }[] | null;
  reason?: string | null;
  problem?: string | null;
  requested_by?: string | null;
  requested_at?: string | null;
  started_at?: string | null;
  ended_at?: string | null;
  synced_at?: string | null;
  duration_ms?: number | null;
  run_url?: string | null;
};

export type RunList = { items: Run[]; next_cursor: string | null };

export type RunEvent = {
  type?: "progress" | "end";
  run_id: string;
  system: string;
  entity: string;
  status?: RunStatus;
  stage?: string | null;
  rows?: number | null;
  total?: number | null;
  pages?: number | null;
  elapsed_ms?: number | null;
};

export type Health = "ok" | "warning" | "late" | "error" | "untested" | "unconfigured" | "running";

export type Schedule = { cron: string; time_zone: string; entity: string; mode: "incremental" | "full" };

export type Connector = {
  system: string;
  name: string;
  enabled: boolean;
  configured: boolean;
  health: Health;
  entities: string[];
  /** The run that is under way, if one is. */
  running?: string | null;
  schedule: Schedule | null;
  last_sync: {
    at: string;
    status: RunStatus;
    run_id: string;
    inserted: number;
    updated: number;
    errors: number;
  } | null;
  last_error: string | null;
};

export type ConnectorSettings = {
  system: string;
  name?: string;
  enabled: boolean;
  settings: Record<string, unknown>;
  secrets: Record<string, { set: boolean; updated_at: string | null }>;
  schema: JsonSchema;
  schedule?: Schedule | null;
  updated_at: string | null;
  updated_by: string | null;
};

export type Check = { name: string; ok: boolean; detail: string; ms: number };
export type TestResult = { ok: boolean; checks: Check[] };

export type JsonSchema = {
  title?: string;
  description?: string;
  type?: string;
  format?: string;
  default?: unknown;
  enum?: string[];
  const?: unknown;
  examples?: unknown[];
  pattern?: string;
  writeOnly?: boolean;
  minLength?: number;
  maxLength?: number;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: boolean | JsonSchema;
  required?: string[];
  /** The words in languages other than English. */
  "x-labels"?: Record<string, { title?: string; description?: string }>;
  "x-show-when"?: Record<string, string | string[]>;
};
