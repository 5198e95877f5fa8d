"use client";
import { RefreshCw } from "lucide-react";
import { useTranslations } from "use-intl";
import { ProjectSelect } from "@/components/project-select";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Select } from "@/components/ui/field";
import { Hint } from "@/components/ui/hint";
import type { Me, ProjectFigures, ProjectList, Run } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { currenciesOf, lastSyncs } from "@/lib/costbook";
import { shortName } from "@/lib/systems";
import type { Changes } from "@/lib/use-url";
import { AsOf } from "./as-of";

type Props = {
  list: ProjectList | undefined;
  project: ProjectFigures | undefined;
  currency: string | null;
  /** The past time that is looked at; null is now. */
  asOf: string | null;
  runs: Run[];
  change: (changes: Changes) => void;
  rights: Me["rights"];
  canSync: boolean;
  syncing: boolean;
  onSync: () => void;
};

export function CostbookHeader(props: Props) {
  const { list, project, currency, asOf, runs, change } = props;
  const t = useTranslations("costbook");
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <h1 className="font-semibold text-xl tracking-tight">{t("title")}</h1>
      <ProjectSelect
        projects={list?.items ?? []}
        chosen={project}
        onChoose={(id) => change({ project: id, page: null, line: null })}
      />
      <Currency list={list} project={project} chosen={currency} onChoose={(code) => change({ currency: code })} />
      <AsOf asOf={asOf} onChoose={(moment) => change({ as_of: moment, page: null })} />
      <div className="ml-auto flex flex-wrap items-center gap-x-4 gap-y-2">
        <Freshness runs={runs} />
        <SyncButton {...props} />
      </div>
    </div>
  );
}

type CurrencyProps = {
  list: ProjectList | undefined;
  project: ProjectFigures | undefined;
  chosen: string | null;
  onChoose: (code: string) => void;
};

/** A choice only where the server has totals in several currencies; nothing is converted here. */
function Currency({ list, project, chosen, onChoose }: CurrencyProps) {
  const t = useTranslations("costbook");
  const codes = list ? currenciesOf(list) : [];
  const fixed = project?.currency ?? (codes.length === 1 ? codes[0] : undefined);
  if (fixed) {
    return (
      <span className="text-muted">
        {t("currency")} <span className="font-medium text-text">{fixed}</span>
      </span>
    );
  }
  if (codes.length === 0) return null;
  return (
    <div className="flex items-center gap-2 text-muted">
      <label htmlFor="currency">{t("currency")}</label>
      <Select
        id="currency"
        className="w-auto text-text"
        value={codes.find((code) => code === chosen) ?? codes[0]}
        onChange={(event) => onChoose(event.target.value)}
      >
        {codes.map((code) => (
          <option key={code}>{code}</option>
        ))}
      </Select>
    </div>
  );
}

const DAY_MS = 86_400_000;

function Freshness({ runs }: { runs: Run[] }) {
  const t = useTranslations("costbook");
  const last = lastSyncs(runs);
  if (last.length === 0) return null;
  return (
    <ul
      aria-label={t("sources")}
      // Two by two, as high as the button beside it: the header is one row.
      className="flex flex-wrap gap-x-3 text-muted text-xs lg:grid lg:grid-cols-[auto_auto] 2xl:flex"
    >
      {last.map((run) => {
        const at = run.synced_at as string;
        const stale = Date.now() - Date.parse(at) > DAY_MS;
        return (
          <li
            key={run.system}
            className={cn("whitespace-nowrap", stale && "font-medium text-warn")}
            title={stale ? t("stale") : undefined}
          >
            {shortName(run.system)} <Ago at={at} />
            {stale ? ` · ${t("stale")}` : null}
          </li>
        );
      })}
    </ul>
  );
}

/** Why there is no sync now; undefined when there may be one. */
function useObstacle({ rights, canSync, asOf }: Props): string | undefined {
  const t = useTranslations("costbook");
  if (!rights.sync) return t("syncForbidden");
  if (asOf) return t("asOf.noSync");
  return canSync ? undefined : t("syncNothing");
}

function SyncButton(props: Props) {
  const { syncing, onSync } = props;
  const t = useTranslations("costbook");
  const reason = useObstacle(props);
  const blocked = Boolean(reason) || syncing;
  return (
    <Hint text={reason}>
      <Button
        variant="main"
        data-testid="costbook-header-sync-btn"
        aria-disabled={blocked}
        aria-busy={syncing}
        aria-description={reason}
        onClick={blocked ? undefined : onSync}
      >
        <RefreshCw aria-hidden className={cn(syncing && "animate-spin")} />
        {syncing ? t("syncing") : t("sync")}
      </Button>
    </Hint>
  );
}
