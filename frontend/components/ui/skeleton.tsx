import { cn } from "@/lib/class-names";

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn("appear-late rounded bg-line", className)} />;
}
