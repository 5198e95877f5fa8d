"use client";
import { Search } from "lucide-react";
import type { Ref } from "react";
import { Input } from "@/components/ui/field";

type Props = { label: string; value: string; onChange: (value: string) => void; ref?: Ref<HTMLInputElement> };

export function SearchField({ label, value, onChange, ref }: Props) {
  return (
    <div className="relative min-w-44 flex-1 sm:max-w-72">
      <Search aria-hidden className="absolute top-2 left-2.5 size-4 text-muted" />
      <Input
        ref={ref}
        type="search"
        aria-label={label}
        placeholder={label}
        autoComplete="off"
        className="ps-8"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}
