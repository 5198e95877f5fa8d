"use client";
import { AlertDialog } from "radix-ui";
import { Button } from "./button";

type Props = { question: string; yes: string; no: string; onAnswer: (yes: boolean) => void };

/** Asks once before something that cannot be taken back. */
export function Confirm({ question, yes, no, onAnswer }: Props) {
  return (
    <AlertDialog.Root open onOpenChange={(open) => !open && onAnswer(false)}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="fixed inset-0 z-50 bg-slate-950/50" />
        <AlertDialog.Content className="fixed top-1/2 left-1/2 z-50 w-[min(26rem,92vw)] -translate-x-1/2 -translate-y-1/2 rounded-lg border bg-surface p-5 shadow-xl">
          <AlertDialog.Title className="font-medium">{question}</AlertDialog.Title>
          <AlertDialog.Description className="sr-only">{question}</AlertDialog.Description>
          <div className="mt-4 flex justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button>{no}</Button>
            </AlertDialog.Cancel>
            <Button variant="danger" onClick={() => onAnswer(true)}>
              {yes}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
