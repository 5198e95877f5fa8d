import { useMemo, useSyncExternalStore } from "react";

/** `next/navigation` as the pages see it: the address of the window, whoever changes it. */

const listeners = new Set<() => void>();
const told = () => {
  for (const listener of listeners) listener();
};

for (const method of ["pushState", "replaceState"] as const) {
  const original = window.history[method].bind(window.history);
  window.history[method] = (...given: Parameters<History["pushState"]>) => {
    original(...given);
    told();
  };
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSearchParams(): URLSearchParams {
  const search = useSyncExternalStore(subscribe, () => window.location.search);
  return useMemo(() => new URLSearchParams(search), [search]);
}

export const useRouter = () => ({ push: (to: string) => window.history.pushState(null, "", to) });
