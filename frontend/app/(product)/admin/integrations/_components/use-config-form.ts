"use client";
import { useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { toast } from "sonner";
import { useLocale, useTranslations } from "use-intl";
import { ApiError, call } from "@/lib/api";
import type { ConnectorSettings, TestResult } from "@/lib/api-types";
import { languageOf } from "@/lib/preferences";
import { choiceOf, type ScheduleChoice, scheduleOf } from "@/lib/schedules";
import {
  bodyOf,
  complaint,
  type FormField,
  fieldsOf,
  givenUp,
  isShown,
  mustReenter,
  type Plans,
  type SecretPlan,
  valuesOf,
} from "@/lib/settings-form";
import { usualEntity } from "@/lib/start-sync";

export type FormProps = {
  name: string;
  config: ConnectorSettings;
  etag: string | null;
  onDirty: (dirty: boolean) => void;
  onReload: () => void;
  onCancel: () => void;
  onSaved: () => void;
};

/** The state of the form: what is typed, what is wrong with it, testing and saving. */
export function useConfigForm({ name, config, etag, onDirty, onSaved }: FormProps) {
  const t = useTranslations("config");
  const locale = languageOf(useLocale());
  const fields = useMemo(() => fieldsOf(config.schema, locale), [config.schema, locale]);
  const [values, setValues] = useState(() => valuesOf(fields, config));
  const [plans, setPlans] = useState<Plans>(() => initialPlans(fields, config));
  const [schedule, setSchedule] = useState<ScheduleChoice>(() => choiceOf(config.schedule));
  const [touched, setTouched] = useState<Set<string>>(new Set());
  const shown = fields.filter((field) => isShown(field, values));
  const reenter = mustReenter(fields, config, values);

  const test = useMutation({ mutationFn: () => runTest(config.system, bodyOf(fields, values, plansNow())) });
  const save = useMutation({
    mutationFn: (ifMatch: string | null) => store(config, bodyOf(fields, values, plansNow()), schedule, ifMatch),
    onSuccess: () => {
      const works = test.data?.ok === true;
      // What was just seen to work is noted by the server too, which judges only what is stored.
      if (works) void call(`integrations/${config.system}/test`, { method: "POST" }).catch(() => undefined);
      toast.success(t("saved", { name }), { description: works ? undefined : t("savedUntested") });
      onSaved();
    },
  });
  const refused = serverErrors(save.error ?? test.error);

  /** What becomes of each secret when the form is sent as it is now, whatever was planned. */
  function plansNow(): Plans {
    const again = reenter.filter((name) => plans[name] === "keep").map((name) => [name, "replace"] as const);
    const gone = givenUp(fields, config, values).map((name) => [name, "remove"] as const);
    return { ...plans, ...Object.fromEntries([...again, ...gone]) };
  }

  function errorOf(field: FormField): string | undefined {
    if (refused[field.name]) return refused[field.name];
    const text = values[field.name] ?? "";
    const kept = field.secret && plansNow()[field.name] === "keep";
    if (reenter.includes(field.name) && plans[field.name] !== "remove" && text === "") return t("reenter");
    if (!touched.has(field.name)) return undefined;
    const wrong = complaint(field, text, kept || plans[field.name] === "remove");
    return wrong ? t(wrong) : undefined;
  }

  /** The first shown field that the form itself refuses. */
  function firstWrong(): FormField | undefined {
    return shown.find((field) => {
      const kept = field.secret && plansNow()[field.name] !== "replace";
      const again = reenter.includes(field.name) && plans[field.name] !== "remove" && !values[field.name];
      return again || complaint(field, values[field.name] ?? "", kept) !== null;
    });
  }

  function changed(): void {
    onDirty(true);
    if (!test.isPending) test.reset();
    if (!save.isPending) save.reset();
  }

  return {
    fields: shown,
    values,
    plans: plansNow(),
    schedule,
    errorOf,
    test,
    save,
    set: (field: string, value: string) => {
      setValues((now) => ({ ...now, [field]: value }));
      changed();
    },
    plan: (field: string, next: SecretPlan) => {
      setPlans((now) => ({ ...now, [field]: next }));
      setValues((now) => ({ ...now, [field]: "" }));
      changed();
    },
    planSchedule: (next: ScheduleChoice) => {
      setSchedule(next);
      changed();
    },
    touch: (field: string) => setTouched((now) => new Set(now).add(field)),
    /** Runs `action` when every field is right; else shows what is wrong and focuses the first. */
    whenRight: (action: () => void) => {
      const wrong = firstWrong();
      setTouched(new Set(fields.map((field) => field.name)));
      if (wrong) document.getElementById(fieldId(wrong.name))?.focus();
      else action();
    },
    submit: () => save.mutate(etag),
    overwrite: () => save.mutate(null),
  };
}

export type ConfigFormState = ReturnType<typeof useConfigForm>;

export function fieldId(name: string): string {
  return `setting-${name}`;
}

function initialPlans(fields: FormField[], config: ConnectorSettings): Plans {
  const secrets = fields.filter((field) => field.secret);
  return Object.fromEntries(secrets.map(({ name }) => [name, config.secrets[name]?.set ? "keep" : "replace"]));
}

async function runTest(system: string, settings: Record<string, unknown>): Promise<TestResult> {
  return (await call<TestResult>(`integrations/${system}/test`, { method: "POST", body: { settings } })).data;
}

function store(
  config: ConnectorSettings,
  settings: Record<string, unknown>,
  schedule: ScheduleChoice,
  ifMatch: string | null,
) {
  const body = { settings, schedule: scheduleOf(schedule, config.schedule, usualEntity(config.entities ?? [])) };
  return call(`integrations/${config.system}/config`, { method: "PUT", body, ifMatch });
}

/** The server's complaints by field. */
function serverErrors(error: unknown): Record<string, string> {
  if (!(error instanceof ApiError) || error.status !== 422) return {};
  const found = error.problem.errors ?? [];
  return Object.fromEntries(found.map(({ field, reason }) => [field.replace(/^settings\./, ""), reason]));
}
