import type { Page } from "@playwright/test";
import type { Line, Run } from "@/lib/api-types";
import {
  type Api,
  advance,
  asRole,
  clickSync,
  dagster,
  expect,
  german,
  KEY,
  message,
  openCostbook,
  openIntegrations,
  openSettings,
  sandbox,
  save,
  signIn,
  test,
  typeKey,
} from "./product";

/** The main job: from a configuration to the rows in the Costbook. */

test("an administrator connects SAP: fills the form in, tests, saves", async ({ page }) => {
  await signIn(page, "admin");
  const dialog = await openSettings(page);
  await dialog.getByLabel("API-URL").fill(`${sandbox()}/sap`);
  await dialog.getByLabel("Mandant").fill("100");
  await dialog.getByRole("combobox", { name: "Anmeldung" }).selectOption("api_key");
  await typeKey(dialog, KEY);

  await dialog.getByRole("button", { name: "Verbindung testen" }).click();
  await expect(dialog.getByRole("heading", { name: "Verbindung in Ordnung" })).toBeVisible({ timeout: 60_000 });
  const checks = dialog.getByRole("list", { name: "Prüfschritte" }).getByRole("listitem");
  expect(await checks.count()).toBeGreaterThanOrEqual(3);
  await expect(checks.filter({ hasText: "fehlgeschlagen" })).toHaveCount(0);

  await save(page, dialog);
  const row = await openIntegrations(page);
  await expect(row.getByRole("switch")).toBeChecked();

  const again = await openSettings(page);
  await expect(again.getByLabel("API-URL")).toHaveValue(`${sandbox()}/sap`);
  await expect(again.getByText(/^Konfiguriert · geändert/)).toBeVisible();
});

test.describe("with SAP connected and read once", () => {
  test.setTimeout(180_000);
  let admin: Api;

  test.beforeAll(async ({ request }) => {
    const first = await asRole(request, "admin");
    await first.connectSap();
    await first.sync();
  });

  test.beforeEach(async ({ request }) => {
    admin = await asRole(request, "admin");
  });

  test("a controller clicks Sync, reads how many commitments are new and sees them", async ({ page, request }) => {
    const before = new Map((await admin.projects()).map((project) => [project.project_id, project]));
    await advance(request, 3);
    await signIn(page, "controller");
    await openCostbook(page);

    const run = await clickSync(page);
    expect(run.status).toBe("success");
    const count = run.by_entity?.commitments?.inserted ?? 0;
    expect(count, "the sandbox always brings new orders").toBeGreaterThan(0);
    const words = count === 1 ? "1 neues Commitment" : `${count} neue Commitments`;
    await expect(message(page).getByText(`Sync erfolgreich – ${words}`, { exact: true })).toBeVisible();

    const changed = (await admin.projects()).filter(
      (project) => project.committed !== before.get(project.project_id)?.committed,
    );
    expect(changed.length).toBeGreaterThan(0);
    for (const project of changed) {
      const lines = await admin.commitments(project.project_id);
      const fresh = lines.filter((line) => line.run_id === run.run_id && line.first_seen_at === line.last_changed_at);
      const [line] = fresh;
      if (!line) continue;
      await chooseProject(page, project.project_nr);
      const badges = page.getByTestId("costbook-header-kpi-badges").getByRole("button");
      await expect(badges.filter({ hasText: "Commitments" })).toContainText(
        german(project.committed, project.currency),
      );
      await expectRows(page, lines, String(line.po_number));
      return;
    }
    throw new Error("No project has a line that this run has brought.");
  });

  test("the same run is in Dagster with its tags and materializations", async ({ page, request }) => {
    await advance(request, 1);
    await signIn(page, "admin");
    await openCostbook(page);
    const run = await clickSync(page);
    const runId = run.run_url?.split("/").pop();
    const query = `query ($runId: ID!, $key: AssetKeyInput!) {
      runOrError(runId: $runId) { ... on Run { status tags { key value } } }
      assetNodeOrError(assetKey: $key) { ... on AssetNode { assetMaterializations(limit: 1) { runId } } }
    }`;
    const variables = { runId, key: { path: ["sap", "commitments"] } };
    const asked = async () => {
      const answer = await request.post(`${dagster()}/graphql`, { data: { query, variables } });
      return (await answer.json()).data;
    };
    await expect.poll(async () => (await asked()).runOrError.status).toBe("SUCCESS");
    const data = await asked();
    expect(data.runOrError.tags).toContainEqual({ key: "ppm/system", value: "sap" });
    expect(data.assetNodeOrError.assetMaterializations[0].runId).toBe(runId);
  });

  test("a page that hears no events hears of the end all the same", async ({ page, request }) => {
    await advance(request, 1);
    await signIn(page, "controller");
    await page.route("**/api/integrations/events", (route) => route.abort());
    await openCostbook(page);
    const accepted = page.waitForResponse((response) => response.url().includes("/api/integrations/sync"));
    await page.getByRole("button", { name: "Synchronisieren" }).click();
    expect((await accepted).status()).toBe(202);
    await expect(message(page).getByText(/^Sync erfolgreich – \d+ neue/)).toBeVisible({ timeout: 60_000 });
  });

  test("a run that another browser started appears on the integrations page and can be followed", async ({
    page,
    request,
  }) => {
    await signIn(page, "admin");
    const row = await openIntegrations(page);
    await expect(row.getByText("OK", { exact: true })).toBeVisible();
    await advance(request, 2);
    const run: Run = await admin.sync();
    const counts = `+${run.inserted} neu · ${run.updated} geändert · 0 abgelehnt`;
    await expect(row.getByText(counts)).toBeVisible();
  });

  test("one entity can be synced from the row's menu", async ({ page }) => {
    await signIn(page, "admin");
    const row = await openIntegrations(page);
    await row.getByRole("button", { name: "Mehr Aktionen für SAP" }).click();
    const sent = page.waitForRequest((request) => request.url().includes("/api/integrations/sync"));
    await page.getByRole("menuitem", { name: "Projekte" }).click();
    expect((await sent).postDataJSON()).toMatchObject({ system: "sap", entity: "projects" });
    await expect(message(page).getByText(/^Sync erfolgreich/)).toBeVisible({ timeout: 60_000 });
  });

  test("sorting, filtering and turning pages ask the server and stay in the address", async ({ page }) => {
    const [project] = (await admin.projects()).sort((a, b) => Number(b.committed) - Number(a.committed));
    if (!project) throw new Error("There is no project.");
    const lines = await admin.commitments(project.project_id);
    await signIn(page, "viewer");
    await openCostbook(page, `?project=${project.project_id}&tab=commitments`);
    const table = page.getByRole("table", { name: /./ });
    await table.getByRole("button", { name: "Bestellnummer" }).click();
    await expect(table.getByRole("columnheader", { name: "Bestellnummer" })).toHaveAttribute("aria-sort", "ascending");
    const first = lines.map((line) => String(line.po_number)).sort()[0] as string;
    await expect(table.getByRole("rowheader").first()).toContainText(first);

    await expectRows(page, lines, first);
    await expect(page).toHaveURL(new RegExp(`filter\\.po_number=${first}`));
    await page.reload();
    await expect(page.getByLabel("Bestellnummer filtern")).toHaveValue(first);
    await page.getByRole("button", { name: "Filter zurücksetzen" }).click();
    await expect(page.getByText(new RegExp(`von ${lines.length}$`))).toBeVisible();
  });
});

