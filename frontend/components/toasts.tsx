"use client";
import { type RefObject, useEffect, useRef, useState } from "react";
import { Toaster } from "sonner";
import { useTranslations } from "use-intl";
import type { Theme } from "@/lib/preferences";

/** So many systems may end a sync at once; each result is to be read. */
const VISIBLE = 5;
const GAP = 14;
const EDGE = 24;
/** Several lie as rows of one line each, of two where the window is narrow; globals.css draws them. */
const ROW = 36;
const ROW_OF_TWO = 52;
const ROW_GAP = 6;
const NARROW = "(max-width: 600px)";

/**
 * The messages at the lower end of the page, where tables have their names and not their sums. One alone is shown whole;
 * several are a row each, and whole while the mouse or the focus is on them. They are a live region, and Alt+T goes
 * there.
 */
export function Toasts({ theme }: { theme: Theme }) {
  const t = useTranslations("common");
  const region = useRef<HTMLElement>(null);
  const count = useRoom(region);
  const focused = useFocusWithin(region);
  return (
    <Toaster
      ref={region}
      theme={theme}
      position="bottom-left"
      expand={count < 2 || focused}
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

function useFocusWithin(region: RefObject<HTMLElement | null>): boolean {
  const [focused, setFocused] = useState(false);
  useEffect(() => {
    const section = region.current;
    if (!section) return;
    const look = (event: FocusEvent) => {
      const to = event.type === "focusin" ? event.target : event.relatedTarget;
      setFocused(to instanceof Node && section.contains(to));
    };
    section.addEventListener("focusin", look);
    section.addEventListener("focusout", look);
    return () => {
      section.removeEventListener("focusin", look);
      section.removeEventListener("focusout", look);
    };
  }, [region]);
  return focused;
}

/**
 * How many messages there are. `--toasts` is the height that they take of the window: the pages keep it free, so that
 * none covers anything. Reading them whole moves no page.
 */
function useRoom(region: RefObject<HTMLElement | null>): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const section = region.current;
    if (!section) return;
    const measure = () => {
      const shown = shownIn(section);
      setCount(shown.length);
      document.documentElement.style.setProperty("--toasts", `${heightOf(shown)}px`);
    };
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
  return count;
}

function shownIn(section: HTMLElement): HTMLElement[] {
  return [
    ...section.querySelectorAll<HTMLElement>('[data-sonner-toast][data-visible="true"]:not([data-removed="true"])'),
  ];
}

function heightOf(shown: HTMLElement[]): number {
  const [first] = shown;
  if (!first) return 0;
  if (shown.length === 1) return first.offsetHeight + 2 * EDGE;
  const row = window.matchMedia(NARROW).matches ? ROW_OF_TWO : ROW;
  return shown.length * (row + ROW_GAP) - ROW_GAP + 2 * EDGE;
}
