import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";
import { cn } from "@/lib/class-names";

const look = cva(
  "inline-flex items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-colors aria-disabled:cursor-not-allowed aria-disabled:opacity-55 disabled:cursor-not-allowed disabled:opacity-55 [&_svg]:size-4 [&_svg]:shrink-0",
  {
    variants: {
      variant: {
        main: "bg-main text-on-main hover:bg-main-strong",
        plain: "border border-line-strong bg-surface text-text hover:bg-raised",
        quiet: "text-muted hover:bg-raised hover:text-text",
        danger: "border border-line-strong bg-surface text-bad hover:bg-bad-soft",
      },
      size: { normal: "h-8 px-3 text-sm", small: "h-7 px-2 text-xs", icon: "size-8", large: "h-10 px-4 text-sm" },
    },
    defaultVariants: { variant: "plain", size: "normal" },
  },
);

type Props = ComponentProps<"button"> & VariantProps<typeof look>;

export function Button({ variant, size, className, type = "button", ...rest }: Props) {
  return <button type={type} className={cn(look({ variant, size }), className)} {...rest} />;
}

export function buttonLook(variant: VariantProps<typeof look>["variant"]): string {
  return look({ variant });
}
