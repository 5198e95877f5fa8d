"use client";
import { useQueryClient } from "@tanstack/react-query";
import { CheckCheck, Eye, FolderInput, RefreshCw, Undo2 } from "lucide-react";
import { Tabs } from "radix-ui";
import { type KeyboardEvent, useState } from "react";
import { useTranslations } from "use-intl";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Hint } from "@/components/ui/hint";
import type { FieldMapping } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { changesBetween, conflictsIn, isIn, type Offer, restOffers, sureOffers } from "@/lib/mapping";
import { VIEWS, type View } from "@/lib/mapping-address";
import { ChangesList } from "./changes-list";
import { Notes } from "./notes";
import { OffersDialog } from "./offers-dialog";
import { Preview } from "./preview";
import { SaveDialog } from "./save-dialog";
import { SourceView } from "./source-view";
import { TargetView } from "./target-view";
import type { Drafts } from "./use-drafts";
import { type Editor, useEditor } from "./use-editor";
import { type Place, useMapping, useRefresh, useSave } from "./use-mapping";
import { Versions } from "./versions";

type Props = {
  place: Place;
  data: FieldMapping;
  drafts: Drafts;
  view: View;
  onView: (view: View) => void;
};

/** The mapping of one kind of record: its views, the preview beside them, and saving. */
export function MappingEditor({ place, data, drafts, view, onView }: Props) {
  const t = useTranslations("mapping");
  const editor = useEditor(place, data, drafts);
  const [previewing, setPreviewing] = useState(false);
  const [saving, setSaving] = useState<"draft" | "seen" | null>(null);
  const versions = view === "versions";
  const onKeyDown = (event: KeyboardEvent) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || typing) return;
    event.preventDefault();
    if (editor.editing.past.length > 0) editor.undo();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: undoing works wherever the focus is in here
    <div className="flex min-h-0 flex-1 flex-col" onKeyDown={onKeyDown}>
      <Tabs.Root
        value={view}
        onValueChange={(next) => onView(next as View)}
        className="grid min-h-0 flex-1 content-start gap-3 overflow-y-auto px-5 pb-4"
      >
        <div className="-mx-5 z-10 flex flex-wrap items-center gap-x-3 gap-y-2 bg-surface px-5 pt-2 pb-1 md:sticky md:top-0">
          <Tabs.List aria-label={t("viewsLabel")} className="flex flex-wrap gap-1 border-b">
            {VIEWS.map((name) => (
              <Tabs.Trigger
                key={name}
                value={name}
                className="-mb-px border-transparent border-b-2 px-2.5 py-2 font-medium text-muted hover:text-text data-[state=active]:border-main data-[state=active]:text-main-strong"
              >
                {t(`views.${name}`)}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
          {versions ? null : (
            <Tools editor={editor} previewing={previewing} onPreview={() => setPreviewing(!previewing)} />
          )}
        </div>
        {versions ? null : <Notes editor={editor} onSeen={() => setSaving("seen")} />}
        <div className={cn("grid items-start gap-5", previewing && !versions && "xl:grid-cols-[1fr_27rem]")}>
          <div className={cn("min-w-0", previewing && !versions && "max-xl:hidden")}>
            <Tabs.Content value="source">
              <Source editor={editor} />
            </Tabs.Content>
            <Tabs.Content value="target">
              <TargetView editor={editor} />
            </Tabs.Content>
            <Tabs.Content value="versions">
              <Versions editor={editor} onRestored={() => drafts.drop(place.entity)} />
            </Tabs.Content>
          </div>
          {previewing && !versions ? <PreviewPanel editor={editor} /> : null}
        </div>
      </Tabs.Root>
      <Footer editor={editor} onSave={() => setSaving("draft")} />
      {saving ? (
        <Saving editor={editor} drafts={drafts} seen={saving === "seen"} onClose={() => setSaving(null)} />
      ) : null}
      <p role="status" className="sr-only">
        {editor.said}
      </p>
    </div>
  );
}

function Source({ editor }: { editor: Editor }) {
  const t = useTranslations("mapping");
  const { suggested, rows, data, place } = editor;
  const refresh = useRefresh(place);
  if (rows.length === 0) {
    return (
      <div className="grid justify-items-center gap-3 py-10 text-center">
        <p className="max-w-lg text-muted">{t(data.asked_at ? "noFields" : "neverAsked", { name: place.name })}</p>
        <Refresh place={place} refresh={refresh} />
        {refresh.error ? <ErrorPanel error={refresh.error} title={t("refreshFailed")} /> : null}
      </div>
    );
  }
  return (
    <div className="grid gap-3">
      {suggested.isError ? (
        <ErrorPanel error={suggested.error} title={t("suggestFailed")} onRetry={() => suggested.refetch()} />
      ) : null}
      <div className="flex flex-wrap items-center gap-2 text-muted text-xs">
        <span aria-live="polite">{t("left", { count: rows.filter((row) => isIn("undecided", row)).length })}</span>
        {data.asked_at ? (
          <span>
            {t("asked")} <Ago at={data.asked_at} />
          </span>
        ) : null}
        <Refresh place={place} refresh={refresh} />
      </div>
      {refresh.error ? <ErrorPanel error={refresh.error} title={t("refreshFailed")} /> : null}
      <SourceView editor={editor} />
    </div>
  );
}

function Refresh({ place, refresh }: { place: Place; refresh: ReturnType<typeof useRefresh> }) {
  const t = useTranslations("mapping");
  return (
    <Button
      size="small"
      variant="quiet"
      aria-disabled={refresh.isPending}
      aria-busy={refresh.isPending}
      onClick={() => !refresh.isPending && refresh.mutate()}
    >
      <RefreshCw aria-hidden className={cn(refresh.isPending && "animate-spin")} />
      {t("refresh", { name: place.name })}
    </Button>
  );
}

type ToolsProps = { editor: Editor; previewing: boolean; onPreview: () => void };

function Tools({ editor, previewing, onPreview }: ToolsProps) {
  const t = useTranslations("mapping");
  const { rows, data, editing, suggested } = editor;
  const sure = sureOffers(rows, data, editing.draft);
  const rest = suggested.data ? restOffers(rows, data, editing.draft) : [];
  const [open, setOpen] = useState<"sure" | "rest" | null>(null);
  const offers: Offer[] = open === "rest" ? rest : sure;
  return (
    <div className="flex flex-wrap gap-2 sm:ml-auto">
      <Hint text={sure.length > 0 ? undefined : t("noSure")}>
        <Button
          variant={sure.length > 0 ? "main" : "plain"}
          aria-disabled={sure.length === 0}
          aria-description={sure.length > 0 ? undefined : t("noSure")}
          onClick={() => sure.length > 0 && setOpen("sure")}
        >
          <CheckCheck aria-hidden />
          {t("confirmSure", { count: sure.length })}
        </Button>
      </Hint>
      {rest.length > 0 ? (
        <Button onClick={() => setOpen("rest")}>
          <FolderInput aria-hidden />
          {t("rest", { count: rest.length })}
        </Button>
      ) : null}
      <Button aria-expanded={previewing} onClick={onPreview}>
        <Eye aria-hidden />
        {t("preview.title")}
      </Button>
      {open ? (
        <OffersDialog
          editor={editor}
          title={t(open === "sure" ? "sureTitle" : "restTitle")}
          lead={t(open === "sure" ? "sureLead" : "restLead")}
          offers={offers}
          onConfirm={(lines) => {
            editor.confirmAll(lines);
            setOpen(null);
          }}
          onClose={() => setOpen(null)}
        />
      ) : null}
    </div>
  );
}

function PreviewPanel({ editor }: { editor: Editor }) {
  const t = useTranslations("mapping");
  const { base, draft } = editor.editing;
  return (
    <aside
      aria-label={t("preview.title")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      className="grid min-w-0 content-start gap-4 xl:sticky xl:top-14 xl:max-h-[calc(94dvh-17rem)] xl:overflow-y-auto xl:border-s xl:px-5"
    >
      <section className="grid gap-1.5">
        <h3 className="font-semibold">{t("changes.title")}</h3>
        <ChangesList editor={editor} changes={changesBetween(base, draft)} />
      </section>
      <Preview editor={editor} />
    </aside>
  );
}

type FooterProps = { editor: Editor; onSave: () => void };

function Footer({ editor, onSave }: FooterProps) {
  const t = useTranslations("mapping");
  const { editing, dirty } = editor;
  const doubled = conflictsIn(editing.draft.lines).size;
  const reason = doubled > 0 ? t("conflictsFirst") : dirty ? undefined : t("nothingToSave");
  return (
    <div className="flex flex-wrap items-center gap-2 border-t bg-raised px-5 py-3">
      <Button aria-disabled={editing.past.length === 0} onClick={() => editing.past.length > 0 && editor.undo()}>
        <Undo2 aria-hidden />
        {t("undo")}
      </Button>
      <span className="ml-auto hidden text-muted text-xs sm:inline">{dirty ? t("unsaved") : null}</span>
      <Hint text={reason}>
        <Button
          variant="main"
          className="max-sm:ml-auto"
          aria-disabled={reason !== undefined}
          aria-description={reason}
          onClick={() => reason === undefined && onSave()}
        >
          {t("save")}
        </Button>
      </Hint>
    </div>
  );
}

type SavingProps = { editor: Editor; drafts: Drafts; seen: boolean; onClose: () => void };

/** Saves the draft; what the source has changed counts as seen with it. */
function Saving({ editor, drafts, seen, onClose }: SavingProps) {
  const t = useTranslations("mapping");
  const common = useTranslations("common");
  const queries = useQueryClient();
  const { place, editing } = editor;
  const { base, draft } = editing;
  const mapping = useMapping(place);
  const save = useSave(place, () => {
    drafts.drop(place.entity);
    onClose();
  });
  const reload = async () => {
    const { data } = await mapping.refetch();
    if (!data) return;
    drafts.rebase(data);
    save.reset();
    void queries.invalidateQueries({ queryKey: ["mapping", place.system, place.entity, "versions"] });
  };
  return (
    <SaveDialog
      editor={editor}
      title={t(seen ? "seenTitle" : "saveTitle")}
      changes={changesBetween(base, draft)}
      lines={draft.lines}
      reason={seen ? t("seenReason") : ""}
      submitText={save.isPending ? t("savingNow") : common("save")}
      pending={save.isPending}
      error={save.error}
      onSubmit={(reason) => save.mutate({ ...draft, reason, version: base.version })}
      onReload={reload}
      onClose={onClose}
    />
  );
}
