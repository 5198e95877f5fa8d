import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/class-names";

const box =
  "w-full rounded-md border border-line-strong bg-surface px-2.5 text-sm placeholder:text-muted aria-invalid:border-bad disabled:bg-raised disabled:text-muted";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(box, "h-8", className)} {...rest} />;
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={cn(box, "min-h-16 py-1.5", className)} {...rest} />;
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select className={cn(box, "h-8 pr-7", className)} {...rest} />;
}

type FieldProps = { id: string; label: string; hint?: string; error?: string; required?: string; children: ReactNode };

/** Label, control, help and error; the control names `${id}-hint` and `${id}-error` in aria-describedby. */
export function Field({ id, label, hint, error, required, children }: FieldProps) {
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="font-medium text-xs">
        {label}
        {required ? <span className="ml-1.5 font-normal text-muted">{required}</span> : null}
      </label>
      {children}
      {hint ? (
        <p id={`${id}-hint`} className="text-muted text-xs">
          {hint}
        </p>
      ) : null}
      {error ? (
        <p id={`${id}-error`} className="text-bad text-xs">
          {error}
        </p>
      ) : null}
    </div>
  );
}

export function describedBy(id: string, hint: unknown, error: unknown): string | undefined {
  return [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
}
