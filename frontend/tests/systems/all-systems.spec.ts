import type { Page } from "@playwright/test";
import type { Run } from "@/lib/api-types";
import {
  advance,
  asRole,
  expect,
  expectAccessible,
  message,
  openCostbook,
  signIn,
  syncButton,
  test,
} from "../e2e/product";

/** Every system of the product at once: connected, tested, read by one click, each with its own result. */

const READ = ["SAP", "Microsoft Dynamics", "Oracle NetSuite", "Jira"];
const EVERY = [...READ, "Slack"];

const OTHERS = ["dynamics", "netsuite", "jira", "slack"];

test.setTimeout(300_000);

test("an administrator sees every system connected and tests each", async ({ page }) => {
  await signIn(page, "admin", "/admin/integrations");
  for (const name of EVERY) {
    const row = page.getByRole("row", { name: new RegExp(name) });
    await expect(row.getByRole("switch")).toBeChecked();
    await row.getByRole("button", { name: `${name} konfigurieren` }).click();
    const dialog = page.getByRole("dialog", { name: new RegExp(name) });
    await dialog.getByRole("button", { name: name === "Slack" ? "Testnachricht senden" : "Verbindung testen" }).click();
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
  await advance(request, 20);
  await signIn(page, "controller");
  await openCostbook(page);
  await syncButton(page).click();
  for (const name of READ) {
    const own = message(page).filter({ hasText: name });
    await expect(own).toContainText(/Sync (erfolgreich|mit Hinweisen)/, { timeout: 120_000 });
  }
  // A row each, beside the sums, and whole for whoever looks at them.
  await expect.poll(() => coveredAmounts(page)).toEqual([]);
  await message(page).filter({ hasText: "SAP" }).hover();
  await expect(message(page).first()).toHaveAttribute("data-expanded", "true");
  await page.mouse.move(0, 0);
  const told = await page.request.get("/api/integrations/runs?system=sap&limit=1");
  const [run] = ((await told.json()) as { items: Run[] }).items;
  const count = run?.by_entity?.commitments?.inserted ?? 0;
  expect(count, "so many steps always bring new orders").toBeGreaterThan(1);
  await expect(message(page).filter({ hasText: "SAP" })).toContainText(`${count} neue Commitments`);
});

test("how old each system's data are stands in the one row of the header", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.clock.setFixedTime(Date.now() + 45 * 60_000);
  await signIn(page, "controller");
  await openCostbook(page);
  const list = page.getByRole("list", { name: "Datenstand" });
  await expect(list.getByText(/vor (4\d|5\d) Min/)).toHaveCount(READ.length);
  const [title, sync] = [
    await page.getByRole("heading", { level: 1 }).boundingBox(),
    await syncButton(page).boundingBox(),
  ];
  expect(sync?.y).toBeLessThan((title?.y ?? 0) + (title?.height ?? 0));
});

test("below 1000 pixels no message lies over what a table shows", async ({ page, request }) => {
  await page.setViewportSize({ width: 900, height: 700 });
  await advance(request, 20);
  await signIn(page, "controller");
  await openCostbook(page);
  await syncButton(page).click();
  await expect(message(page).filter({ hasText: "SAP" })).toBeVisible({ timeout: 120_000 });
  const seen = await page.evaluate(() => {
    const free = window.innerHeight - Number.parseFloat(getComputedStyle(document.body, "::after").height);
    return [...document.querySelectorAll("[data-sonner-toast]")].map((one) => one.getBoundingClientRect().top >= free);
  });
  expect(seen).toContain(true);
  expect(seen).not.toContain(false);
});

/** Amounts of the page that a message lies over now. */
function coveredAmounts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const over = [...document.querySelectorAll("[data-sonner-toast]")].map((one) => one.getBoundingClientRect());
    const amounts = [...document.querySelectorAll("td.amount")].filter((cell) => {
      const { left, right, top, bottom } = cell.getBoundingClientRect();
      return over.some((one) => left < one.right && right > one.left && top < one.bottom && bottom > one.top);
    });
    return [
      ...over.filter(({ height }) => height > 40).map(() => "whole"),
      ...amounts.map((one) => `${one.textContent}`),
    ];
  });
}

test("what is switched off is not synced by a click", async ({ page, request }) => {
  await (await asRole(request, "admin")).enable(OTHERS, false);
  await signIn(page, "controller");
  await openCostbook(page);
  const asked: string[] = [];
  page.on("request", (one) => {
    if (one.url().includes("/api/integrations/sync")) asked.push(one.postDataJSON().system);
  });
  await syncButton(page).click();
  await expect(message(page).getByText(/^Sync erfolgreich/)).toBeVisible({ timeout: 60_000 });
  expect(asked).toEqual(["sap"]);
});
