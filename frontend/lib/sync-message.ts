import type { createTranslator } from "use-intl/core";
import type { Digest, Run } from "./api-types";
import type { Messages } from "./messages";

export type Translate = ReturnType<typeof createTranslator<Messages>>;
export type SyncMessage = { kind: "success" | "warning" | "error"; title: string; description: string };

type Noun = keyof Messages["sync"]["new"];
const NOUNS: Noun[] = ["commitments", "actuals", "projects"];

/**
 * A finished sync as people read it: the headline carries the most telling count, the description the rest.
 * The counts are the server's; nothing is computed here but which words they get.
 */
export function syncMessage(run: Run, system: string, t: Translate): SyncMessage {
  if (run.status === "canceled") return failure("canceled", "", system, t);
  if (run.status === "failed") return failure(run.problem ?? "internal", run.reason ?? "", system, t);
  if (run.by_entity?.digest) return digestMessage(run, run.by_entity.digest, t);
  const [headline = t("sync.nothing"), ...rest] = changes(run, t);
  const rejected = run.rejected ?? 0;
  if (run.status === "partial" || rejected > 0) {
    const what = rejected > 0 ? `${headline}, ${t("sync.rejected", { count: rejected })}` : headline;
    return { kind: "warning", title: t("sync.partial", { what }), description: lines(rest, firstReason(run)) };
  }
  return { kind: "success", title: t("sync.success", { what: headline }), description: lines(rest) };
}

/** Nothing of it is new here: it is what was told. */
function digestMessage(run: Run, { messages = 0, alerts = 0 }: Digest, t: Translate): SyncMessage {
  const told = [...(alerts ? [t("sync.alerts", { count: alerts })] : []), ...changes(run, t)];
  const what = t("sync.digest", { count: messages });
  return { kind: "success", title: t("sync.success", { what }), description: told.join(", ") };
}

function lines(counts: string[], reason?: string): string {
  return [counts.join(", "), reason].filter(Boolean).join(" – ");
}

function firstReason({ errors }: Run): string | undefined {
  const first = errors?.[0];
  return first && `${first.key}: ${first.reason}`;
}

function changes(run: Run, t: Translate): string[] {
  const fresh = inserted(run).flatMap(([noun, count]) => (count ? [t(`sync.new.${noun}`, { count })] : []));
  const others = [
    [run.updated, "sync.changed"],
    [run.closed, "sync.closed"],
  ] as const;
  return [...fresh, ...others.flatMap(([count, key]) => (count ? [t(key, { count })] : []))];
}

/** New rows by kind. Of a sync of several kinds each part has its own count; their sum is nobody's. */
function inserted(run: Run): [Noun, number | undefined][] {
  const parts = run.by_entity;
  if (parts) return NOUNS.map((noun) => [noun, parts[noun]?.inserted]);
  return [[NOUNS.find((noun) => noun === run.entity) ?? "rows", run.inserted]];
}

const REASONS: Record<string, Parameters<Translate>[0]> = {
  credentials: "sync.reasons.credentials",
  unavailable: "sync.reasons.unavailable",
  refused: "sync.reasons.refused",
  misconfigured: "sync.reasons.misconfigured",
  unusable: "sync.reasons.unusable",
  "not-offered": "sync.reasons.notOffered",
  "not-configured": "sync.reasons.notConfigured",
  disabled: "sync.reasons.notConfigured",
  busy: "sync.reasons.busy",
  forbidden: "sync.reasons.forbidden",
  "session-expired": "sync.reasons.signedOut",
  offline: "sync.reasons.offline",
  "backend-down": "sync.reasons.offline",
  "database-unavailable": "sync.reasons.offline",
  "dagster-unavailable": "sync.reasons.noRuns",
};

/** A sync that ended without a result, by its problem or the last part of that's type; the server's sentence explains it. */
export function failure(slug: string, detail: string, system: string, t: Translate): SyncMessage {
  if (slug === "canceled") {
    return { kind: "warning", title: t("sync.canceled"), description: t("sync.canceledHint") };
  }
  return { kind: "error", title: t("sync.failed", { reason: reasonWord(slug, system, t) }), description: detail };
}

export function reasonWord(slug: string, system: string, t: Translate): string {
  return t(REASONS[slug.replaceAll("_", "-")] ?? "sync.reasons.internal", { system });
}
