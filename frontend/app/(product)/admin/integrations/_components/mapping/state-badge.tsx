"use client";
import {
  Circle,
  CircleCheck,
  CircleSlash,
  type LucideIcon,
  Pencil,
  Plug,
  Sparkles,
  TriangleAlert,
  Zap,
} from "lucide-react";
import { useTranslations } from "use-intl";
import { cn } from "@/lib/class-names";
import type { FieldState, TargetState } from "@/lib/mapping";

const LOOK: Record<FieldState | TargetState, [LucideIcon, string]> = {
  suggested: [Sparkles, "bg-main-soft text-main-strong"],
  confirmed: [CircleCheck, "bg-good-soft text-good"],
  manual: [Pencil, "bg-good-soft text-good"],
  standard: [Plug, "bg-raised text-muted"],
  ignored: [CircleSlash, "bg-raised text-muted"],
  open: [Circle, "bg-raised text-muted"],
  empty: [Circle, "bg-raised text-muted"],
  conflict: [Zap, "bg-bad-soft text-bad"],
  missing: [TriangleAlert, "bg-bad-soft text-bad"],
};

/** The state as a word with its icon; the colour only repeats it. */
export function StateBadge({ state }: { state: FieldState | TargetState }) {
  const t = useTranslations("mapping.states");
  const [Icon, tone] = LOOK[state];
  return (
    <span
      className={cn(
        "inline-flex items-center gap-1 whitespace-nowrap rounded-sm px-1.5 py-0.5 font-medium text-xs",
        tone,
      )}
    >
      <Icon aria-hidden className="size-3.5 shrink-0" />
      {t(state)}
    </span>
  );
}
