"use client";
import { type ReactNode, useId } from "react";
import { useTranslations } from "use-intl";
import { cn } from "@/lib/class-names";

type Props = {
  name: string /** All rows with head and sums, when not all of them are shown. */;
  rows?: number;
  busy?: boolean;
  children: ReactNode;
  className?: string;
};

/** A dense table in its own scroll region: head and total stay in sight, and so does the first column. */
export function DataTable({ name, rows, busy, children, className }: Props) {
  const t = useTranslations("lines");
  const id = useId();
  return (
    <section
      aria-label={t("region", { name })}
      aria-busy={busy}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
      tabIndex={0}
      className={cn("max-h-[70dvh] overflow-auto rounded-lg border bg-surface", className)}
    >
      <table
        aria-describedby={id}
        aria-rowcount={rows}
        className={cn(
          "w-full border-separate border-spacing-0 text-[0.8125rem] transition-opacity",
          "[&_td]:border-b [&_td]:px-3 [&_td]:py-1.5 [&_th]:border-b [&_th]:px-3 [&_th]:py-1.5",
          "[&_thead]:sticky [&_thead]:top-0 [&_thead]:z-10 [&_thead_:is(td,th)]:whitespace-nowrap [&_thead_:is(td,th)]:bg-raised [&_thead_th]:text-muted [&_thead_th]:text-xs",
          "[&_tfoot]:sticky [&_tfoot]:bottom-0 [&_tfoot]:z-10 [&_tfoot_:is(td,th)]:border-t [&_tfoot_:is(td,th)]:border-b-0 [&_tfoot_:is(td,th)]:bg-raised [&_tfoot_:is(td,th)]:font-semibold",
          "[&_tbody_th]:sticky [&_tbody_th]:left-0 [&_tbody_th]:bg-surface [&_tbody_tr:hover_:is(td,th)]:bg-raised",
          busy && "opacity-60",
        )}
      >
        <caption id={id} className="sr-only">
          {name}
        </caption>
        {children}
      </table>
    </section>
  );
}
