"use client";
import {
  Banknote,
  CircleCheck,
  CreditCard,
  type LucideIcon,
  Receipt,
  Sigma,
  TrendingDown,
  TrendingUp,
  TriangleAlert,
} from "lucide-react";
import { Popover } from "radix-ui";
import { useFormatter, useLocale, useTranslations } from "use-intl";
import type { Figures, ProjectFigures } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { countStanding, standing } from "@/lib/costbook";
import { formatMoney, withoutSign } from "@/lib/money";

type Props = { figures: Figures; project: ProjectFigures | undefined; items: ProjectFigures[] };
type Kpi = {
  key: string;
  icon: LucideIcon;
  tone: string;
  label: string;
  /** A figure, or in words why there is none. */
  value: string;
  figure?: boolean;
  note?: string;
  explain: string;
};

/** The seven key figures in the order their users know, each explaining itself on a click. */
export function KpiBadges(props: Props) {
  const t = useTranslations("kpi");
  return (
    <ul
      aria-label={t("label")}
      data-testid="costbook-header-kpi-badges"
      className="grid grid-cols-1 gap-2 min-[26rem]:grid-cols-2 md:grid-cols-4 xl:grid-cols-[repeat(4,minmax(0,1.25fr))_minmax(0,1.5fr)_repeat(2,minmax(0,1fr))]"
    >
      {useKpis(props).map((kpi) => (
        <li key={kpi.key}>
          <Badge kpi={kpi} asOf={props.project?.as_of ?? props.items[0]?.as_of ?? null} />
        </li>
      ))}
    </ul>
  );
}

function useKpis({ figures, project, items }: Props): Kpi[] {
  const t = useTranslations("kpi");
  const locale = useLocale();
  const money = (amount: string | null) => formatMoney(amount, locale, figures.currency);
  const where = standing(figures);
  const spread = figures.variance === null ? null : withoutSign(figures.variance);
  const direction = {
    over: { icon: TrendingDown, tone: "text-bad", note: t("overBy", { amount: "" }).trim() },
    under: { icon: TrendingUp, tone: "text-good", note: t("underBy", { amount: "" }).trim() },
    on: { icon: TrendingUp, tone: "text-good", note: t("onBudget") },
    none: { icon: TrendingUp, tone: "text-muted", note: undefined },
  }[where];
  const split = (side: "over" | "under") => {
    if (!project) return String(countStanding(items, figures.currency, side));
    return where === side ? money(spread) : "–";
  };
  const net = where === "none" ? t("noBudget") : money(spread);
  const parts = { actual: money(figures.actual), open: money(figures.open) };
  return [
    kpi("budget", Banknote, "text-bar-budget", t("budget"), money(figures.budget), t("explain.budget")),
    kpi("committed", CreditCard, "text-warn", t("committed"), money(figures.committed), t("explain.committed")),
    kpi("actual", Receipt, "text-bar-actual", t("actual"), money(figures.actual), t("explain.actual")),
    kpi("spend", Sigma, "text-muted", t("spend"), money(figures.total_spend), t("explain.spend", parts)),
    {
      ...kpi("variance", direction.icon, direction.tone, t("variance"), net, t("explain.variance")),
      figure: where !== "none",
      note: direction.note,
    },
    kpi("over", TriangleAlert, "text-bad", t("over"), split("over"), t(project ? "explain.overOne" : "explain.over")),
    kpi(
      "under",
      CircleCheck,
      "text-good",
      t("under"),
      split("under"),
      t(project ? "explain.underOne" : "explain.under"),
    ),
  ];
}

function kpi(key: string, icon: LucideIcon, tone: string, label: string, value: string, explain: string): Kpi {
  return { key, icon, tone, label, value, explain };
}

function Badge({ kpi, asOf }: { kpi: Kpi; asOf: string | null }) {
  const t = useTranslations("kpi");
  const format = useFormatter();
  const { icon: Icon, figure = true } = kpi;
  return (
    <Popover.Root>
      <Popover.Trigger className="h-full w-full rounded-lg border bg-surface px-3 py-2 text-start transition-colors hover:border-line-strong">
        <span className="flex items-center gap-1.5 text-muted text-xs">
          <Icon aria-hidden className={cn("size-3.5", kpi.tone)} />
          {kpi.label}
          {kpi.note ? <span className={cn("ml-auto whitespace-nowrap", kpi.tone)}>{kpi.note}</span> : null}
        </span>
        <span
          className={cn(
            "mt-0.5 block",
            figure ? "whitespace-nowrap font-semibold text-[0.95rem] tabular-nums" : kpi.tone,
          )}
        >
          {kpi.value}
        </span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          sideOffset={6}
          align="start"
          aria-label={kpi.label}
          className="z-40 w-72 rounded-lg border bg-surface p-3 shadow-lg"
        >
          <p>{kpi.explain}</p>
          {asOf ? (
            <p className="mt-1.5 text-muted text-xs">
              {t("asOf", { date: format.dateTime(new Date(asOf), { dateStyle: "medium", timeStyle: "short" }) })}
            </p>
          ) : null}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
