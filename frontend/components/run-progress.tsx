"use client";
import { useTranslations } from "use-intl";
import type { RunEvent } from "@/lib/api-types";
import { stageOf } from "@/lib/stages";
import { systemName } from "@/lib/systems";
import { Progress } from "./ui/progress";

/** Every sync that runs, each with its system's name; before the first is heard of, that one is on its way. */
export function RunsProgress({ events }: { events: RunEvent[] }) {
  if (events.length === 0) return <RunProgress event={undefined} />;
  return (
    <div className="grid gap-2">
      {events.map((event) => (
        <RunProgress key={event.run_id} event={event} name={systemName(event.system)} />
      ))}
    </div>
  );
}

/** Stage, rows and time of a running sync, after the name of its system where that does not stand beside it. */
export function RunProgress({ event, name }: { event: RunEvent | undefined; name?: string }) {
  const t = useTranslations("sync");
  const rows = event?.rows;
  const read = rows && event?.total ? t("rowsOf", { rows, total: event.total }) : rows ? t("rows", { rows }) : null;
  const seconds = event?.elapsed_ms ? t("seconds", { seconds: Math.round(event.elapsed_ms / 1000) }) : null;
  return (
    <div className="grid w-full gap-1">
      <Progress label={name ? `${name}: ${t("progress")}` : t("progress")} value={rows} max={event?.total} />
      <p className="text-muted text-xs tabular-nums">
        {[name, t(`stages.${stageOf(event?.stage)}`), read, seconds].filter(Boolean).join(" · ")}
      </p>
    </div>
  );
}
