"use client";
import { useTranslations } from "use-intl";

/** The fields that hold codes; every other text is the source's own, whatever it says. */
const CODED = ["po_status", "status", "closed_reason", "removed_reason", "not_counted_reason", "relieved_by"];

/** The word for a code that the server keeps in a field; undefined for one that is new to this page. */
export function useValueWord(): (field: string, code: string) => string | undefined {
  const t = useTranslations("values");
  return (field, code) => {
    if (!CODED.includes(field)) return undefined;
    // What a code means in one field alone goes before its usual word.
    const key = [`${field}_${code}`, code].find((one) => t.has(one as Parameters<typeof t>[0]));
    return key && t(key as Parameters<typeof t>[0]);
  };
}
