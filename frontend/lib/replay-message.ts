import type { Run } from "./api-types";
import { reasonWord, type SyncMessage, type Translate } from "./sync-message";
import { systemName } from "./systems";

/** A replay at its end, and how many quarantined records it was asked to try. */
export type Replayed = { run: Run; asked: number };

/** What a replay brought, as people read it: "2 übernommen, 1 weiterhin abgelehnt". Replays are one per system. */
export function replayMessage(replays: Replayed[], t: Translate): SyncMessage {
  const bad = replays.find(({ run }) => run.status === "failed" || run.status === "canceled")?.run;
  if (bad) return replayFailure(bad.problem ?? bad.status, bad.reason ?? "", systemName(bad.system), t);
  const count = (of: (replay: Replayed) => number) => replays.reduce((sum, replay) => sum + of(replay), 0);
  const taken = count(takenBy);
  const rejected = count(({ run }) => run.rejected ?? 0);
  const skipped = count(({ run }) => run.skipped ?? 0);
  const parts = [
    t("replay.taken", { count: taken }),
    rejected > 0 ? t("replay.still", { count: rejected }) : [],
    // Of those that were asked for: other parts of the same order may be out of scope, and were before.
    skipped > 0 && taken + rejected < count(({ asked }) => asked) ? t("replay.skipped", { count: skipped }) : [],
  ].flat();
  const [first] = replays.flatMap(({ run }) => run.errors ?? []);
  return {
    kind: rejected > 0 ? "warning" : "success",
    title: parts.join(", "),
    description: first ? `${first.key}: ${first.reason}` : "",
  };
}

/** An order line is made again as a whole, so that the counts hold its other parts too, which never were rejected. */
function takenBy({ run, asked }: Replayed): number {
  const { inserted = 0, updated = 0, unchanged = 0, closed = 0, rejected = 0 } = run;
  return Math.max(0, Math.min(asked - rejected, inserted + updated + unchanged + closed));
}

export function replayFailure(slug: string, detail: string, system: string, t: Translate): SyncMessage {
  if (slug === "canceled") return { kind: "warning", title: t("replay.canceled"), description: "" };
  return { kind: "error", title: t("replay.failed", { reason: reasonWord(slug, system, t) }), description: detail };
}
