"use client";
import { ChevronsUpDown } from "lucide-react";
import { Popover } from "radix-ui";
import { type KeyboardEvent, useId, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/field";
import { cn } from "@/lib/class-names";

export type Option = { value: string; label: string; detail: string };

type Props = {
  /** What is chosen for what, spoken. */
  label: string;
  /** What the closed button reads. */
  text: string;
  options: Option[];
  onChoose: (value: string) => void;
  /** A further option made of what is typed. */
  typed?: (text: string) => Option | null;
  tabIndex?: number;
  id?: string;
};

/** A searchable select: a list that is too long for a native one, and that may take what is typed. */
export function Pick({ label, text, tabIndex, id, ...list }: Props) {
  const [open, setOpen] = useState(false);
  const choose = (value: string) => {
    setOpen(false);
    list.onChoose(value);
  };
  return (
    // Modal, so that the list scrolls inside of a dialog that holds all other scrolling.
    <Popover.Root open={open} onOpenChange={setOpen} modal>
      <Popover.Trigger asChild>
        <Button
          id={id}
          size="small"
          tabIndex={tabIndex}
          aria-label={label}
          className="max-w-full justify-between font-normal"
        >
          <span className="truncate">{text}</span>
          <ChevronsUpDown aria-hidden className="text-muted" />
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={4}
          collisionPadding={8}
          aria-label={label}
          className="z-60 w-[min(26rem,92vw)] rounded-lg border bg-surface shadow-lg"
          onKeyDown={(event) => event.stopPropagation()}
        >
          <List {...list} label={label} onChoose={choose} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** How many are drawn at once; the rest is found by typing. */
const SHOWN = 60;

function List({ label, options, typed, onChoose }: Omit<Props, "text" | "tabIndex" | "id">) {
  const t = useTranslations("mapping");
  const id = useId();
  const [search, setSearch] = useState("");
  const [active, setActive] = useState(0);
  const found = matching(options, search);
  const own = search.trim() ? typed?.(search.trim()) : null;
  const shown = own ? [...found.slice(0, SHOWN), own] : found.slice(0, SHOWN);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const next = Math.max(0, Math.min(shown.length - 1, active + step));
      setActive(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    }
    const option = shown[active];
    if (event.key === "Enter" && option) {
      event.preventDefault();
      onChoose(option.value);
    }
  };
  return (
    <>
      <div className="border-b p-2">
        <Input
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={shown.length > 0 ? `${id}-${active}` : undefined}
          aria-label={label}
          placeholder={t(typed ? "pickOrType" : "pick")}
          autoComplete="off"
          value={search}
          onChange={(event) => {
            setSearch(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div id={`${id}-list`} role="listbox" aria-label={label} tabIndex={-1} className="max-h-72 overflow-auto p-1">
        {shown.map((option, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the text field above has the focus and answers the keys
          <div
            key={option.value}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            onClick={() => onChoose(option.value)}
            className={cn("cursor-pointer rounded px-2 py-1.5 hover:bg-raised", index === active && "bg-raised")}
          >
            <span className="block break-words font-medium">{option.label}</span>
            <span className="block break-all text-muted text-xs">{option.detail}</span>
          </div>
        ))}
      </div>
      {shown.length === 0 ? <p className="px-4 pb-4 text-muted">{t("noMatch")}</p> : null}
      {found.length > SHOWN ? (
        <p className="border-t px-4 py-2 text-muted text-xs">{t("pickMore", { count: found.length - SHOWN })}</p>
      ) : null}
    </>
  );
}

function matching(options: Option[], search: string): Option[] {
  const wanted = search.trim().toLowerCase();
  return options.filter(({ label, detail }) => `${label} ${detail}`.toLowerCase().includes(wanted));
}
