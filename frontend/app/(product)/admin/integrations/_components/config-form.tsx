"use client";
import { CircleAlert, CircleCheck, LoaderCircle, PlugZap } from "lucide-react";
import { type FormEvent, type KeyboardEvent, useEffect, useRef } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { ErrorPanel } from "@/components/ui/error-panel";
import { ApiError } from "@/lib/api";
import type { TestResult } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { usualEntity } from "@/lib/start-sync";
import { ScheduleFields } from "./schedule-fields";
import { SettingField } from "./setting-field";
import { type ConfigFormState, type FormProps, useConfigForm } from "./use-config-form";

/** What is too long for half of the form. */
const WIDE = ["url", "map", "json"];

export function ConfigForm(props: FormProps) {
  const t = useTranslations("config");
  const common = useTranslations("common");
  const form = useConfigForm(props);
  const element = useRef<HTMLFormElement>(null);
  const busy = form.save.isPending;
  const follows = usualEntity(props.config.entities ?? []) === "digest";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!busy) form.whenRight(form.submit);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element.current?.requestSubmit();
  };
  return (
    <form ref={element} noValidate onSubmit={submit} onKeyDown={onKeyDown} className="flex min-h-0 flex-1 flex-col">
      <div className="grid min-h-0 flex-1 content-start gap-4 overflow-y-auto px-5 py-4">
        <div className="grid gap-x-5 gap-y-4 sm:grid-cols-2">
          {form.fields.map((field) => (
            <SettingField
              key={field.name}
              field={field}
              form={form}
              stored={props.config.secrets[field.name]}
              className={cn((field.secret || WIDE.includes(field.kind)) && "sm:col-span-2")}
            />
          ))}
        </div>
        <ScheduleFields value={form.schedule} follows={follows} onChange={form.planSchedule} />
        <Outcome form={form} onReload={props.onReload} />
      </div>
      <div className="flex flex-wrap items-center gap-2 border-t bg-raised px-5 py-3">
        <Button disabled={form.test.isPending} onClick={() => form.whenRight(() => form.test.mutate())}>
          {form.test.isPending ? <LoaderCircle aria-hidden className="animate-spin" /> : <PlugZap aria-hidden />}
          {form.test.isPending ? t("testing") : t(follows ? "testMessage" : "test")}
        </Button>
        <span className="ml-auto hidden text-muted text-xs sm:inline">{t("shortcut")}</span>
        <Button className="max-sm:ml-auto" onClick={props.onCancel}>
          {common("cancel")}
        </Button>
        <Button type="submit" variant="main" disabled={busy}>
          {busy ? t("saving") : common("save")}
        </Button>
      </div>
    </form>
  );
}

/** What testing or saving brought; it stays in the dialog. */
function Outcome({ form, onReload }: { form: ConfigFormState; onReload: () => void }) {
  const t = useTranslations("config");
  const { test, save } = form;
  const box = useRef<HTMLDivElement>(null);
  const news = test.data ?? test.error ?? save.error;
  useEffect(() => {
    // Below a long form the outcome would appear out of sight.
    if (news) box.current?.scrollIntoView({ block: "end" });
  }, [news]);
  const conflict = save.error instanceof ApiError && save.error.status === 412;
  return (
    <div ref={box} aria-live="polite" className="grid scroll-mb-4 gap-3">
      {conflict ? (
        <div role="alert" className="rounded-lg border border-warn/40 bg-warn-soft p-4">
          <p className="font-medium text-warn">{t("conflict")}</p>
          <p className="mt-0.5">{t("conflictHint")}</p>
          <div className="mt-3 flex gap-2">
            <Button onClick={onReload}>{t("reload")}</Button>
            <Button variant="danger" onClick={form.overwrite}>
              {t("overwrite")}
            </Button>
          </div>
        </div>
      ) : save.error ? (
        <ErrorPanel error={save.error} title={t("saveFailed")} />
      ) : null}
      {test.error ? <ErrorPanel error={test.error} title={t("testFailed")} /> : null}
      {test.data ? <Checks result={test.data} /> : null}
    </div>
  );
}

function Checks({ result }: { result: TestResult }) {
  const t = useTranslations("config");
  const known = useTranslations("checks");
  return (
    <section
      className={cn("rounded-lg border p-4", result.ok ? "border-good/40 bg-good-soft" : "border-bad/40 bg-bad-soft")}
    >
      <h3 className={cn("font-medium", result.ok ? "text-good" : "text-bad")}>
        {t(result.ok ? "testOk" : "testFailed")}
      </h3>
      <ul aria-label={t("checks")} className="mt-2 grid gap-1.5">
        {result.checks.map((check) => {
          const Icon = check.ok ? CircleCheck : CircleAlert;
          const key = check.name as Parameters<typeof known>[0];
          return (
            <li key={check.name} className="flex items-start gap-2">
              <Icon aria-hidden className={cn("mt-0.5 size-4 shrink-0", check.ok ? "text-good" : "text-bad")} />
              <span className="min-w-0 flex-1">
                <span className="font-medium">{known.has(key) ? known(key) : check.name}</span>
                <span className="sr-only"> {t(check.ok ? "checkOk" : "checkFailed")}</span>
                <span className="block break-words text-xs">{check.detail}</span>
              </span>
              <span className="amount text-muted text-xs">{t("ms", { ms: check.ms })}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
