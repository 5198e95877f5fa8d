"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Settings, Waypoints } from "lucide-react";
import Link from "next/link";
import { Switch } from "radix-ui";
import { useState } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { RunProgress } from "@/components/run-progress";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Hint } from "@/components/ui/hint";
import { Tag } from "@/components/ui/tag";
import { useEntityWord } from "@/components/use-entity-word";
import { call } from "@/lib/api";
import type { Connector, RunEvent } from "@/lib/api-types";
import { mappable } from "@/lib/mapping";
import { rejectionsPage } from "@/lib/rejections";
import { choiceOf } from "@/lib/schedules";
import type { SyncOptions } from "@/lib/start-sync";
import { HealthWord } from "./health-word";
import { ReconciliationLine } from "./reconciliation-line";
import { SyncActions } from "./sync-actions";

type Props = {
  connector: Connector;
  progress: RunEvent | undefined;
  waiting: boolean;
  onSync: (options?: SyncOptions) => void;
  onConfigure: () => void;
  onMap: () => void;
};

const cell = "block px-4 py-1.5 align-top md:table-cell md:py-3";

export function ConnectorRow({ connector, progress, waiting, onSync, onConfigure, onMap }: Props) {
  const t = useTranslations("integrations");
  const running = Boolean(progress) || waiting || connector.health === "running";
  const runId = progress?.run_id ?? connector.running ?? null;
  return (
    <tr className="block py-2 md:table-row md:py-0">
      <th scope="row" className={cell}>
        <Name connector={connector} />
      </th>
      <td className={cell}>
        <Enabled connector={connector} running={running} />
        <HealthWord health={running ? "running" : connector.health} off={!running && !connector.enabled} />
        {connector.last_error && !running ? (
          <p className="mt-1 max-w-80 text-bad text-xs">
            {firstSentence(connector.last_error)}{" "}
            <button type="button" className="underline" onClick={onConfigure}>
              {t("fix")}
            </button>
          </p>
        ) : null}
        <Drifted connector={connector} onMap={onMap} />
      </td>
      <td className={`${cell} md:w-72`}>
        {running ? (
          <Running name={connector.name} progress={progress} runId={runId} />
        ) : (
          <LastSync connector={connector} />
        )}
      </td>
      <td className={cell}>
        <div className="flex flex-wrap justify-start gap-2 md:justify-end">
          <Hint text={t("configure")}>
            <Button size="icon" aria-label={t("configureLabel", { name: connector.name })} onClick={onConfigure}>
              <Settings aria-hidden />
            </Button>
          </Hint>
          <MapFields connector={connector} onMap={onMap} />
          <SyncActions connector={connector} running={running} onSync={onSync} onConfigure={onConfigure} />
        </div>
      </td>
    </tr>
  );
}

type MapProps = { connector: Connector; onMap: () => void };

/** Systems whose records have fields; the others get no button. */
function MapFields({ connector, onMap }: MapProps) {
  const t = useTranslations("mapping");
  const integrations = useTranslations("integrations");
  if (mappable(connector.entities).length === 0) return null;
  const reason = connector.configured ? undefined : integrations("configureFirst");
  return (
    <Hint text={reason}>
      <Button
        aria-haspopup="dialog"
        aria-label={t("openLabel", { name: connector.name })}
        aria-disabled={reason !== undefined}
        aria-description={reason}
        onClick={reason ? undefined : onMap}
      >
        <Waypoints aria-hidden />
        {t("open")}
      </Button>
    </Hint>
  );
}

/** How many of the source's fields are no longer what they were when their mapping was saved. */
function Drifted({ connector: { name, drift = 0 }, onMap }: MapProps) {
  const t = useTranslations("mapping");
  if (drift === 0) return null;
  return (
    <button
      type="button"
      aria-haspopup="dialog"
      aria-label={t("driftLabel", { name, count: drift })}
      className="mt-1 flex min-h-6 items-center rounded-sm"
      onClick={onMap}
    >
      <Tag className="bg-warn-soft text-warn">{t("driftTag", { count: drift })}</Tag>
    </button>
  );
}

/** The cause; the rest stands in the run. */
function firstSentence(text: string): string {
  return /^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text;
}

/** What it brings is the server's list of its entities, so that a new system needs no change here. */
function Name({ connector }: { connector: Connector }) {
  const entityWord = useEntityWord();
  const feeds = connector.entities.filter((entity) => entity !== "costs").map(entityWord);
  return (
    <span className="flex items-center gap-3">
      <span
        aria-hidden
        className="grid size-8 shrink-0 place-items-center rounded-md bg-main-soft font-semibold text-main-strong"
      >
        {connector.name.slice(0, 1)}
      </span>
      <span>
        <span className="block font-medium">{connector.name}</span>
        <span className="block font-normal text-muted text-xs">{feeds.join(", ")}</span>
      </span>
    </span>
  );
}

