"use client";
import { useTranslations } from "use-intl";
import { valueWord } from "@/lib/value-words";

/** The word for a code that the server keeps in a field; undefined for one that is new to this page. */
export function useValueWord(): (field: string, code: string) => string | undefined {
  const t = useTranslations("values");
  const lookup = (key: string) => {
    const known = key as Parameters<typeof t>[0];
    return t.has(known) ? t(known) : undefined;
  };
  return (field, code) => valueWord(field, code, lookup);
}
