import "server-only";
import { getIronSession } from "iron-session";
import { cookies, headers } from "next/headers";
import * as client from "openid-client";
import { type OidcSettings, oidc, sessionSecret } from "./environment";
import { needsSecureCookies, publicUrl } from "./origin";
import { SignInFailed } from "./sign-in";

/** Authorisation code with PKCE, state and nonce; the three wait in a sealed cookie for ten minutes. */
type Pending = { verifier: string; state: string; nonce: string; next: string };

async function pending() {
  const secure = needsSecureCookies(await headers());
  return getIronSession<Partial<Pending>>(await cookies(), {
    password: sessionSecret(),
    cookieName: secure ? "__Host-ppm-sign-in" : "ppm-sign-in",
    ttl: 600,
    cookieOptions: { secure, httpOnly: true, sameSite: "lax", path: "/" },
  });
}

function required(): OidcSettings {
  const settings = oidc();
  if (!settings) throw new SignInFailed("provider");
  return settings;
}

async function discover(settings: OidcSettings): Promise<client.Configuration> {
  const plainHttp = process.env.PPM_OIDC_ALLOW_HTTP === "1";
  try {
    return await client.discovery(settings.issuer, settings.clientId, settings.clientSecret, undefined, {
      execute: plainHttp ? [client.allowInsecureRequests] : [],
    });
  } catch {
    throw new SignInFailed("provider");
  }
}

function callbackUrl(request: Request): string {
  return new URL("/auth/oidc/callback", publicUrl(request.headers)).href;
}

/** The provider's address to send the browser to. */
export async function authorizationUrl(request: Request, next: string): Promise<string> {
  const settings = required();
  const configuration = await discover(settings);
  const verifier = client.randomPKCECodeVerifier();
  const waiting = await pending();
  Object.assign(waiting, { verifier, state: client.randomState(), nonce: client.randomNonce(), next });
  await waiting.save();
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: callbackUrl(request),
    scope: settings.scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: waiting.state as string,
    nonce: waiting.nonce as string,
  });
  return url.href;
}

/** Trades the code for a token the backend accepts, and says where the browser wanted to go. */
export async function tokenFromCallback(request: Request): Promise<{ token: string; next: string }> {
  const configuration = await discover(required());
  const waiting = await pending();
  const { verifier, state, nonce, next } = waiting;
  waiting.destroy();
  if (!verifier || !state || !nonce) throw new SignInFailed("provider");
  const current = new URL(callbackUrl(request));
  current.search = new URL(request.url).search;
  try {
    const tokens = await client.authorizationCodeGrant(configuration, current, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
    });
    return { token: bearer(tokens.access_token, tokens.id_token), next: next ?? "/costbook" };
  } catch (cause) {
    if (cause instanceof SignInFailed) throw cause;
    throw new SignInFailed("provider");
  }
}

/** An access token that is a JWT was made for an API; an opaque one says nothing to ours, the ID token does. */
function bearer(access: string, id: string | undefined): string {
  if (access.split(".").length === 3) return access;
  if (id) return id;
  throw new SignInFailed("refused");
}
