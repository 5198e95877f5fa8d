"use client";
import { useQuery } from "@tanstack/react-query";
import { get } from "@/lib/api";
import type { Connector, Me, ProjectList, RunList } from "@/lib/api-types";
import type { Target } from "@/lib/start-sync";
import { systemName } from "@/lib/systems";

export const useRuns = () =>
  useQuery({ queryKey: ["runs"], queryFn: ({ signal }) => get<RunList>("integrations/runs?limit=50", signal) });

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
