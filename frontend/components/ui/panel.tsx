import type { ReactNode } from "react";
import { cn } from "@/lib/class-names";

export function Panel({ children, className }: { children: ReactNode; className?: string }) {
  return <section className={cn("rounded-lg border bg-surface", className)}>{children}</section>;
}

type NoticeProps = { icon: ReactNode; title: string; text: string; children?: ReactNode };

/** A calm page-filling state: nothing there yet, or not for you. */
export function Notice({ icon, title, text, children }: NoticeProps) {
  return (
    <Panel className="grid justify-items-center gap-2 px-6 py-14 text-center">
      <div className="text-muted [&_svg]:size-8">{icon}</div>
      <h2 className="font-semibold text-base">{title}</h2>
      <p className="max-w-lg text-muted">{text}</p>
      {children ? <div className="mt-2 flex gap-2">{children}</div> : null}
    </Panel>
  );
}
