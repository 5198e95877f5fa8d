"use client";
import { ArrowRight } from "lucide-react";
import { useId, useState } from "react";
import { useTranslations } from "use-intl";
import { FormDialog } from "@/components/ui/form-dialog";
import type { MappingLine } from "@/lib/api-types";
import { CUSTOM, type Offer } from "@/lib/mapping";
import { Confidence } from "./source-row";
import type { Editor } from "./use-editor";

type Props = {
  editor: Editor;
  title: string;
  lead: string;
  offers: Offer[];
  onConfirm: (lines: MappingLine[]) => void;
  onClose: () => void;
};

/** Several lines at once: all are shown first, each can be left out. */
export function OffersDialog({ editor, title, lead, offers, onConfirm, onClose }: Props) {
  const t = useTranslations("mapping");
  const [chosen, setChosen] = useState(() => offers.flatMap((offer) => (offer.chosen ? [offer.line.target] : [])));
  const toggle = (target: string, on: boolean) =>
    setChosen((now) => (on ? [...now, target] : now.filter((one) => one !== target)));
  const lines = offers.flatMap(({ line }) => (chosen.includes(line.target) ? [line] : []));
  return (
    <FormDialog
      title={title}
      description={lead}
      submit={{ text: t("confirmCount", { count: lines.length }), disabled: lines.length === 0 }}
      onSubmit={() => onConfirm(lines)}
      onClose={onClose}
    >
      <ul className="-my-2 divide-y">
        {offers.map((offer) => (
          <OfferRow
            key={offer.line.target}
            editor={editor}
            offer={offer}
            checked={chosen.includes(offer.line.target)}
            onCheck={(on) => toggle(offer.line.target, on)}
          />
        ))}
      </ul>
    </FormDialog>
  );
}

type RowProps = { editor: Editor; offer: Offer; checked: boolean; onCheck: (on: boolean) => void };

function OfferRow({ editor, offer: { row, line, replaces }, checked, onCheck }: RowProps) {
  const t = useTranslations("mapping");
  const id = useId();
  const { field, suggestion } = row;
  return (
    <li className="flex items-start gap-3 py-2">
      <input
        id={id}
        type="checkbox"
        className="mt-0.5 size-4 shrink-0 accent-main"
        checked={checked}
        aria-describedby={`${id}-why`}
        onChange={(event) => onCheck(event.target.checked)}
      />
      <div className="min-w-0 flex-1">
        <label htmlFor={id} className="flex flex-wrap items-center gap-x-1.5">
          <span className="break-words">{field.label || field.name}</span>
          <ArrowRight aria-hidden className="size-3.5 shrink-0 text-muted" />
          <span className="break-words font-medium">{editor.labelOf(line.target)}</span>
          {line.target.startsWith(CUSTOM) ? <span className="text-muted text-xs">{t("ownField")}</span> : null}
        </label>
        <p id={`${id}-why`} className="text-muted text-xs">
          {suggestion?.target ? <Confidence suggestion={suggestion} /> : field.samples.slice(0, 3).join(" · ")}
          {suggestion?.target ? <span> · {suggestion.reason}</span> : null}
          {replaces ? <span className="block text-warn">{t("replacesStandard")}</span> : null}
        </p>
      </div>
    </li>
  );
}
