import { AxeBuilder } from "@axe-core/playwright";
import { type APIRequestContext, test as base, expect, type Locator, type Page } from "@playwright/test";
import type { Line, LineList, ProjectFigures, ProjectList, Rejection, RejectionList, Run } from "@/lib/api-types";

/**
 * What the journeys share: where the running product is, signing in, the API and the sandbox as a second witness.
 * Nothing here stands in for the product; every journey talks to the real one.
 */

type Role = "admin" | "controller" | "viewer";
export const KEY = "sandbox-key";

function address(variable: string): string {
  const value = process.env[variable];
  if (value) return value.replace(/\/$/, "");
  throw new Error(`${variable} is not set: these tests need a running product. Start it with \`ppm up\`.`);
}

export const sandbox = () => address("PPM_E2E_SANDBOX_URL");
const api = () => address("PPM_E2E_API_URL");
export const dagster = () => address("PPM_E2E_DAGSTER_URL");

/** A page that fails its test on script errors and on anything the content security policy refused. */
export const test = base.extend({
  page: async ({ page }, use) => {
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(error.message));
    page.on("console", (message) => {
      if (/content security policy|hydrat/i.test(message.text())) wrong.push(message.text());
    });
    await use(page);
    expect(wrong, "errors in the browser's console").toEqual([]);
  },
});
export { expect };

// the browser --------------------------------------------------------------------------------------------------------

export async function signIn(page: Page, role: Role, next = "/costbook"): Promise<void> {
  const names: Record<Role, RegExp> = { admin: /Admin/, controller: /Controller/, viewer: /Viewer/ };
  await page.goto(`/login?${new URLSearchParams({ next })}`);
  await page.getByRole("button", { name: names[role] }).click();
  await page.waitForURL((url) => url.pathname === next.split("?")[0]);
}

/** Waits until the page answers to clicks: the figures come by script. */
export async function openCostbook(page: Page, query = ""): Promise<void> {
  await page.goto(`/costbook${query}`);
  await expect(page.getByTestId("costbook-header-kpi-badges")).toBeVisible();
}

export async function openIntegrations(page: Page): Promise<Locator> {
  await page.goto("/admin/integrations");
  const row = page.getByRole("row", { name: /SAP/ });
  await expect(row).toBeVisible();
  return row;
}

export async function openSettings(page: Page): Promise<Locator> {
  const row = await openIntegrations(page);
  await row.getByRole("button", { name: /SAP konfigurieren|Configure SAP/ }).click();
  const dialog = page.getByRole("dialog", { name: /SAP/ });
  await expect(dialog.getByLabel(/API.URL/)).toBeVisible();
  return dialog;
}

/** Types a secret, whether or not one is stored. */
export async function typeKey(dialog: Locator, secret: string): Promise<void> {
  const replace = dialog.getByRole("button", { name: "API-Schlüssel ersetzen" });
  const field = dialog.getByLabel(/^API-Schlüssel/).and(dialog.locator("input"));
  await expect(replace.or(field)).toBeVisible();
  if (await replace.isVisible()) await replace.click();
  await field.fill(secret);
}

export async function save(page: Page, dialog: Locator): Promise<void> {
  await dialog.getByRole("button", { name: "Speichern" }).click();
  await expect(message(page).filter({ hasText: "SAP gespeichert" })).toBeVisible();
  await expect(dialog).toBeHidden();
}

export const message = (page: Page) =>
  page.getByRole("region", { name: /Meldungen|Notifications/ }).getByRole("listitem");
export const syncButton = (page: Page) => page.getByTestId("costbook-header-sync-btn");

/** Clicks Sync and reads the server's own answer beside what the page makes of it. */
export async function clickSync(page: Page): Promise<Run> {
  const answer = page.waitForResponse((response) => response.url().includes("/api/integrations/sync"));
  await syncButton(page).click();
  const begun = (await (await answer).json()) as Run;
  const asked = async () => (await (await page.request.get(`/api/integrations/runs/${begun.run_id}`)).json()) as Run;
  await expect.poll(async () => (await asked()).status, { timeout: 60_000 }).not.toMatch(/^(queued|running)$/);
  return asked();
}

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const RULES_OF_COLOUR = ["color-contrast", "link-in-text-block"];

/** No violation of WCAG 2.2 A and AA; what moves is let come to rest first. */
export async function expectAccessible(page: Page): Promise<void> {
  expect(await violations(page, { type: "tag", values: RULES })).toEqual([]);
}

/** The same in light and dark, which differ in their colours alone. */
export async function expectAccessibleInBothSchemes(page: Page): Promise<void> {
  await page.emulateMedia({ colorScheme: "light" });
  await expectAccessible(page);
  const light = await background(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => background(page)).not.toBe(light);
  expect(await violations(page, { type: "rule", values: RULES_OF_COLOUR })).toEqual([]);
  await page.emulateMedia({ colorScheme: "light" });
}

const background = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

