import type { APIRequestContext } from "@playwright/test";
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
  await fault(request, "unknown_wbs", 2);
  await fault(request, "unknown_currency", 1);
  await signIn(page, "controller");
  await openCostbook(page);
  const run = await clickSync(page);
  expect(run.status).toBe("partial");
  const partial = message(page).filter({ hasText: /^.*Sync mit Hinweisen – .*3 abgelehnt/ });
  await expect(partial).toBeVisible({ timeout: 60_000 });

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
    await expect(row).toContainText(one.code === "unknown_wbs" ? "WBS-Element unbekannt" : "Währung unbekannt");
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
  await expect(page.getByRole("button", { name: /erneut verarbeiten|Projekt zuordnen/ })).toHaveCount(0);
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

for (const [locale, colorScheme] of [
  ["en-GB", "dark"],
  ["de-DE", "light"],
] as const) {
  test.describe(`at 320 pixels in ${locale}, ${colorScheme}`, () => {
    test.use({ locale, colorScheme, viewport: { width: 320, height: 800 } });

    test("the list and the way to assign a project", async ({ page }) => {
      await signIn(page, "controller");
      await page.goto(place);
      await expect(page.getByRole("rowheader")).toHaveCount(3);
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

test("trying again without a mended cause says that it is still rejected", async ({ page }) => {
  await signIn(page, "controller");
  await page.goto(`${place}?code=unknown_currency`);
  await page.getByRole("checkbox", { name: "Alle angezeigten auswählen" }).check();
  await page.getByRole("button", { name: "Erneut verarbeiten", exact: true }).click();
  await expect(message(page).getByText("0 übernommen, 1 weiterhin abgelehnt")).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole("rowheader")).toHaveCount(1);
});

test("the named project is assigned, its records are taken, and the figures have them", async ({ page }) => {
  const waiting = (await admin.rejections()).filter(({ code }) => code === "unknown_wbs");
  const project = (await admin.projects()).find(({ currency }) => currency === waiting[0]?.currency);
  if (!project) throw new Error("There is no project in the records' currency.");
  await signIn(page, "controller");
  await page.goto(`${place}?code=unknown_wbs`);
  const assign = page.getByRole("button", { name: `Projekt zuordnen: ${waiting[0]?.key}` });
  await assign.click();
  const dialog = page.getByRole("dialog", { name: "Projekt zuordnen" });
  await expect(dialog.getByRole("button", { name: "Zuordnen", exact: true })).toHaveAttribute("aria-disabled", "true");
  await dialog.getByRole("button", { name: "Projekt: Projekt wählen" }).click();
  await page.getByRole("combobox", { name: "Nummer oder Name suchen" }).fill(project.project_nr);
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Zuordnen", exact: true }).click();
  await expect(dialog.getByText(/gehört jetzt zu/)).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Jetzt erneut verarbeiten" }).click();
  await expect(message(page).getByText(`${waiting.length} übernommen`, { exact: true })).toBeVisible({
    timeout: 60_000,
  });
  await expect(page.getByRole("heading", { name: "Keine Treffer" })).toBeVisible();

  const orders = (await admin.commitments(project.project_id)).map(({ source_key }) => source_key);
  for (const one of waiting) expect(orders).toContain(one.key);
  expect((await admin.rejections()).map(({ code }) => code)).toEqual(["unknown_currency"]);
});
