"use client";
import { useTranslations } from "use-intl";
import type { RunEvent } from "@/lib/api-types";
import { stageOf } from "@/lib/stages";
import { Progress } from "./ui/progress";

/** Stage, rows and time of a running sync. */
export function RunProgress({ event }: { event: RunEvent | undefined }) {
  const t = useTranslations("sync");
  const rows = event?.rows;
  const read = rows && event?.total ? t("rowsOf", { rows, total: event.total }) : rows ? t("rows", { rows }) : null;
  const seconds = event?.elapsed_ms ? t("seconds", { seconds: Math.round(event.elapsed_ms / 1000) }) : null;
  return (
    <div className="grid w-full gap-1">
      <Progress label={t("progress")} value={rows} max={event?.total} />
      <p className="text-muted text-xs tabular-nums">
        {[t(`stages.${stageOf(event?.stage)}`), read, seconds].filter(Boolean).join(" · ")}
      </p>
    </div>
  );
}
