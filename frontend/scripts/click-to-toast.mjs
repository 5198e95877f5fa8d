// Milliseconds from a click on Sync until its toast is painted, in a real browser, as JSON; `make bench` runs it.
// PPM_E2E_URL and PPM_E2E_SANDBOX_URL name the running product, PPM_CHROMIUM the browser; the argument says how often.
import { chromium } from "@playwright/test";

const { PPM_CHROMIUM, PPM_E2E_URL, PPM_E2E_SANDBOX_URL } = process.env;
const STEPS = 4; // business steps of the simulated tenant: about ten changed documents

/** Runs in the page: clicks, and tells when the frame with the toast has been painted. */
function click() {
  return new Promise((resolve) => {
    const begun = performance.now();
    const seen = new Set(document.querySelectorAll("[data-sonner-toast]"));
    const observer = new MutationObserver(() => {
      const toast = [...document.querySelectorAll("[data-sonner-toast]")].find((one) => !seen.has(one));
      if (!toast || !/^Sync (erfolgreich|mit Hinweisen)/.test(toast.textContent)) return;
      observer.disconnect();
      // The first frame draws it; the second begins when that is done.
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begun)));
    });
    observer.observe(document.body, { childList: true, subtree: true, characterData: true });
    document.querySelector("[data-testid=costbook-header-sync-btn]").click();
  });
}

const browser = await chromium.launch({ executablePath: PPM_CHROMIUM, args: ["--no-sandbox"] });
const page = await browser.newPage({ locale: "de-DE", baseURL: PPM_E2E_URL });
await page.goto("/login?next=/costbook");
await page.getByRole("button", { name: /Controller/ }).click();
await page.getByTestId("costbook-header-kpi-badges").waitFor();
const taken = [];
for (let time = 0; time < Number(process.argv[2]) + 1; time++) {
  await page.request.post(`${PPM_E2E_SANDBOX_URL}/_sandbox/sap/advance`, { data: { steps: STEPS } });
  await page.reload();
  await page.getByTestId("costbook-header-kpi-badges").waitFor();
  taken.push(await page.evaluate(click));
}
await browser.close();
// The first warms everything up.
process.stdout.write(`${JSON.stringify(taken.slice(1))}\n`);
