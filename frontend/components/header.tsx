"use client";
import { ChevronDown, LogOut } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { DropdownMenu } from "radix-ui";
import { useTranslations } from "use-intl";
import type { Me } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import type { Theme } from "@/lib/preferences";
import { Preferences } from "./preferences";
import { Button } from "./ui/button";

export function Header({ me, theme }: { me: Me; theme: Theme }) {
  const t = useTranslations();
  return (
    <header className="border-b bg-surface">
      <div className="mx-auto flex min-h-12 max-w-[100rem] flex-wrap items-center gap-x-5 gap-y-1 px-4 py-1.5 sm:px-6">
        <span className="font-semibold text-main tracking-tight">{t("common.product")}</span>
        <nav aria-label={t("nav.label")} className="flex gap-1">
          <NavLink href="/costbook">{t("nav.costbook")}</NavLink>
          {me.rights.configure ? <NavLink href="/admin/integrations">{t("nav.integrations")}</NavLink> : null}
        </nav>
        <div className="ml-auto flex min-w-0 flex-wrap items-center justify-end gap-x-2 gap-y-1">
          <Preferences theme={theme} />
          <Account me={me} />
        </div>
      </div>
    </header>
  );
}

function NavLink({ href, children }: { href: string; children: string }) {
  const here = usePathname().startsWith(href);
  return (
    <Link
      href={href}
      aria-current={here ? "page" : undefined}
      className={cn(
        "rounded-md px-2.5 py-1.5 font-medium",
        here ? "bg-main-soft text-main-strong" : "text-muted hover:bg-raised hover:text-text",
      )}
    >
      {children}
    </Link>
  );
}

function Account({ me }: { me: Me }) {
  const t = useTranslations();
  const name = me.name ?? me.email ?? me.sub;
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button variant="quiet" aria-label={t("nav.account", { name })}>
          <span className="max-w-40 truncate">{name}</span>
          <ChevronDown aria-hidden />
        </Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={6}
          className="z-50 min-w-56 rounded-lg border bg-surface p-1 shadow-lg"
        >
          <DropdownMenu.Label className="px-2.5 py-1.5">
            <span className="block font-medium">{name}</span>
            <span className="block text-muted text-xs">
              {t(`roles.${me.role}`)}
              {me.email ? ` · ${me.email}` : ""}
            </span>
          </DropdownMenu.Label>
          <DropdownMenu.Separator className="my-1 h-px bg-line" />
          <form method="post" action="/auth/logout">
            <DropdownMenu.Item asChild onSelect={(event) => event.preventDefault()}>
              <button
                type="submit"
                className="flex w-full items-center gap-2 rounded px-2.5 py-1.5 outline-none data-highlighted:bg-raised"
              >
                <LogOut aria-hidden className="size-4" />
                {t("nav.signOut")}
              </button>
            </DropdownMenu.Item>
          </form>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
