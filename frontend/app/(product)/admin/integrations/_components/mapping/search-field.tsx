"use client";
import { Search } from "lucide-react";
import { type RefObject, useEffect, useRef } from "react";
import { Input } from "@/components/ui/field";

type Props = { label: string; value: string; onChange: (value: string) => void };

/** A search to which `/` leads from anywhere in its dialog. */
export function SearchField({ label, value, onChange }: Props) {
  const field = useRef<HTMLInputElement>(null);
  useSlash(field);
  return (
    <div className="relative min-w-44 flex-1 sm:max-w-72">
      <Search aria-hidden className="absolute top-2 left-2.5 size-4 text-muted" />
      <Input
        ref={field}
        type="search"
        aria-label={label}
        placeholder={label}
        aria-keyshortcuts="/"
        autoComplete="off"
        className="ps-8"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

function useSlash(field: RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const { target, key } = event;
      if (key !== "/" || !(target instanceof Element) || target.matches("input, textarea, select")) return;
      // Not from a dialog or a list that lies over this one.
      if (target.closest('[role="dialog"]') !== field.current?.closest('[role="dialog"]')) return;
      event.preventDefault();
      field.current?.focus();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [field]);
}
