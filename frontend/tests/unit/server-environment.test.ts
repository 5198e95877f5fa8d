// @vitest-environment node
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

/** The shipped server's environment: its own variables, and those of `PPM_HOME/env` that the pages need. */
function environmentOf(file: string, own: Record<string, string>): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "ppm-server-"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "next-server.js"), "console.log(JSON.stringify(process.env))");
  copyFileSync("scripts/server.mjs", join(folder, "server.js"));
  writeFileSync(join(folder, "env"), file);
  const env = { PATH: process.env.PATH, PPM_HOME: folder, ...own } as unknown as NodeJS.ProcessEnv;
  return JSON.parse(execFileSync(process.execPath, [join(folder, "server.js")], { env, encoding: "utf8" }));
}

test("what the operator wrote into the file of the installation holds for the pages too", () => {
  const found = environmentOf("PPM_PUBLIC_URL=https://costbook.example\nPPM_API_URL=http://10.0.0.1:8000\n", {});
  expect(found).toMatchObject({ PPM_PUBLIC_URL: "https://costbook.example", PPM_API_URL: "http://10.0.0.1:8000" });
});

test("the environment goes before the file, an empty variable does not", () => {
  const file = "PPM_PUBLIC_URL=https://file.example\nPPM_FRONTEND_PORT=3100\n";
  const found = environmentOf(file, { PPM_PUBLIC_URL: "https://own.example", PPM_FRONTEND_PORT: "" });
  expect(found).toMatchObject({ PPM_PUBLIC_URL: "https://own.example", PORT: "3100" });
});

test("the keys that are no business of the pages stay in the file", () => {
  const found = environmentOf("PPM_CONFIG_KEYS=a\nPPM_JWT_SECRET=b\nPPM_DATABASE_URL=c\nPPM_SESSION_SECRET=d\n", {});
  expect(
    Object.keys(found)
      .filter((name) => name.startsWith("PPM_"))
      .sort(),
  ).toEqual(["PPM_HOME", "PPM_SESSION_SECRET"]);
});
