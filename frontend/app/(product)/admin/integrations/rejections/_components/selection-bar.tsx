"use client";
import { RotateCw } from "lucide-react";
import { useLocale, useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Hint } from "@/components/ui/hint";
import type { Rejection, RejectionList } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { formatMoney } from "@/lib/money";
import { amountsOf } from "@/lib/rejections";

type Props = {
  list: RejectionList;
  items: Rejection[];
  /** Everything that the filter matches, also what is not loaded. */
  every: boolean;
  pending: boolean;
  busy: string[];
  onEvery: () => void;
  onNone: () => void;
  onReplay: () => void;
};

/** What is chosen and what it amounts to, and the one thing to do with several. */
export function SelectionBar({ list, items, every, pending, busy, onEvery, onNone, onReplay }: Props) {
  const t = useTranslations("rejections");
  const locale = useLocale();
  const count = every ? list.total : items.length;
  const money = every
    ? Object.entries(list.sums).map(([currency, { amount }]) => ({ currency, amount }))
    : amountsOf(items);
  const running = items.some(({ system }) => busy.includes(system)) && !pending;
  const reason = running ? t("obstacles.busy") : undefined;
  const blocked = count === 0 || running || pending;
  const canTakeAll = !every && items.length > 0 && items.length === list.items.length && list.total > items.length;
  return (
    <div className="flex min-h-8 flex-wrap items-center gap-x-3 gap-y-2">
      <Hint text={reason}>
        <Button
          variant="main"
          aria-disabled={blocked}
          aria-busy={pending}
          aria-description={reason}
          onClick={blocked ? undefined : onReplay}
        >
          <RotateCw aria-hidden className={cn(pending && "animate-spin")} />
          {pending ? t("replaying") : t("replay")}
        </Button>
      </Hint>
      <span role="status" className="text-muted tabular-nums">
        {[
          t("selected", { count }),
          ...(count > 0 ? money.map(({ amount, currency }) => formatMoney(amount, locale, currency)) : []),
        ].join(" · ")}
      </span>
      {canTakeAll ? (
        <Button size="small" onClick={onEvery}>
          {t("selectEvery", { total: list.total })}
        </Button>
      ) : null}
      {count > 0 && !pending ? (
        <Button size="small" variant="quiet" onClick={onNone}>
          {t("unselect")}
        </Button>
      ) : null}
    </div>
  );
}
