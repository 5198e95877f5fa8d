export const locales = ["de", "en"] as const;
export type Locale = (typeof locales)[number];

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
