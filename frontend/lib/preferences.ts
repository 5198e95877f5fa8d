export const locales = ["de", "en"] as const;
export type Locale = (typeof locales)[number];

/** Whose dates and numbers a language has: English ones are those of 27 Nov 2026, never of 11/27/2026. */
const TAGS = { de: "de-DE", en: "en-GB" } as const;
export type LocaleTag = (typeof TAGS)[Locale];

/** By language or by tag. */
export function localeTag(locale: string): LocaleTag {
  return TAGS[languageOf(locale)];
}

export function languageOf(tag: string): Locale {
  return locales.find((locale) => tag.startsWith(locale)) ?? "de";
}

export const themes = ["light", "dark", "system"] as const;
export type Theme = (typeof themes)[number];

/** The first language in `Accept-Language` that we speak; German when none is. */
export function preferredLocale(cookie: string | undefined, acceptLanguage: string | null): Locale {
  const wanted = [cookie, ...(acceptLanguage ?? "").split(",").map((tag) => tag.trim().slice(0, 2).toLowerCase())];
  return wanted.find((tag): tag is Locale => locales.some((locale) => locale === tag)) ?? "de";
}

export function preferredTheme(cookie: string | undefined): Theme {
  return themes.find((theme) => theme === cookie) ?? "system";
}
