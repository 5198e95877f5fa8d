import type { ConnectorSettings, JsonSchema } from "./api-types";

/**
 * From a connector's JSON Schema to the fields of its form, and from what was typed back to the request's body.
 * A new connector needs no change here: what it can ask for is text, a choice, a switch, a list, a map or a secret.
 */

export type FieldKind = "text" | "url" | "number" | "switch" | "choice" | "list" | "map" | "json";
export type FormField = {
  name: string;
  kind: FieldKind;
  secret: boolean;
  required: boolean;
  title: string;
  description: string;
  example: string | null;
  choices: string[];
  pattern: string | null;
  showWhen: Record<string, string[]>;
  fallback: string;
};

type Values = Record<string, string>;
/** What happens to a stored secret: it stays, it is replaced by what is typed, or it goes. */
export type SecretPlan = "keep" | "replace" | "remove";
export type Plans = Record<string, SecretPlan>;

/** The fields with their words in `locale`: a connector brings them along, so that a new one needs no change here. */
export function fieldsOf(schema: JsonSchema, locale: string): FormField[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, raw]) => {
    const shape = { ...resolve(raw, schema), ...plainOf(raw) };
    return field(name, { ...shape, ...shape["x-labels"]?.[locale] }, required.has(name));
  });
}

function field(name: string, shape: JsonSchema, required: boolean): FormField {
  return {
    name,
    kind: kindOf(name, shape),
    secret: shape.writeOnly === true || shape.format === "password",
    required,
    title: shape.title ?? name,
    description: shape.description ?? "",
    example: shape.examples?.[0] === undefined ? null : asText(shape.examples[0]),
    choices: shape.enum ?? [],
    pattern: shape.pattern ?? null,
    showWhen: conditions(shape["x-show-when"]),
    fallback: asText(shape.default),
  };
}

/** The words beside a `$ref` or `anyOf` belong to the field; what is behind them is its shape. */
function plainOf({ $ref: _, anyOf: __, allOf: ___, ...plain }: JsonSchema): JsonSchema {
  return plain;
}

function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  if (schema.$ref) return resolve(root.$defs?.[schema.$ref.split("/").pop() ?? ""] ?? {}, root);
  const branch = (schema.anyOf ?? schema.allOf)?.find((one) => one.type !== "null");
  return branch ? resolve(branch, root) : schema;
}

function kindOf(
  name: string,
  { type, format, enum: choices, items, additionalProperties: more }: JsonSchema,
): FieldKind {
  if (choices) return "choice";
  if (type === "boolean") return "switch";
  if (type === "integer" || type === "number") return "number";
  if (type === "array") return items?.type === "object" || items?.$ref ? "json" : "list";
  if (type === "object") return typeof more === "object" && more.type === "string" ? "map" : "json";
  return format === "uri" || name.endsWith("_url") ? "url" : "text";
}

function conditions(when: JsonSchema["x-show-when"]): Record<string, string[]> {
  return Object.fromEntries(Object.entries(when ?? {}).map(([name, value]) => [name, [value].flat().map(String)]));
}

export function isShown(field: FormField, values: Values): boolean {
  return Object.entries(field.showWhen).every(([name, allowed]) => allowed.includes(values[name] ?? ""));
}

export function valuesOf(fields: FormField[], config: ConnectorSettings): Values {
  return Object.fromEntries(
    fields.map(({ name, secret, fallback }) => {
      const stored = config.settings[name];
      return [name, secret ? "" : stored === undefined || stored === null ? fallback : asText(stored)];
    }),
  );
}

function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) return value.join(", ");
  if (Array.isArray(value)) return JSON.stringify(value, null, 2);
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value);
  if (entries.some(([, one]) => typeof one === "object")) return JSON.stringify(value, null, 2);
  return entries.map(([key, one]) => `${key} = ${one}`).join("\n");
}

/** The settings to send: everything shown; a secret only when it is new (`null` removes it). */
export function bodyOf(fields: FormField[], values: Values, plans: Plans): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const one of fields) {
    const text = values[one.name] ?? "";
    if (one.secret) {
      if (plans[one.name] === "remove") body[one.name] = null;
      else if (plans[one.name] !== "keep" && text !== "" && isShown(one, values)) body[one.name] = text;
    } else if (isShown(one, values) && (text !== "" || one.kind === "list" || one.kind === "map")) {
      body[one.name] = parsed(one.kind, text);
    }
  }
  return body;
}

function parsed(kind: FieldKind, text: string): unknown {
  if (kind === "switch") return text === "true";
  if (kind === "number") return Number(text);
  if (kind === "list") return text.split(/[,\n]/).flatMap((one) => one.trim() || []);
  if (kind === "map") return Object.fromEntries(lines(text).map((line) => pair(line) ?? [line, ""]));
  if (kind === "json") return JSON.parse(text);
  return text.trim();
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

function pair(line: string): [string, string] | null {
  const at = line.indexOf("=");
  const [key, value] = [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  return at > 0 && key && value ? [key, value] : null;
}

type Complaint = "missing" | "httpsOnly" | "clientDigits" | "badMap" | "badJson" | "badFormat" | "reenter";

/** What can be said about a field before the server is asked; null when nothing is wrong. */
export function complaint(field: FormField, text: string, hasStored: boolean): Complaint | null {
  if (text.trim() === "") return field.required && !hasStored ? "missing" : null;
  if (field.kind === "url") return isUrl(text.trim()) ? null : "httpsOnly";
  if (field.kind === "map") return lines(text).every(pair) ? null : "badMap";
  if (field.kind === "json") return isJson(text) ? null : "badJson";
  if (field.name === "client" && !/^\d{3}$/.test(text.trim())) return "clientDigits";
  if (field.pattern && !new RegExp(field.pattern).test(text.trim())) return "badFormat";
  return null;
}

function isUrl(text: string): boolean {
  return URL.canParse(text) && ["https:", "http:"].includes(new URL(text).protocol);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The shown stored secrets that would go to an address that has changed: they must be typed again. */
export function mustReenter(fields: FormField[], config: ConnectorSettings, values: Values): string[] {
  const shown = fields.filter((one) => isShown(one, values));
  const changed = (one: FormField) => asText(config.settings[one.name]) !== (values[one.name] ?? "").trim();
  const moved = shown.some((one) => one.kind === "url" && changed(one));
  return moved ? stored(shown, config) : [];
}

/** The stored secrets of a way to sign in that was given up: they go when the form is saved. */
export function givenUp(fields: FormField[], config: ConnectorSettings, values: Values): string[] {
  return stored(
    fields.filter((one) => !isShown(one, values)),
    config,
  );
}

function stored(fields: FormField[], config: ConnectorSettings): string[] {
  return fields.flatMap((one) => (one.secret && config.secrets[one.name]?.set ? [one.name] : []));
}
