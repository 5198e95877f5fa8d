"use client";
import { useQuery } from "@tanstack/react-query";
import { get } from "@/lib/api";
import type { Connector, Me, ProjectList, RunList } from "@/lib/api-types";
import type { Target } from "@/lib/start-sync";
import { systemName } from "@/lib/systems";

export const useProjects = () => useQuery({ queryKey: ["projects"], queryFn: ({ signal }) => allProjects(signal) });

export const useRuns = () =>
  useQuery({ queryKey: ["runs"], queryFn: ({ signal }) => get<RunList>("integrations/runs?limit=50", signal) });

/** Every project: the selector searches all of them, the totals are the server's. */
async function allProjects(signal: AbortSignal): Promise<ProjectList> {
  const first = await get<ProjectList>("costbook/projects?limit=500", signal);
  const items = [...first.items];
  let cursor = first.next_cursor;
  while (cursor) {
    const page = await get<ProjectList>(`costbook/projects?${new URLSearchParams({ limit: "500", cursor })}`, signal);
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return { ...first, items, next_cursor: null };
}

/**
 * What the Sync button syncs: the enabled systems that have costs. Only administrators may read the configuration; for everybody
 * else it is the systems that have delivered so far, or SAP before any has.
 */
export function useTargets(rights: Me["rights"], projects: ProjectList | undefined): Target[] {
  const config = useQuery({
    queryKey: ["integrations"],
    queryFn: ({ signal }) => get<Connector[]>("integrations/config", signal),
    enabled: rights.configure,
  });
  if (rights.configure) {
    return (config.data ?? []).filter((one) => one.enabled && one.configured && one.entities.includes("costs"));
  }
  const seen = new Set((projects?.items ?? []).flatMap((project) => project.systems));
  const systems = seen.size > 0 ? [...seen] : ["sap"];
  return systems.map((system) => ({ system, name: systemName(system) }));
}
