"use client";
import { useTranslations } from "use-intl";
import type { ProjectFigures } from "@/lib/api-types";
import { whose } from "@/lib/costbook";
import { type Option, SearchSelect } from "./ui/search-select";

type Props = {
  projects: ProjectFigures[];
  chosen: ProjectFigures | undefined;
  onChoose: (id: string | null) => void;
  /** What to read while nothing is chosen, where one project must be; without it the first entry is all of them. */
  invitation?: string;
};

const ALL = "";

/** Searches by number and name. */
export function ProjectSelect({ projects, chosen, onChoose, invitation }: Props) {
  const t = useTranslations("costbook");
  const shown = chosen
    ? [projectLabel(chosen), whose(chosen, projects)].filter(Boolean).join(" · ")
    : (invitation ?? t("allProjects"));
  const options = (): Option[] => [
    ...(invitation ? [] : [{ value: ALL, label: t("allProjects") }]),
    ...projects.map((project) => ({
      value: project.project_id,
      label: project.project_nr,
      detail: [project.name, whose(project, projects)].filter(Boolean).join(" · "),
    })),
  ];
  return (
    <SearchSelect
      label={`${t("project")}: ${shown}`}
      text={shown}
      search={t("searchProject")}
      placeholder={t("searchProject")}
      options={options}
      chosen={chosen?.project_id ?? ALL}
      onChoose={(id) => onChoose(id === ALL ? null : id)}
      className="w-72"
    />
  );
}

export function projectLabel(project: Pick<ProjectFigures, "project_nr" | "name">): string {
  return project.name ? `${project.project_nr} · ${project.name}` : project.project_nr;
}