test("the Costbook's old address leads to the new one", async ({ page }) => {
  await signIn(page, "viewer");
  await page.goto("/financials?tab=costbook");
  await expect(page).toHaveURL(/\/costbook$/);
});

async function chooseProject(page: Page, number: string): Promise<void> {
  await page.getByRole("button", { name: /^Projekt:/ }).click();
  await page.getByRole("combobox", { name: "Nummer oder Name suchen" }).fill(number);
  await page.getByRole("option", { name: number }).first().click();
  await page.getByRole("tab", { name: "Commitments" }).click();
}

/** Filters the table by an order and compares each of its rows with the API's own lines. */
async function expectRows(page: Page, lines: Line[], order: string): Promise<void> {
  const filter = page.getByLabel("Bestellnummer filtern");
  await expect(page.getByRole("button", { name: "Filter", exact: true })).toBeVisible();
  if (!(await filter.isVisible())) await page.getByRole("button", { name: "Filter", exact: true }).click();
  await filter.fill(order);
  const expected = lines.filter((line) => String(line.po_number).includes(order));
  await expect(page.getByText(new RegExp(`von ${expected.length}$`))).toBeVisible();
  const rows = page.getByRole("rowheader", { name: new RegExp(`^${order}`) });
  await expect(rows).toHaveCount(Math.min(25, expected.length));
  for (const line of expected.slice(0, 25)) {
    const row = page
      .getByRole("row")
      .filter({ has: page.getByRole("rowheader", { name: new RegExp(`^${line.po_number}`) }) })
      .filter({ has: page.getByRole("cell", { name: String(line.po_line_nr), exact: true }) })
      .filter({
        has: page.getByRole("cell", { name: german(String(line.ordered_amount), line.currency), exact: true }),
      })
      .filter({ has: page.getByRole("cell", { name: german(String(line.open_amount), line.currency), exact: true }) });
    await expect(row.first()).toBeVisible();
  }
}
