"use client";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { useLive } from "@/components/live";
import { call, get } from "@/lib/api";
import type {
  Decisions,
  FieldMapping,
  MappingEntity,
  MappingLine,
  MappingPreview,
  MappingVersion,
  SavedMapping,
  SuggestionList,
} from "@/lib/api-types";
import { decisionsOf } from "@/lib/mapping";

/** What the dialog asks of the server. What is decided before it is saved is `use-drafts.ts`. */

export type Place = { system: string; name: string; entity: MappingEntity };

const pathOf = ({ system, entity }: Place) => `integrations/${system}/mapping/${entity}`;
const keyOf = ({ system, entity }: Place, ...more: unknown[]) => ["mapping", system, entity, ...more];

/** Asked once: another answer while somebody decides would move the rows under their hands. */
export function useMapping(place: Place) {
  return useQuery({
    queryKey: keyOf(place),
    queryFn: ({ signal }) => get<FieldMapping>(pathOf(place), signal),
    staleTime: "static",
    gcTime: 0,
  });
}

/** Asks the source itself for its fields, now. */
export function useRefresh(place: Place) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => get<FieldMapping>(`${pathOf(place)}?refresh=true`),
    onSuccess: (data) => queries.setQueryData(keyOf(place), data),
  });
}

/** For the fields that are open in the draft; asked again when that has come to rest. */
export function useSuggestions(place: Place, decisions: Decisions) {
  const asked = useSettled(decisionsOf(decisions), 250);
  return useQuery<SuggestionList>({
    queryKey: keyOf(place, "suggest", asked),
    queryFn: ({ signal }) =>
      call<SuggestionList>(`${pathOf(place)}/suggest`, { method: "POST", body: asked, signal }).then(
        ({ data }) => data,
      ),
    placeholderData: keepPreviousData,
    staleTime: "static",
  });
}

/** What the lines would change, over all that is held. */
export function usePreview(place: Place, lines: MappingLine[], enabled: boolean) {
  const asked = useSettled(lines, 600);
  return useQuery<MappingPreview>({
    queryKey: keyOf(place, "preview", asked),
    queryFn: ({ signal }) =>
      call<MappingPreview>(`${pathOf(place)}/preview`, { method: "POST", body: { lines: asked }, signal }).then(
        ({ data }) => data,
      ),
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
    enabled,
  });
}

export function useVersions(place: Place) {
  return useQuery({
    queryKey: keyOf(place, "versions"),
    queryFn: ({ signal }) => get<{ items: MappingVersion[] }>(`${pathOf(place)}/versions`, signal),
  });
}

type Saving = Decisions & { reason: string; version: number };

export function useSave(place: Place, onSaved: () => void) {
  const stored = useStored(place, onSaved);
  return useMutation({
    mutationFn: ({ version, reason, ...decisions }: Saving) =>
      call<SavedMapping>(pathOf(place), {
        method: "PUT",
        body: { ...decisionsOf(decisions), reason },
        ifMatch: `"${version}"`,
      }),
    onSuccess: ({ data }) => stored(data),
  });
}

export function useRestore(place: Place, onSaved: () => void) {
  const stored = useStored(place, onSaved);
  return useMutation({
    mutationFn: ({ version, reason, active }: { version: number; reason: string; active: number }) =>
      call<SavedMapping>(`${pathOf(place)}/versions/${version}/restore`, {
        method: "POST",
        body: { reason },
        ifMatch: `"${active}"`,
      }),
    onSuccess: ({ data }) => stored(data),
  });
}

/** A new version is there: the page shows it, and the run that applies it says how it ended like any sync. */
function useStored(place: Place, onSaved: () => void): (saved: SavedMapping) => void {
  const t = useTranslations("mapping");
  const queries = useQueryClient();
  const { follow } = useLive();
  return ({ run_id, ...data }) => {
    queries.setQueryData(keyOf(place), data);
    onSaved();
    void queries.invalidateQueries({ queryKey: keyOf(place, "versions") });
    void queries.invalidateQueries({ queryKey: ["integrations"] });
    toast.success(t("saved", { name: place.name, version: data.version ?? 0 }), {
      description: data.awaited?.reason ?? t(run_id ? "savedRun" : "savedLater"),
    });
    if (run_id) void follow(place, place.entity, run_id);
  };
}

/** The value once it has not changed for a while; the first one at once. */
function useSettled<Value>(value: Value, ms: number): Value {
  const [settled, setSettled] = useState(value);
  const text = JSON.stringify(value);
  useEffect(() => {
    const later = window.setTimeout(() => setSettled(JSON.parse(text) as Value), ms);
    return () => window.clearTimeout(later);
  }, [text, ms]);
  return settled;
}
