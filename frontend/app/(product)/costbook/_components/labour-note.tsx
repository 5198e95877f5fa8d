"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Info } from "lucide-react";
import { useId, useState } from "react";
import { toast } from "sonner";
import { useLocale, useTranslations } from "use-intl";
import { Confirm } from "@/components/ui/confirm";
import { Select } from "@/components/ui/field";
import { call } from "@/lib/api";
import type { ProjectFigures } from "@/lib/api-types";
import { labourSentences, labourSystems } from "@/lib/labour";
import { systemName } from "@/lib/systems";

type Props = { project: ProjectFigures | undefined; canChoose: boolean };

/** Labour that several systems have is counted once: what is left out, and why, and whose counts. */
export function LabourNote({ project, canChoose }: Props) {
  const t = useTranslations();
  const locale = useLocale();
  const sentences = project ? labourSentences(project, t, locale) : [];
  const systems = project && canChoose ? labourSystems(project) : [];
  if (sentences.length === 0 && systems.length === 0) return null;
  return (
    <section aria-label={t("labour.label")} className="grid gap-1.5 rounded-lg border bg-raised px-3 py-2">
      {sentences.map((sentence) => (
        <p key={sentence} className="flex items-start gap-2">
          <Info aria-hidden className="mt-0.5 size-4 shrink-0 text-muted" />
          <span className="min-w-0">{sentence}</span>
        </p>
      ))}
      {project && systems.length > 0 ? <Choice key={project.project_id} project={project} systems={systems} /> : null}
    </section>
  );
}

const RULE = "";

/** Whose labour counts in the project; everybody's figures follow, so it is asked once more. */
function Choice({ project, systems }: { project: ProjectFigures; systems: string[] }) {
  const t = useTranslations("labour");
  const common = useTranslations("common");
  const id = useId();
  const queries = useQueryClient();
  const [asked, setAsked] = useState<string | null>(null);
  const save = useMutation({
    mutationFn: async (source: string) => {
      const path = `costbook/projects/${encodeURIComponent(project.project_id)}/labour`;
      await call(path, { method: "PUT", body: { source: source || null } });
      await queries.invalidateQueries();
    },
    onError: (error) => toast.error(t("failed"), { description: error.message }),
  });
  const now = project.labour?.source ?? RULE;
  const answer = (yes: boolean) => {
    setAsked(null);
    if (yes && asked !== null) save.mutate(asked);
  };
  const question = asked ? t("confirm", { system: systemName(asked) }) : t("confirmRule");
  return (
    <div className="flex flex-wrap items-center gap-2">
      <label htmlFor={id} className="text-muted">
        {t("choose")}
      </label>
      <Select
        id={id}
        className="w-auto"
        value={save.isPending ? save.variables : now}
        disabled={save.isPending}
        onChange={(event) => setAsked(event.target.value)}
      >
        <option value={RULE}>{t("rule")}</option>
        {systems.map((system) => (
          <option key={system} value={system}>
            {systemName(system)}
          </option>
        ))}
      </Select>
      {asked === null ? null : (
        <Confirm question={question} yes={t("confirmYes")} no={common("cancel")} onAnswer={answer} />
      )}
    </div>
  );
}
