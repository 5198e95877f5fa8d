import { advance, expect, expectAccessible, message, openCostbook, signIn, syncButton, test } from "../e2e/product";

/** Every system of the product at once: connected, tested, read by one click, each with its own result. */

const READ = ["SAP", "Microsoft Dynamics", "Oracle NetSuite", "Jira"];
const EVERY = [...READ, "Slack"];

test.setTimeout(300_000);

test("an administrator sees every system connected and tests each", async ({ page }) => {
  await signIn(page, "admin", "/admin/integrations");
  for (const name of EVERY) {
    const row = page.getByRole("row", { name: new RegExp(name) });
    await expect(row.getByRole("switch")).toBeChecked();
    await row.getByRole("button", { name: `${name} konfigurieren` }).click();
    const dialog = page.getByRole("dialog", { name: new RegExp(name) });
    await dialog.getByRole("button", { name: "Verbindung testen" }).click();
    await expect(dialog.getByRole("heading", { name: "Verbindung in Ordnung" })).toBeVisible({ timeout: 60_000 });
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
  }
  // Away from the last button, whose hint lies over the page.
  await page.getByRole("heading", { name: "Integrationen" }).click();
  await expect(page.getByRole("tooltip")).toHaveCount(0);
  await expectAccessible(page);
});

test("a controller syncs all of them with one click and reads what each brought", async ({ page, request }) => {
  await advance(request, 3);
  await signIn(page, "controller");
  await openCostbook(page);
  await syncButton(page).click();
  for (const name of READ) {
    const own = message(page).filter({ hasText: name });
    await expect(own).toContainText(/Sync (erfolgreich|mit Hinweisen)/, { timeout: 120_000 });
  }
  await expect(message(page).filter({ hasText: "SAP" })).toContainText(/neues? Commitment/);
});
