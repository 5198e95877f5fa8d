import "server-only";
import { sessionSecret } from "./environment";

/** Ends the process with a sentence when the browser's session could not be sealed. */
export function refuseWithoutSecret(): void {
  try {
    sessionSecret();
  } catch (cause) {
    console.error((cause as Error).message);
    process.exit(1);
  }
}
