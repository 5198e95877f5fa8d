// The shipped server's first file (`.next/standalone/server.js`): the product's environment into Next's own names.
process.env.PORT = process.env.PPM_FRONTEND_PORT ?? process.env.PORT ?? "3000";
// Set outright: containers set HOSTNAME themselves, and without it the server listens on every address.
process.env.HOSTNAME = process.env.PPM_FRONTEND_HOST ?? "127.0.0.1";
process.env.NEXT_TELEMETRY_DISABLED = "1";

await import("./next-server.js");
