import "server-only";
import type { Me } from "@/lib/api-types";
import { safeNext } from "@/lib/next-path";
import { apiUrl } from "./environment";
import { openSession } from "./session";

type SignInError = "refused" | "unavailable" | "no_role" | "too_large" | "provider" | "cross_site";

export class SignInFailed extends Error {
  constructor(readonly code: SignInError) {
    super(code);
  }
}

/** Asks the backend who this token is and seals both into the cookie. */
export async function signIn(token: string): Promise<void> {
  const me = await whoIs(token);
  const session = await openSession();
  Object.assign(session, { token, me, expiresAt: expiry(token) });
  try {
    await session.save();
  } catch (cause) {
    // A cookie holds 4 KB; some identity providers put whole group lists into their tokens.
    if (cause instanceof Error && cause.message.includes("too big")) throw new SignInFailed("too_large");
    throw cause;
  }
}

export async function backend(path: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(apiUrl() + path, { ...init, cache: "no-store", redirect: "manual" });
  } catch {
    throw new SignInFailed("unavailable");
  }
}

async function whoIs(token: string): Promise<Me> {
  const answer = await backend("/api/me", { headers: { authorization: `Bearer ${token}` } });
  if (answer.status === 403) throw new SignInFailed("no_role");
  if (answer.status >= 500) throw new SignInFailed("unavailable");
  if (!answer.ok) throw new SignInFailed("refused");
  return (await answer.json()) as Me;
}

/** The backend has checked the token; this only reads when it ends, so that the session ends with it. */
function expiry(token: string): number {
  try {
    const payload = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    if (typeof payload.exp === "number") return payload.exp;
  } catch {
    // falls through to the refusal
  }
  throw new SignInFailed("refused");
}

/** 303 by path alone: behind a reverse proxy this server does not know its public address. */
export function seeOther(path: string): Response {
  return new Response(null, { status: 303, headers: { location: path, "cache-control": "no-store" } });
}

/** Runs one way of signing in and sends the browser on, or back to the login page with the reason. */
export async function answerSignIn(next: string | null, way: () => Promise<void>): Promise<Response> {
  try {
    await way();
    return seeOther(safeNext(next));
  } catch (cause) {
    if (!(cause instanceof SignInFailed)) throw cause;
    return seeOther(`/login?${new URLSearchParams({ error: cause.code, next: safeNext(next) })}`);
  }
}
