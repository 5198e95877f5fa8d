"use client";
import { useFormatter, useNow } from "use-intl";

/** "vor 12 Min."; the exact time on hover and for screen readers. */
export function Ago({ at }: { at: string }) {
  const format = useFormatter();
  const now = useNow({ updateInterval: 15_000 });
  const date = new Date(at);
  const exact = format.dateTime(date, { dateStyle: "medium", timeStyle: "medium" });
  return (
    <time dateTime={at} title={exact} className="tabular-nums">
      {format.relativeTime(date, { now: date > now ? date : now, style: "short", numberingSystem: "latn" })}
    </time>
  );
}

/** A calendar day as it stands in the document: no time zone may move it. */
export function useDay(): (day: unknown) => string {
  const format = useFormatter();
  return (day) => {
    if (typeof day !== "string" || !/^\d{4}-\d{2}-\d{2}/.test(day)) return "–";
    const date = new Date(`${day.slice(0, 10)}T00:00:00Z`);
    return format.dateTime(date, { timeZone: "UTC", dateStyle: "medium" });
  };
}
