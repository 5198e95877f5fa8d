"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { ApiError } from "@/lib/api";
import type { ReplayRequest, Run, RunEvent } from "@/lib/api-types";
import { withoutTable } from "@/lib/lines-query";
import { rejectionsPage } from "@/lib/rejections";
import { replayFailure, replayMessage } from "@/lib/replay-message";
import { listen, POLL_MS } from "@/lib/run-events";
import { stageOf } from "@/lib/stages";
import { type Heard, replayToEnd, runToEnd, type SyncOptions, startedToEnd, type Target } from "@/lib/start-sync";
import { failure, type SyncMessage, syncMessage } from "@/lib/sync-message";
import { bringsCosts, systemName } from "@/lib/systems";

type Live = {
  /** The newest progress of each running sync, by run. */
  progress: Record<string, RunEvent>;
  /** Whether progress arrives as it happens; else everything is asked again every few seconds. */
  connected: boolean;
  /** Systems whose sync was started here and has not ended. */
  waiting: string[];
  /** Runs started here that have ended well; their rows can be pointed out. */
  finished: string[];
  sync: (target: Target, options?: SyncOptions) => Promise<void>;
  /** A run that something else than a sync has started; it says how it ended like one. */
  follow: (target: Target, entity: string, runId: string) => Promise<void>;
  /** Several systems at one click, each with its own message. */
  syncAll: (targets: Target[]) => Promise<void>;
  /** Tries quarantined records once more, one system after the other; each says how it ended. */
  replay: (wanted: ReplayRequest[]) => Promise<void>;
};

const Context = createContext<Live | null>(null);

export function useLive(): Live {
  const live = useContext(Context);
  if (!live) throw new Error("useLive outside of LiveProvider");
  return live;
}

/**
 * What is running, for all pages at once: moving from the Costbook to the integrations neither loses a sync's
 * progress nor the message at its end.
 */
export function LiveProvider({ children }: { children: ReactNode }) {
  const { progress, connected, heard } = useEvents();
  const { waiting, finished, sync, follow, syncAll, replay } = useSyncs(heard);
  const live = useMemo(
    () => ({ progress, connected, waiting, finished, sync, follow, syncAll, replay }),
    [progress, connected, waiting, finished, sync, follow, syncAll, replay],
  );
  return (
    <Context value={live}>
      {children}
      <Announcer progress={progress} />
    </Context>
  );
}

function useEvents() {
  const queries = useQueryClient();
  const [progress, setProgress] = useState<Live["progress"]>({});
  const [connected, setConnected] = useState(true);
  const waiters = useRef(new Map<string, () => void>());

  useEffect(
    () =>
      listen({
        onOpen: () => setConnected(true),
        onBroken: () => {
          setConnected(false);
          setProgress({});
          void queries.invalidateQueries();
        },
        onProgress: (event) => setProgress((now) => ({ ...now, [event.run_id]: event })),
        onEnd: ({ run_id }) => {
          setProgress(({ [run_id]: _, ...others }) => others);
          waiters.current.get(run_id)?.();
          void queries.invalidateQueries();
        },
      }),
    [queries],
  );

  const heard = useCallback(
    (runId: string) =>
      new Promise<void>((resolve) => {
        const done = () => {
          window.clearTimeout(late);
          waiters.current.delete(runId);
          resolve();
        };
        const late = window.setTimeout(done, POLL_MS);
        waiters.current.set(runId, done);
      }),
    [],
  );
  return { progress, connected, heard };
}

