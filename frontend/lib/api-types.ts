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
  /** What these figures are short of, because it waits in quarantine. */
  quarantined_amounts: WaitingMoney[];
  /** What was posted into a period after it had been closed. */
  late: LatePosting[];
  /** The system whose labour people chose, between which they can choose, and what does not count therefore. */
  labour?: { source: string | null; systems: string[]; left_out: LabourLeftOut[] };
  by_currency: { currency: string; committed: Money; actual: Money; open: Money }[];
  systems: string[];
  as_of: string | null;
};

export type WaitingMoney = { currency: string; open: Money; actual: Money };
export type LabourLeftOut = { system: string; currency: string; committed: Money; actual: Money; open: Money };
export type LatePosting = {
  fiscal_year: string;
  fiscal_period: string;
  currency: string;
  amount: Money;
  rows: number;
};

export type Totals = Figures & { over_budget?: number; under_budget?: number };

export type ProjectList = {
  items: ProjectFigures[];
  next_cursor: string | null;
  totals: Totals[];
  /** Records in quarantine that belong to no project of the Costbook yet. */
  unassigned_quarantined: { rows: number; amounts: WaitingMoney[] };
};

/** A project of a source; the Costbook's projects are linked to these. */
export type ProjectLink = { system: string; company_code: string; project_nr: string };

export type Line = {
  id: string;
  system: string;
  currency: string;
  run_id?: string | null;
  first_seen_at?: string | null;
  last_changed_at?: string | null;
  counts?: boolean;
  not_counted_reason?: string | null;
  /** Posted into a period after that had been closed. */
  late?: boolean;
} & Record<string, unknown>;

export type LineList = {
  items: Line[];
  next_cursor: string | null;
  total: number;
  sums: Record<string, Record<string, Money>>;
  as_of: string | null;
};

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

export type LineVersion = {
  from: string;
  to: string | null;
  run_id: string;
  changes: Record<string, { before: Json; after: Json }>;
};

export type RawRecord = {
  stream: string;
  source_key: string;
  record: Json;
  run_id: string;
  from: string;
  valid_to: string | null;
};

export type LineRun = {
  run_id: string;
  entity: string;
  mode: string;
  status: RunStatus;
  requested_by: string | null;
  requested_at: string | null;
  ended_at: string | null;
  run_url: string | null;
};

/** One line with how it came to be; versions and raw records are the newest first. */
export type LineDetail = { line: Line; versions: LineVersion[]; raw: RawRecord[]; runs: LineRun[] };

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

/** What a system that is told of the others said: messages sent, and the alerts in them. */
export type Digest = Partial<Counts> & { messages?: number; alerts?: number };

export type Run = Partial<Counts> & {
  run_id: string;
  system: string;
  entity: string;
  status: RunStatus;
  /** The same counts per entity, for a sync of more than one. */
  by_entity?: (Record<string, Partial<Counts>> & { digest?: Digest }) | null;
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

export type Rejection = {
  id: number;
  system: string;
  entity: string;
  key: string;
  /** Stable for programs; the reason is the sentence for people. */
  code: string;
  field: string | null;
  reason: string;
  raw: Json;
  amount: Money | null;
  open_amount: Money | null;
  currency: string | null;
  project_nr: string | null;
  company_code: string;
  run_id: string;
  at: string;
  replayable: boolean;
  /** The source's project that may be linked to one of the Costbook's. */
  link: ProjectLink | null;
  cost_center: string | null;
};

export type RejectionList = {
  items: Rejection[];
  next_cursor: string | null;
  total: number;
  sums: Record<string, { amount: Money; open: Money }>;
};

/** Which records to replay: these ids, or all that the filter matches. */
export type ReplayRequest = {
  system: string;
  ids?: number[];
  entity?: string;
  code?: string;
  project_nr?: string;
};

type RowCounts = { ours: number; source: number };

export type Difference = {
  entity: string;
  figure: string;
  project_nr: string;
  currency: string;
  /** `2026/003`, or empty for a sum over all periods. */
  period: string;
  ours: Money;
  source: Money;
  delta: Money;
};

export type Reconciliation = {
  ok: boolean;
  rows: RowCounts;
  rows_by_entity: Record<string, RowCounts>;
  differences: Difference[];
  detail: string;
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
    digest?: Digest;
  } | null;
  last_error: string | null;
  /** Records that wait in quarantine. */
  quarantined: number;
  /** How many fields of the source vanished, appeared or changed their type since their mapping was saved. */
  drift?: number;
  /** Our rows and money beside the source's own, as of the last sync; null where it told none. */
  reconciliation: Reconciliation | null;
};

