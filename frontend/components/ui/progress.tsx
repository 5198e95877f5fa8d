type Props = { label: string; value: number | null | undefined; max: number | null | undefined };

/** A bar; without a known end it only says that something moves. */
export function Progress({ label, value, max }: Props) {
  const share = value !== null && value !== undefined && max ? Math.min(1, value / max) : null;
  const known = share === null ? {} : { "aria-valuenow": Math.round(share * 100) };
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...known}
      className="h-1 overflow-hidden rounded-full bg-line"
    >
      <div
        className={share === null ? "h-full w-1/4 animate-slide bg-main" : "h-full bg-main transition-[width]"}
        style={share === null ? undefined : { width: `${share * 100}%` }}
      />
    </div>
  );
}
