"use client";
import { type RefObject, useEffect, useRef } from "react";
import { Toaster } from "sonner";
import { useTranslations } from "use-intl";
import type { Theme } from "@/lib/preferences";

/** So many systems may end a sync at once; each result is to be read. */
const VISIBLE = 5;
const GAP = 14;
const EDGE = 24;

/** The messages at the lower end of the page. They are a live region, and Alt+T goes there. */
export function Toasts({ theme }: { theme: Theme }) {
  const t = useTranslations("common");
  const region = useRef<HTMLElement>(null);
  useRoom(region);
  return (
    <Toaster
      ref={region}
      theme={theme}
      position="bottom-right"
      expand
      visibleToasts={VISIBLE}
      gap={GAP}
      offset={EDGE}
      richColors
      closeButton
      containerAriaLabel={t("notifications")}
      toastOptions={{
        closeButtonAriaLabel: t("close"),
        classNames: { title: "font-semibold!", description: "text-text!", actionButton: "bg-main! text-on-main!" },
      }}
    />
  );
}

/** `--toasts` is the height that messages take of the window. The pages keep it free, so that none covers anything. */
function useRoom(region: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const section = region.current;
    if (!section) return;
    const measure = () => document.documentElement.style.setProperty("--toasts", `${heightIn(section)}px`);
    const observer = new MutationObserver(measure);
    const attributeFilter = ["data-mounted", "data-removed", "data-visible"];
    observer.observe(section, { subtree: true, childList: true, characterData: true, attributeFilter });
    window.addEventListener("resize", measure);
    measure();
    return () => {
      observer.disconnect();
      window.removeEventListener("resize", measure);
    };
  }, [region]);
}

function heightIn(section: HTMLElement): number {
  const shown = '[data-sonner-toast][data-visible="true"]:not([data-removed="true"])';
  const heights = [...section.querySelectorAll<HTMLElement>(shown)].map((one) => one.offsetHeight);
  if (heights.length === 0) return 0;
  return heights.reduce((sum, height) => sum + height, 2 * EDGE + GAP * (heights.length - 1));
}
