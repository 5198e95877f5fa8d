"use client";
import { Database, History } from "lucide-react";
import Link from "next/link";
import { Tabs } from "radix-ui";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { useLive } from "@/components/live";
import { RunsProgress } from "@/components/run-progress";
import { Button, buttonLook } from "@/components/ui/button";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Notice } from "@/components/ui/panel";
import { Skeleton } from "@/components/ui/skeleton";
import type { Me, ProjectFigures, ProjectList } from "@/lib/api-types";
import { asOfIn } from "@/lib/as-of";
import { figuresOf, fingerprint, withoutBudget } from "@/lib/costbook";
import { withoutTable } from "@/lib/lines-query";
import { bringsCosts } from "@/lib/systems";
import { useProjects } from "@/lib/use-projects";
import { useUrl } from "@/lib/use-url";
import { AsOfBanner } from "./as-of";
import { CostbookHeader } from "./header";
import { KpiBadges } from "./kpi-badges";
import { LabourNote } from "./labour-note";
import { LinesTable } from "./lines-table";
import { Overview } from "./overview";
import { ProjectTable } from "./project-table";
import { QuarantineNotes } from "./quarantine-notes";
import { useRuns, useTargets } from "./use-costbook";

const TABS = ["overview", "commitments", "actuals"] as const;
type Tab = (typeof TABS)[number];

export function Costbook({ rights }: { rights: Me["rights"] }) {
  const [url, change] = useUrl();
  const asOf = asOfIn(url);
  const projects = useProjects(asOf);
  const runs = useRuns();
  const targets = useTargets();
  const { waiting, finished, progress, syncAll } = useLive();
  const syncing = targets.some((target) => waiting.includes(target.system));
  const changed = useChanged(projects.data, asOf, waiting.length > 0);

  const list = projects.data;
  const project = list?.items.find((item) => item.project_id === url.get("project"));
  const running = Object.values(progress).filter((event) => bringsCosts(event.system));

  return (
    <div className="grid gap-4">
      <CostbookHeader
        list={list}
        project={project}
        currency={url.get("currency")}
        asOf={asOf}
        runs={runs.data?.items ?? []}
        change={change}
        rights={rights}
        canSync={targets.length > 0}
        syncing={syncing}
        onSync={() => void syncAll(targets)}
      />
      {asOf ? <AsOfBanner asOf={asOf} onBack={() => change({ as_of: null, page: null })} /> : null}
      {running[0] || syncing ? <RunsProgress events={running} /> : null}
      {projects.isError ? (
        <ErrorPanel error={projects.error} onRetry={() => projects.refetch()} />
      ) : (
        <Body list={list} project={project} rights={rights} changed={changed} finished={finished} />
      )}
    </div>
  );
}

type BodyProps = {
  list: ProjectList | undefined;
  project: ProjectFigures | undefined;
  rights: Me["rights"];
  changed: Set<string>;
  finished: string[];
};

function Body({ list, project, rights, changed, finished }: BodyProps) {
  const [url] = useUrl();
  if (!list) return <BodySkeleton />;
  if (asOfIn(url) && (list.items.length === 0 || (url.get("project") && !project))) {
    return <NotYet empty={list.items.length === 0} />;
  }
  if (list.items.length === 0) return <NoData rights={rights} />;
  const figures = figuresOf(list, project, url.get("currency"));
  return (
    <>
      <KpiBadges figures={figures} project={project} items={list.items} />
      <QuarantineNotes list={list} project={project} />
      <LabourNote project={project} canChoose={rights.sync && !asOfIn(url)} />
      <Views list={list} project={project} currency={figures.currency} changed={changed} finished={finished} />
    </>
  );
}

type ViewsProps = Omit<BodyProps, "list" | "rights"> & { list: ProjectList; currency: string };

