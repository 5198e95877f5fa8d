import type { Locator, Page } from "@playwright/test";
import type { FieldMapping, MappingField } from "@/lib/api-types";
import { type Api, asRole, expect, expectAccessible, fault, message, noFault, signIn, test } from "./product";

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
  return page.getByRole("row", { name: /SAP/ }).getByRole("button", { name: "Feldzuordnung von SAP", exact: true });
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

test("an open mapping is a link: reloaded it is the same, and Back closes it", async ({ page }) => {
  await (await mappingButton(page)).click();
  const dialog = page.getByRole("dialog", { name: "Feldzuordnung: SAP" });
  await dialog.getByRole("radio", { name: "Ist-Werte" }).click();
  await dialog.getByRole("tab", { name: "Felder des Costbook" }).click();
  await expect(page).toHaveURL(/\/admin\/integrations\?mapping=sap&entity=actuals&view=target$/);
  await page.reload();
  await expect(dialog.getByRole("radio", { name: "Ist-Werte" })).toBeChecked();
  await expect(dialog.getByRole("tab", { name: "Felder des Costbook", selected: true })).toBeVisible();
  await dialog.getByRole("tab", { name: "Felder der Quelle" }).click();
  await dialog
    .getByRole("button", { name: /ignorieren$/ })
    .first()
    .click();
  await page.goBack();
  await page.getByRole("button", { name: "Weiter bearbeiten" }).click();
  await expect(page).toHaveURL(/mapping=sap&entity=actuals$/);
  await expect(dialog.getByRole("radio", { name: "Ist-Werte · Entwurf" })).toBeChecked();
  for (const _ of ["Back", "Back while it asks"]) {
    await page.goBack();
    await expect(page.getByRole("button", { name: "Verwerfen" })).toBeVisible();
    await expect(page).toHaveURL(/mapping=sap&entity=actuals$/);
  }
  await page.getByRole("button", { name: "Verwerfen" }).click();
  await expect(dialog).toBeHidden();
  await expect(page).toHaveURL(/\/admin\/integrations$/);
  await page.goForward();
  await expect(dialog.getByRole("radio", { name: "Ist-Werte", exact: true })).toBeChecked();
});

test("two people at once: the second is told, and what they decided lies over what the first has saved", async ({
  page,
}) => {
  const before = await stored();
  const isFree = ({ custom, read, state }: MappingField) => custom && read && state === "open";
  const [mine, theirs] = before.fields.filter(isFree);
  if (!mine || !theirs) throw new Error("Two fields of the customer are open.");
  const other = await page.context().newPage();
  const open = async (where: Page) => {
    await where.goto("/admin/integrations?mapping=sap");
    const dialog = where.getByRole("dialog", { name: "Feldzuordnung: SAP" });
    const row = (name: string) => dialog.getByRole("row").filter({ hasText: name });
    const save = async () => {
      await dialog.getByRole("button", { name: "Speichern …" }).click();
      const saving = where.getByRole("dialog", { name: "Als neue Version speichern" });
      await saving.getByRole("button", { name: "Speichern" }).click();
      return saving;
    };
    return { dialog, row, save };
  };
  await signIn(page, "admin", "/admin/integrations");
  const [first, second] = [await open(other), await open(page)];
  await second
    .row(mine.name)
    .getByRole("button", { name: /^Ziel für/ })
    .click();
  await page.getByRole("combobox").fill("Von Hand");
  await page.keyboard.press("Enter");
  await expect(second.row(mine.name)).toContainText("Manuell");

  await first
    .row(theirs.name)
    .getByRole("button", { name: /ignorieren$/ })
    .click();
  await first.save();
  await expect(message(other).getByText(/^Feldzuordnung von SAP gespeichert/)).toBeVisible();
  await other.close();

  const saving = await second.save();
  const told = saving.getByRole("alert");
  await expect(told).toContainText("Inzwischen hat jemand anderes eine Version gespeichert");
  await expectAccessible(page);
  expect((await stored()).lines, "nothing of it is in force").toEqual(before.lines);
  await told.getByRole("button", { name: "Neu laden, Entwurf behalten" }).click();
  await expect(told).toBeHidden();
  await expect(saving.getByRole("listitem").filter({ hasText: /^neu.*von_hand/ })).toHaveCount(1);
  await saving.getByRole("button", { name: "Speichern" }).click();
  await expect(saving).toBeHidden();
  await expect(message(page).getByText(/^Sync erfolgreich/)).toBeVisible({ timeout: 60_000 });
  const after = await stored();
  expect(after.ignored).toContain(theirs.name);
  const own = { target: "custom_fields.von_hand", type: "text", sources: [mine.name], steps: [], origin: "by_hand" };
  expect(after.lines).toEqual(expect.arrayContaining([...before.lines, own]));

  await page.reload();
  await expect(second.row(mine.name)).toContainText(/Manuell.*von_hand.*Von Hand gesetzt/);
  await expect(second.row(theirs.name)).toContainText("Ignoriert");
});

test("what changed in the source is told in its row and in the dialog until somebody has seen it", async ({
  page,
  request,
}) => {
  await signIn(page, "admin", "/admin/integrations?mapping=sap");
  const dialog = page.getByRole("dialog", { name: "Feldzuordnung: SAP" });
  const drift = dialog.getByRole("region", { name: "Die Quelle hat sich geändert" });
  const ask = dialog.getByRole("button", { name: "SAP neu fragen" });
  // An older release of the source lacks fields that the newer one has.
  await fault(request, "old_release", 1_000);
  await ask.click();
  await expect(drift.getByText(/ist verschwunden/).first()).toBeVisible();
  await expect(dialog.getByRole("row").filter({ hasText: "verschwunden" }).first()).toBeVisible();
  await expectAccessible(page);
  await noFault(request);
  await ask.click();
  await expect(drift.getByText(/ist neu/).first()).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  const row = page.getByRole("row", { name: /SAP/ });
  await row.getByRole("button", { name: /Felder? der Quelle/ }).click();
  await drift.getByRole("button", { name: "Als gesehen speichern" }).click();
  const saving = page.getByRole("dialog", { name: "Änderungen der Quelle als gesehen speichern" });
  await saving.getByRole("button", { name: "Speichern" }).click();
  await expect(drift).toBeHidden();
  await page.keyboard.press("Escape");
  await expect(row.getByRole("button", { name: /Felder? der Quelle/ })).toBeHidden();
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
