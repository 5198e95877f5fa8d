"use client";
import { Monitor, Moon, Sun } from "lucide-react";
import { useRouter } from "next/navigation";
import { useLocale, useTranslations } from "use-intl";
import { cn } from "@/lib/class-names";
import { languageOf, locales, type Theme, themes } from "@/lib/preferences";

const ICONS = { light: Sun, dark: Moon, system: Monitor };
const group = "flex items-center rounded-md border bg-surface p-0.5";
const choice =
  "grid h-6 min-w-7 place-items-center rounded px-1.5 font-medium text-muted text-xs hover:text-text aria-pressed:bg-main-soft aria-pressed:text-main-strong";

/** Language and colour scheme. */
export function Preferences({ theme }: { theme: Theme }) {
  const t = useTranslations("nav");
  const router = useRouter();
  const locale = languageOf(useLocale());
  const choose = async (name: "locale" | "theme", value: string) => {
    const form = new FormData();
    form.set(name, value);
    await fetch("/preferences", { method: "POST", body: form });
    router.refresh();
  };
  return (
    <div className="flex items-center gap-2">
      <fieldset className={group} aria-label={t("language")}>
        {locales.map((tag) => (
          <button
            key={tag}
            type="button"
            lang={tag}
            aria-pressed={tag === locale}
            aria-label={tag === "de" ? "DE – Deutsch" : "EN – English"}
            className={choice}
            onClick={() => choose("locale", tag)}
          >
            {tag.toUpperCase()}
          </button>
        ))}
      </fieldset>
      <fieldset className={group} aria-label={t("theme")}>
        {themes.map((name) => {
          const Icon = ICONS[name];
          return (
            <button
              key={name}
              type="button"
              aria-pressed={name === theme}
              aria-label={t(name)}
              title={t(name)}
              className={cn(choice, "px-1")}
              onClick={() => choose("theme", name)}
            >
              <Icon aria-hidden className="size-3.5" />
            </button>
          );
        })}
      </fieldset>
    </div>
  );
}
