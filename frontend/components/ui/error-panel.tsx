"use client";
import { CircleAlert, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import { CopyButton } from "@/components/copy-button";
import { ApiError } from "@/lib/api";
import { Button } from "./button";

type Props = { error: unknown; onRetry?: () => void; title?: string; children?: ReactNode };

/** What happened, the likely cause, what to do, and the id to name when asking for help. */
export function ErrorPanel({ error, onRetry, title, children }: Props) {
  const t = useTranslations();
  const words = useWords(error);
  const api = error instanceof ApiError ? error : null;
  return (
    <div role="alert" className="flex items-start gap-3 rounded-lg border border-bad/40 bg-bad-soft p-4">
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
      <div className="min-w-0 flex-1">
        <p className="font-medium text-bad">{title ?? words.title}</p>
        <p className="mt-0.5 break-words">{words.detail}</p>
        {api?.problem.run_id ? <Reference text={t("errors.run", { id: api.problem.run_id })} /> : null}
        {api?.requestId ? <Reference text={t("errors.request", { id: api.requestId })} /> : null}
        {children}
      </div>
      {onRetry ? (
        <Button onClick={onRetry}>
          <RotateCw aria-hidden />
          {t("common.retry")}
        </Button>
      ) : null}
    </div>
  );
}

function useWords(error: unknown): { title: string; detail: string } {
  const t = useTranslations("errors");
  if (!(error instanceof ApiError)) return { title: t("title"), detail: t("unexpected") };
  if (error.status === 0) return { title: t("network"), detail: t("networkHint") };
  if (error.slug === "backend-down") return { title: t("backendDown"), detail: t("backendDownHint") };
  if (error.status === 403) return { title: t("forbidden"), detail: error.problem.detail ?? t("forbiddenHint") };
  if (error.status === 404) return { title: t("notFound"), detail: t("notFoundHint") };
  return { title: t("title"), detail: error.message };
}

function Reference({ text }: { text: string }) {
  return (
    <p className="mt-1 flex flex-wrap items-center gap-1 text-muted text-xs">
      <span className="break-all">{text}</span>
      <CopyButton text={text} />
    </p>
  );
}
