"use client";
import { useSearchParams } from "next/navigation";
import { useCallback } from "react";

export type Changes = Record<string, string | null>;

/** What is chosen on a page lives in its address: reload, back and a copied link show the same. */
export function useUrl(): [URLSearchParams, (changes: Changes) => void] {
  const current = useSearchParams();
  const change = useCallback((changes: Changes) => {
    const next = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) next.delete(name);
      else next.set(name, value);
    }
    const query = next.toString();
    window.history.pushState(null, "", query ? `?${query}` : window.location.pathname);
  }, []);
  return [current, change];
}
