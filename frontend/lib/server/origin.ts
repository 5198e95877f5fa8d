import "server-only";

/** Where a request came from and which address the browser sees. Not who sends it: that is the session's. */

type Sent = Pick<Headers, "get">;
const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/**
 * Refuses writes that another site started. Browsers say where a request comes from in `Sec-Fetch-Site`; the older
 * ones only in `Origin`. A request that says neither is refused.
 */
export function isSameOrigin({ headers }: { headers: Sent }): boolean {
  const site = headers.get("sec-fetch-site");
  if (site) return site === "same-origin" || site === "none";
  const origin = headers.get("origin");
  return origin !== null && URL.canParse(origin) && new URL(origin).host === publicUrl(headers).host;
}

/** The address people typed: `PPM_PUBLIC_URL`, else what the request says. */
export function publicUrl(headers: Sent): URL {
  if (process.env.PPM_PUBLIC_URL) return new URL(process.env.PPM_PUBLIC_URL);
  const scheme = first(headers.get("x-forwarded-proto")) === "https" ? "https" : "http";
  const host = first(headers.get("x-forwarded-host")) ?? headers.get("host") ?? "127.0.0.1";
  return new URL(`${scheme}://${URL.canParse(`${scheme}://${host}`) ? host : "127.0.0.1"}`);
}

function first(list: string | null): string | undefined {
  return list?.split(",")[0]?.trim() || undefined;
}

/**
 * Whether cookies are `Secure` and carry the `__Host-` prefix: always, but for plain http on this machine's own
 * loopback address, where some browsers drop such cookies and nobody can listen in.
 */
export function needsSecureCookies(headers: Sent): boolean {
  const { protocol, hostname } = publicUrl(headers);
  return protocol === "https:" || !LOOPBACK.includes(hostname);
}
