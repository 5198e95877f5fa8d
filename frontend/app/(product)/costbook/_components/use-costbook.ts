"use client";
import { useQuery } from "@tanstack/react-query";
import { get } from "@/lib/api";
import type { RunList } from "@/lib/api-types";
import type { Target } from "@/lib/start-sync";

export const useRuns = () =>
  useQuery({ queryKey: ["runs"], queryFn: ({ signal }) => get<RunList>("integrations/runs?limit=50", signal) });

/** What the Sync button syncs: the systems that are switched on and have costs. */
export function useTargets(): Target[] {
  const sources = useQuery({
    queryKey: ["integrations", "sources"],
    queryFn: ({ signal }) => get<Target[]>("integrations/sources", signal),
  });
  return sources.data ?? [];
}
