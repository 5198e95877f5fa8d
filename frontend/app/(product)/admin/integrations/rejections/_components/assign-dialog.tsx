"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CircleCheck } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { ProjectSelect, projectLabel } from "@/components/project-select";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Hint } from "@/components/ui/hint";
import { Skeleton } from "@/components/ui/skeleton";
import { ApiError } from "@/lib/api";
import type { ProjectFigures, Rejection, ReplayRequest } from "@/lib/api-types";
import { linkProject, mapCostCenter } from "@/lib/assign";
import type { Offer } from "@/lib/rejections";
import { systemName } from "@/lib/systems";
import { useProjects } from "@/lib/use-projects";

type Props = {
  offer: Offer;
  item: Rejection;
  onReplay: (wanted: ReplayRequest) => void;
  onClose: () => void;
};

/** Which project a record belongs to. A cost centre is replayed at once; after a link that is offered. */
export function AssignDialog({ offer, item, onReplay, onClose }: Props) {
  const t = useTranslations("assign");
  const projects = useProjects();
  const [projectId, setProjectId] = useState<string | null>(null);
  const project = projects.data?.items.find((one) => one.project_id === projectId);
  const replay = () => {
    onReplay(replayAfter(item));
    onClose();
  };
  const assign = useAssign(offer, item, () => offer === "costCenter" && replay());
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (project && !assign.isPending) assign.mutate(project);
  };
  const done = assign.isSuccess && offer === "link" && project;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(offer === "link" ? "linkTitle" : "costCenterTitle")}
      description={useLead(offer, item)}
      className="sm:w-[min(34rem,94vw)]"
    >
      {done ? (
        <Linked item={item} project={project} onReplay={replay} onLater={onClose} />
      ) : (
        <form noValidate onSubmit={submit} className="flex min-h-0 flex-1 flex-col">
          <div className="grid flex-1 content-start gap-3 overflow-y-auto px-5 py-4">
            {projects.isError ? (
              <ErrorPanel error={projects.error} onRetry={() => projects.refetch()} />
            ) : projects.data ? (
              <div className="grid justify-items-start gap-1">
                <span className="font-medium text-xs">{t("project")}</span>
                <ProjectSelect
                  projects={projects.data.items}
                  chosen={project}
                  onChoose={setProjectId}
                  invitation={t("choose")}
                />
              </div>
            ) : (
              <Skeleton className="h-8 w-72" />
            )}
            {assign.error ? <Failed error={assign.error} item={item} project={project} /> : null}
          </div>
          <Footer chosen={Boolean(project)} pending={assign.isPending} onCancel={onClose} />
        </form>
      )}
    </Dialog>
  );
}

/** The project is none of the source's; nothing was asked of the server to change. */
class NoSourceProject extends Error {}

function useAssign(offer: Offer, item: Rejection, onDone: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (project: ProjectFigures) => {
      if (offer === "link") {
        if (item.link) await linkProject(project.project_id, item.link);
      } else if (item.cost_center && !(await mapCostCenter(project.project_id, item, item.cost_center))) {
        throw new NoSourceProject();
      }
    },
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: ["projects"] }),
  });
}

/** All records that wait for the same project: what mends one of them mends the others too. */
function replayAfter({ system, project_nr, id }: Rejection): ReplayRequest {
  return project_nr ? { system, project_nr } : { system, ids: [id] };
}

function useLead(offer: Offer, item: Rejection): string {
  const t = useTranslations("assign");
  if (offer === "costCenter") return t("costCenterLead", { costCenter: item.cost_center ?? "" });
  const said = { system: systemName(item.system), project: item.link?.project_nr ?? "" };
  const company = item.link?.company_code;
  return company ? t("linkCompany", { ...said, company }) : t("linkLead", said);
}

type LinkedProps = { item: Rejection; project: ProjectFigures; onReplay: () => void; onLater: () => void };

function Linked({ item, project, onReplay, onLater }: LinkedProps) {
  const t = useTranslations("assign");
  return (
    <>
      <div role="status" className="flex flex-1 items-start gap-3 px-5 py-4">
        <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-good" />
        <div>
          <p className="font-medium">
            {t("linked", { source: item.link?.project_nr ?? "", project: projectLabel(project) })}
          </p>
          <p className="mt-0.5 text-muted">{t("nowReplay")}</p>
        </div>
      </div>
      <div className="flex flex-wrap justify-end gap-2 border-t bg-raised px-5 py-3">
        <Button onClick={onLater}>{t("later")}</Button>
        <Button variant="main" autoFocus onClick={onReplay}>
          {t("replayNow")}
        </Button>
      </div>
    </>
  );
}

type FooterProps = { chosen: boolean; pending: boolean; onCancel: () => void };

function Footer({ chosen, pending, onCancel }: FooterProps) {
  const t = useTranslations("assign");
  const common = useTranslations("common");
  const reason = chosen ? undefined : t("chooseFirst");
  return (
    <div className="flex flex-wrap justify-end gap-2 border-t bg-raised px-5 py-3">
      <Button onClick={onCancel}>{common("cancel")}</Button>
      <Hint text={reason}>
        <Button
          type="submit"
          variant="main"
          aria-disabled={!chosen || pending}
          aria-busy={pending}
          aria-description={reason}
        >
          {pending ? t("submitting") : t("submit")}
        </Button>
      </Hint>
    </div>
  );
}

type FailedProps = { error: Error; item: Rejection; project: ProjectFigures | undefined };

function Failed({ error, item, project }: FailedProps) {
  const t = useTranslations("assign");
  const own =
    error instanceof NoSourceProject
      ? t("noSource", { project: project ? projectLabel(project) : "", system: systemName(item.system) })
      : error instanceof ApiError && error.status === 412
        ? t("changed")
        : null;
  if (!own) return <ErrorPanel error={error} title={t("failed")} />;
  return (
    <p role="alert" className="text-bad">
      {own}
    </p>
  );
}
