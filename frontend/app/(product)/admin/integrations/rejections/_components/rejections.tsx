"use client";
import { useMutation } from "@tanstack/react-query";
import { ArrowLeft, CircleCheck, Download, SearchX, ShieldQuestion } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { toast } from "sonner";
import { useLocale, useTranslations } from "use-intl";
import { useLive } from "@/components/live";
import { RunsProgress } from "@/components/run-progress";
import { Button } from "@/components/ui/button";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Notice } from "@/components/ui/panel";
import { Skeleton } from "@/components/ui/skeleton";
import { download } from "@/lib/api";
import type { Me, Rejection, RejectionList } from "@/lib/api-types";
import { formatAmount } from "@/lib/money";
import {
  type Filters as Chosen,
  filtersIn,
  type Offer,
  rejectionsPath,
  replayOf,
  replayOfAll,
  withoutFilters,
} from "@/lib/rejections";
import { useUrl } from "@/lib/use-url";
import { AssignDialog } from "./assign-dialog";
import { Filters } from "./filters";
import { RejectionTable } from "./rejection-table";
import { SelectionBar } from "./selection-bar";
import { systemsWith, useRejections } from "./use-rejections";

type Rights = Me["rights"];

/** What could not be taken: listed, explained, and tried again once its cause is mended. */
export function Rejections({ rights }: { rights: Rights }) {
  const [url, change] = useUrl();
  const filters = filtersIn(url);
  const asked = useRejections(filters);
  const list = asked.data;
  const filtered = Object.keys(filters).length > 0;
  return (
    <div className="grid gap-4">
      <Heading rights={rights} list={list} filters={filters} />
      <Filters filters={filters} change={change} />
      {asked.isError ? <ErrorPanel error={asked.error} onRetry={() => asked.refetch()} /> : null}
      {list && list.total > 0 ? (
        <>
          <Sums list={list} />
          <Records
            key={JSON.stringify(filters)}
            rights={rights}
            filters={filters}
            list={list}
            more={asked.hasNextPage ? () => void asked.fetchNextPage() : undefined}
            loading={asked.isFetchingNextPage}
          />
        </>
      ) : list ? (
        <Empty filtered={filtered} onReset={() => change(withoutFilters())} />
      ) : asked.isError ? null : (
        <Loading />
      )}
    </div>
  );
}

type HeadingProps = { rights: Rights; list: RejectionList | undefined; filters: Chosen };

function Heading({ rights, list, filters }: HeadingProps) {
  const t = useTranslations();
  return (
    <div className="flex flex-wrap items-end gap-x-4 gap-y-2">
      <div className="min-w-0 flex-1 basis-72">
        <Link
          href={rights.configure ? "/admin/integrations" : "/costbook"}
          className="inline-flex min-h-6 items-center gap-1 text-main-strong underline-offset-2 hover:underline"
        >
          <ArrowLeft aria-hidden className="size-3.5" />
          {rights.configure ? t("rejections.back") : t("common.home")}
        </Link>
        <h1 className="flex items-center gap-2 font-semibold text-xl tracking-tight">
          <ShieldQuestion aria-hidden className="size-5 text-warn" />
          {t("rejections.title")}
          {list ? (
            <span className="font-normal text-base text-muted" aria-live="polite">
              {t("rejections.count", { count: list.total })}
            </span>
          ) : null}
        </h1>
        <p className="mt-0.5 text-muted">{t("rejections.lead")}</p>
        {rights.sync ? null : <p className="mt-0.5 text-muted">{t("rejections.readOnly")}</p>}
      </div>
      {list && list.total > 0 ? <Export filters={filters} /> : null}
    </div>
  );
}

function Export({ filters }: { filters: Chosen }) {
  const t = useTranslations("rejections");
  const file = useMutation({
    mutationFn: () => download(rejectionsPath(filters, { format: "csv" }), "rejections.csv"),
    onError: (error) => toast.error(t("exportFailed"), { description: error.message }),
  });
  return (
    <Button disabled={file.isPending} onClick={() => file.mutate()}>
      <Download aria-hidden />
      {t("export")}
    </Button>
  );
}