function Enabled({ connector, running }: { connector: Connector; running: boolean }) {
  const t = useTranslations("integrations");
  const common = useTranslations("common");
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const { system, name, enabled, configured } = connector;
  const toggle = useMutation({
    mutationFn: (on: boolean) => call(`integrations/${system}/config`, { method: "PATCH", body: { enabled: on } }),
    onError: (error) => toast.error(t("toggleFailed", { name }), { description: error.message }),
    onSettled: () => queries.invalidateQueries({ queryKey: ["integrations"] }),
  });
  const shown = toggle.isPending ? toggle.variables : enabled;
  const change = (on: boolean) => {
    if (!configured) return;
    if (!on && running) setAsking(true);
    else toggle.mutate(on);
  };
  const answer = (yes: boolean) => {
    setAsking(false);
    if (yes) toggle.mutate(false);
  };
  return (
    <div className="flex items-center gap-2">
      <Hint text={configured ? undefined : t("configureFirst")}>
        <Switch.Root
          checked={shown}
          onCheckedChange={change}
          aria-label={t("enableLabel", { name })}
          aria-disabled={!configured}
          aria-description={configured ? undefined : t("configureFirst")}
          className="relative h-5 w-9 shrink-0 rounded-full bg-line-strong transition-colors aria-disabled:cursor-not-allowed aria-disabled:opacity-60 data-[state=checked]:bg-main"
        >
          <Switch.Thumb className="block size-4 translate-x-0.5 rounded-full bg-surface shadow transition-transform data-[state=checked]:translate-x-4.5" />
        </Switch.Root>
      </Hint>
      <span>{shown ? t("enabled") : t("disabled")}</span>
      {asking ? (
        <Confirm
          question={t("disableRunning", { name })}
          yes={t("disableYes")}
          no={common("cancel")}
          onAnswer={answer}
        />
      ) : null}
    </div>
  );
}

function LastSync({ connector }: { connector: Connector }) {
  const t = useTranslations("integrations");
  const config = useTranslations("config");
  const { last_sync: last, schedule } = connector;
  const { choice } = choiceOf(schedule);
  const scheduleWords = choice === "scheduleCustom" ? (schedule?.cron ?? "") : config(choice);
  return (
    <div>
      {last ? <Ago at={last.at} /> : <span className="text-muted">{t("never")}</span>}
      {last ? (
        <p className="text-muted text-xs tabular-nums">
          <Outcome last={last} />
        </p>
      ) : null}
      <Quarantined connector={connector} />
      {connector.reconciliation ? (
        <ReconciliationLine reconciliation={connector.reconciliation} system={connector.name} />
      ) : null}
      {schedule && connector.enabled ? (
        <p className="text-muted text-xs">{t("scheduled", { when: scheduleWords, zone: schedule.time_zone })}</p>
      ) : null}
    </div>
  );
}

/** What the last run brought; of a system that is told of the others, what it told. */
function Outcome({ last }: { last: NonNullable<Connector["last_sync"]> }) {
  const t = useTranslations("integrations");
  if (last.status === "failed") return t("failedRun");
  if (last.status === "canceled") return t("canceledRun");
  if (!last.digest) return t("counts", { inserted: last.inserted, updated: last.updated, errors: last.errors });
  const { messages = 0, alerts = 0 } = last.digest;
  return [t("told", { messages }), ...(alerts ? [t("alerts", { alerts })] : [])].join(" · ");
}

/** Records that wait to be mended, one click away. */
function Quarantined({ connector: { system, name, quarantined } }: { connector: Connector }) {
  const t = useTranslations("quarantine");
  if (!quarantined) return null;
  return (
    <Link
      href={rejectionsPage({ system })}
      aria-label={t("linkLabel", { name, count: quarantined })}
      className="inline-flex min-h-6 items-center font-medium text-warn text-xs tabular-nums underline"
    >
      {t("link", { count: quarantined })}
    </Link>
  );
}

type RunningProps = { name: string; progress: RunEvent | undefined; runId: string | null };

function Running({ name, progress, runId }: RunningProps) {
  const t = useTranslations("integrations");
  const cancel = useMutation({
    mutationFn: (id: string) => call(`integrations/runs/${encodeURIComponent(id)}/cancel`, { method: "POST" }),
    onError: (error) => toast.error(t("cancelFailed"), { description: error.message }),
  });
  return (
    <div className="grid justify-items-start gap-1">
      <RunProgress event={progress} />
      {runId ? (
        <Button
          size="small"
          aria-label={t("cancelLabel", { name })}
          disabled={cancel.isPending}
          onClick={() => cancel.mutate(runId)}
        >
          {t("cancelRun")}
        </Button>
      ) : null}
    </div>
  );
}
