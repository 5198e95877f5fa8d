"use client";
import { useTranslations } from "use-intl";
import { type Option, SearchSelect } from "@/components/ui/search-select";
import type { MappingTarget } from "@/lib/api-types";
import { CUSTOM, customTarget, type FieldRow, slug } from "@/lib/mapping";
import type { Editor } from "./use-editor";

type Props = {
  editor: Editor;
  label: string;
  text: string;
  onChoose: (target: MappingTarget) => void;
  tabIndex?: number;
};

/** The fields of the Costbook by label and name, each with what fills it; what is typed can be an own field. */
export function TargetPick({ editor, onChoose, ...rest }: Props) {
  const t = useTranslations("mapping");
  const states = useTranslations("mapping.states");
  const options = () =>
    editor.filled.map(({ target, state }) => ({
      value: target.name,
      label: target.label || target.name,
      detail: [target.name, states(state), target.required ? t("required") : ""].filter(Boolean).join(" · "),
    }));
  const typed = (text: string): Option | null => {
    const name = CUSTOM + slug(text.replace(CUSTOM, ""));
    const known = editor.filled.some(({ target }) => target.name === name);
    return known ? null : { value: name, label: t("newOwn", { name: name.replace(CUSTOM, "") }), detail: name };
  };
  const choose = (name: string) => onChoose(editor.targets.find((one) => one.name === name) ?? customTarget(name));
  return (
    <SearchSelect
      {...rest}
      size="small"
      className="font-normal"
      placeholder={t("pickOrType")}
      options={options}
      typed={typed}
      onChoose={choose}
    />
  );
}

type SourceProps = Omit<Props, "onChoose"> & { onChoose: (source: string) => void; without?: string[] };

/** The fields of the source by label and name, with an example of what they hold. */
export function SourcePick({ editor, without = [], ...rest }: SourceProps) {
  const t = useTranslations("mapping");
  const isUsable = ({ field }: FieldRow) => field.mappable && !without.includes(field.name);
  const options = () =>
    editor.rows.filter(isUsable).map(({ field }) => ({
      value: field.name,
      label: field.label || field.name,
      detail: [field.name, field.read ? field.samples[0] : t("notRead")].filter(Boolean).join(" · "),
    }));
  return <SearchSelect {...rest} size="small" className="font-normal" placeholder={t("pick")} options={options} />;
}
