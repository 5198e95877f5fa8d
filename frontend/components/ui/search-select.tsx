"use client";
import { Check, ChevronsUpDown } from "lucide-react";
import { Popover } from "radix-ui";
import { type KeyboardEvent, useId, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { cn } from "@/lib/class-names";
import { hasWords } from "@/lib/has-words";
import { Button } from "./button";
import { Input } from "./field";

export type Option = { value: string; label: string; detail?: string };

type Props = {
  /** What is chosen, or for what; read to those who do not see it. */
  label: string;
  /** What the closed button reads. */
  text: string;
  /** What the text field is called, where the label alone would not do. */
  search?: string;
  placeholder: string;
  /** Asked for when the list opens: a page may hold hundreds that stay closed. */
  options: () => Option[];
  /** The value that is chosen now, where there is one. */
  chosen?: string;
  onChoose: (value: string) => void;
  /** A further option made of what is typed. */
  typed?: (text: string) => Option | null;
  size?: "normal" | "small";
  className?: string;
  tabIndex?: number;
};

/** A searchable select: a list that is too long for a native one, and that may take what is typed. */
export function SearchSelect({ label, text, size, className, tabIndex, onChoose, ...list }: Props) {
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLButtonElement>(null);
  const choose = (value: string) => {
    setOpen(false);
    onChoose(value);
  };
  // A dialog holds all scrolling but its own: a list over one is modal itself, else it would not scroll.
  const overDialog = open && Boolean(trigger.current?.closest('[role="dialog"]'));
  return (
    <Popover.Root open={open} onOpenChange={setOpen} modal={overDialog}>
      <Popover.Trigger asChild>
        <Button
          ref={trigger}
          size={size}
          tabIndex={tabIndex}
          aria-label={label}
          className={cn("max-w-full justify-between", className)}
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
const SHOWN = 200;

type ListProps = Omit<Props, "text" | "size" | "className" | "tabIndex">;

function List({ label, search = label, placeholder, options, chosen, onChoose, typed }: ListProps) {
  const t = useTranslations("common");
  const id = useId();
  const [all] = useState(options);
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const found = all.filter(({ label, detail }) => hasWords(`${label} ${detail ?? ""}`, text));
  const own = text.trim() ? typed?.(text.trim()) : null;
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
          aria-label={search}
          placeholder={placeholder}
          autoComplete="off"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div id={`${id}-list`} role="listbox" aria-label={label} tabIndex={-1} className="max-h-80 overflow-auto p-1">
        {shown.map((option, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the text field above has the focus and answers the keys
          <div
            key={option.value}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={chosen === undefined ? index === active : option.value === chosen}
            onClick={() => onChoose(option.value)}
            className={cn(
              "flex cursor-pointer items-start gap-2 rounded px-2 py-1.5 hover:bg-raised",
              index === active && "bg-raised",
            )}
          >
            {chosen === undefined ? null : (
              <Check
                aria-hidden
                className={cn("mt-0.5 size-4 shrink-0 text-main", option.value !== chosen && "invisible")}
              />
            )}
            <span className="flex min-w-0 flex-wrap items-baseline gap-x-2">
              <span className="break-words font-medium">{option.label}</span>
              {option.detail ? <span className="break-all text-muted text-xs">{option.detail}</span> : null}
            </span>
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
