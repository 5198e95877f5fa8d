import type { Messages } from "./messages";

type Stage = keyof Messages["sync"]["stages"];
const STAGES: Stage[] = [
  "queued",
  "starting",
  "reading",
  "projects",
  "commitments",
  "actuals",
  "merging",
  "checking",
  "sending",
];

/** The word for where a run stands. The server says `reading commitments`; what it reads is word enough. */
export function stageOf(stage: string | null | undefined): Stage {
  const last = (stage ?? "").split(" ").pop();
  return STAGES.find((known) => known === last) ?? (stage?.startsWith("reading") ? "reading" : "running");
}
