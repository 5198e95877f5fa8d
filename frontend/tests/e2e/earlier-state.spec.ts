import type { Line } from "@/lib/api-types";
import {
  type Api,
  advance,
  asRole,
  expect,
  expectAccessible,
  german,
  openCostbook,
  signIn,
  syncButton,
  test,
} from "./product";

/** What was: the Costbook as it stood at another time, and how one line came to be what it is. */

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

test("the figures and lines of an earlier time, until one goes back to now", async ({ page, request }) => {
  const before = new Map((await admin.projects()).map((project) => [project.project_id, project]));
  const then = new Date().toISOString();
  await advance(request, 4);
  await admin.sync();
  const now = (await admin.projects()).find(
    (project) => project.committed !== before.get(project.project_id)?.committed && before.has(project.project_id),
  );
  if (!now) throw new Error("No project has other commitments than before.");
  const old = before.get(now.project_id)?.committed ?? "";
  await signIn(page, "controller");
  await openCostbook(page, `?project=${now.project_id}&tab=commitments&as_of=${then}`);

  const badge = page.getByTestId("costbook-header-kpi-badges").getByRole("button", { name: "Commitments" });
  await expect(badge).toContainText(german(old, now.currency));
  await expect(page.getByText(/^Stand vom .* – nicht aktuell$/)).toBeVisible();
  await expect(syncButton(page)).toHaveAttribute("aria-disabled", "true");
  await expect(syncButton(page)).toHaveAccessibleDescription(/früheren Stand/);
  const asked = page.waitForRequest((request) => /\/commitments\?/.test(request.url()));
  await page.getByRole("button", { name: "Lieferantenbezeichnung" }).click();
  expect(new URL((await asked).url()).searchParams.get("as_of")).toBe(then);
  await expectAccessible(page);

  await page.getByRole("button", { name: "Zurück zu jetzt" }).click();
  await expect(badge).toContainText(german(now.committed, now.currency));
  await expect(page).not.toHaveURL(/as_of/);
  await expect(syncButton(page)).toHaveAttribute("aria-disabled", "false");
});

test("a time is chosen by keyboard, and one to come is refused", async ({ page }) => {
  await signIn(page, "viewer");
  await openCostbook(page);
  await page.getByRole("button", { name: "Stand: jetzt" }).focus();
  await page.keyboard.press("Enter");
  const field = page.getByLabel("Stand am");
  await expect(field).toBeFocused();
  await expectAccessible(page);
  await field.fill("2999-01-01T00:00");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Das ist kein Zeitpunkt in der Vergangenheit.")).toBeVisible();
  await field.fill("2001-01-01T00:00");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/as_of=2000-12-31T23%3A00%3A00.000Z/);
  await expect(page.getByRole("heading", { name: "Zu diesem Zeitpunkt gab es noch keine Daten" })).toBeVisible();
  await expectAccessible(page);
});

test("a line tells what changed, by which run, and what the source delivered", async ({ page, request }) => {
  const [project, line] = await changedLine(request);
  await signIn(page, "controller");
  await openCostbook(page, `?project=${project}&tab=commitments&filter.po_number=${line.po_number}&size=500`);
  const head = page.getByRole("rowheader").getByRole("button", { name: String(line.po_number) });
  const rows = page.getByRole("row").filter({ has: head });
  const index = await indexOf(line, project);
  const button = rows.nth(index).getByRole("rowheader").getByRole("button").first();
  await button.focus();
  await page.keyboard.press("Enter");

  const drawer = page.getByRole("dialog", { name: `Commitment ${line.po_number} / ${line.po_line_nr}` });
  await expect(drawer.getByText("Zuerst übernommen")).toBeVisible();
  await expect(drawer.getByText(/ → /).first()).toBeVisible();
  await expect(drawer.getByText(new RegExp(`Lauf ${line.run_id}`)).first()).toBeVisible();
  await expect(drawer.getByText("PurchaseOrderItemText").first()).toBeVisible();
  const link = drawer.getByRole("link", { name: `Lauf ${line.run_id} in Dagster öffnen` });
  await expect(link).toHaveAttribute("href", /\/runs\//);
  await expectAccessible(page);
  await expect(page).toHaveURL(new RegExp(`line=${line.id}`));
  await page.keyboard.press("Escape");
  await expect(drawer).toBeHidden();
  await expect(button).toBeFocused();

  await rows.nth(index).getByRole("cell").nth(2).click();
  await expect(drawer).toBeVisible();
});

/** A commitment that a sync has just changed. */
async function changedLine(request: Parameters<typeof advance>[0]): Promise<[string, Line]> {
  for (let round = 0; round < 3; round++) {
    await advance(request, 4);
    const run = await admin.sync();
    for (const project of await admin.projects()) {
      const lines = await admin.commitments(project.project_id);
      const found = lines.find((one) => one.run_id === run.run_id && one.first_seen_at !== one.last_changed_at);
      if (found) return [project.project_id, found];
    }
  }
  throw new Error("No sync has changed a commitment.");
}

/** Where the line stands in the table of its order, which is sorted as the page sorts it. */
async function indexOf(line: Line, project: string): Promise<number> {
  const query = `limit=500&sort=-po_date&filter[po_number]=${line.po_number}`;
  const { items } = await admin.get<{ items: Line[] }>(`costbook/projects/${project}/commitments?${query}`);
  return items.findIndex((one) => one.id === line.id);
}
