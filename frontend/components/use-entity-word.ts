"use client";
import { useTranslations } from "use-intl";

/** The word for a kind of record; a kind that is new to this page is shown by its own name. */
export function useEntityWord(): (entity: string) => string {
  const t = useTranslations("entities");
  return (entity) => {
    const key = entity as Parameters<typeof t>[0];
    return t.has(key) ? t(key) : entity;
  };
}
