"use client";
import type { FormEvent, ReactNode } from "react";
import { useTranslations } from "use-intl";
import { Button } from "./button";
import { Dialog } from "./dialog";

type Props = {
  title: string;
  description: string;
  className?: string;
  submit: { text: string; pending?: boolean; disabled?: boolean };
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
};

/** A form that another dialog opens and that lies over it. */
export function FormDialog({ title, description, className, submit, onSubmit, onClose, children }: Props) {
  const t = useTranslations("common");
  const { text, pending = false, disabled = false } = submit;
  const onSend = (event: FormEvent) => {
    event.preventDefault();
    // React passes the event on to the dialog below, which is no form of this one.
    event.stopPropagation();
    if (!pending && !disabled) onSubmit();
  };
  return (
    <Dialog
      open
      nested
      onOpenChange={(open) => !open && onClose()}
      title={title}
      description={description}
      className={className}
    >
      <form noValidate onSubmit={onSend} className="flex min-h-0 flex-1 flex-col">
        <div className="grid min-h-0 flex-1 content-start gap-4 overflow-y-auto px-5 py-4">{children}</div>
        <div className="flex flex-wrap justify-end gap-2 border-t bg-raised px-5 py-3">
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button type="submit" variant="main" aria-disabled={pending || disabled} aria-busy={pending}>
            {text}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
