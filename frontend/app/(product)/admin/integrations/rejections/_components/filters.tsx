"use client";
import { FilterX } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Input, Select } from "@/components/ui/field";
import { useEntityWord } from "@/components/use-entity-word";
import { type Filters as Chosen, CODES, type FilterName, withoutFilters } from "@/lib/rejections";
import { SYSTEMS, systemName } from "@/lib/systems";
import type { Changes } from "@/lib/use-url";

type Props = { filters: Chosen; change: (changes: Changes) => void };

const ENTITIES = ["commitments", "actuals", "projects"];

/** What the list shows; kept in the page's address. */
export function Filters({ filters, change }: Props) {
  const t = useTranslations("rejections");
  const entityWord = useEntityWord();
  const codeWord = useCodeWord();
  const set = (name: FilterName) => (value: string) => change({ [name]: value || null, record: null });
  return (
    <fieldset className="flex flex-wrap items-end gap-3">
      <legend className="sr-only">{t("filters")}</legend>
      <Choice name="system" value={filters.system} options={SYSTEMS} word={systemName} onChoose={set("system")} />
      <Choice name="entity" value={filters.entity} options={ENTITIES} word={entityWord} onChoose={set("entity")} />
      <Choice name="code" value={filters.code} options={CODES} word={codeWord} onChoose={set("code")} />
      <Labelled name="project">
        <ProjectNumber value={filters.project ?? ""} onChange={set("project")} />
      </Labelled>
      {Object.keys(filters).length > 0 ? (
        <Button variant="quiet" onClick={() => change(withoutFilters())}>
          <FilterX aria-hidden />
          {t("reset")}
        </Button>
      ) : null}
    </fieldset>
  );
}

/** The word for a cause; one that is new to this page is shown by its own name. */
export function useCodeWord(): (code: string) => string {
  const t = useTranslations("rejections.codes");
  return (code) => {
    const key = code as Parameters<typeof t>[0];
    return t.has(key) ? t(key) : code;
  };
}

function Labelled({ name, children }: { name: FilterName; children: ReactNode }) {
  const t = useTranslations("rejections");
  return (
    <div className="grid gap-1">
      <label htmlFor={`filter-${name}`} className="font-medium text-xs">
        {t(name)}
      </label>
      {children}
    </div>
  );
}

type ChoiceProps = {
  name: FilterName;
  value: string | undefined;
  options: readonly string[];
  word: (option: string) => string;
  onChoose: (value: string) => void;
};

function Choice({ name, value, options, word, onChoose }: ChoiceProps) {
  const t = useTranslations("common");
  // A link may ask for what this page does not offer; the list says what it finds for it.
  const offered = value && !options.includes(value) ? [...options, value] : options;
  return (
    <Labelled name={name}>
      <Select
        id={`filter-${name}`}
        className="w-auto min-w-36"
        value={value ?? ""}
        onChange={(event) => onChoose(event.target.value)}
      >
        <option value="">{t("all")}</option>
        {offered.map((option) => (
          <option key={option} value={option}>
            {word(option)}
          </option>
        ))}
      </Select>
    </Labelled>
  );
}

const PAUSE_MS = 400;

/** Asks when the typing pauses, not at each key. */
function ProjectNumber({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const t = useTranslations("rejections");
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const later = window.setTimeout(() => onChange(text.trim()), PAUSE_MS);
    return () => window.clearTimeout(later);
  }, [text, value, onChange]);
  return (
    <Input
      id="filter-project"
      type="search"
      className="w-36"
      placeholder={t("projectHint")}
      autoComplete="off"
      spellCheck={false}
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}
