import type { APIRequestContext, Locator, Page } from "@playwright/test";
import type { ConnectorSettings, LineList, ProjectFigures, Rejection } from "@/lib/api-types";
import {
  type Api,
  asRole,
  clickSync,
  expect,
  expectAccessible,
  fault,
  german,
  message,
  noFault,
  openCostbook,
  openIntegrations,
  reset,
  signIn,
  test,
} from "./product";

/**
 * Records that cannot be taken: from the message to the reason and the money, and back into the figures. Faults in the
 * data stay until the tenant is reset, so that this file comes last and leaves a tenant that can be read again.
 */

test.describe.configure({ mode: "serial" });
test.setTimeout(180_000);
let admin: Api;

/** A tenant without faults, read anew. */
async function fresh(request: APIRequestContext): Promise<void> {
  test.setTimeout(240_000);
  const api = await asRole(request, "admin");
  await noFault(request);
  await reset(request);
  await api.connectSap();
  await api.sync("full");
}

test.beforeAll(({ request }) => fresh(request));
test.afterAll(({ request }) => fresh(request));

test.beforeEach(async ({ request }) => {
  admin = await asRole(request, "admin");
});

const place = "/admin/integrations/rejections";

test("a sync with rejected records: its message leads to them, with reason and amount", async ({ page, request }) => {
  await fault(request, "order_without_project", 2);
  await fault(request, "unknown_currency", 1);
  await signIn(page, "controller");
  await openCostbook(page);
  const run = await clickSync(page);
  expect(run.status).toBe("partial");
  const partial = message(page).filter({ hasText: /^.*Sync mit Hinweisen – .*3 abgelehnt/ });
  await expect(partial).toBeVisible({ timeout: 60_000 });
  // Under the pointer it stays, however long looking at it takes.
  await partial.hover();

  const rejected = await admin.rejections();
  expect(rejected).toHaveLength(3);
  const notes = page.getByRole("region", { name: "Was in diesen Zahlen fehlt" });
  await expect(notes).toContainText("3 Datensätze in Quarantäne:");
  await expectAccessible(page);

  await partial.getByRole("button", { name: "Details" }).click();
  await expect(page).toHaveURL(new RegExp(`${place}\\?system=sap$`));
  await expect(page.getByText("3 Datensätze", { exact: true })).toBeVisible();
  for (const one of rejected) {
    const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: one.key }) });
    await expect(row).toContainText(one.code === "no_project" ? "Kein Projekt genannt" : "Währung unbekannt");
    await expect(row).toContainText(one.reason);
    await expect(row).toContainText(german(one.amount ?? "", one.currency ?? ""));
  }
  await expectAccessible(page);

  await page.getByRole("button", { name: `Rohdaten zu ${rejected[0]?.key}` }).click();
  await expect(page.getByText("PurchaseOrderItemText")).toBeVisible();
  await expect(page).toHaveURL(/record=\d+/);
  await expectAccessible(page);
});

test("filters ask the server and stay in the address, and the list can be kept as a file", async ({ page }) => {
  await signIn(page, "viewer");
  await page.goto(place);
  await page.getByLabel("Ursache").selectOption("unknown_currency");
  await expect(page.getByText("1 Datensatz", { exact: true })).toBeVisible();
  await expect(page).toHaveURL(/code=unknown_currency/);
  await page.reload();
  await expect(page.getByLabel("Ursache")).toHaveValue("unknown_currency");
  await page.getByLabel("Projekt", { exact: true }).fill("P-none");
  await expect(page.getByRole("heading", { name: "Keine Treffer" })).toBeVisible();
  await page.getByRole("button", { name: "Filter zurücksetzen" }).last().click();
  await expect(page.getByText("3 Datensätze", { exact: true })).toBeVisible();

  const file = page.waitForEvent("download");
  await page.getByRole("button", { name: "Als CSV" }).click();
  expect((await file).suggestedFilename()).toMatch(/\.csv$/);
});

test("whoever may only read sees the list, no actions, and why", async ({ page }) => {
  await signIn(page, "viewer");
  await page.goto(place);
  await expect(page.getByRole("rowheader")).toHaveCount(3);
  await expect(page.getByText(/braucht es die Rolle Controlling oder Administration/)).toBeVisible();
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  await expect(page.getByRole("button", { name: /erneut verarbeiten/i })).toHaveCount(0);
});

test("the integrations page leads to them and says whether the figures agree", async ({ page }) => {
  await signIn(page, "admin");
  const row = await openIntegrations(page);
  await row.getByRole("button", { name: /^Abgleich:/ }).click();
  const dialog = page.getByRole("dialog", { name: "Abgleich mit SAP" });
  await expect(dialog.getByRole("rowheader", { name: "Commitments" })).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await row.getByRole("link", { name: "SAP: 3 Datensätze in Quarantäne" }).click();
  await expect(page).toHaveURL(new RegExp(`${place}\\?system=sap$`));
});

test("trying again without a mended cause says that it is still rejected", async ({ page }) => {
  await signIn(page, "controller");
  await page.goto(`${place}?code=unknown_currency`);
  await page.getByRole("checkbox", { name: "Alle angezeigten auswählen" }).check();
  await page.getByRole("button", { name: "Erneut verarbeiten", exact: true }).click();
  await expect(message(page).getByText("0 übernommen, 1 weiterhin abgelehnt")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole("rowheader")).toHaveCount(1);
});

