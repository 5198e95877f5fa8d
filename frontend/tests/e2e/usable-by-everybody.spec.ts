import type { Locator, Page } from "@playwright/test";
import {
  asRole,
  expect,
  expectAccessible,
  message,
  openCostbook,
  openIntegrations,
  openSettings,
  signIn,
  syncButton,
  test,
} from "./product";

/** Everybody can use it: checked by axe on each page and state, by keyboard alone, and at 320 pixels. */

test.beforeAll(async ({ request }) => {
  test.setTimeout(180_000);
  const admin = await asRole(request, "admin");
  await admin.connectSap();
  await admin.sync();
});

for (const locale of ["de-DE", "en-GB"]) {
  for (const colorScheme of ["light", "dark"] as const) {
    test.describe(`in ${locale}, ${colorScheme}`, () => {
      test.use({ locale, colorScheme });
      const lang = locale.slice(0, 2);

      test("the login page", async ({ page }) => {
        await page.goto("/login");
        await expect(page.locator("html")).toHaveAttribute("lang", lang);
        await expectAccessible(page);
      });

      test("the Costbook, all projects and one", async ({ page }) => {
        // Seven states, each looked at by axe as a whole.
        test.setTimeout(300_000);
        await signIn(page, "controller");
        await openCostbook(page);
        await expect(page.getByRole("table").first()).toBeVisible();
        await expectAccessible(page);
        await page.getByRole("rowheader").getByRole("button").first().click();
        for (const tab of ["Commitments", /Ist-Werte|Actuals/]) {
          await page.getByRole("tab", { name: tab }).click();
          await expect(page.getByRole("table").getByRole("rowheader").first()).toBeVisible();
          await page.getByRole("button", { name: "Filter", exact: true }).click();
          await expectAccessible(page);
          await page.getByRole("rowheader").getByRole("button").first().click();
          const drawer = page.getByRole("dialog");
          await expect(drawer.getByRole("heading", { name: /^(Verlauf|History)$/ })).toBeVisible();
          await expectAccessible(page);
          await page.keyboard.press("Escape");
          await expect(drawer).toBeHidden();
        }
        await page.getByRole("button", { name: /^(Projekt|Project):/ }).click();
        await expectAccessible(page);
      });

      test("the Costbook at an earlier time, and the quarantine", async ({ page }) => {
        await signIn(page, "controller");
        await openCostbook(page, `?as_of=${new Date().toISOString()}`);
        await expect(page.getByRole("button", { name: /Zurück zu jetzt|Back to now/ })).toBeVisible();
        await expectAccessible(page);
        await page.goto("/admin/integrations/rejections");
        await expect(page.getByRole("heading", { name: /^(Quarantäne|Quarantine)/ })).toBeVisible();
        await expect(quarantineList(page)).toBeVisible();
        await expectAccessible(page);
      });

      test("the integrations and the open form", async ({ page }) => {
        await signIn(page, "admin");
        await openIntegrations(page);
        await expectAccessible(page);
        await openSettings(page);
        await expectAccessible(page);
      });

      test("the page that is not for you", async ({ page }) => {
        await signIn(page, "viewer");
        await page.goto("/admin/integrations");
        await expectAccessible(page);
      });
    });
  }
}

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

/** What the quarantine holds, or that it holds nothing: the page is there when its list has come. */
function quarantineList(page: Page): Locator {
  return page.getByRole("table").or(page.getByText(/^(Nichts in Quarantäne|Nothing in quarantine)$/));
}

async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let step = 0; step < 40; step++) {
    await page.keyboard.press("Tab");
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error("Tab does not reach it.");
}
