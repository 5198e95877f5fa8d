"use client";
import { Check, ChevronsUpDown } from "lucide-react";
import { Popover } from "radix-ui";
import { type KeyboardEvent, useId, useState } from "react";
import { useTranslations } from "use-intl";
import type { ProjectFigures } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { matches, whose } from "@/lib/costbook";
import { Button } from "./ui/button";
import { Input } from "./ui/field";

type Props = {
  projects: ProjectFigures[];
  chosen: ProjectFigures | undefined;
  onChoose: (id: string | null) => void;
  /** What to read while nothing is chosen, where one project must be; without it the first entry is all of them. */
  invitation?: string;
};

/** Searches by number and name. */
export function ProjectSelect({ projects, chosen, onChoose, invitation }: Props) {
  const t = useTranslations("costbook");
  const [open, setOpen] = useState(false);
  const shown = chosen
    ? [projectLabel(chosen), whose(chosen, projects)].filter(Boolean).join(" · ")
    : (invitation ?? t("allProjects"));
  const choose = (id: string | null) => {
    onChoose(id);
    setOpen(false);
  };
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <Button aria-label={`${t("project")}: ${shown}`} className="w-72 max-w-full justify-between">
          <span className="truncate">{shown}</span>
          <ChevronsUpDown aria-hidden className="text-muted" />
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={4}
          aria-label={t("project")}
          className="z-60 w-[min(26rem,92vw)] rounded-lg border bg-surface shadow-lg"
        >
          <Search projects={projects} chosen={chosen} onChoose={choose} invitation={invitation} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

export function projectLabel(project: Pick<ProjectFigures, "project_nr" | "name">): string {
  return project.name ? `${project.project_nr} · ${project.name}` : project.project_nr;
}

function Search({ projects, chosen, onChoose, invitation }: Props) {
  const t = useTranslations("costbook");
  const id = useId();
  const [search, setSearch] = useState("");
  const [active, setActive] = useState(0);
  const found: (ProjectFigures | null)[] = projects.filter((project) => matches(project, search));
  const options = search || invitation ? found : [null, ...found];
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const next = Math.max(0, Math.min(options.length - 1, active + step));
      setActive(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    }
    const option = options[active];
    if (event.key === "Enter" && option !== undefined) onChoose(option?.project_id ?? null);
  };
  return (
    <>
      <div className="border-b p-2">
        <Input
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={options.length > 0 ? `${id}-${active}` : undefined}
          aria-label={t("searchProject")}
          placeholder={t("searchProject")}
          autoComplete="off"
          value={search}
          onChange={(event) => {
            setSearch(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div
        id={`${id}-list`}
        role="listbox"
        aria-label={t("project")}
        tabIndex={-1}
        className="max-h-80 overflow-auto p-1"
      >
        {options.map((option, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the text field above has the focus and answers the keys
          <div
            key={option?.project_id ?? "all"}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={(option?.project_id ?? null) === (chosen?.project_id ?? null)}
            onClick={() => onChoose(option?.project_id ?? null)}
            className={cn(
              "flex cursor-pointer items-center gap-2 rounded px-2 py-1.5",
              index === active && "bg-raised",
            )}
          >
            <Check
              aria-hidden
              className={cn("size-4 shrink-0 text-main", option?.project_id !== chosen?.project_id && "invisible")}
            />
            {option ? (
              <span className="min-w-0 truncate">
                <span className="font-medium">{option.project_nr}</span>
                <span className="text-muted">
                  {" "}
                  {[option.name, whose(option, projects)].filter(Boolean).join(" · ")}
                </span>
              </span>
            ) : (
              t("allProjects")
            )}
          </div>
        ))}
      </div>
      {options.length === 0 ? <p className="px-4 pb-4 text-muted">{t("noMatch")}</p> : null}
    </>
  );
}
