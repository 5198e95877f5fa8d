"use client";
import { useQuery } from "@tanstack/react-query";
import { ExternalLink } from "lucide-react";
import type { ReactNode } from "react";
import { useFormatter, useLocale, useTranslations } from "use-intl";
import { RawRecord } from "@/components/raw-record";
import { Dialog } from "@/components/ui/dialog";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Skeleton } from "@/components/ui/skeleton";
import { useEntityWord } from "@/components/use-entity-word";
import { useValueWord } from "@/components/use-value-word";
import { get } from "@/lib/api";
import type { LineDetail, LineRun, LineVersion, RawRecord as Raw } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { fieldsOfLine, fieldText } from "@/lib/line-fields";

type Kind = "commitments" | "actuals";
type Props = { projectId: string; kind: Kind; lineId: string; isPast: boolean; onClose: () => void };

const NUMBERS = {
  commitments: ["titleCommitments", "po_number", "po_line_nr"],
  actuals: ["titleActuals", "fi_doc_no", "fi_doc_line"],
} as const;

/** One line with all that is known of it: fields, history, what the source delivered, and the runs that wrote it. */
export function LineDrawer({ projectId, kind, lineId, isPast, onClose }: Props) {
  const t = useTranslations("line");
  const detail = useQuery({
    queryKey: ["line", projectId, kind, lineId],
    queryFn: ({ signal }) =>
      get<LineDetail>(
        `costbook/projects/${encodeURIComponent(projectId)}/${kind}/${encodeURIComponent(lineId)}`,
        signal,
      ),
  });
  const [title, number, line] = NUMBERS[kind];
  const found = detail.data?.line;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={found ? t(title, { number: String(found[number]), line: String(found[line]) }) : t("title")}
      description={t("lead")}
      className="sm:top-0 sm:right-0 sm:left-auto sm:h-[calc(100dvh-var(--toasts))] sm:max-h-none sm:w-[min(44rem,94vw)] sm:translate-x-0 sm:translate-y-0 sm:rounded-none sm:border-y-0 sm:border-e-0"
    >
      <section
        aria-label={t("title")}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        className="grid min-h-0 flex-1 content-start gap-6 overflow-y-auto px-5 py-4"
      >
        {isPast ? <p className="text-warn">{t("current")}</p> : null}
        {detail.isError ? (
          <ErrorPanel error={detail.error} onRetry={() => detail.refetch()} />
        ) : detail.data ? (
          <Detail kind={kind} detail={detail.data} />
        ) : (
          <Loading />
        )}
      </section>
    </Dialog>
  );
}

function Detail({ kind, detail }: { kind: Kind; detail: LineDetail }) {
  const t = useTranslations("line");
  return (
    <>
      <Part title={t("fields")}>
        <Fields kind={kind} line={detail.line} />
      </Part>
      <Part title={t("versions")}>
        <Versions detail={detail} />
      </Part>
      <Part title={t("raw")}>
        {detail.raw.length === 0 ? <p className="text-muted">{t("noRaw")}</p> : null}
        {detail.raw.map((raw, index) => (
          <RawVersion key={`${raw.stream}/${raw.source_key}/${raw.from}`} raw={raw} open={index === 0} />
        ))}
      </Part>
      <Part title={t("runs")}>
        <ul className="grid gap-2">
          {detail.runs.map((run) => (
            <RunLine key={run.run_id} run={run} />
          ))}
        </ul>
      </Part>
    </>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="grid min-w-0 gap-2">
      <h3 className="font-semibold">{title}</h3>
      {children}
    </section>
  );
}

/** A field's name and its value, in words. */
function useFieldWords(line: LineDetail["line"]) {
  const t = useTranslations("lines");
  const common = useTranslations("common");
  const locale = useLocale();
  const format = useFormatter();
  const wordFor = useValueWord();
  const words = { locale, yes: common("yes"), no: common("no"), format, wordFor };
  return {
    nameOf: (field: string) => {
      const key = field as Parameters<typeof t>[0];
      return t.has(key) ? t(key) : field;
    },
    textOf: (field: string, value: unknown) => fieldText(field, value, line, words),
  };
}

