import type { Locator, Page } from "@playwright/test";
import { asRole, expect, message, openCostbook, signIn, syncButton, test } from "./product";

/** The message at the end of a sync: reached by keyboard alone, and in nobody's way. */

test.beforeAll(async ({ request }) => {
  test.setTimeout(180_000);
  const admin = await asRole(request, "admin");
  await admin.connectSap();
  await admin.sync();
});

test("a sync by keyboard alone, from signing in to the message", async ({ page }) => {
  test.setTimeout(120_000);
  await page.goto("/login");
  await tabTo(page, page.getByRole("button", { name: /Controller/ }));
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/costbook/);
  await expect(page.getByTestId("costbook-header-kpi-badges")).toBeVisible();
  await tabTo(page, syncButton(page));
  await page.keyboard.press("Enter");
  await expect(message(page).getByText(/^Sync erfolgreich/)).toBeVisible({ timeout: 60_000 });
  const region = page.getByRole("region", { name: /Meldungen/ });
  await expect(region).toHaveAttribute("aria-live", "polite");
  await page.keyboard.press("Alt+T");
  await expect(region.getByRole("list")).toBeFocused();
});

for (const viewport of [
  { width: 1280, height: 720 },
  { width: 320, height: 800 },
]) {
  test.describe(`at ${viewport.width} pixels`, () => {
    test.use({ viewport });

    test("no message covers the sums, and the page comes back when it is closed", async ({ page }) => {
      await signIn(page, "controller");
      await openCostbook(page);
      await page.getByRole("rowheader").getByRole("button").first().click();
      await page.getByRole("tab", { name: "Commitments" }).click();
      const sum = page.getByRole("rowheader", { name: /^Summe in/ }).last();
      await expect(sum).toBeVisible();
      await syncButton(page).click();
      const said = message(page).filter({ hasText: "Sync erfolgreich" });
      await expect(said).toBeVisible({ timeout: 60_000 });
      // What comes to rest: neither the message that moves in nor the table that makes room.
      const room = async () => {
        await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
        const [last, over] = [await sum.boundingBox(), await said.boundingBox()];
        return last && over ? over.y - (last.y + last.height) : Number.NaN;
      };
      await expect.poll(room).toBeGreaterThanOrEqual(0);
      await said.getByRole("button", { name: "Schließen" }).click();
      await expect(said).toBeHidden();
      await expect
        .poll(() => page.evaluate(() => document.documentElement.style.getPropertyValue("--toasts")))
        .toBe("0px");
    });
  });
}

async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let step = 0; step < 40; step++) {
    await page.keyboard.press("Tab");
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error("Tab does not reach it.");
}
