"use client";
import { ChevronDown, ChevronRight, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { useLocale, useTranslations } from "use-intl";
import { CopyButton } from "@/components/copy-button";
import { RawRecord } from "@/components/raw-record";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { DataTable } from "@/components/ui/data-table";
import { Hint } from "@/components/ui/hint";
import { useEntityWord } from "@/components/use-entity-word";
import type { Me, Rejection, RejectionList } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { formatMoney, isNegative } from "@/lib/money";
import { type Offer, offerObstacle, offersFor, replayObstacle } from "@/lib/rejections";
import { systemName } from "@/lib/systems";
import { useUrl } from "@/lib/use-url";
import { useCodeWord } from "./filters";

type Acting = {
  rights: Me["rights"];
  busy: string[];
  onReplay: (item: Rejection) => void;
  onAssign: (offer: Offer, item: Rejection) => void;
};
type Choosing = { chosen: Set<number>; onChoose: (chosen: Set<number>) => void };
type Props = Acting & Choosing & { list: RejectionList };

/** One row per record; opening it shows what the source delivered. Whoever may only read gets no actions. */
export function RejectionTable({ list, ...rest }: Props) {
  const t = useTranslations("rejections");
  const [url, change] = useUrl();
  const { rights, chosen, onChoose } = rest;
  const open = url.get("record");
  const replayable = list.items.filter((item) => item.replayable);
  const allChosen = replayable.length > 0 && replayable.every((item) => chosen.has(item.id));
  return (
    <DataTable
      name={t("title")}
      rows={list.total + 1}
      className="max-h-[max(10rem,max(20rem,100dvh-20rem)-var(--toasts))]"
    >
      <thead>
        <tr>
          <th scope="col">
            <span className="flex items-center gap-2">
              {rights.sync ? (
                <Checkbox
                  label={t("selectAll")}
                  checked={allChosen}
                  mixed={!allChosen && chosen.size > 0}
                  onChange={() => onChoose(new Set(allChosen ? [] : replayable.map(({ id }) => id)))}
                />
              ) : null}
              {t("key")}
            </span>
          </th>
          {(["entity", "reason", "field"] as const).map((key) => (
            <th key={key} scope="col">
              {t(key)}
            </th>
          ))}
          {(["amount", "open"] as const).map((key) => (
            <th key={key} scope="col" className="text-end">
              {t(key)}
            </th>
          ))}
          {(["project", "since"] as const).map((key) => (
            <th key={key} scope="col">
              {t(key)}
            </th>
          ))}
          {rights.sync ? <th scope="col">{t("actions")}</th> : null}
        </tr>
      </thead>
      <tbody>
        {list.items.map((item, index) => (
          <Row
            key={item.id}
            item={item}
            index={index}
            isOpen={open === String(item.id)}
            onOpen={(isOpen) => change({ record: isOpen ? String(item.id) : null })}
            {...rest}
          />
        ))}
      </tbody>
    </DataTable>
  );
}

type CheckboxProps = {
  label: string;
  checked: boolean;
  mixed?: boolean;
  obstacle?: string;
  onChange: () => void;
};

function Checkbox({ label, checked, mixed = false, obstacle, onChange }: CheckboxProps) {
  return (
    <span className="grid size-6 shrink-0 place-items-center" title={obstacle}>
      <input
        type="checkbox"
        ref={(box) => {
          if (box) box.indeterminate = mixed;
        }}
        aria-label={label}
        aria-description={obstacle}
        className="size-4 accent-main"
        disabled={Boolean(obstacle)}
        checked={checked}
        onChange={onChange}
      />
    </span>
  );
}

type RowProps = Acting &
  Choosing & { item: Rejection; index: number; isOpen: boolean; onOpen: (isOpen: boolean) => void };

function Row({ item, index, isOpen, onOpen, chosen, onChoose, ...acting }: RowProps) {
  const t = useTranslations("rejections");
  const locale = useLocale();
  const entityWord = useEntityWord();
  const codeWord = useCodeWord();
  const currency = item.currency ?? "";
  const toggle = () => {
    const next = new Set(chosen);
    if (!next.delete(item.id)) next.add(item.id);
    onChoose(next);
  };
  return (
    <>
      <tr aria-rowindex={index + 2} className="align-top">
        <th scope="row" className="max-sm:static!">
          <span className="flex items-center gap-1">
            {acting.rights.sync ? (
              <Checkbox
                label={t("select", { key: item.key })}
                checked={chosen.has(item.id)}
                obstacle={item.replayable ? undefined : t("obstacles.notReplayable")}
                onChange={toggle}
              />
            ) : null}
            <Expander item={item} isOpen={isOpen} onOpen={onOpen} />
            <span className="min-w-36 max-w-64 break-all">{item.key}</span>
            <CopyButton text={item.key} />
          </span>
        </th>
        <td className="whitespace-nowrap">
          {entityWord(item.entity)}
          <span className="block text-muted text-xs">{systemName(item.system)}</span>
        </td>
        <td className="min-w-56">
          <span className="font-medium">{codeWord(item.code)}</span>
          <span className="block text-muted text-xs">{item.reason}</span>
        </td>
        <td>{item.field || "–"}</td>
        {[item.amount, item.open_amount].map((amount, at) => (
          <td key={at === 0 ? "amount" : "open"} className={cn("amount", isNegative(amount) && "text-bad")}>
            {formatMoney(amount, locale, currency)}
          </td>
        ))}
        <td className="whitespace-nowrap">
          {item.project_nr || "–"}
          {item.company_code ? (
            <span className="block text-muted text-xs">{t("company", { code: item.company_code })}</span>
          ) : null}
        </td>
        <td className="whitespace-nowrap">
          <Ago at={item.at} />
        </td>
        {acting.rights.sync ? (
          <td>
            <Actions item={item} {...acting} />
          </td>
        ) : null}
      </tr>
      {isOpen ? (
        <tr>
          <td id={`record-${item.id}`} colSpan={acting.rights.sync ? 9 : 8} className="bg-raised">
            <section aria-label={t("raw", { system: systemName(item.system) })} className="sticky left-3 max-w-[82vw]">
              <h2 className="mb-1 text-muted text-xs">{t("raw", { system: systemName(item.system) })}</h2>
              <RawRecord record={item.raw} />
            </section>
          </td>
        </tr>
      ) : null}
    </>
  );
}

type ExpanderProps = { item: Rejection; isOpen: boolean; onOpen: (isOpen: boolean) => void };

function Expander({ item, isOpen, onOpen }: ExpanderProps) {
  const t = useTranslations("rejections");
  const Arrow = isOpen ? ChevronDown : ChevronRight;
  return (
    <button
      type="button"
      aria-expanded={isOpen}
      aria-controls={isOpen ? `record-${item.id}` : undefined}
      aria-label={t("expand", { key: item.key })}
      className="inline-grid size-6 shrink-0 place-items-center rounded text-muted hover:bg-line hover:text-text"
      onClick={() => onOpen(!isOpen)}
    >
      <Arrow aria-hidden className="size-4" />
    </button>
  );
}

/** What can be done about one record; what cannot says why. */
function Actions({ item, rights, busy, onReplay, onAssign }: Acting & { item: Rejection }) {
  const t = useTranslations("rejections");
  const again = replayObstacle(item, busy.includes(item.system));
  return (
    <div className="flex flex-wrap gap-1">
      <Action
        label={t("replayOne", { key: item.key })}
        reason={again && t(`obstacles.${again}`)}
        onClick={() => onReplay(item)}
      >
        <RotateCw aria-hidden />
        {t("replay")}
      </Action>
      {offersFor(item).map((offer) => {
        const obstacle = offerObstacle(offer, item, rights);
        const word = t(`offers.${offer}`);
        return (
          <Action
            key={offer}
            label={t("offerLabel", { offer: word, key: item.key })}
            reason={obstacle && t(`obstacles.${obstacle}`)}
            onClick={() => onAssign(offer, item)}
          >
            {word}
          </Action>
        );
      })}
    </div>
  );
}

type ActionProps = { label: string; reason: string | undefined; onClick: () => void; children: ReactNode };

function Action({ label, reason, onClick, children }: ActionProps) {
  return (
    <Hint text={reason}>
      <Button
        size="small"
        aria-label={label}
        aria-disabled={Boolean(reason)}
        aria-description={reason}
        onClick={reason ? undefined : onClick}
      >
        {children}
      </Button>
    </Hint>
  );
}
