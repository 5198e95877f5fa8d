"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useLocale } from "use-intl";
import { get } from "@/lib/api";
import type { Rejection, RejectionList } from "@/lib/api-types";
import { type Filters, joined, rejectionsPath } from "@/lib/rejections";
import { SYSTEMS } from "@/lib/systems";

const PAGE = "100";

/** The records that the filter matches, page by page. */
export function useRejections(filters: Filters) {
  const locale = useLocale();
  return useInfiniteQuery({
    // The reasons are sentences, and come in the page's language.
    queryKey: ["rejections", filters, locale],
    queryFn: ({ pageParam, signal }) => {
      const cursor: Record<string, string> = pageParam ? { cursor: pageParam } : {};
      return get<RejectionList>(rejectionsPath(filters, { limit: PAGE, ...cursor }), signal);
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
    select: ({ pages }) => joined(pages),
  });
}

/**
 * The systems that have matching records, of those that are known or on the list: a replay of "all" is asked for once
 * per system.
 */
export async function systemsWith(filters: Filters, listed: Rejection[]): Promise<string[]> {
  if (filters.system) return [filters.system];
  const found = await Promise.all(
    [...new Set([...SYSTEMS, ...listed.map(({ system }) => system)])].map(async (system) => {
      const { total } = await get<RejectionList>(rejectionsPath({ ...filters, system }, { limit: "1" }));
      return total > 0 ? [system] : [];
    }),
  );
  return found.flat();
}
