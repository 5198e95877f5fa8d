/** Where to go after signing in: a path on this site, never another address. */
export function safeNext(value: string | null | undefined): string {
  if (!value?.startsWith("/") || value.startsWith("//") || value.includes("\\")) return "/costbook";
  const url = new URL(value, "http://here.invalid");
  if (url.host !== "here.invalid" || url.pathname.startsWith("/login") || url.pathname.startsWith("/auth/")) {
    return "/costbook";
  }
  return url.pathname + url.search;
}