function Views({ list, project, currency, changed, finished }: ViewsProps) {
  const t = useTranslations("costbook");
  const [url, change] = useUrl();
  const tab = TABS.find((name): name is Tab => name === url.get("tab")) ?? "overview";
  const choose = (id: string) => change({ project: id, page: null, line: null });
  const table = (
    <ProjectTable items={list.items} totals={list.totals} currency={currency} changed={changed} onChoose={choose} />
  );
  const lines = (kind: "commitments" | "actuals") =>
    project ? (
      <LinesTable key={`${project.project_id}/${kind}`} projectId={project.project_id} kind={kind} fresh={finished} />
    ) : (
      <div className="grid gap-3">
        <p className="text-muted">{t(kind === "commitments" ? "chooseForCommitments" : "chooseForActuals")}</p>
        {table}
      </div>
    );
  const views: Record<Tab, ReactNode> = {
    overview: (
      <Overview
        figures={figuresOf(list, project, currency)}
        project={project}
        unbudgeted={project ? 0 : withoutBudget(list, currency)}
      >
        {project ? null : table}
      </Overview>
    ),
    commitments: lines("commitments"),
    actuals: lines("actuals"),
  };
  return (
    <Tabs.Root
      value={tab}
      onValueChange={(next) => change({ ...withoutTable(url), tab: next === "overview" ? null : next })}
    >
      <Tabs.List aria-label={t("tabsLabel")} className="mb-3 flex gap-1 border-b">
        {TABS.map((name) => (
          <Tabs.Trigger
            key={name}
            value={name}
            className="-mb-px border-transparent border-b-2 px-3 py-2 font-medium text-muted hover:text-text data-[state=active]:border-main data-[state=active]:text-main-strong"
          >
            {t(`tabs.${name}`)}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      <Tabs.Content value={tab}>{views[tab]}</Tabs.Content>
    </Tabs.Root>
  );
}

const NONE = new Set<string>();

/** Projects whose figures a sync changed while this page was open; another time is no change. */
function useChanged(list: ProjectList | undefined, asOf: string | null, syncing: boolean): Set<string> {
  const before = useRef<Map<string, string> | null>(null);
  const [changed, setChanged] = useState(NONE);
  useEffect(() => {
    if (!list || asOf) return;
    const now = new Map(list.items.map((item) => [item.project_id, fingerprint(item)]));
    const past = before.current;
    if (past && !syncing) {
      const different = [...now].filter(([id, print]) => past.get(id) !== print).map(([id]) => id);
      if (different.length > 0) setChanged(new Set(different));
    }
    if (!past || !syncing) before.current = now;
  }, [list, asOf, syncing]);
  return asOf ? NONE : changed;
}

/** The chosen time lies before all data, or before the chosen project. */
function NotYet({ empty }: { empty: boolean }) {
  const t = useTranslations("costbook.asOf");
  const [, change] = useUrl();
  return (
    <Notice icon={<History aria-hidden />} title={t(empty ? "empty" : "noProject")} text={t("emptyHint")}>
      <Button onClick={() => change({ as_of: null, page: null })}>{t("back")}</Button>
    </Notice>
  );
}

function NoData({ rights }: { rights: Me["rights"] }) {
  const t = useTranslations("costbook");
  const text = rights.configure ? t("emptyAdmin") : rights.sync ? t("emptySync") : t("emptyOther");
  return (
    <Notice icon={<Database aria-hidden />} title={t("empty")} text={text}>
      {rights.configure ? (
        <Link href="/admin/integrations" className={`${buttonLook("main")} h-8 px-3`}>
          {t("connect")}
        </Link>
      ) : null}
    </Notice>
  );
}

function BodySkeleton() {
  const t = useTranslations("common");
  return (
    <div role="status" className="grid gap-4">
      <span className="sr-only">{t("loading")}</span>
      <div className="grid grid-cols-2 gap-2 sm:grid-cols-4 xl:grid-cols-7">
        {["a", "b", "c", "d", "e", "f", "g"].map((name) => (
          <Skeleton key={name} className="h-15.5" />
        ))}
      </div>
      <Skeleton className="h-9 w-80" />
      <Skeleton className="h-64" />
    </div>
  );
}
