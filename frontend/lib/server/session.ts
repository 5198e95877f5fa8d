import "server-only";
import { getIronSession, type IronSession, type SessionOptions, unsealData } from "iron-session";
import { cookies, headers } from "next/headers";
import type { Me } from "@/lib/api-types";
import { sessionSecret } from "./environment";
import { needsSecureCookies } from "./origin";

/** The sealed, httpOnly cookie: who is signed in and the backend's token, which browser code never sees. */
type Session = {
  token: string;
  /** Seconds since 1970, from the token's `exp`. */
  expiresAt: number;
  me: Me;
};

const EIGHT_HOURS = 8 * 3600;

function options(sent: Pick<Headers, "get">): SessionOptions {
  const secure = needsSecureCookies(sent);
  return {
    password: sessionSecret(),
    cookieName: secure ? "__Host-ppm-session" : "ppm-session",
    ttl: EIGHT_HOURS,
    cookieOptions: { secure, httpOnly: true, sameSite: "lax", path: "/" },
  };
}

export async function openSession(): Promise<IronSession<Partial<Session>>> {
  return getIronSession<Partial<Session>>(await cookies(), options(await headers()));
}

/** The session of the request in hand, or null when there is none or its token has run out. */
export async function currentSession(): Promise<Session | null> {
  return alive(await openSession());
}

type Raw = { headers: Pick<Headers, "get">; cookies: { get: (name: string) => { value: string } | undefined } };

/** The same from a raw request, for `proxy.ts`, which runs before there is a cookie store. */
export async function sessionIn(request: Raw): Promise<Session | null> {
  const { cookieName, password, ttl } = options(request.headers);
  const sealed = request.cookies.get(cookieName)?.value;
  if (!sealed) return null;
  return alive(await unsealData<Partial<Session>>(sealed, { password, ttl }));
}

function alive(session: Partial<Session>): Session | null {
  if (!session.token || !session.me || !session.expiresAt) return null;
  return session.expiresAt * 1000 > Date.now() ? (session as Session) : null;
}
