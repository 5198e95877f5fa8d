"use client";
import { useTranslations } from "use-intl";

/** The word for a code that the server keeps in a field; undefined for one that is new to this page. */
export function useValueWord(): (field: string, code: string) => string | undefined {
  const t = useTranslations("values");
  return (field, code) => {
    const key = `${field}_${code}` as Parameters<typeof t>[0];
    return t.has(key) ? t(key) : undefined;
  };
}
