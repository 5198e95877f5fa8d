import type { Run } from "./api-types";
import { reasonWord, type SyncMessage, type Translate } from "./sync-message";
import { systemName } from "./systems";

/** A replay at its end, and how many quarantined records it was asked to try. */
export type Replayed = { run: Run; asked: number };

/** What a replay brought, as people read it: "2 übernommen, 1 weiterhin abgelehnt". A replay is one system's. */
export function replayMessage({ run, asked }: Replayed, t: Translate): SyncMessage {
  if (run.status === "failed" || run.status === "canceled") {
    return replayFailure(run.problem ?? run.status, run.reason ?? "", systemName(run.system), t);
  }
  const { rejected = 0, skipped = 0 } = run;
  const taken = takenBy(run, asked);
  const parts = [
    t("replay.taken", { count: taken }),
    rejected > 0 ? t("replay.still", { count: rejected }) : [],
    // Of those that were asked for: other parts of the same order may be out of scope, and were before.
    skipped > 0 && taken + rejected < asked ? t("replay.skipped", { count: skipped }) : [],
  ].flat();
  const [first] = run.errors ?? [];
  return {
    kind: rejected > 0 ? "warning" : "success",
    title: parts.join(", "),
    description: first ? `${first.key}: ${first.reason}` : "",
  };
}

/** An order line is made again as a whole, so that the counts hold its other parts too, which never were rejected. */
function takenBy({ inserted = 0, updated = 0, unchanged = 0, closed = 0, rejected = 0 }: Run, asked: number): number {
  return Math.max(0, Math.min(asked - rejected, inserted + updated + unchanged + closed));
}

export function replayFailure(slug: string, detail: string, system: string, t: Translate): SyncMessage {
  if (slug === "canceled") return { kind: "warning", title: t("replay.canceled"), description: "" };
  return { kind: "error", title: t("replay.failed", { reason: reasonWord(slug, system, t) }), description: detail };
}
