"use client";
import { ChevronDown, ChevronUp, Trash2, X } from "lucide-react";
import { useId, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Field, Input, Select, TextArea } from "@/components/ui/field";
import { FormDialog } from "@/components/ui/form-dialog";
import type { MappingLine, Step, ValueType } from "@/lib/api-types";
import { CUSTOM } from "@/lib/mapping";
import {
  DATE_FORMATS,
  fieldsOfStep,
  lineComplaint,
  newStep,
  STEPS,
  type StepField,
  type StepName,
  stepComplaint,
  stepName,
  textOf,
  withoutSource,
  withSource,
  withText,
} from "@/lib/mapping-steps";
import { SourcePick } from "./target-pick";
import type { Editor } from "./use-editor";

type Props = { editor: Editor; line: MappingLine; instead?: MappingLine; onClose: () => void };

const TYPES: ValueType[] = ["text", "date", "moment", "amount", "quantity", "rate", "boolean"];

/** One line in full: its sources, the steps between, and the type of an own field. */
export function LineEditor({ editor, line, instead, onClose }: Props) {
  const t = useTranslations("mapping");
  const [draft, setDraft] = useState(() => keyed(line));
  const [tried, setTried] = useState(false);
  const now = plain(draft);
  const wrong = lineComplaint(now);
  const target = editor.labelOf(line.target);
  const submit = () => {
    setTried(true);
    if (wrong || now.steps.some(stepComplaint)) return;
    editor.set(now, instead);
    onClose();
  };
  const change = (steps: KeyedStep[]) => setDraft({ ...draft, steps });
  return (
    <FormDialog
      title={t("editTitle", { target })}
      description={t("editLead")}
      className="sm:w-[min(38rem,94vw)]"
      submit={{ text: t("apply") }}
      onSubmit={submit}
      onClose={onClose}
    >
      <Sources
        editor={editor}
        line={now}
        onChange={(next) => setDraft(keyed(next))}
        error={wrong && (tried || now.sources.length > 1) ? t(`complaints.${wrong}`) : undefined}
      />
      {line.target.startsWith(CUSTOM) ? (
        <TypeField value={draft.type} onChange={(type) => setDraft({ ...draft, type })} />
      ) : null}
      <StepList steps={draft.steps} tried={tried} onChange={change} />
    </FormDialog>
  );
}

/** Steps are moved and removed while their fields have the focus: each keeps a key of its own. */
type KeyedStep = { key: number; step: Step };
type KeyedLine = Omit<MappingLine, "steps"> & { steps: KeyedStep[] };
let keys = 0;

const withKey = (step: Step): KeyedStep => ({ key: ++keys, step });
const keyed = (line: MappingLine): KeyedLine => ({ ...line, steps: line.steps.map(withKey) });
const plain = (line: KeyedLine): MappingLine => ({ ...line, steps: line.steps.map(({ step }) => step) });

type SourcesProps = { editor: Editor; line: MappingLine; error?: string; onChange: (line: MappingLine) => void };

function Sources({ editor, line, error, onChange }: SourcesProps) {
  const t = useTranslations("mapping");
  return (
    <section className="grid gap-1.5">
      <h3 className="font-medium text-xs">{t("sources")}</h3>
      {line.sources.length > 0 ? (
        <ul className="flex flex-wrap gap-1.5">
          {line.sources.map((source) => (
            <li key={source} className="flex max-w-full items-center gap-1 rounded-md border ps-2">
              <span className="min-w-0 break-words">{editor.fieldLabelOf(source)}</span>
              <Button
                variant="quiet"
                size="icon"
                className="size-7"
                aria-label={t("removeSource", { field: editor.fieldLabelOf(source) })}
                onClick={() => onChange(withoutSource(line, source))}
              >
                <X aria-hidden />
              </Button>
            </li>
          ))}
        </ul>
      ) : null}
      <div>
        <SourcePick
          editor={editor}
          label={t("addSource")}
          text={t("addSource")}
          without={line.sources}
          onChoose={(source) => onChange(withSource(line, source))}
        />
      </div>
      {error ? (
        <p role="alert" className="text-bad text-xs">
          {error}
        </p>
      ) : null}
    </section>
  );
}

function TypeField({ value, onChange }: { value: ValueType; onChange: (type: ValueType) => void }) {
  const t = useTranslations("mapping");
  const types = useTranslations("mapping.types");
  const id = useId();
  return (
    <Field id={id} label={t("type")}>
      <Select id={id} value={value} onChange={(event) => onChange(event.target.value as ValueType)}>
        {TYPES.map((type) => (
          <option key={type} value={type}>
            {types(type)}
          </option>
        ))}
      </Select>
    </Field>
  );
}

type ListProps = { steps: KeyedStep[]; tried: boolean; onChange: (steps: KeyedStep[]) => void };

