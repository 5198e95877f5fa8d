import { cookies } from "next/headers";
import { locales, themes } from "@/lib/preferences";
import { isSameOrigin } from "@/lib/server/origin";

/** Language and colour scheme, kept in cookies so that the first HTML is right already. */
export async function POST(request: Request): Promise<Response> {
  if (!isSameOrigin(request)) return new Response(null, { status: 403 });
  const form = await request.formData();
  const store = await cookies();
  const keep = { maxAge: 365 * 86_400, sameSite: "lax", path: "/" } as const;
  const locale = String(form.get("locale") ?? "");
  const theme = String(form.get("theme") ?? "");
  if ((locales as readonly string[]).includes(locale)) store.set("locale", locale, keep);
  if ((themes as readonly string[]).includes(theme)) store.set("theme", theme, keep);
  return new Response(null, { status: 204 });
}
