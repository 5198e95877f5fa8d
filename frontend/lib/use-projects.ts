"use client";
import { useQuery } from "@tanstack/react-query";
import { get } from "./api";
import type { ProjectList } from "./api-types";
import { asOfParameter } from "./as-of";

/** Every project with its figures, now or at a past time: selectors search all of them, the totals are the server's. */
export function useProjects(asOf: string | null = null) {
  return useQuery({ queryKey: ["projects", asOf], queryFn: ({ signal }) => allProjects(asOf, signal) });
}

async function allProjects(asOf: string | null, signal: AbortSignal): Promise<ProjectList> {
  const path = `costbook/projects?limit=500${asOfParameter(asOf)}`;
  const first = await get<ProjectList>(path, signal);
  const items = [...first.items];
  let cursor = first.next_cursor;
  while (cursor) {
    const page = await get<ProjectList>(`${path}&cursor=${encodeURIComponent(cursor)}`, signal);
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return { ...first, items, next_cursor: null };
}
