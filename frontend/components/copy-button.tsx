"use client";
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";

/** Puts a key on the clipboard. The key beside it stays selectable, where a browser refuses. */
export function CopyButton({ text }: { text: string }) {
  const t = useTranslations("common");
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      toast.error(t("copyFailed"));
    }
  };
  const Icon = copied ? Check : Copy;
  return (
    <button
      type="button"
      aria-label={copied ? t("copied") : t("copyLabel", { what: text })}
      title={t(copied ? "copied" : "copy")}
      className="inline-grid size-6 shrink-0 place-items-center rounded text-muted hover:bg-line hover:text-text"
      onClick={copy}
    >
      <Icon aria-hidden className="size-3.5" />
    </button>
  );
}
