"use client";
import { useId, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { ErrorPanel } from "@/components/ui/error-panel";
import { Field, Input } from "@/components/ui/field";
import { FormDialog } from "@/components/ui/form-dialog";
import { ApiError } from "@/lib/api";
import type { Changes } from "@/lib/mapping";
import { ChangesList } from "./changes-list";
import { Awaited, MoneyTable, Summary } from "./preview";
import type { Editor } from "./use-editor";
import { usePreview } from "./use-mapping";

type Props = {
  editor: Editor;
  title: string;
  changes: Changes;
  /** What would be in force. */
  lines: Editor["data"]["lines"];
  reason?: string;
  warning?: string;
  submitText: string;
  pending: boolean;
  error: Error | null;
  onSubmit: (reason: string) => void;
  /** Loads what somebody else has saved; the draft stays. */
  onReload?: () => void;
  onClose: () => void;
};

/** Before a new version is made: what changes, what that does to the money, and why. */
export function SaveDialog(props: Props) {
  const { editor, title, changes, lines, warning, submitText, pending, error, onSubmit, onReload, onClose } = props;
  const t = useTranslations("mapping");
  const preview = usePreview(editor.place, lines, true);
  const [reason, setReason] = useState(props.reason ?? "");
  const id = useId();
  return (
    <FormDialog
      title={title}
      description={t("saveLead")}
      submit={{ text: submitText, pending }}
      onSubmit={() => onSubmit(reason.trim())}
      onClose={onClose}
    >
      <Field id={id} label={t("reason")} hint={t("reasonHint")}>
        <Input
          id={id}
          autoFocus
          aria-describedby={`${id}-hint`}
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </Field>
      {warning ? <p className="text-warn">{warning}</p> : null}
      <section className="grid gap-1.5">
        <h3 className="font-semibold">{t("changes.title")}</h3>
        <ChangesList editor={editor} changes={changes} />
      </section>
      {preview.data ? (
        <>
          <Summary found={preview.data} />
          <Awaited editor={editor} found={preview.data} />
          {preview.data.of > 0 ? <MoneyTable found={preview.data} /> : null}
        </>
      ) : null}
      {error ? <Failed error={error} onReload={onReload} /> : null}
    </FormDialog>
  );
}

function Failed({ error, onReload }: { error: Error; onReload?: () => void }) {
  const t = useTranslations("mapping");
  if (!(error instanceof ApiError && error.status === 412) || !onReload) {
    return <ErrorPanel error={error} title={t("saveFailed")} />;
  }
  return (
    <div role="alert" className="rounded-lg border border-warn/40 bg-warn-soft p-4">
      <p className="font-medium text-warn">{t("conflict")}</p>
      <p className="mt-0.5">{t("conflictHint")}</p>
      <Button className="mt-3" onClick={onReload}>
        {t("reload")}
      </Button>
    </div>
  );
}
