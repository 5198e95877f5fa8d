"use client";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Select } from "@/components/ui/field";
import { PAGE_SIZES } from "@/lib/lines-query";
import { useUrl } from "@/lib/use-url";

type Props = { page: number; size: number; total: number };

export function Pager({ page, size, total }: Props) {
  const t = useTranslations("lines");
  const [, change] = useUrl();
  const start = Math.min(total, page * size + 1);
  const end = Math.min(total, page * size + size);
  const turn = (to: number) => change({ page: to === 0 ? null : String(to + 1) });
  return (
    <div className="no-print flex flex-wrap items-center justify-end gap-4 text-muted text-xs">
      <div className="flex items-center gap-2">
        <label htmlFor="page-size">{t("perPage")}</label>
        <Select
          id="page-size"
          className="h-7 w-auto text-text text-xs"
          value={size}
          onChange={(event) => change({ size: event.target.value, page: null })}
        >
          {PAGE_SIZES.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </Select>
      </div>
      <span aria-live="polite" className="tabular-nums">
        {t("range", { start, end, total })}
      </span>
      <div className="flex gap-1">
        <Button size="icon" aria-label={t("previous")} disabled={page === 0} onClick={() => turn(page - 1)}>
          <ChevronLeft aria-hidden />
        </Button>
        <Button size="icon" aria-label={t("next")} disabled={end >= total} onClick={() => turn(page + 1)}>
          <ChevronRight aria-hidden />
        </Button>
      </div>
    </div>
  );
}