export type ConnectorSettings = {
  system: string;
  name?: string;
  entities?: string[];
  enabled: boolean;
  settings: Record<string, unknown>;
  secrets: Record<string, { set: boolean; updated_at: string | null }>;
  schema: JsonSchema;
  schedule?: Schedule | null;
  updated_at: string | null;
  updated_by: string | null;
};

// Field mapping ------------------------------------------------------------------------------------------------------

export type MappingEntity = "commitments" | "actuals" | "projects";
export type ValueType = "text" | "date" | "moment" | "amount" | "rate" | "quantity" | "boolean";

/** What is done to a value on its way; the server knows which parameters each kind needs. */
export type Step = { do: string; [parameter: string]: Json };

/** How a line came about: one suggestion confirmed, one among all sure ones, a field kept with the rest, or by hand. */
export type LineOrigin = "suggestion" | "sure" | "rest" | "by_hand";

/** `origin` is null where nobody said, as in versions of earlier releases. */
export type MappingLine = {
  target: string;
  type: ValueType;
  sources: string[];
  steps: Step[];
  origin?: LineOrigin | null;
};

/** What the adapter does by itself. With a `rule` it is worked out of more than these fields. */
export type StandardLine = Omit<MappingLine, "origin"> & { origin: "standard"; rule: string | null };

export type MappingField = {
  name: string;
  label: string;
  type: string;
  custom: boolean;
  /** Whether raw records hold it; else the source has it and nobody has asked for it so far. */
  read: boolean;
  /** Whether a line may read it; where it is not read, its values come with the next sync. */
  mappable: boolean;
  samples: string[];
  state: "standard" | "own" | "ignored" | "open";
  targets: string[];
};

export type MappingTarget = {
  name: string;
  label: string;
  help: string;
  type: ValueType;
  required: boolean;
  custom: boolean;
  state: "standard" | "own" | "empty";
};

export type FieldPair = { field: string; target: string };

/** What an administrator decided: lines over the standard, fields set aside, suggestions refused. */
export type Decisions = { lines: MappingLine[]; ignored: string[]; rejected: FieldPair[] };

export type Drift = {
  field: string;
  kind: "vanished" | "appeared" | "type_changed";
  was: string | null;
  now: string | null;
  at: string;
  targets: string[];
};

export type FieldMapping = Decisions & {
  system: string;
  entity: MappingEntity;
  /** 0 where nothing was saved yet. */
  version: number;
  saved_at: string | null;
  saved_by: string | null;
  reason: string | null;
  restored_from: number | null;
  /** Whether what is held was made with this version. */
  applied: boolean;
  fields: MappingField[];
  targets: MappingTarget[];
  standard: StandardLine[];
  missing: string[];
  drift: Drift[];
  asked_at: string | null;
  /** Fields of saved lines that the next sync reads for the first time, and what that means. */
  awaited: { fields: string[]; reason: string } | null;
};

/** `run_id`: the run that applies it to what is held; null where a later one does. */
export type SavedMapping = FieldMapping & { run_id: string | null };

export type Suggestion = {
  field: string;
  /** Null: leaving it empty is suggested, and `score` is the chance that this is right. */
  target: string | null;
  /** What a line would read: the field, and the one beside it that tells the sign. */
  sources: string[];
  score: number;
  word: "sure" | "check" | "none";
  reason: string;
  reasons: { code: string; params: Record<string, string> }[];
  alternatives: { target: string; score: number }[];
  steps: Step[];
  concept: string;
  origin: string;
};

export type SuggestionList = { suggestions: Suggestion[]; milliseconds: number };

export type MoneyMoved = { currency: string; figure: string; before: Money; after: Money; delta: Money };

export type MappingPreview = {
  rows: number;
  of: number;
  changed: number;
  errors: { target: string; sources: string[]; count: number; reason: string; samples: string[] }[];
  /** Lines without values until the source was read with their fields. */
  awaited: { target: string; sources: string[]; count: number; reason: string }[];
  /** Records that could not be taken any more. */
  rejected: number;
  examples: {
    key: string;
    project_nr: string | null;
    values: { target: string; before: Json; after: Json; error: string | null }[];
  }[];
  money: MoneyMoved[];
  projects: (MoneyMoved & { project_id: string | null; project_nr: string; name: string | null })[];
};

export type MappingVersion = Decisions & {
  version: number;
  saved_at: string;
  saved_by: string | null;
  reason: string | null;
  restored_from: number | null;
  applied_run_id: string | null;
  active: boolean;
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
