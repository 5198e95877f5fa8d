"use client";
import {
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CircleHelp,
  Clock,
  LoaderCircle,
  type LucideIcon,
  TriangleAlert,
} from "lucide-react";
import { useTranslations } from "use-intl";
import type { Health } from "@/lib/api-types";
import { cn } from "@/lib/class-names";

const LOOK: Record<Health, [LucideIcon, string]> = {
  ok: [CircleCheck, "text-good"],
  warning: [TriangleAlert, "text-warn"],
  late: [Clock, "text-warn"],
  error: [CircleAlert, "text-bad"],
  untested: [CircleHelp, "text-muted"],
  unconfigured: [CircleDashed, "text-muted"],
  running: [LoaderCircle, "text-main-strong"],
};

/** One word and its icon; the colour only repeats what they say. Of what is switched off it is only how it last was. */
export function HealthWord({ health, off }: { health: Health; off?: boolean }) {
  const t = useTranslations("integrations.health");
  const [Icon, tone] = LOOK[health];
  return (
    <p className={cn("mt-1 flex items-center gap-1.5 text-xs", off ? "text-muted" : tone)}>
      <Icon aria-hidden className={cn("size-3.5", health === "running" && "animate-spin")} />
      {t(health)}
    </p>
  );
}