function Fields({ kind, line }: { kind: Kind; line: LineDetail["line"] }) {
  const { nameOf, textOf } = useFieldWords(line);
  return (
    <dl className="grid gap-x-6 sm:grid-cols-2">
      {fieldsOfLine(kind, line).map((field) => (
        <div key={field} className="flex items-baseline justify-between gap-3 border-b py-1">
          <dt className="text-muted text-xs">{nameOf(field)}</dt>
          <dd className={cn("wrap-anywhere min-w-0 text-end", field.endsWith("amount") && "amount")}>
            {textOf(field, line[field])}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Versions({ detail }: { detail: LineDetail }) {
  return (
    <ol className="grid gap-2">
      {detail.versions.map((version, index) => (
        <Version
          key={`${version.run_id}/${version.from}`}
          version={version}
          line={detail.line}
          isFirst={index === detail.versions.length - 1}
        />
      ))}
    </ol>
  );
}

type VersionProps = { version: LineVersion; line: LineDetail["line"]; isFirst: boolean };

function Version({ version, line, isFirst }: VersionProps) {
  const t = useTranslations("line");
  const { nameOf, textOf } = useFieldWords(line);
  const date = useMoment();
  const changes = Object.entries(version.changes);
  return (
    <li className="border-s-2 ps-3">
      <p className="break-all text-muted text-xs">{t("at", { date: date(version.from), run: version.run_id })}</p>
      {changes.map(([field, { before, after }]) => (
        <p key={field} className="break-words tabular-nums">
          {t("change", { field: nameOf(field), before: textOf(field, before), after: textOf(field, after) })}
        </p>
      ))}
      {changes.length === 0 ? <p>{t(isFirst ? "first" : "unchanged")}</p> : null}
    </li>
  );
}

function RawVersion({ raw, open }: { raw: Raw; open: boolean }) {
  const t = useTranslations("line");
  const date = useMoment();
  const said = { stream: raw.stream, from: date(raw.from), to: raw.valid_to ? date(raw.valid_to) : "" };
  return (
    <details open={open} className="min-w-0 rounded-lg border">
      <summary className="px-3 py-2 text-xs">{t(raw.valid_to ? "rawPast" : "rawCurrent", said)}</summary>
      <div className="min-w-0 overflow-x-auto border-t px-3 py-2">
        <RawRecord record={raw.record} />
      </div>
    </details>
  );
}

const MODES = ["incremental", "full", "replay", "remap"] as const;

function RunLine({ run }: { run: LineRun }) {
  const t = useTranslations("line");
  const entityWord = useEntityWord();
  const date = useMoment();
  const mode = MODES.find((one) => one === run.mode);
  const when = run.ended_at ?? run.requested_at;
  const about = [entityWord(run.entity), mode ? t(`modes.${mode}`) : run.mode, t(`statuses.${run.status}`)];
  return (
    <li className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5">
      <span className="min-w-0 flex-1">
        <span className="block break-all font-medium">{t("run", { run: run.run_id })}</span>
        <span className="block text-muted text-xs">
          {[...about, run.requested_by, when ? date(when) : null].filter(Boolean).join(" · ")}
        </span>
      </span>
      {run.run_url ? (
        <a
          href={run.run_url}
          target="_blank"
          rel="noreferrer"
          aria-label={t("dagsterLabel", { run: run.run_id })}
          className="inline-flex items-center gap-1 font-medium text-main-strong underline"
        >
          {t("dagster")}
          <ExternalLink aria-hidden className="size-3.5" />
        </a>
      ) : null}
    </li>
  );
}

function useMoment(): (at: string) => string {
  const format = useFormatter();
  return (at) => format.dateTime(new Date(at), { dateStyle: "medium", timeStyle: "short" });
}

function Loading() {
  const t = useTranslations("common");
  return (
    <div role="status" className="grid gap-3">
      <span className="sr-only">{t("loading")}</span>
      {["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => (
        <Skeleton key={name} className="h-6" />
      ))}
    </div>
  );
}
