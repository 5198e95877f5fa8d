import { randomUUID } from "node:crypto";
import {
  asRole,
  expect,
  message,
  openCostbook,
  openSettings,
  save,
  signIn,
  syncButton,
  test,
  typeKey,
} from "./product";

test("a secret that was saved never comes back to the browser", async ({ page, request, context }) => {
  test.setTimeout(180_000);
  const admin = await asRole(request, "admin");
  await admin.connectSap();
  const canary = `canary-${randomUUID()}`;
  const answers: Promise<[string, string | null]>[] = [];
  page.on("response", (response) => {
    const type = response.headers()["content-type"] ?? "";
    if (type.startsWith("text/event-stream")) return; // has no end; the runs below say the same
    const read = response.text().then(
      (text) => text,
      () => null, // a redirect, or of a page that was left
    );
    answers.push(read.then((text) => [response.url(), text]));
  });

  await signIn(page, "admin");
  const dialog = await openSettings(page);
  await typeKey(dialog, canary);
  await dialog.getByRole("button", { name: "Verbindung testen" }).click();
  await expect(dialog.getByRole("heading", { name: "Verbindung nicht in Ordnung" })).toBeVisible({ timeout: 60_000 });
  await save(page, dialog);
  expect(await page.content()).not.toContain(canary);

  const again = await openSettings(page);
  await expect(again.getByText(/^Konfiguriert · geändert/)).toBeVisible();
  expect(await page.content()).not.toContain(canary);
  await openCostbook(page);
  await syncButton(page).click();
  await expect(message(page).filter({ hasText: "Sync fehlgeschlagen" })).toBeVisible({ timeout: 60_000 });
  expect(await page.content()).not.toContain(canary);

  const seen = await Promise.all(answers);
  expect(seen.flatMap(([url, text]) => (text?.includes(canary) ? [url] : []))).toEqual([]);
  const read = seen.flatMap(([url, text]) => (text === null ? [] : [new URL(url).pathname]));
  for (const path of ["config", "sap/config", "sap/test", "sync"]) {
    expect(read, "an answer that could have held it").toContain(`/api/integrations/${path}`);
  }
  for (const path of [
    "integrations/config",
    "integrations/sap/config",
    "integrations/runs",
    "integrations/rejections",
  ]) {
    expect([path, (await admin.text(path)).includes(canary)]).toEqual([path, false]);
  }

  // Nor does script on the page see what signs its calls.
  const cookies = await context.cookies();
  expect(cookies.filter((cookie) => cookie.name.includes("session")).every((cookie) => cookie.httpOnly)).toBe(true);
  expect(await page.evaluate(() => document.cookie)).not.toContain("session");
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  expect(stored).not.toContain(canary);
  await admin.connectSap();
});
