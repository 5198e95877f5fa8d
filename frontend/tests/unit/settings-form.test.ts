import { describe, expect, test } from "vitest";
import type { ConnectorSettings, JsonSchema } from "@/lib/api-types";
import { bodyOf, complaint, fieldsOf, givenUp, isShown, mustReenter, valuesOf } from "@/lib/settings-form";

/** As Pydantic writes it: an enum behind a reference, optional fields as anyOf, secrets write-only. */
const schema: JsonSchema = {
  type: "object",
  required: ["api_url", "client"],
  $defs: { Auth: { type: "string", enum: ["api_key", "basic"] } },
  properties: {
    api_url: {
      type: "string",
      title: "API URL",
      examples: ["https://host.example"],
      "x-labels": { de: { title: "API-Adresse", description: "Wurzel." } },
    },
    client: { type: "string", title: "Client", default: "100" },
    auth: { $ref: "#/$defs/Auth", default: "api_key", title: "Authentication" },
    api_key: {
      anyOf: [{ type: "string", format: "password", writeOnly: true }, { type: "null" }],
      writeOnly: true,
      default: null,
      "x-show-when": { auth: "api_key" },
    },
    username: { anyOf: [{ type: "string" }, { type: "null" }], "x-show-when": { auth: ["basic"] } },
    company_codes: { type: "array", items: { type: "string" }, default: [] },
    cost_centers: { type: "object", additionalProperties: { type: "string" }, default: {} },
  },
};

function config(given: Partial<ConnectorSettings> = {}): ConnectorSettings {
  const stored = { api_url: "https://a.example", client: "200", auth: "api_key", company_codes: ["1010", "1020"] };
  return {
    system: "sap",
    enabled: true,
    settings: { ...stored, cost_centers: { "4711": "P-0001" } },
    secrets: { api_key: { set: true, updated_at: null } },
    schema,
    updated_at: null,
    updated_by: null,
    ...given,
  };
}

const fields = fieldsOf(schema, "en");
const field = (name: string) => {
  const found = fields.find((one) => one.name === name);
  if (!found) throw new Error(name);
  return found;
};

describe("reading the schema", () => {
  test("finds each field's kind", () => {
    expect(fields.map((one) => [one.name, one.kind, one.secret])).toEqual([
      ["api_url", "url", false],
      ["client", "text", false],
      ["auth", "choice", false],
      ["api_key", "text", true],
      ["username", "text", false],
      ["company_codes", "list", false],
      ["cost_centers", "map", false],
    ]);
  });

  test("takes choices from behind a reference and the words from the field", () => {
    expect(field("auth")).toMatchObject({
      choices: ["api_key", "basic"],
      title: "Authentication",
      fallback: "api_key",
    });
    expect(field("api_url")).toMatchObject({ required: true, example: "https://host.example" });
  });

  test("speaks the page's language where the schema does", () => {
    const [german] = fieldsOf(schema, "de");
    expect(german).toMatchObject({ title: "API-Adresse", description: "Wurzel." });
    expect(field("api_url")).toMatchObject({ title: "API URL", description: "" });
  });

  test("shows a field only for the choice it belongs to", () => {
    expect(isShown(field("username"), { auth: "api_key" })).toBe(false);
    expect(isShown(field("username"), { auth: "basic" })).toBe(true);
    expect(isShown(field("api_key"), { auth: "api_key" })).toBe(true);
  });
});

describe("what is sent", () => {
  test("stored settings come back unchanged and a kept secret is left out", () => {
    const body = bodyOf(fields, valuesOf(fields, config()), { api_key: "keep" });
    expect(body).toEqual({
      api_url: "https://a.example",
      client: "200",
      auth: "api_key",
      company_codes: ["1010", "1020"],
      cost_centers: { "4711": "P-0001" },
    });
  });

  test("a replaced secret is sent, a removed one is null", () => {
    const values = { ...valuesOf(fields, config()), api_key: "new" };
    expect(bodyOf(fields, values, { api_key: "replace" })).toMatchObject({ api_key: "new" });
    expect(bodyOf(fields, values, { api_key: "remove" })).toMatchObject({ api_key: null });
  });

  test("an emptied list is sent as empty, so that it is really emptied", () => {
    const values = { ...valuesOf(fields, config()), company_codes: "" };
    expect(bodyOf(fields, values, {})).toMatchObject({ company_codes: [] });
  });

  test("a new form starts with the schema's defaults", () => {
    expect(valuesOf(fields, config({ settings: {} }))).toMatchObject({ api_url: "", client: "100", auth: "api_key" });
  });
});

describe("what is refused before the server is asked", () => {
  test("missing, no address, wrong client, broken map", () => {
    expect(complaint(field("api_url"), " ", false)).toBe("missing");
    expect(complaint(field("api_url"), "host.example", false)).toBe("httpsOnly");
    expect(complaint(field("api_url"), "ftp://host.example", false)).toBe("httpsOnly");
    expect(complaint(field("client"), "1", false)).toBe("clientDigits");
    expect(complaint(field("cost_centers"), "4711 P-0001", false)).toBe("badMap");
    expect(complaint(field("cost_centers"), "4711 = P-0001\n", false)).toBeNull();
  });

  test("a changed address demands the stored secret again", () => {
    const values = valuesOf(fields, config());
    expect(mustReenter(fields, config(), values)).toEqual([]);
    expect(mustReenter(fields, config(), { ...values, api_url: "https://b.example" })).toEqual(["api_key"]);
  });

  test("leaving a way to sign in gives its secrets up", () => {
    const values = valuesOf(fields, config());
    expect(givenUp(fields, config(), values)).toEqual([]);
    expect(givenUp(fields, config(), { ...values, auth: "basic" })).toEqual(["api_key"]);
  });
});
