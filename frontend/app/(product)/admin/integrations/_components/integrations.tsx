"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Plug, WifiOff } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { useLive } from "@/components/live";
import { Button } from "@/components/ui/button";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Panel } from "@/components/ui/panel";
import { Skeleton } from "@/components/ui/skeleton";
import { get } from "@/lib/api";
import type { Connector } from "@/lib/api-types";
import { ConfigDialog } from "./config-dialog";
import { ConnectorRow } from "./connector-row";
import { useMappingAddress } from "./use-mapping-address";

/** Comes when it is opened first: the page itself does without it. */
const MappingDialog = lazy(async () => ({ default: (await import("./mapping/mapping-dialog")).MappingDialog }));

const ATTENTION = ["error", "warning", "late"];

export function Integrations() {
  const t = useTranslations("integrations");
  const queries = useQueryClient();
  const connectors = useQuery({
    queryKey: ["integrations"],
    queryFn: ({ signal }) => get<Connector[]>("integrations/config", signal),
  });
  const { connected } = useLive();
  const [editing, setEditing] = useState<Connector | null>(null);
  const list = connectors.data;
  const mapping = useMappingAddress(list);
  const mapped = list?.find(({ system }) => system === mapping.address?.system);
  const close = () => {
    setEditing(null);
    void queries.invalidateQueries({ queryKey: ["integrations"] });
  };

  return (
    <div className="grid gap-4">
      <Heading list={list} />
      {connected ? null : (
        <p role="status" className="flex items-center gap-2 text-warn text-xs">
          <WifiOff aria-hidden className="size-3.5" />
          {t("liveBroken")}
        </p>
      )}
      {connectors.isError ? <ErrorPanel error={connectors.error} onRetry={() => connectors.refetch()} /> : null}
      {list?.every((one) => !one.configured) ? <Begin first={list[0]} onConfigure={setEditing} /> : null}
      {list ? (
        <Table list={list} onConfigure={setEditing} onMap={({ system }) => mapping.open(system)} />
      ) : connectors.isError ? null : (
        <Loading />
      )}
      {editing ? <ConfigDialog system={editing.system} name={editing.name} onClose={close} /> : null}
      {mapped && mapping.address ? (
        <Suspense>
          <MappingDialog
            key={mapped.system}
            connector={mapped}
            address={mapping.address}
            left={mapping.left}
            onMove={mapping.move}
            onStay={mapping.stay}
            onDirty={mapping.setDirty}
            onClose={() => {
              mapping.close();
              close();
            }}
          />
        </Suspense>
      ) : null}
    </div>
  );
}

function Heading({ list }: { list: Connector[] | undefined }) {
  const t = useTranslations("integrations");
  const active = list?.filter((one) => one.enabled && one.configured).length ?? 0;
  const attention = list?.filter((one) => ATTENTION.includes(one.health)).length ?? 0;
  return (
    <div>
      <h1 className="flex items-center gap-2 font-semibold text-xl tracking-tight">
        <Plug aria-hidden className="size-5 text-teal-700 dark:text-teal-300" />
        {t("title")}
      </h1>
      <p className="mt-0.5 min-h-5 text-muted">
        {list ? `${t("summary", { active, total: list.length })} · ${t("attention", { count: attention })}` : null}
      </p>
    </div>
  );
}

type BeginProps = { first: Connector | undefined; onConfigure: (connector: Connector) => void };

function Begin({ first, onConfigure }: BeginProps) {
  const t = useTranslations("integrations");
  if (!first) return null;
  return (
    <Panel className="flex flex-wrap items-center gap-4 border-main/40 bg-main-soft p-4">
      <div className="min-w-0 flex-1">
        <h2 className="font-semibold">{t("begin")}</h2>
        <p className="mt-0.5">{t("beginSteps")}</p>
      </div>
      <Button variant="main" onClick={() => onConfigure(first)}>
        {t("configureLabel", { name: first.name })}
      </Button>
    </Panel>
  );
}

type TableProps = {
  list: Connector[];
  onConfigure: (connector: Connector) => void;
  onMap: (connector: Connector) => void;
};

function Table({ list, onConfigure, onMap }: TableProps) {
  const t = useTranslations("integrations");
  const { progress, waiting, sync } = useLive();
  const running = Object.values(progress);
  return (
    <Panel className="overflow-hidden">
      <table className="block w-full md:table">
        <caption className="sr-only">{t("title")}</caption>
        <thead className="sr-only md:not-sr-only md:table-header-group">
          <tr className="bg-raised text-muted text-xs">
            {(["name", "status", "lastSync"] as const).map((key) => (
              <th key={key} scope="col" className="border-b px-4 py-2">
                {t(key)}
              </th>
            ))}
            <th scope="col" className="border-b px-4 py-2 md:text-end">
              {t("actions")}
            </th>
          </tr>
        </thead>
        <tbody className="block divide-y md:table-row-group">
          {list.map((connector) => (
            <ConnectorRow
              key={connector.system}
              connector={connector}
              progress={running.find((event) => event.system === connector.system)}
              waiting={waiting.includes(connector.system)}
              onSync={(options) => sync(connector, options)}
              onConfigure={() => onConfigure(connector)}
              onMap={() => onMap(connector)}
            />
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function Loading() {
  const t = useTranslations("common");
  return (
    <Panel className="divide-y">
      <span role="status" className="sr-only">
        {t("loading")}
      </span>
      {["a", "b", "c", "d", "e"].map((name) => (
        <div key={name} className="flex items-center gap-6 px-4 py-4">
          <Skeleton className="h-8 w-56" />
          <Skeleton className="h-8 w-36" />
          <Skeleton className="h-8 w-48" />
          <Skeleton className="ml-auto h-8 w-44" />
        </div>
      ))}
    </Panel>
  );
}
