"use client";
import { Tooltip } from "radix-ui";
import type { ReactNode } from "react";

/** A tooltip on hover and on focus; without text it is only its child. */
export function Hint({ text, children }: { text: string | undefined; children: ReactNode }) {
  if (!text) return children;
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content
          sideOffset={6}
          collisionPadding={8}
          className="z-50 max-w-xs rounded-md bg-text px-2.5 py-1.5 text-surface text-xs shadow-md"
        >
          {text}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
