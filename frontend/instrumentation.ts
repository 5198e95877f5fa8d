/** Runs once when the server starts: a missing secret stops it here, not at the first sign-in. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs") (await import("./lib/server/start")).refuseWithoutSecret();
}
