import { ApiError, call, get } from "./api";
import type { RejectionList, ReplayRequest, Run } from "./api-types";
import type { Replayed } from "./replay-message";

/** Starting a sync or a replay and following it to its end. What it says to people is `sync-message.ts`. */

export type Target = { system: string; name: string };
export type SyncOptions = {
  entity?: string;
  mode?: "incremental" | "full";
  /** The end of all that were started at one click: the message names its system, and stays until then. */
  together?: Promise<unknown>;
};

/** What a system is synced for at one click: its costs, else the first kind of record that it has. */
export function usualEntity(entities: string[]): string | undefined {
  return entities.includes("costs") ? "costs" : entities[0];
}

/** Resolves when the run's end was heard of, or after a while without hearing of it. */
export type Heard = (runId: string) => Promise<void>;

const ENDED = ["success", "partial", "failed", "canceled"];

/**
 * The run at its end. Raises `ApiError` when it was refused. The server is not asked to wait: its answer would come
 * when Dagster has written everything about the run, and the end is heard of as soon as the figures are visible.
 */
export async function runToEnd(target: Target, options: SyncOptions, heard: Heard): Promise<Run> {
  const { entity = "costs", mode = "incremental" } = options;
  const body = { system: target.system, entity, mode };
  return followed((await call<Run>("integrations/sync?wait=0", { method: "POST", body })).data, heard);
}

/** A run that was started by something else than a sync, at its end. */
export function startedToEnd({ system }: Target, entity: string, runId: string, heard: Heard): Promise<Run> {
  return followed({ run_id: runId, system, entity, status: "queued" }, heard);
}

/** Quarantined records tried once more; the counts are those of a sync. */
export async function replayToEnd(wanted: ReplayRequest, heard: Heard): Promise<Replayed> {
  const asked = await howMany(wanted);
  const path = "integrations/rejections/replay?wait=0";
  const run = await followed((await call<Run>(path, { method: "POST", body: wanted })).data, heard);
  return { run, asked };
}

async function howMany({ ids, ...which }: ReplayRequest): Promise<number> {
  if (ids) return ids.length;
  return (await get<RejectionList>(`integrations/rejections?${new URLSearchParams({ ...which, limit: "1" })}`)).total;
}

async function followed(begun: Run, heard: Heard): Promise<Run> {
  let run = begun;
  while (!ENDED.includes(run.status)) {
    // Listened before asking: an end between the two would go unheard.
    const next = heard(run.run_id);
    run = await readAgain(run);
    if (!ENDED.includes(run.status)) await next;
  }
  return run;
}

/** A moment without the server is no end of the run. */
async function readAgain(run: Run): Promise<Run> {
  try {
    return await get<Run>(`integrations/runs/${encodeURIComponent(run.run_id)}`);
  } catch (cause) {
    const passing = cause instanceof ApiError && (cause.status === 0 || cause.status >= 502);
    if (passing) return run;
    throw cause;
  }
}