/** Per currency what waits, over all that the filter matches; the sums are the server's. */
function Sums({ list }: { list: RejectionList }) {
  const t = useTranslations("rejections");
  const locale = useLocale();
  return (
    <ul aria-label={t("sums")} className="flex flex-wrap gap-2">
      {Object.entries(list.sums).map(([currency, sum]) => (
        <li key={currency} className="flex flex-wrap gap-x-4 rounded-lg border bg-surface px-3 py-1.5">
          <span className="font-semibold">{currency || t("noCurrency")}</span>
          {(["amount", "open"] as const).map((name) => (
            <span key={name} className="tabular-nums">
              <span className="text-muted text-xs">{t(name)} </span>
              {formatAmount(sum[name], locale, currency)}
            </span>
          ))}
        </li>
      ))}
    </ul>
  );
}

type RecordsProps = {
  rights: Rights;
  filters: Chosen;
  list: RejectionList;
  more: (() => void) | undefined;
  loading: boolean;
};

function Records({ rights, filters, list, more, loading }: RecordsProps) {
  const t = useTranslations();
  const { waiting, progress, replay } = useLive();
  const [chosen, setChosen] = useState<Set<number>>(new Set());
  const [every, setEvery] = useState(false);
  const [assigning, setAssigning] = useState<{ offer: Offer; item: Rejection } | null>(null);
  const running = Object.values(progress);
  const busy = [...waiting, ...running.map(({ system }) => system)];
  const items = list.items.filter((item) => chosen.has(item.id));
  const choose = (next: Set<number>) => {
    setChosen(next);
    setEvery(false);
  };
  const start = async () => {
    const wanted = every ? replayOfAll(filters, await systemsWith(filters, list.items)) : replayOf(items);
    await replay(wanted);
    choose(new Set());
  };
  const submit = useMutation({
    mutationFn: start,
    onError: (error) => toast.error(t("errors.title"), { description: error.message }),
  });
  return (
    <div className="grid gap-2">
      {rights.sync ? (
        <SelectionBar
          list={list}
          items={items}
          every={every}
          pending={submit.isPending}
          busy={busy}
          onEvery={() => setEvery(true)}
          onNone={() => choose(new Set())}
          onReplay={() => submit.mutate()}
        />
      ) : null}
      {waiting.length > 0 || running[0] ? <RunsProgress events={running} /> : null}
      <RejectionTable
        rights={rights}
        list={list}
        busy={busy}
        chosen={chosen}
        onChoose={choose}
        onReplay={(item) => void replay(replayOf([item]))}
        onAssign={(offer, item) => setAssigning({ offer, item })}
      />
      <div className="flex flex-wrap items-center justify-end gap-3 text-muted text-xs">
        <span className="tabular-nums">{t("rejections.shownOf", { shown: list.items.length, total: list.total })}</span>
        {more ? (
          <Button size="small" disabled={loading} onClick={more}>
            {t("common.more")}
          </Button>
        ) : null}
      </div>
      {assigning ? (
        <AssignDialog
          offer={assigning.offer}
          item={assigning.item}
          onReplay={(wanted) => void replay([wanted])}
          onClose={() => setAssigning(null)}
        />
      ) : null}
    </div>
  );
}

function Empty({ filtered, onReset }: { filtered: boolean; onReset: () => void }) {
  const t = useTranslations("rejections");
  if (!filtered) return <Notice icon={<CircleCheck aria-hidden />} title={t("empty")} text={t("emptyHint")} />;
  return (
    <Notice icon={<SearchX aria-hidden />} title={t("emptyFiltered")} text={t("emptyFilteredHint")}>
      <Button onClick={onReset}>{t("reset")}</Button>
    </Notice>
  );
}

function Loading() {
  const t = useTranslations("common");
  return (
    <div role="status" className="grid gap-2">
      <span className="sr-only">{t("loading")}</span>
      <Skeleton className="h-9 w-72" />
      {["a", "b", "c", "d", "e", "f"].map((name) => (
        <Skeleton key={name} className="h-10" />
      ))}
    </div>
  );
}
