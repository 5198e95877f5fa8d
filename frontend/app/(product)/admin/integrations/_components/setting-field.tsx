"use client";
import { KeyRound } from "lucide-react";
import { type ComponentProps, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { describedBy, Field, Input, Select, TextArea } from "@/components/ui/field";
import { cn } from "@/lib/class-names";
import type { FormField } from "@/lib/settings-form";
import { type ConfigFormState, fieldId } from "./use-config-form";

type Stored = { set: boolean; updated_at: string | null } | undefined;
type Props = { field: FormField; form: ConfigFormState; stored: Stored; className?: string };

/** One setting with label, help and error. */
export function SettingField({ field, form, stored, className }: Props) {
  const t = useTranslations("config");
  const hint = useHint(field);
  const id = fieldId(field.name);
  const error = form.errorOf(field);
  const isStored = field.secret && stored?.set === true;
  const plan = form.plans[field.name];
  const control =
    isStored && plan !== "replace" ? (
      <StoredSecret id={id} field={field} label={field.title} form={form} updatedAt={stored.updated_at} />
    ) : (
      <Control id={id} field={field} form={form} error={error} hint={hint} label={field.title} keepable={isStored} />
    );
  return (
    <div className={className}>
      <Field
        id={id}
        label={field.title}
        hint={hint}
        error={error}
        required={field.required ? t("required") : undefined}
      >
        {control}
      </Field>
    </div>
  );
}

/** The schema's own words, an example where one can be shown, and how several values are written. */
function useHint(field: FormField): string | undefined {
  const t = useTranslations("config");
  const hasExample = field.example && !field.secret && field.kind !== "choice" && field.kind !== "switch";
  const example = hasExample ? t("example", { example: field.example ?? "" }) : undefined;
  const shapes = { list: t("listHint"), map: t("mapHint"), json: t("jsonHint") };
  const shape = field.kind in shapes ? shapes[field.kind as keyof typeof shapes] : undefined;
  return [field.description, shape, example].filter(Boolean).join(" ") || undefined;
}

type ControlProps = {
  id: string;
  field: FormField;
  form: ConfigFormState;
  label: string;
  hint: string | undefined;
  error: string | undefined;
  keepable: boolean;
};

function Control({ id, field, form, label, hint, error, keepable }: ControlProps) {
  const settings = useTranslations("choices");
  const shared = {
    id,
    name: field.name,
    value: form.values[field.name] ?? "",
    "aria-invalid": error ? true : undefined,
    "aria-required": field.required || undefined,
    "aria-describedby": describedBy(id, hint, error),
    onChange: (event: { target: { value: string } }) => form.set(field.name, event.target.value),
    onBlur: () => form.touch(field.name),
  };
  if (field.secret) return <SecretInput {...shared} label={label} field={field} form={form} keepable={keepable} />;
  if (field.kind === "choice") {
    const word = (choice: string) => {
      const key = `${field.name}_${choice}` as Parameters<typeof settings>[0];
      return settings.has(key) ? settings(key) : choice;
    };
    return (
      <Select {...shared}>
        {field.choices.map((choice) => (
          <option key={choice} value={choice}>
            {word(choice)}
          </option>
        ))}
      </Select>
    );
  }
  if (field.kind === "switch") {
    const common = { true: "yes", false: "no" } as const;
    return (
      <Select {...shared}>
        {(["true", "false"] as const).map((value) => (
          <YesNo key={value} value={value} word={common[value]} />
        ))}
      </Select>
    );
  }
  if (field.kind === "map" || field.kind === "json") {
    const rows = Math.min(12, shared.value.split("\n").length + 1);
    return <TextArea {...shared} rows={rows} spellCheck={false} className={field.kind === "json" ? "font-mono" : ""} />;
  }
  const type = field.kind === "url" ? "url" : "text";
  return <Input {...shared} type={type} autoComplete="off" spellCheck={false} />;
}

function YesNo({ value, word }: { value: string; word: "yes" | "no" }) {
  const t = useTranslations("common");
  return <option value={value}>{t(word)}</option>;
}

type SecretProps = Omit<ComponentProps<"input">, "form"> & {
  label: string;
  field: FormField;
  form: ConfigFormState;
  keepable: boolean;
};

/** An empty field for a new secret. */
function SecretInput({ label, field, form, keepable, ...input }: SecretProps) {
  const t = useTranslations("config");
  return (
    <div className="flex gap-2">
      <Input {...input} type="password" autoComplete="new-password" spellCheck={false} />
      {keepable ? (
        <Button aria-label={t("keepLabel", { field: label })} onClick={() => form.plan(field.name, "keep")}>
          {t("keep")}
        </Button>
      ) : null}
    </div>
  );
}

type StoredProps = { id: string; field: FormField; label: string; form: ConfigFormState; updatedAt: string | null };

/** A secret that is stored is never shown: it can be replaced or removed. */
function StoredSecret({ id, field, label, form, updatedAt }: StoredProps) {
  const t = useTranslations("config");
  const format = useFormatter();
  const [asking, setAsking] = useState(false);
  const removed = form.plans[field.name] === "remove";
  const date = updatedAt ? format.dateTime(new Date(updatedAt), { dateStyle: "medium" }) : null;
  const answer = (yes: boolean) => {
    setAsking(false);
    if (yes) form.plan(field.name, "remove");
  };
  return (
    <div className="flex min-h-8 flex-wrap items-center gap-2">
      <span className={cn("flex flex-1 items-center gap-2", removed && "text-bad")}>
        <KeyRound aria-hidden className="size-4 text-muted" />
        {removed ? t("willRemove") : date ? t("storedAt", { date }) : t("stored")}
      </span>
      {removed ? (
        <Button id={id} aria-label={t("keepLabel", { field: label })} onClick={() => form.plan(field.name, "keep")}>
          {t("keep")}
        </Button>
      ) : (
        <>
          <Button
            id={id}
            aria-label={t("replaceLabel", { field: label })}
            onClick={() => {
              form.plan(field.name, "replace");
              focusSoon(id);
            }}
          >
            {t("replace")}
          </Button>
          <Button variant="danger" aria-label={t("removeLabel", { field: label })} onClick={() => setAsking(true)}>
            {t("remove")}
          </Button>
        </>
      )}
      {asking ? (
        <Confirm
          question={t("removeConfirm", { field: label })}
          yes={t("remove")}
          no={t("leaveNo")}
          onAnswer={answer}
        />
      ) : null}
    </div>
  );
}

/** The button that was pressed gives way to a text field of the same id; the focus follows. */
function focusSoon(id: string): void {
  requestAnimationFrame(() => document.getElementById(id)?.focus());
}
