// `next build` leaves the static files outside the standalone server, and that server knows neither our port nor that
// it must not listen on every address. This puts both right.
import { copyFileSync, cpSync, renameSync, rmSync } from "node:fs";

const server = ".next/standalone";
rmSync(`${server}/.next/static`, { recursive: true, force: true });
cpSync(".next/static", `${server}/.next/static`, { recursive: true });
cpSync("public", `${server}/public`, { recursive: true });
renameSync(`${server}/server.js`, `${server}/next-server.js`);
copyFileSync("scripts/server.mjs", `${server}/server.js`);
