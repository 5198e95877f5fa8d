"use client";
import { Info } from "lucide-react";
import { useLocale, useTranslations } from "use-intl";
import type { ProjectFigures } from "@/lib/api-types";
import { labourSentences } from "@/lib/labour";

/** Labour that several systems have is counted once: what is left out, and why, beside the figures. */
export function LabourNote({ project }: { project: ProjectFigures | undefined }) {
  const t = useTranslations();
  const locale = useLocale();
  const sentences = project ? labourSentences(project, t, locale) : [];
  if (sentences.length === 0) return null;
  return (
    <section aria-label={t("labour.label")} className="grid gap-1.5 rounded-lg border bg-raised px-3 py-2">
      {sentences.map((sentence) => (
        <p key={sentence} className="flex items-start gap-2">
          <Info aria-hidden className="mt-0.5 size-4 shrink-0 text-muted" />
          <span className="min-w-0">{sentence}</span>
        </p>
      ))}
    </section>
  );
}
