"use client";
import { scaleBand, scaleLinear } from "d3-scale";
import { useEffect, useRef, useState } from "react";
import { useFormatter, useLocale } from "use-intl";
import { formatMoney } from "@/lib/money";

export type Bar = { key: string; label: string; amount: string | null; fill: string };
type Props = { bars: Bar[]; currency: string; summary: string };

const HEIGHT = 190;
const MARGIN = { top: 4, right: 32, bottom: 22, left: 104 };

/** Four bars and the budget as a line across them. The amounts become floats here for pixels only; labels are exact. */
export function FiguresChart({ bars, currency, summary }: Props) {
  const locale = useLocale();
  const format = useFormatter();
  const [box, width] = useWidth();
  const values = bars.map((bar) => Number(bar.amount ?? 0));
  const x = scaleLinear([Math.min(0, ...values), Math.max(1, ...values)], [MARGIN.left, width - MARGIN.right]).nice(5);
  const y = scaleBand(
    bars.map((bar) => bar.key),
    [MARGIN.top, HEIGHT - MARGIN.bottom],
  ).padding(0.28);
  const budget = bars[0]?.amount;
  const compact = (value: number) => format.number(value, { notation: "compact", maximumFractionDigits: 1 });
  return (
    <div ref={box}>
      <svg role="img" aria-label={summary} width={width} height={HEIGHT} className="block">
        {x.ticks(width > 520 ? 5 : 3).map((tick) => (
          <g key={tick} transform={`translate(${x(tick)},0)`}>
            <line y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} className="stroke-line" />
            <text y={HEIGHT - 6} textAnchor="middle" className="fill-muted text-[11px]">
              {compact(tick)}
            </text>
          </g>
        ))}
        {bars.map((bar, index) => {
          const value = values[index] ?? 0;
          const top = y(bar.key) ?? 0;
          return (
            <g key={bar.key}>
              <text x={0} y={top + y.bandwidth() / 2} dominantBaseline="central" className="fill-text text-[12px]">
                {bar.label}
              </text>
              <rect
                x={Math.min(x(0), x(value))}
                y={top}
                width={Math.abs(x(value) - x(0))}
                height={y.bandwidth()}
                rx={2}
                fill={bar.fill}
              >
                <title>{`${bar.label}: ${formatMoney(bar.amount, locale, currency)}`}</title>
              </rect>
            </g>
          );
        })}
        {budget ? (
          <line
            x1={x(Number(budget))}
            x2={x(Number(budget))}
            y1={MARGIN.top}
            y2={HEIGHT - MARGIN.bottom}
            stroke="var(--bar-budget)"
            strokeDasharray="4 3"
          />
        ) : null}
      </svg>
    </div>
  );
}

function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  useEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(220, entry.contentRect.width)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return [box, width] as const;
}
