import "server-only";
import { cookies, headers } from "next/headers";
import { createTranslator } from "use-intl/core";
import { type Messages, messages } from "@/lib/messages";
import { type Locale, localeTag, preferredLocale, preferredTheme, type Theme } from "@/lib/preferences";

export async function preferences(): Promise<{ locale: Locale; theme: Theme; messages: Messages }> {
  const store = await cookies();
  const locale = preferredLocale(store.get("locale")?.value, (await headers()).get("accept-language"));
  return { locale, theme: preferredTheme(store.get("theme")?.value), messages: messages[locale] };
}

/** The translator for server components. */
export async function translator() {
  const { locale, messages } = await preferences();
  return createTranslator({ locale: localeTag(locale), messages });
}
