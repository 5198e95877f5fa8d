"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { FieldMapping, MappingEntity } from "@/lib/api-types";
import { type Action, begin, type Editing, isDirty, rebase, reduce } from "@/lib/mapping";

type Stored = Partial<Record<MappingEntity, Editing>>;

/**
 * One draft per kind of record: looking at another kind loses none. Whoever leaves the page without an answer finds them
 * again where they come back to it.
 */
export function useDrafts(system: string) {
  const [stored, setStored, forget] = useKept(system);
  const current = (data: FieldMapping, all = stored): Editing => {
    const kept = all[data.entity];
    // One that changes nothing begins anew with what is saved now.
    return kept && isDirty(kept) ? kept : begin(data);
  };
  const dirty = Object.values(stored).some(isDirty);
  useWarning(dirty);
  return {
    dirty,
    forget,
    isDirtyIn: (entity: MappingEntity) => isDirty(stored[entity] ?? EMPTY),
    current,
    act: (data: FieldMapping, action: Action) =>
      setStored((all) => ({ ...all, [data.entity]: reduce(current(data, all), action) })),
    /** Lays the draft over what somebody else has saved. */
    rebase: (data: FieldMapping) =>
      setStored((all) => {
        const kept = all[data.entity];
        return kept ? { ...all, [data.entity]: rebase(kept, data) } : all;
      }),
    drop: (entity: MappingEntity) => setStored(({ [entity]: _, ...others }) => others),
  };
}

function useKept(system: string) {
  const queries = useQueryClient();
  const key = ["mapping-drafts", system];
  const [stored, setStored] = useState<Stored>(() => queries.getQueryData<Stored>(key) ?? {});
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is the system
  useEffect(() => {
    queries.setQueryDefaults(key, { gcTime: Number.POSITIVE_INFINITY });
    queries.setQueryData(key, stored);
  }, [queries, system, stored]);
  return [stored, setStored, () => queries.removeQueries({ queryKey: key })] as const;
}

export type Drafts = ReturnType<typeof useDrafts>;

const NOTHING = { lines: [], ignored: [], rejected: [] };
const EMPTY: Editing = { base: { ...NOTHING, version: 0 }, draft: NOTHING, past: [] };

/** The browser asks before a page with a draft is closed or left. */
function useWarning(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [dirty]);
}
