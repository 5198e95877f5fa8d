import {
  type Api,
  asRole,
  clickSync,
  expect,
  expectAccessible,
  fault,
  message,
  noFault,
  openCostbook,
  openSettings,
  save,
  signIn,
  syncButton,
  test,
  typeKey,
} from "./product";

/** What goes wrong says so in words, and changes nothing. */

test.describe("with SAP connected and read once", () => {
  test.setTimeout(240_000);
  let admin: Api;

  test.beforeAll(async ({ request }) => {
    const first = await asRole(request, "admin");
    await noFault(request);
    await first.connectSap();
    await first.sync();
  });

  test.beforeEach(async ({ request }) => {
    admin = await asRole(request, "admin");
  });

  test.afterEach(async ({ request }) => {
    await noFault(request);
    await admin.connectSap();
  });

  test("a wrong key: the test, the message and the row say it, and nothing has changed", async ({ page }) => {
    const before = await admin.figures();
    await signIn(page, "admin");
    const dialog = await openSettings(page);
    await typeKey(dialog, "not-the-key");
    await dialog.getByRole("button", { name: "Verbindung testen" }).click();
    await expect(dialog.getByRole("heading", { name: "Verbindung nicht in Ordnung" })).toBeVisible({ timeout: 60_000 });
    await save(page, dialog);

    await openCostbook(page);
    const failedRun = await clickSync(page);
    expect(failedRun.problem).toBe("credentials");
    const failed = message(page).filter({ hasText: "Sync fehlgeschlagen – Anmeldung bei SAP abgelehnt" });
    await expect(failed).toBeVisible();
    await expect(failed.getByRole("button", { name: "Erneut versuchen" })).toBeVisible();
    await expectAccessible(page);
    expect(await admin.figures()).toEqual(before);

    await page.goto("/admin/integrations");
    await expect(page.getByRole("row", { name: /SAP/ }).getByText("Fehler", { exact: true })).toBeVisible();
    await expect(page.getByRole("button", { name: "Beheben" })).toBeVisible();
  });

  test("SAP is down: the message stays, nothing has changed, and trying again succeeds", async ({ page, request }) => {
    const before = await admin.figures();
    await signIn(page, "controller");
    await openCostbook(page);
    await fault(request, "http_503", 50);
    await syncButton(page).click();
    const failed = message(page).filter({ hasText: "Sync fehlgeschlagen – SAP ist nicht erreichbar" });
    await expect(failed).toBeVisible({ timeout: 150_000 });
    expect(await admin.figures()).toEqual(before);

    await noFault(request);
    await expect(failed).toBeVisible();
    await failed.getByRole("button", { name: "Erneut versuchen" }).click();
    await expect(message(page).getByText(/^Sync erfolgreich/)).toBeVisible({ timeout: 60_000 });
  });

  test("a changed address demands the key again", async ({ page }) => {
    await signIn(page, "admin");
    const dialog = await openSettings(page);
    await dialog.getByLabel("API-URL").fill("https://elsewhere.example");
    await expect(dialog.getByText(/^Die Adresse oder das Konto hat sich geändert\./)).toBeVisible();
    await dialog.getByRole("button", { name: "Speichern" }).click();
    await expect(dialog).toBeVisible();
    await expect(dialog.getByLabel(/^API-Schlüssel/).and(dialog.locator("input"))).toBeFocused();
  });

  test("two administrators: the second to save is told and may choose", async ({ page }) => {
    await signIn(page, "admin");
    const dialog = await openSettings(page);
    await admin.connectSap();
    await dialog.getByLabel("Ledger").fill("0L");
    await dialog.getByRole("button", { name: "Speichern" }).click();
    await expect(dialog.getByText("Inzwischen hat jemand anderes diese Einstellungen geändert")).toBeVisible();
    await dialog.getByRole("button", { name: "Überschreiben" }).click();
    await expect(dialog).toBeHidden();
  });
});

test.describe("without the right", () => {
  test("a viewer may not sync, is told why, and the server refuses too", async ({ page }) => {
    await signIn(page, "viewer");
    await page.goto("/costbook");
    const button = syncButton(page);
    const reason = "Zum Synchronisieren braucht es die Rolle Controlling oder Administration.";
    await expect(button).toHaveAttribute("aria-disabled", "true");
    await expect(button).toHaveAccessibleDescription(reason);
    await button.focus();
    await expect(page.getByRole("tooltip", { name: reason })).toBeAttached();
    const status = await page.evaluate(async () => {
      const body = JSON.stringify({ system: "sap", entity: "costs" });
      const headers = { "content-type": "application/json" };
      return (await fetch("/api/integrations/sync", { method: "POST", headers, body })).status;
    });
    expect(status).toBe(403);
  });

  test("a controller gets no integrations table, not even in the HTML", async ({ page }) => {
    await signIn(page, "controller");
    const answer = await page.goto("/admin/integrations");
    await expect(
      page.getByRole("heading", { name: "Nur die Administration kann Integrationen verwalten" }),
    ).toBeVisible();
    expect(await answer?.text()).not.toContain("<table");
    await expect(page.getByRole("table")).toHaveCount(0);
    await expect(page.getByRole("link", { name: "Zum Costbook" })).toBeVisible();
    expect(await page.evaluate(async () => (await fetch("/api/integrations/config")).status)).toBe(403);
  });

  test("who is not signed in comes to the login page and from there to where they wanted", async ({ page }) => {
    await page.goto("/costbook?tab=actuals");
    await expect(page).toHaveURL(/\/login\?next=%2Fcostbook%3Ftab%3Dactuals/);
    await page.getByRole("button", { name: /Viewer/ }).click();
    await expect(page).toHaveURL(/\/costbook\?tab=actuals$/);
  });

  test("a session that has ended leads to the login page", async ({ page, context }) => {
    await signIn(page, "controller");
    await page.goto("/costbook");
    await expect(page.getByText(/Noch keine Daten|Netto-Varianz/).first()).toBeVisible();
    await context.clearCookies();
    await syncButton(page).click();
    await expect(page).toHaveURL(/\/login\?error=expired&next=%2Fcostbook/);
    await expect(page.getByRole("main").getByRole("alert")).toContainText("Ihre Sitzung ist abgelaufen");
  });

  test("another site can start nothing in a signed-in browser", async ({ page, baseURL }) => {
    await signIn(page, "admin");
    const url = `${baseURL}/api/integrations/sync`;
    const data = { system: "sap", entity: "costs" };
    const foreign = [
      {},
      { origin: "https://evil.example" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site", origin: baseURL as string },
    ];
    for (const headers of foreign) {
      const answer = await page.request.post(url, { data, headers: headers as Record<string, string> });
      expect([headers, answer.status()]).toEqual([headers, 403]);
    }
  });

  test("the passage to the server leads nowhere but to what the pages use", async ({ page, baseURL }) => {
    await signIn(page, "admin");
    for (const path of ["sessions/sandbox", "..%2fmetrics", "integrations/..%2f..%2fmetrics", "openapi.json"]) {
      const answer = await page.request.get(`${baseURL}/api/${path}`);
      expect([path, answer.status()]).toEqual([path, 404]);
    }
  });
});
