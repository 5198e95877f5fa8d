"use client";
import { CalendarClock, ChevronDown, History } from "lucide-react";
import { Popover } from "radix-ui";
import { type FormEvent, useId, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { describedBy, Field, Input } from "@/components/ui/field";
import { asInput, fromInput, isDay, isTime } from "@/lib/as-of";
import { cn } from "@/lib/class-names";
import { useHydrated } from "@/lib/use-hydrated";

type Props = { asOf: string | null; onChoose: (moment: string | null) => void };

/** The time that is looked at: now, or one in the past. */
export function AsOf({ asOf, onChoose }: Props) {
  const t = useTranslations("costbook.asOf");
  const moment = useMoment();
  const [open, setOpen] = useState(false);
  const choose = (next: string | null) => {
    onChoose(next);
    setOpen(false);
  };
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <Button className={cn(asOf && "border-warn text-warn")}>
          <CalendarClock aria-hidden />
          {t("button", { when: asOf ? moment(asOf) : t("now") })}
          <ChevronDown aria-hidden className="text-muted" />
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={4}
          collisionPadding={8}
          aria-label={t("choose")}
          className="z-40 w-[min(20rem,92vw)] rounded-lg border bg-surface p-3 shadow-lg"
        >
          <Choice asOf={asOf} onChoose={choose} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Choice({ asOf, onChoose }: Props) {
  const t = useTranslations("costbook.asOf");
  const id = useId();
  const [now] = useState(() => new Date());
  const [text, setText] = useState(() => asInput(asOf, now));
  const [wrong, setWrong] = useState(false);
  const error = wrong ? t("invalid") : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const moment = fromInput(text);
    if (moment && Date.parse(moment) <= Date.now()) onChoose(moment);
    else setWrong(true);
  };
  return (
    <form noValidate onSubmit={submit} className="grid gap-3">
      <Field id={id} label={t("at")} hint={t("hint")} error={error}>
        <Input
          id={id}
          type="datetime-local"
          max={asInput(null, now)}
          value={text}
          aria-invalid={wrong || undefined}
          aria-describedby={describedBy(id, true, error)}
          onChange={(event) => {
            setText(event.target.value);
            setWrong(false);
          }}
        />
      </Field>
      <div className="flex flex-wrap justify-end gap-2">
        {asOf ? <Button onClick={() => onChoose(null)}>{t("back")}</Button> : null}
        <Button type="submit" variant="main">
          {t("show")}
        </Button>
      </div>
    </form>
  );
}

/** Says, as long as it is so, that nothing on the page is current. */
export function AsOfBanner({ asOf, onBack }: { asOf: string; onBack: () => void }) {
  const t = useTranslations("costbook.asOf");
  const moment = useMoment();
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-x-3 gap-y-2 rounded-lg border border-warn/40 bg-warn-soft px-3 py-2"
    >
      <History aria-hidden className="size-4 text-warn" />
      <p className="min-w-0 flex-1 font-medium text-warn">{t("banner", { when: moment(asOf) })}</p>
      <Button size="small" onClick={onBack}>
        {t("back")}
      </Button>
    </div>
  );
}

/** A day or a time in words; what is neither is shown as it came, and the server says what is wrong with it. */
function useMoment(): (asOf: string) => string {
  const format = useFormatter();
  const isHere = useHydrated();
  return (asOf) => {
    if (!isTime(asOf)) return asOf;
    if (!isHere) return "…";
    if (isDay(asOf)) return format.dateTime(new Date(`${asOf}T00:00:00Z`), { timeZone: "UTC", dateStyle: "medium" });
    return format.dateTime(new Date(asOf), { dateStyle: "medium", timeStyle: "short" });
  };
}
