"use client";
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { type ReactNode, useState } from "react";
import { useTranslations } from "use-intl";
import { cn } from "@/lib/class-names";
import { Button } from "./button";

type Props = {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description: string;
  children: ReactNode;
  className?: string;
  /** Opened from another dialog, which it covers. */
  nested?: boolean;
};

/** A modal that traps the focus and gives it back; on a small screen it is the page. */
export function Dialog({ open, onOpenChange, title, description, children, className, nested }: Props) {
  const t = useTranslations("common");
  // Whoever opened it, by mouse or key; there is no Radix trigger that would know.
  const [opener] = useState(() => document.activeElement);
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={cn("fixed inset-0 bg-slate-950/50", nested ? "z-50" : "z-40")} />
        <Radix.Content
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (opener instanceof HTMLElement) opener.focus();
          }}
          onInteractOutside={(event) => {
            // A message is read and closed while the dialog stays.
            if (event.target instanceof Element && event.target.closest("[data-sonner-toaster]"))
              event.preventDefault();
          }}
          className={cn(
            "fixed inset-x-0 top-0 bottom-(--toasts) z-50 flex flex-col overflow-hidden bg-surface shadow-xl outline-none sm:inset-auto sm:top-[calc(50%-var(--toasts)/2)] sm:left-1/2 sm:max-h-[calc(90dvh-var(--toasts))] sm:w-[min(44rem,94vw)] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-lg sm:border",
            className,
          )}
        >
          <div className="flex items-start gap-4 border-b px-5 py-3.5">
            <div className="min-w-0 flex-1">
              <Radix.Title className="font-semibold text-base">{title}</Radix.Title>
              <Radix.Description className="mt-0.5 text-muted text-xs">{description}</Radix.Description>
            </div>
            <Radix.Close asChild>
              <Button variant="quiet" size="icon" aria-label={t("close")}>
                <X aria-hidden />
              </Button>
            </Radix.Close>
          </div>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
