import type { Schedule } from "./api-types";

/** The schedules that have a name; everything else is a cron expression of its own. */
const PRESETS = {
  scheduleQuarter: "*/15 * * * *",
  scheduleHour: "0 * * * *",
  scheduleDay: "0 6 * * *",
  scheduleWeekdays: "0 6 * * 1-5",
} as const;

export type Preset = keyof typeof PRESETS;
export type ScheduleChoice = { choice: Preset | "scheduleOff" | "scheduleCustom"; cron: string; timeZone: string };

export const NAMES = Object.keys(PRESETS) as Preset[];

export function choiceOf(schedule: Schedule | null | undefined): ScheduleChoice {
  const timeZone = schedule?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!schedule) return { choice: "scheduleOff", cron: "", timeZone };
  const named = NAMES.find((name) => PRESETS[name] === schedule.cron);
  return { choice: named ?? "scheduleCustom", cron: schedule.cron, timeZone };
}

/** What to store; entity and mode stay as they were, or are the usual ones of the system. */
export function scheduleOf(
  { choice, cron, timeZone }: ScheduleChoice,
  before?: Schedule | null,
  entity = "costs",
): Schedule | null {
  if (choice === "scheduleOff") return null;
  const expression = choice === "scheduleCustom" ? cron.trim() : PRESETS[choice];
  return {
    entity: before?.entity ?? entity,
    mode: before?.mode ?? "incremental",
    cron: expression,
    time_zone: timeZone,
  };
}
