"use client";
import { useTranslations } from "use-intl";
import { Field, Input, Select } from "@/components/ui/field";
import { NAMES, type ScheduleChoice } from "@/lib/schedules";

type Props = {
  value: ScheduleChoice;
  /** It is told of the others' syncs by itself, and needs no schedule. */
  follows: boolean;
  onChange: (value: ScheduleChoice) => void;
};

export function ScheduleFields({ value, follows, onChange }: Props) {
  const t = useTranslations("config");
  const word = (choice: ScheduleChoice["choice"]) =>
    t(follows && choice === "scheduleOff" ? "scheduleFollows" : choice);
  const off = value.choice === "scheduleOff";
  return (
    <fieldset className="grid gap-x-5 gap-y-4 border-t pt-4 sm:grid-cols-2">
      <legend className="sr-only">{t("schedule")}</legend>
      <Field id="schedule" label={t(follows ? "scheduleDigest" : "scheduleLabel")}>
        <Select
          id="schedule"
          value={value.choice}
          onChange={(event) => onChange({ ...value, choice: event.target.value as ScheduleChoice["choice"] })}
        >
          {(["scheduleOff", ...NAMES, "scheduleCustom"] as const).map((choice) => (
            <option key={choice} value={choice}>
              {word(choice)}
            </option>
          ))}
        </Select>
      </Field>
      {off ? null : (
        <Field id="time-zone" label={t("timeZone")}>
          <Input
            id="time-zone"
            value={value.timeZone}
            onChange={(event) => onChange({ ...value, timeZone: event.target.value })}
          />
        </Field>
      )}
      {value.choice === "scheduleCustom" ? (
        <Field id="cron" label={t("cron")} hint={t("cronHint")}>
          <Input
            id="cron"
            className="font-mono"
            aria-describedby="cron-hint"
            value={value.cron}
            onChange={(event) => onChange({ ...value, cron: event.target.value })}
          />
        </Field>
      ) : null}
    </fieldset>
  );
}
