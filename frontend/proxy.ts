import { type NextRequest, NextResponse } from "next/server";
import { sessionIn } from "@/lib/server/session";

/** Before every page: who has no session goes to the login page, and each answer gets its own script nonce. */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  const { pathname, search } = request.nextUrl;
  const policy = contentSecurityPolicy(Buffer.from(crypto.randomUUID()).toString("base64"));
  if (needsSession(pathname) && !(await sessionIn(request))) {
    const login = request.nextUrl.clone();
    login.pathname = "/login";
    login.search = `?${new URLSearchParams({ next: pathname + search })}`;
    return NextResponse.redirect(login);
  }
  const headers = new Headers(request.headers);
  headers.set("content-security-policy", policy); // Next reads the nonce for its own scripts from here
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", policy);
  return response;
}

function needsSession(pathname: string): boolean {
  return pathname !== "/login" && !pathname.startsWith("/auth/") && pathname !== "/preferences";
}

function contentSecurityPolicy(nonce: string): string {
  const development = process.env.NODE_ENV === "development";
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development ? " 'unsafe-eval'" : ""}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self'${development ? " ws:" : ""}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

export const config = { matcher: ["/((?!api/|_next/static|_next/image|icon.svg|robots.txt|favicon.ico).*)"] };