async function violations(page: Page, runOnly: { type: "tag" | "rule"; values: string[] }) {
  await page.waitForFunction(() => document.getAnimations().every((one) => one.playState !== "running"));
  // What passes is not collected, and the pages have no frames: half the time of each look.
  const axe = new AxeBuilder({ page }).options({ runOnly, resultTypes: ["violations"] }).setLegacyMode(true);
  return (await axe.analyze()).violations.map(({ id, nodes }) => ({ id, nodes: nodes.map((node) => node.html) }));
}

// the API, asked directly ----------------------------------------------------------------------------------------------

export async function asRole(request: APIRequestContext, role: Role): Promise<Api> {
  const answer = await request.post(`${api()}/api/sessions/sandbox`, { data: { role } });
  expect(answer.status(), "sandbox sign-in").toBe(200);
  return new Api(request, ((await answer.json()) as { token: string }).token);
}

export class Api {
  constructor(
    private readonly request: APIRequestContext,
    private readonly token: string,
  ) {}

  private headers() {
    return { authorization: `Bearer ${this.token}`, "accept-language": "de" };
  }

  async text(path: string): Promise<string> {
    const answer = await this.request.get(`${api()}/api/${path}`, { headers: this.headers() });
    expect(answer.ok(), `GET ${path}: ${answer.status()}`).toBe(true);
    return answer.text();
  }

  async get<T>(path: string): Promise<T> {
    return JSON.parse(await this.text(path)) as T;
  }

  /** SAP as the sandbox wants it, whatever an earlier journey left. */
  async connectSap(more: Record<string, unknown> = {}): Promise<void> {
    const settings = { api_url: `${sandbox()}/sap`, client: "100", auth: "api_key", api_key: KEY, ...more };
    const data = { enabled: true, settings, schedule: null };
    const answer = await this.request.put(`${api()}/api/integrations/sap/config`, { headers: this.headers(), data });
    expect(answer.ok(), await answer.text()).toBe(true);
  }

  async enable(systems: string[], enabled: boolean): Promise<void> {
    for (const system of systems) {
      const path = `${api()}/api/integrations/${system}/config`;
      const answer = await this.request.patch(path, { headers: this.headers(), data: { enabled } });
      expect(answer.ok(), await answer.text()).toBe(true);
    }
  }

  async sync(mode: "incremental" | "full" = "incremental"): Promise<Run> {
    const data = { system: "sap", entity: "costs", mode };
    const path = `${api()}/api/integrations/sync?wait=120`;
    const answer = await this.request.post(path, { headers: this.headers(), data, timeout: 130_000 });
    expect(answer.status(), await answer.text()).toBe(200);
    return (await answer.json()) as Run;
  }

  async projects(): Promise<ProjectFigures[]> {
    return (await this.get<ProjectList>("costbook/projects?limit=500")).items;
  }

  /** Every project's figures without the time they were read at. */
  async figures(): Promise<Omit<ProjectFigures, "as_of">[]> {
    return (await this.projects()).map(({ as_of: _, ...figures }) => figures);
  }

  async rejections(): Promise<Rejection[]> {
    return (await this.get<RejectionList>("integrations/rejections?limit=500")).items;
  }

  async commitments(projectId: string): Promise<Line[]> {
    const lines: Line[] = [];
    for (;;) {
      const query = `limit=500&offset=${lines.length}&sort=po_number`;
      const page = await this.get<LineList>(`costbook/projects/${projectId}/commitments?${query}`);
      lines.push(...page.items);
      if (page.items.length === 0 || lines.length >= page.total) return lines;
    }
  }
}

// the sandbox ----------------------------------------------------------------------------------------------------------

async function control(request: APIRequestContext, what: string, data: object): Promise<void> {
  const answer = await request.post(`${sandbox()}/_sandbox/sap/${what}`, { data });
  expect(answer.ok(), `sandbox ${what}: ${answer.status()}`).toBe(true);
}

export const advance = (request: APIRequestContext, steps: number) => control(request, "advance", { steps });
export const fault = (request: APIRequestContext, kind: string, times: number) =>
  control(request, "fault", { kind, times });
/** The tenant as it was at the beginning: faults in its data stay until then. */
export const reset = (request: APIRequestContext) => control(request, "reset", {});
export const noFault = (request: APIRequestContext) => control(request, "fault", { kind: "none" });

// money ----------------------------------------------------------------------------------------------------------------

/** `"1234.50000"` as a German table shows it, digit by digit and not by the code under test: `1.234,50`. */
export function german(amount: string, currency: string): string {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount) ?? [];
  const digits = currency === "JPY" ? 0 : 2;
  expect(fraction.slice(digits).replaceAll("0", ""), `${amount} ${currency} has no more decimals than shown`).toBe("");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ".");
  const decimals = digits > 0 ? `,${fraction.slice(0, digits).padEnd(digits, "0")}` : "";
  return `${sign && "−"}${grouped}${decimals}`;
}