test.describe("with a cost centre that is set to a project nobody knows", () => {
  // The first cost centre of the sandbox's first company. What was once linked stays known, hence another name each time.
  const center = "1010110";
  const unknown = `P-${Date.now()}`;
  const waiting = async () => (await admin.rejections()).filter(({ project_nr }) => project_nr === unknown);

  /** A posting to that cost centre, and a project in its currency that is short of nothing. */
  async function given(): Promise<[Rejection, ProjectFigures]> {
    const postings = (await waiting()).filter(({ entity }) => entity === "actuals");
    const posting = postings.find(({ cost_center }) => cost_center === center);
    const whole = (await admin.projects()).filter(({ quarantined }) => quarantined === 0);
    const project = whole.find(({ currency }) => currency === posting?.currency);
    if (!posting || !project) throw new Error("Nothing is posted to the cost centre, or no project has its currency.");
    return [posting, project];
  }

  async function choose(page: Page, dialog: Locator, project: ProjectFigures): Promise<void> {
    await dialog.getByRole("button", { name: "Projekt: Projekt wählen" }).click();
    await page.getByRole("combobox", { name: "Nummer oder Name suchen" }).fill(project.project_nr);
    await page.keyboard.press("Enter");
    await dialog.getByRole("button", { name: "Zuordnen", exact: true }).click();
  }

  test.beforeEach(async () => {
    if ((await waiting()).length > 0) return;
    await admin.connectSap({ cost_centers: { [center]: unknown } });
    await admin.sync("full");
  });

  for (const [locale, colorScheme] of [
    ["en-GB", "dark"],
    ["de-DE", "light"],
  ] as const) {
    test.describe(`at 320 pixels in ${locale}, ${colorScheme}`, () => {
      test.use({ locale, colorScheme, viewport: { width: 320, height: 800 } });

      test("the list and the way to assign a project", async ({ page }) => {
        await signIn(page, "controller");
        await page.goto(`${place}?project=${unknown}`);
        await expect(page.getByRole("rowheader").first()).toBeVisible();
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
        await expectAccessible(page);
        await page
          .getByRole("button", { name: /^(Projekt zuordnen|Assign project)/ })
          .first()
          .click();
        await page.getByRole("button", { name: /^(Projekt|Project):/ }).click();
        await expectAccessible(page);
      });
    });
  }

  test("an administrator assigns the cost centre, a controller reads why they may not", async ({ page }) => {
    const [posting, project] = await given();
    const address = `${place}?project=${unknown}&entity=${posting.entity}`;
    const assign = page.getByRole("button", { name: `Kostenstelle zuordnen: ${posting.key}` });
    await signIn(page, "controller");
    await page.goto(address);
    await expect(assign).toHaveAttribute("aria-disabled", "true");
    await expect(assign).toHaveAccessibleDescription(/Kostenstellen ordnet die Administration zu/);
    await expectAccessible(page);

    await signIn(page, "admin");
    await page.goto(address);
    await assign.click();
    await choose(page, page.getByRole("dialog", { name: "Kostenstelle zuordnen" }), project);
    await expect(message(page).getByText(/^\d+ übernommen/)).toBeVisible({ timeout: 60_000 });
    const { settings } = await admin.get<ConnectorSettings>("integrations/sap/config");
    expect(settings.cost_centers).toEqual({ [center]: project.project_nr });
    expect(await waiting()).toEqual([]);
  });

  test("a controller assigns the project, its records are taken, and the figures have them", async ({ page }) => {
    const [posting, project] = await given();
    const before = (await waiting()).length;
    const notes = page.getByRole("region", { name: "Was in diesen Zahlen fehlt" });
    await signIn(page, "controller");
    await page.goto(`${place}?project=${unknown}`);
    await page.getByRole("button", { name: `Projekt zuordnen: ${posting.key}` }).click();
    const dialog = page.getByRole("dialog", { name: "Projekt zuordnen" });
    const submit = dialog.getByRole("button", { name: "Zuordnen", exact: true });
    await expect(submit).toHaveAttribute("aria-disabled", "true");
    await choose(page, dialog, project);
    await expect(dialog.getByText(/gehört jetzt zu/)).toBeVisible();
    await expectAccessible(page);
    await openCostbook(page, `?project=${project.project_id}`);
    await expect(notes).toContainText(`${before} Datensätze in Quarantäne:`);

    await page.goto(`${place}?project=${unknown}`);
    await page.getByRole("checkbox", { name: "Alle angezeigten auswählen" }).check();
    await page.getByRole("button", { name: "Erneut verarbeiten", exact: true }).click();
    await expect(message(page).getByText(`${before} übernommen`, { exact: true })).toBeVisible({ timeout: 60_000 });
    await expect(page.getByRole("heading", { name: "Keine Treffer" })).toBeVisible();
    const lines = `costbook/projects/${project.project_id}/actuals?limit=500&filter[cost_center]=${center}`;
    const taken = (await admin.get<LineList>(lines)).items.map(({ source_key }) => source_key);
    expect(taken).toContain(posting.key);
    await openCostbook(page, `?project=${project.project_id}`);
    await expect(notes).toBeHidden();
  });
});
