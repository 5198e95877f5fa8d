"use client";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Confirm } from "./confirm";
import { Dialog } from "./dialog";
import { ErrorPanel } from "./error-panel";

type Props<Data> = {
  query: UseQueryResult<Data>;
  title: string;
  description: string;
  className?: string;
  /** Whether closing would lose something: then it asks first. */
  dirty: boolean;
  question: { text: string; yes: string; no: string };
  /** Whether the page has left it already, by Back: then it asks at once whether that stands. */
  left?: boolean;
  /** It does not stand. */
  onStay?: () => void;
  onClose: () => void;
  /** What stands above the answer, also while there is none yet. */
  head?: ReactNode;
  loading: ReactNode;
  children: (data: Data, close: () => void) => ReactNode;
};

/** A dialog about something that is asked of the server: waiting, refused or there, and closed with care. */
export function QueryDialog<Data>(props: Props<Data>) {
  const { query, title, description, className, dirty, question, left, onStay, onClose, head, loading } = props;
  const [leaving, setLeaving] = useState(false);
  const close = () => (dirty ? setLeaving(true) : onClose());
  const answer = (leave: boolean) => {
    setLeaving(false);
    if (leave) onClose();
    else if (left) onStay?.();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && close()}
      title={title}
      description={description}
      className={className}
    >
      {head}
      {query.isError ? (
        <div className="p-5">
          <ErrorPanel error={query.error} onRetry={() => query.refetch()} />
        </div>
      ) : query.data === undefined ? (
        loading
      ) : (
        props.children(query.data, close)
      )}
      {leaving || left ? (
        <Confirm question={question.text} yes={question.yes} no={question.no} onAnswer={answer} />
      ) : null}
    </Dialog>
  );
}
