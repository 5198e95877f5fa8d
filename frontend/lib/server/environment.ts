import "server-only";

/** What the server reads from its environment. Nothing of it reaches the browser. */

export function apiUrl(): string {
  return (process.env.PPM_API_URL ?? "http://127.0.0.1:8000").replace(/\/$/, "");
}

export function isSandbox(): boolean {
  return process.env.PPM_SANDBOX === "1" || process.env.PPM_SANDBOX === "true";
}

export function sessionSecret(): string {
  const secret = process.env.PPM_SESSION_SECRET ?? "";
  if (secret.length < 32) {
    throw new Error("PPM_SESSION_SECRET is missing or shorter than 32 characters: it seals the browser's session.");
  }
  return secret;
}

export type OidcSettings = { issuer: URL; clientId: string; clientSecret: string | undefined; scope: string };

/** Single sign-on, when both the issuer and the client are named. */
export function oidc(): OidcSettings | null {
  const issuer = process.env.PPM_OIDC_ISSUER;
  const clientId = process.env.PPM_OIDC_CLIENT_ID;
  if (!issuer || !clientId) return null;
  return {
    issuer: new URL(issuer),
    clientId,
    clientSecret: process.env.PPM_OIDC_CLIENT_SECRET || undefined,
    scope: process.env.PPM_OIDC_SCOPE ?? "openid profile email",
  };
}
