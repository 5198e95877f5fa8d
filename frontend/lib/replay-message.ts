import type { Run } from "./api-types";
import { reasonWord, type SyncMessage, type Translate } from "./sync-message";

/** What a replay brought, as people read it: "2 übernommen, 1 weiterhin abgelehnt". Runs are one per system. */
export function replayMessage(runs: Run[], t: Translate): SyncMessage {
  const bad = runs.find((run) => run.status === "failed" || run.status === "canceled");
  if (bad) return replayFailure(bad.problem ?? bad.status, bad.reason ?? "", bad.system, t);
  const count = (name: "inserted" | "updated" | "unchanged" | "closed" | "rejected" | "skipped") =>
    runs.reduce((sum, run) => sum + (run[name] ?? 0), 0);
  const taken = count("inserted") + count("updated") + count("unchanged") + count("closed");
  const rejected = count("rejected");
  const skipped = count("skipped");
  const parts = [
    t("replay.taken", { count: taken }),
    rejected > 0 ? t("replay.still", { count: rejected }) : [],
    skipped > 0 ? t("replay.skipped", { count: skipped }) : [],
  ].flat();
  const [first] = runs.flatMap((run) => run.errors ?? []);
  return {
    kind: rejected > 0 ? "warning" : "success",
    title: parts.join(", "),
    description: first ? `${first.key}: ${first.reason}` : "",
  };
}

export function replayFailure(slug: string, detail: string, system: string, t: Translate): SyncMessage {
  if (slug === "canceled") return { kind: "warning", title: t("replay.canceled"), description: "" };
  return { kind: "error", title: t("replay.failed", { reason: reasonWord(slug, system, t) }), description: detail };
}
