// The shipped server's first file (`.next/standalone/server.js`): the product's environment into Next's own names.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

// What the pages need; the keys beside it in that file are none of theirs.
const OURS = /^PPM_(API_URL|PUBLIC_URL|SESSION_SECRET|SANDBOX|FRONTEND_(PORT|HOST)|OIDC_\w+)$/;

// As the Python processes do: a variable of the environment goes before the line of its name in `PPM_HOME/env`.
const file = join(process.env.PPM_HOME || ".ppm", "env");
const kept = existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
for (const [name, value] of Object.entries(kept)) {
  if (OURS.test(name) && !process.env[name]) process.env[name] = value;
}

process.env.PORT = process.env.PPM_FRONTEND_PORT || process.env.PORT || "3000";
// Set outright: containers set HOSTNAME themselves, and without it the server listens on every address.
process.env.HOSTNAME = process.env.PPM_FRONTEND_HOST || "127.0.0.1";
process.env.NEXT_TELEMETRY_DISABLED = "1";

await import("./next-server.js");
