import type { Messages } from "@/lib/messages";
import { apiUrl } from "@/lib/server/environment";
import { isSameOrigin } from "@/lib/server/origin";
import { preferences } from "@/lib/server/preferences";
import { currentSession, openSession } from "@/lib/server/session";

/**
 * The one way from the browser to the backend: adds the token that only the sealed cookie holds, and streams what
 * comes back. Who may do what is decided there, not here.
 */

export const dynamic = "force-dynamic";

const ALLOWED = ["integrations", "costbook", "me", "health"];
const SEND = ["accept", "accept-language", "content-type", "if-match", "idempotency-key", "last-event-id"];
const RETURN = ["content-type", "content-disposition", "etag", "location", "retry-after", "x-request-id"];
const LARGEST_BODY = 1_000_000;

type Context = { params: Promise<{ path: string[] }> };

async function pass(request: Request, { params }: Context): Promise<Response> {
  const path = backendPath((await params).path);
  if (!path) return problem(404, "not-found", "notFound");
  if (!["GET", "HEAD"].includes(request.method) && !isSameOrigin(request)) {
    return problem(403, "cross-site", "crossSite");
  }
  const session = await currentSession();
  if (!session) return signedOut();
  const body = await bodyOf(request);
  if (body === "too large") return problem(413, "too-large", "tooLarge");
  const answer = await ask(request, path, session.token, body);
  return answer?.status === 401 ? signedOut() : (answer ?? problem(502, "backend-down", "down"));
}

/** Only the prefixes the pages use, each segment plain: an encoded `../` must not climb out of them. */
function backendPath(segments: string[]): string | null {
  const odd = segments.some((segment) => segment === "" || /^\.+$/.test(segment) || /[/\\]/.test(segment));
  if (odd || !ALLOWED.includes(segments[0] ?? "")) return null;
  return `/api/${segments.map(encodeURIComponent).join("/")}`;
}

async function bodyOf(request: Request): Promise<ArrayBuffer | undefined | "too large"> {
  if (!request.body) return undefined;
  if (Number(request.headers.get("content-length") ?? 0) > LARGEST_BODY) return "too large";
  const body = await request.arrayBuffer();
  return body.byteLength > LARGEST_BODY ? "too large" : body;
}

async function ask(request: Request, path: string, token: string, body?: ArrayBuffer): Promise<Response | null> {
  const headers = only(request.headers, SEND);
  // An event stream is asked for by the browser itself, in its own language and not in the page's.
  headers.set("accept-language", (await preferences()).locale);
  headers.set("authorization", `Bearer ${token}`);
  try {
    const answer = await fetch(apiUrl() + path + new URL(request.url).search, {
      method: request.method,
      headers,
      body,
      signal: request.signal,
      redirect: "manual",
      cache: "no-store",
    });
    const back = only(answer.headers, RETURN);
    // no-transform: a reverse proxy that compresses would hold events back until its buffer is full.
    back.set("cache-control", "no-store, no-transform");
    return new Response(answer.body, { status: answer.status, headers: back });
  } catch {
    return null;
  }
}

function only(from: Headers, names: string[]): Headers {
  const kept = new Headers();
  for (const name of names) {
    const value = from.get(name);
    if (value !== null) kept.set(name, value);
  }
  return kept;
}

async function signedOut(): Promise<Response> {
  (await openSession()).destroy();
  return problem(401, "session-expired", "expired");
}

/** What this site refuses by itself, in the page's language like what the backend says. */
async function problem(status: number, type: string, what: keyof Messages["errors"]["problems"]): Promise<Response> {
  const { locale, messages } = await preferences();
  return Response.json(
    { type: `/problems/${type}`, status, ...messages.errors.problems[what] },
    {
      status,
      headers: {
        "content-type": "application/problem+json",
        "content-language": locale,
        "cache-control": "no-store",
      },
    },
  );
}

export { pass as DELETE, pass as GET, pass as HEAD, pass as PATCH, pass as POST, pass as PUT };
