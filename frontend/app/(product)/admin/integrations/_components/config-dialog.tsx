"use client";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { QueryDialog } from "@/components/ui/query-dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { call } from "@/lib/api";
import type { ConnectorSettings } from "@/lib/api-types";
import { ConfigForm } from "./config-form";

type Props = { system: string; name: string; onClose: () => void };

/** Loads what is stored and draws the form from the server's schema. Closing with unsaved changes asks first. */
export function ConfigDialog({ system, name, onClose }: Props) {
  const t = useTranslations("config");
  const [dirty, setDirty] = useState(false);
  const config = useQuery({
    queryKey: ["integration", system],
    queryFn: ({ signal }) => call<ConnectorSettings>(`integrations/${system}/config`, { signal }),
    gcTime: 0,
    // Another answer while somebody types would throw their input away: not even the end of a run asks again.
    staleTime: "static",
  });
  return (
    <QueryDialog
      query={config}
      title={t("title", { name })}
      description={useSubtitle(config.data?.data)}
      dirty={dirty}
      question={{ text: t("leave"), yes: t("leaveYes"), no: t("leaveNo") }}
      onClose={onClose}
      loading={<Loading />}
    >
      {({ data, etag }, close) => (
        <ConfigForm
          key={config.dataUpdatedAt}
          name={name}
          config={data}
          etag={etag}
          onDirty={setDirty}
          onReload={() => config.refetch()}
          onCancel={close}
          onSaved={onClose}
        />
      )}
    </QueryDialog>
  );
}

function useSubtitle(config: ConnectorSettings | undefined): string {
  const t = useTranslations("config");
  const format = useFormatter();
  if (!config?.updated_at) return t("lead");
  const date = format.dateTime(new Date(config.updated_at), { dateStyle: "medium", timeStyle: "short" });
  return `${t("changed", { date, by: config.updated_by ?? "–" })}. ${t("lead")}`;
}

function Loading() {
  const t = useTranslations("common");
  return (
    <div role="status" className="grid gap-5 p-5">
      <span className="sr-only">{t("loading")}</span>
      {["a", "b", "c", "d", "e"].map((name) => (
        <Skeleton key={name} className="h-12" />
      ))}
    </div>
  );
}
