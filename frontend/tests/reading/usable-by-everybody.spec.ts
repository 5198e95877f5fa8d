import type { Locator, Page } from "@playwright/test";
import {
  expect,
  expectAccessibleInBothSchemes,
  openCostbook,
  openIntegrations,
  openSettings,
  signIn,
  test,
} from "../e2e/product";

/**
 * Everybody can use it: checked by axe on each page and state, by keyboard, and at 320 pixels. Nothing here changes
 * anything or starts a sync, so that it runs beside the journeys that do.
 */

// An axe run takes seconds, beside journeys that use the same processors.
test.setTimeout(180_000);

for (const locale of ["de-DE", "en-GB"]) {
  test.describe(`in ${locale}, light and dark`, () => {
    test.use({ locale });
    const lang = locale.slice(0, 2);

    test("the login page", async ({ page }) => {
      await page.goto("/login");
      await expect(page.locator("html")).toHaveAttribute("lang", lang);
      await expectAccessibleInBothSchemes(page);
    });

    test("the Costbook, all projects and one", async ({ page }) => {
      // Seven states, each looked at by axe as a whole.
      test.setTimeout(300_000);
      await signIn(page, "controller");
      await openCostbook(page);
      await expect(page.getByRole("table").first()).toBeVisible();
      await expectAccessibleInBothSchemes(page);
      await page.getByRole("rowheader").getByRole("button").first().click();
      for (const tab of ["Commitments", /Ist-Werte|Actuals/]) {
        await page.getByRole("tab", { name: tab }).click();
        await expect(page.getByRole("table").getByRole("rowheader").first()).toBeVisible();
        await page.getByRole("button", { name: "Filter", exact: true }).click();
        await expectAccessibleInBothSchemes(page);
        await page.getByRole("rowheader").getByRole("button").first().click();
        const drawer = page.getByRole("dialog");
        await expect(drawer.getByRole("heading", { name: /^(Verlauf|History)$/ })).toBeVisible();
        await expectAccessibleInBothSchemes(page);
        await page.keyboard.press("Escape");
        await expect(drawer).toBeHidden();
      }
      await page.getByRole("button", { name: /^(Projekt|Project):/ }).click();
      await expectAccessibleInBothSchemes(page);
    });

    test("the Costbook at an earlier time, and the quarantine", async ({ page }) => {
      await signIn(page, "controller");
      await openCostbook(page, `?as_of=${new Date().toISOString()}`);
      await expect(page.getByRole("button", { name: /Zurück zu jetzt|Back to now/ })).toBeVisible();
      await expectAccessibleInBothSchemes(page);
      await page.goto("/admin/integrations/rejections");
      await expect(page.getByRole("heading", { name: /^(Quarantäne|Quarantine)/ })).toBeVisible();
      await expect(quarantineList(page)).toBeVisible();
      await expectAccessibleInBothSchemes(page);
    });

    test("the integrations and the open form", async ({ page }) => {
      await signIn(page, "admin");
      await openIntegrations(page);
      await expectAccessibleInBothSchemes(page);
      await openSettings(page);
      await expectAccessibleInBothSchemes(page);
    });

    test("the field mapping, its views and a list of targets", async ({ page }) => {
      await signIn(page, "admin");
      const dialog = await openFieldMapping(page);
      await expectAccessibleInBothSchemes(page);
      await dialog
        .getByRole("button", { name: /^(Ziel für|Choose a target for)/ })
        .first()
        .click();
      await expect(page.getByRole("listbox")).toBeVisible();
      await expectAccessibleInBothSchemes(page);
      await page.keyboard.press("Escape");
      await dialog.getByRole("tab", { name: /Costbook/ }).click();
      await expect(dialog.getByRole("rowheader").first()).toBeVisible();
      await expectAccessibleInBothSchemes(page);
      await dialog.getByRole("tab", { name: /Version/ }).click();
      await expect(
        dialog.getByRole("list", { name: /^Version/ }).or(dialog.getByText(/^(Noch keine Version|No version)/)),
      ).toBeVisible();
      await expectAccessibleInBothSchemes(page);
    });

    test("the page that is not for you", async ({ page }) => {
      await signIn(page, "viewer");
      await page.goto("/admin/integrations");
      await expectAccessibleInBothSchemes(page);
    });
  });
}

test("the form by keyboard: the focus goes in, stays, and comes back", async ({ page }) => {
  await signIn(page, "admin");
  const row = await openIntegrations(page);
  const gear = row.getByRole("button", { name: "SAP konfigurieren" });
  await gear.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "SAP konfigurieren" });
  await expect(dialog.getByLabel("API-URL")).toBeVisible();
  for (let step = 0; step < 30; step++) {
    await page.keyboard.press("Tab");
    expect(await dialog.evaluate((element) => element.contains(document.activeElement))).toBe(true);
  }
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(gear).toBeFocused();
});

test("the first Tab offers to skip to the content", async ({ page }) => {
  await signIn(page, "viewer");
  await page.goto("/costbook");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Zum Inhalt springen" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
});

test.describe("at 320 pixels", () => {
  test.use({ viewport: { width: 320, height: 800 } });

  const pages: [string, (page: Page) => Locator][] = [
    ["/login", (page) => page.getByRole("button", { name: /Admin/ })],
    ["/costbook", (page) => page.getByRole("table").first()],
    ["/admin/integrations", (page) => page.getByRole("button", { name: "SAP konfigurieren" })],
    ["/admin/integrations/rejections", quarantineList],
  ];
  for (const [path, content] of pages) {
    test(`${path} does not scroll sideways`, async ({ page }) => {
      if (path !== "/login") await signIn(page, "admin", path);
      await page.goto(path);
      await expect(content(page)).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    });
  }
});

test("the field mapping at 320 pixels does not scroll sideways", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 800 });
  await signIn(page, "admin");
  const dialog = await openFieldMapping(page);
  const [content, width] = await dialog.evaluate((element) => [element.scrollWidth, element.clientWidth]);
  expect(content).toBeLessThanOrEqual(width ?? 0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});

test.describe("language", () => {
  test.use({ locale: "en-GB" });

  test("follows the browser, and a click changes it for good", async ({ page }) => {
    await page.goto("/login");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Sign in");
    await page.getByRole("button", { name: /^DE/ }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Anmelden");
    await page.reload();
    await expect(page.locator("html")).toHaveAttribute("lang", "de");
  });
});

async function openFieldMapping(page: Page): Promise<Locator> {
  const row = await openIntegrations(page);
  await row.getByRole("button", { name: /^(Feldzuordnung von SAP|Field mapping of SAP)$/ }).click();
  const dialog = page.getByRole("dialog", { name: /SAP/ });
  await expect(dialog.getByRole("grid").getByRole("rowheader").first()).toBeVisible();
  return dialog;
}

/** What the quarantine holds, or that it holds nothing: the page is there when its list has come. */
function quarantineList(page: Page): Locator {
  return page.getByRole("table").or(page.getByText(/^(Nichts in Quarantäne|Nothing in quarantine)$/));
}
