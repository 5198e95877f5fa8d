"use client";
import { History, TriangleAlert } from "lucide-react";
import Link from "next/link";
import { useLocale, useTranslations } from "use-intl";
import type { ProjectFigures, ProjectList } from "@/lib/api-types";
import { lateIn, lateSentence, waitingIn, waitingSentence } from "@/lib/quarantine";
import { rejectionsPage } from "@/lib/rejections";

type Props = { list: ProjectList; project: ProjectFigures | undefined };

/** What the figures are short of, and what came into closed periods: beside the figures, so that no sum is silently so. */
export function QuarantineNotes({ list, project }: Props) {
  const t = useTranslations();
  const locale = useLocale();
  const missing = waitingSentence(waitingIn(list, project), t, locale);
  const late = lateIn(list, project);
  if (!missing && late.length === 0) return null;
  return (
    <section
      aria-label={t("quarantine.label")}
      className="grid gap-1.5 rounded-lg border border-warn/40 bg-warn-soft px-3 py-2"
    >
      {missing ? (
        <p className="flex items-start gap-2">
          <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
          <span className="min-w-0">
            {missing}{" "}
            <Link
              href={rejectionsPage(project ? { project: project.project_nr } : {})}
              className="whitespace-nowrap font-medium text-main-strong underline"
            >
              {t("quarantine.show")}
            </Link>
          </span>
        </p>
      ) : null}
      {late.map((one) => (
        <p key={`${one.fiscal_year}/${one.fiscal_period}/${one.currency}`} className="flex items-start gap-2">
          <History aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
          <span className="min-w-0">{lateSentence(one, t, locale)}</span>
        </p>
      ))}
    </section>
  );
}
