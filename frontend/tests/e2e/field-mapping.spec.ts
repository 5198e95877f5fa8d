import type { Locator, Page } from "@playwright/test";
import type { FieldMapping } from "@/lib/api-types";
import { type Api, asRole, expect, expectAccessible, message, signIn, test } from "./product";

/** The customer's own fields come into the Costbook: few clicks, nothing unconfirmed, and back again in two. */

test.describe.configure({ mode: "serial" });
test.setTimeout(120_000);
let admin: Api;

test.beforeAll(async ({ request }) => {
  test.setTimeout(180_000);
  const api = await asRole(request, "admin");
  await api.connectSap();
  // Fields and their values are known from any sync.
  if ((await api.projects()).length === 0) await api.sync();
});

test.beforeEach(async ({ request }) => {
  admin = await asRole(request, "admin");
});

const stored = () => admin.get<FieldMapping>("integrations/sap/mapping/commitments");

/** As the administration, on the page of integrations. */
async function mappingButton(page: Page): Promise<Locator> {
  await signIn(page, "admin", "/admin/integrations");
  return page.getByRole("row", { name: /SAP/ }).getByRole("button", { name: "Feldzuordnung von SAP" });
}

test("a tenant's own fields are mapped in five clicks, and the message follows the run", async ({ page }) => {
  const before = await stored();
  const own = before.fields.filter(({ custom, state }) => custom && state === "open");
  expect(own.length, "fields of the customer").toBeGreaterThan(5);
  const open = await mappingButton(page);
  let clicks = 0;
  const click = async (button: Locator) => {
    clicks++;
    await button.click();
  };

  await click(open);
  const dialog = page.getByRole("dialog", { name: "Feldzuordnung: SAP" });
  await click(dialog.getByRole("button", { name: /^Rest als eigene Felder \(\d+\)$/ }));
  const offered = page.getByRole("dialog", { name: "Den Rest als eigene Felder führen" });
  const chosen = await offered.getByRole("checkbox", { checked: true }).count();
  expect(chosen).toBeGreaterThan(3);
  await click(offered.getByRole("button", { name: `${chosen} bestätigen` }));
  expect((await stored()).lines, "a draft is not in force").toEqual(before.lines);
  await click(dialog.getByRole("button", { name: "Speichern …" }));
  const saving = page.getByRole("dialog", { name: "Als neue Version speichern" });
  await expect(saving.getByRole("listitem").filter({ hasText: /^neu/ })).toHaveCount(chosen);
  await expect(saving.getByText(/Datensätze würden sich ändern/)).toBeVisible();
  await click(saving.getByRole("button", { name: "Speichern" }));
  expect(clicks).toBe(5);

  await expect(message(page).getByText(/^Feldzuordnung von SAP gespeichert – Version \d+$/)).toBeVisible();
  await expect(message(page).getByText(/^Sync erfolgreich – [\d.]+ geändert/)).toBeVisible({ timeout: 60_000 });
  const after = await stored();
  expect(after.lines).toHaveLength(before.lines.length + chosen);
  expect(after.applied).toBe(true);
  // A message is closed while the dialog stays open.
  await message(page).first().getByRole("button", { name: "Schließen" }).click();
  await expect(dialog).toBeVisible();
});

test("by keyboard: confirmed, previewed, set aside and left, and nothing of it is in force", async ({ page }) => {
  const before = await stored();
  const open = await mappingButton(page);
  await open.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Feldzuordnung: SAP" });
  const delivery = dialog.getByRole("row", { name: /YY1_Liefertermin/ });
  await expect(delivery).toContainText("Vorgeschlagen");
  await page.keyboard.press("/");
  await page.keyboard.type("Liefertermin");
  await expect(dialog.getByRole("rowheader")).toHaveCount(1);
  await delivery.focus();
  await page.keyboard.press("Enter");
  await expect(delivery).toContainText("Bestätigt");
  await expect(delivery).toContainText("Datumsformat DD.MM.YYYY");
  await dialog.getByRole("button", { name: "Vorschau" }).click();
  const preview = dialog.getByRole("complementary", { name: "Vorschau" });
  await expect(preview.getByText(/Datensätze würden sich ändern/)).toBeVisible();
  await expect(preview.getByRole("heading", { name: "Beispiele vorher und nachher" })).toBeVisible();
  await expectAccessible(page);
  await delivery.focus();
  await page.keyboard.press("Delete");
  await expect(delivery).toContainText("Ignoriert");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Verwerfen" }).click();
  await expect(dialog).toBeHidden();
  await expect(open).toBeFocused();
  expect(await stored()).toEqual(before);
});

test("the versions say who and when, and the standard is back in two clicks", async ({ page }) => {
  await (await mappingButton(page)).click();
  const dialog = page.getByRole("dialog", { name: "Feldzuordnung: SAP" });
  await dialog.getByRole("tab", { name: "Versionen" }).click();
  await expect(dialog.getByRole("list", { name: "Versionen" }).getByRole("listitem").first()).toContainText("aktiv");
  await dialog.getByRole("button", { name: "Standard allein wiederherstellen" }).click();
  const restoring = page.getByRole("dialog", { name: "Standard allein wiederherstellen" });
  await restoring.getByLabel("Grund").fill("Nur zur Probe");
  await restoring.getByRole("button", { name: "Wiederherstellen" }).click();
  await expect(message(page).getByText(/^Feldzuordnung von SAP gespeichert/)).toBeVisible();
  await expect(message(page).getByText(/^Sync erfolgreich/)).toBeVisible({ timeout: 60_000 });
  await expect(dialog.getByText("Nur zur Probe").first()).toBeVisible();
  expect((await stored()).lines).toEqual([]);
});
