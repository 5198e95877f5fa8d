"use client";
import { useSearchParams } from "next/navigation";
import { useCallback } from "react";

export type Changes = Record<string, string | null>;
/** `replace`: Back goes past it, to where one was before. */
type Change = (changes: Changes, how?: "push" | "replace") => void;

/** What is chosen on a page lives in its address: reload, back and a copied link show the same. */
export function useUrl(): [URLSearchParams, Change] {
  const current = useSearchParams();
  const change: Change = useCallback((changes, how = "push") => {
    const next = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) next.delete(name);
      else next.set(name, value);
    }
    const query = next.toString();
    window.history[`${how}State`](null, "", query ? `?${query}` : window.location.pathname);
  }, []);
  return [current, change];
}