function useSyncs(heard: Heard) {
  const t = useTranslations();
  const router = useRouter();
  const queries = useQueryClient();
  const [waiting, setWaiting] = useState<string[]>([]);
  const [finished, setFinished] = useState<string[]>([]);

  /** Says at a run's end how it ended; `again` is offered where it failed. */
  const told = useCallback(
    async (ended: () => Promise<Run>, target: Target, options: SyncOptions, again?: Action): Promise<void> => {
      const show = { label: t("common.show"), onClick: () => router.push(placeOf(options)) };
      const details = {
        label: t("common.details"),
        onClick: () => router.push(rejectionsPage({ system: target.system })),
      };
      setWaiting((now) => [...now, target.system]);
      let said: Said;
      try {
        const run = await ended();
        if (endedWell(run)) setFinished((before) => [...before, run.run_id]);
        said = [syncMessage(run, target.name, t), actionFor(run, again, show, details)];
      } catch (cause) {
        const error = problemIn(cause);
        said = [failure(error.slug, error.problem.detail ?? "", target.name, t), againAfter(error.slug, again)];
      }
      if (options.together) hold(named(said, target.name), options.together);
      else say(...said);
      await queries.invalidateQueries();
      setWaiting((now) => without(now, target.system));
    },
    [t, router, queries],
  );

  const sync = useCallback(
    function sync(target: Target, options: SyncOptions = {}): Promise<void> {
      const again = { label: t("common.retry"), onClick: () => void sync(target, options) };
      return told(() => runToEnd(target, options, heard), target, options, again);
    },
    [t, told, heard],
  );

  const follow = useCallback(
    (target: Target, entity: string, runId: string) =>
      told(() => startedToEnd(target, entity, runId, heard), target, { entity }),
    [told, heard],
  );

  const syncAll = useCallback(
    async (targets: Target[]): Promise<void> => {
      if (targets.length < 2) return void (await Promise.all(targets.map((target) => sync(target))));
      let ended = () => {};
      const together = new Promise<void>((resolve) => {
        ended = resolve;
      });
      await Promise.all(targets.map((target) => sync(target, { together })));
      ended();
    },
    [sync],
  );

  const replay = useCallback(
    async function replay(wanted: ReplayRequest[]): Promise<void> {
      setWaiting((now) => [...now, ...wanted.map(({ system }) => system)]);
      for (const one of wanted) {
        const said = await outcome(one);
        if (wanted.length > 1) stay(...named(said, systemName(one.system)));
        else say(...said);
        await queries.invalidateQueries();
        setWaiting((now) => without(now, one.system));
      }

      /** One system's replay at its end; a failure is tried again without the others. */
      async function outcome(one: ReplayRequest): Promise<Said> {
        const again = { label: t("common.retry"), onClick: () => void replay([one]) };
        try {
          const replayed = await replayToEnd(one, heard);
          const { run } = replayed;
          if (endedWell(run)) setFinished((before) => [...before, run.run_id]);
          return [replayMessage(replayed, t), run.status === "failed" ? again : undefined];
        } catch (cause) {
          const { slug, problem } = problemIn(cause);
          return [replayFailure(slug, problem.detail ?? "", systemName(one.system), t), againAfter(slug, again)];
        }
      }
    },
    [t, queries, heard],
  );
  return { waiting, finished, sync, follow, syncAll, replay };
}

type Action = { label: string; onClick: () => void };
type Said = [SyncMessage, Action?];

function endedWell({ status }: Run): boolean {
  return status === "success" || status === "partial";
}

/** Whoever stopped it has no need to be offered it again. */
function againAfter(slug: string, again: Action | undefined): Action | undefined {
  return slug === "canceled" ? undefined : again;
}

/** With several systems each message says whose it is. */
function named([message, action]: Said, name: string): Said {
  return [{ ...message, description: [name, message.description].filter(Boolean).join(": ") }, action];
}

function problemIn(cause: unknown): ApiError {
  return cause instanceof ApiError ? cause : new ApiError(0, { type: "/problems/internal" });
}

function without(list: string[], one: string): string[] {
  const at = list.indexOf(one);
  return list.filter((_, index) => index !== at);
}

/** The Costbook with what was chosen there, on the tab that shows what came, the newest on top. */
function placeOf({ entity }: SyncOptions): string {
  const here = window.location.pathname === "/costbook" ? window.location.search : "";
  const query = new URLSearchParams(here);
  for (const name of Object.keys(withoutTable(query))) query.delete(name);
  query.set("tab", entity === "actuals" ? "actuals" : "commitments");
  query.set("sort", "-last_changed_at");
  return `/costbook?${query}`;
}

function actionFor(run: Run, again: Action | undefined, show: Action, details: Action): Action | undefined {
  if (run.status === "failed") return again;
  if (run.rejected) return details;
  return bringsCosts(run.system) && (run.inserted || run.updated) ? show : undefined;
}

/** What came with notes has more to read, and a way to them. */
const READING_MS = { success: 10_000, warning: 20_000, error: Number.POSITIVE_INFINITY };

function say(message: SyncMessage, action?: Action): void {
  // A failure stays until somebody has read it; the rest goes by itself.
  display(message, action, READING_MS[message.kind]);
}

/** Until somebody closes it: of several results the first would be gone before the last is there. */
function stay(message: SyncMessage, action?: Action): string | number {
  return display(message, action, Number.POSITIVE_INFINITY);
}

/** Of several results each stays until all are there, and from then on as long as one alone does. */
function hold([message, action]: Said, until: Promise<unknown>): void {
  const id = stay(message, action);
  if (message.kind === "error") return;
  void until.then(() => {
    const isThere = toast.getToasts().some((one) => one.id === id);
    if (isThere) display(message, action, READING_MS[message.kind], id);
  });
}

function display(
  { kind, title, description }: SyncMessage,
  action: Action | undefined,
  duration: number,
  id?: string | number,
) {
  return toast[kind](title, { description: description || undefined, action, duration, id });
}

/** Spoken: that a sync runs and which stage it reached, never each row. Its end is spoken by the message. */
function Announcer({ progress }: { progress: Live["progress"] }) {
  const t = useTranslations("sync");
  const spoken = Object.values(progress).map((event) =>
    t("spoken", { system: systemName(event.system), stage: t(`stages.${stageOf(event.stage)}`) }),
  );
  return (
    <p aria-live="polite" className="sr-only">
      {spoken.join(". ")}
    </p>
  );
}