function StepList({ steps, tried, onChange }: ListProps) {
  const t = useTranslations("mapping");
  const words = useTranslations("mapping.steps");
  const id = useId();
  const swap = (at: number, to: number) => {
    const next = [...steps];
    const [moved] = next.splice(at, 1);
    if (moved) next.splice(to, 0, moved);
    onChange(next);
  };
  return (
    <section className="grid gap-2">
      <h3 className="font-medium text-xs">{t("stepsTitle")}</h3>
      {steps.length === 0 ? <p className="text-muted">{t("noSteps")}</p> : null}
      <ol className="grid gap-2">
        {steps.map(({ key, step }, at) => (
          <li key={key} className="grid gap-2 rounded-md border p-2.5">
            <div className="flex items-center gap-1">
              <span className="min-w-0 flex-1 font-medium">
                {at + 1}. {stepWord(step, words)}
              </span>
              <StepButton label={t("stepUp", { step: at + 1 })} disabled={at === 0} onClick={() => swap(at, at - 1)}>
                <ChevronUp aria-hidden />
              </StepButton>
              <StepButton
                label={t("stepDown", { step: at + 1 })}
                disabled={at === steps.length - 1}
                onClick={() => swap(at, at + 1)}
              >
                <ChevronDown aria-hidden />
              </StepButton>
              <StepButton
                label={t("stepRemove", { step: at + 1 })}
                onClick={() => onChange(steps.filter((one) => one.key !== key))}
              >
                <Trash2 aria-hidden />
              </StepButton>
            </div>
            <StepFields
              step={step}
              tried={tried}
              onChange={(next) => onChange(steps.map((one) => (one.key === key ? { key, step: next } : one)))}
            />
          </li>
        ))}
      </ol>
      <label htmlFor={id} className="sr-only">
        {t("addStep")}
      </label>
      <Select
        id={id}
        className="w-auto max-w-full justify-self-start"
        value=""
        onChange={(event) => onChange([...steps, withKey(newStep(event.target.value as StepName))])}
      >
        <option value="" disabled>
          {t("addStep")}
        </option>
        {STEPS.map((name) => (
          <option key={name} value={name}>
            {words(name)}
          </option>
        ))}
      </Select>
    </section>
  );
}

type ButtonProps = { label: string; disabled?: boolean; onClick: () => void; children: React.ReactNode };

function StepButton({ label, disabled, onClick, children }: ButtonProps) {
  return (
    <Button
      variant="quiet"
      size="icon"
      className="size-7"
      aria-label={label}
      aria-disabled={disabled}
      onClick={disabled ? undefined : onClick}
    >
      {children}
    </Button>
  );
}

function stepWord(step: Step, words: (name: StepName) => string): string {
  const name = stepName(step);
  return name ? words(name) : step.do;
}

type FieldsProps = { step: Step; tried: boolean; onChange: (step: Step) => void };

function StepFields({ step, tried, onChange }: FieldsProps) {
  const t = useTranslations("mapping");
  const fields = fieldsOfStep(step);
  const wrong = stepComplaint(step);
  if (fields.length === 0) return null;
  return (
    <div className="grid items-start gap-2 sm:grid-cols-2">
      {fields.map((field) => (
        <Parameter key={field.name} step={step} field={field} onChange={onChange} />
      ))}
      {wrong && tried ? (
        <p role="alert" className="text-bad text-xs sm:col-span-2">
          {t(`complaints.${wrong}`)}
        </p>
      ) : null}
    </div>
  );
}

type ParameterProps = { step: Step; field: StepField; onChange: (step: Step) => void };

function Parameter({ step, field, onChange }: ParameterProps) {
  const t = useTranslations("mapping.parameters");
  const hints = useTranslations("mapping.hints");
  const id = useId();
  const [text, setText] = useState(() => textOf(step, field));
  const key = `${step.do}_${field.name}` as Parameters<typeof t>[0];
  const hintKey = key as unknown as Parameters<typeof hints>[0];
  const hint = hints.has(hintKey) ? hints(hintKey) : undefined;
  const shared = {
    id,
    value: text,
    "aria-describedby": hint ? `${id}-hint` : undefined,
    onChange: (event: { target: { value: string } }) => {
      setText(event.target.value);
      onChange(withText(step, field, event.target.value));
    },
  };
  return (
    <Field id={id} label={t(key)} hint={hint}>
      {field.control === "format" ? (
        <Select {...shared}>
          {DATE_FORMATS.map((format) => (
            <option key={format}>{format}</option>
          ))}
        </Select>
      ) : field.control === "decimal" ? (
        <Select {...shared}>
          <option value=",">{t("comma")}</option>
          <option value=".">{t("point")}</option>
        </Select>
      ) : field.control === "table" ? (
        <TextArea {...shared} rows={4} spellCheck={false} className="font-mono" />
      ) : (
        <Input {...shared} autoComplete="off" spellCheck={false} />
      )}
    </Field>
  );
}
