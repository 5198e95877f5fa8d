import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { defineConfig } from "@playwright/test";

/**
 * The whole path in a real browser, against a product that runs already (`ppm up`): nothing is started here.
 * PPM_E2E_URL, PPM_E2E_API_URL, PPM_E2E_SANDBOX_URL and PPM_E2E_DAGSTER_URL say where it runs.
 */

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** `PPM_CHROMIUM`, else the first of the usual names on PATH: Playwright's own download is not used. */
function chromium(): string {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const places = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [process.env.PPM_CHROMIUM, ...places].find((place) => place && isExecutable(place));
  if (found) return found;
  throw new Error("No Chromium was found. Install one (apt-get install chromium) or name it in PPM_CHROMIUM.");
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export default defineConfig({
  outputDir: "test-results",
  // One product: the journeys change the same settings and books, file after file. Who only reads runs beside them.
  // `systems` wants all systems connected, the others SAP alone.
  workers: 2,
  fullyParallel: false,
  projects: [
    { name: "changing", testDir: "tests/e2e", workers: 1 },
    { name: "reading", testDir: "tests/reading", workers: 1 },
    { name: "systems", testDir: "tests/systems", workers: 1 },
  ],
  forbidOnly: Boolean(process.env.CI),
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    baseURL: process.env.PPM_E2E_URL ?? "http://127.0.0.1:3000",
    locale: "de-DE",
    timezoneId: "Europe/Berlin",
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
    // Recording each step costs as much as the step: only who looks for a fault asks for it.
    trace: process.env.PPM_E2E_TRACE ? "retain-on-failure" : "off",
    launchOptions: {
      executablePath: chromium(),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
