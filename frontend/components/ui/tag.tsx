import type { ReactNode } from "react";
import { cn } from "@/lib/class-names";

export function Tag({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <span
      className={cn("rounded-sm bg-main-soft px-1.5 py-px font-medium text-[0.6875rem] text-main-strong", className)}
    >
      {children}
    </span>
  );
}
