"use client";
import { ChevronDown, RefreshCw } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Hint } from "@/components/ui/hint";
import type { Connector } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import type { SyncOptions } from "@/lib/start-sync";

type Props = {
  connector: Connector;
  running: boolean;
  onSync: (options?: SyncOptions) => void;
  onConfigure: () => void;
};

const ENTITIES = ["costs", "commitments", "actuals", "projects"] as const;
const item = "cursor-pointer rounded px-2.5 py-1.5 outline-none data-highlighted:bg-raised";

/** Sync at one click, its variants in a menu. Without settings the click opens the form instead. */
export function SyncActions({ connector, running, onSync, onConfigure }: Props) {
  const t = useTranslations("integrations");
  const { name, configured, enabled } = connector;
  const reason = configured ? (enabled ? undefined : t("enableFirst")) : t("configureFirst");
  const blocked = running || (configured && !enabled);
  // Who is told and not read has no costs, and nothing to choose from.
  const usual = connector.entities.includes("costs") ? "costs" : "digest";
  const choices = ENTITIES.filter((entity) => connector.entities.includes(entity));
  const click = () => (configured ? onSync({ entity: usual }) : onConfigure());
  return (
    <div className="flex">
      <Hint text={reason}>
        <Button
          className="rounded-e-none border-e-0"
          aria-label={t("syncLabel", { name })}
          aria-description={reason}
          aria-disabled={blocked}
          aria-busy={running}
          onClick={blocked ? undefined : click}
        >
          <RefreshCw aria-hidden className={cn(running && "animate-spin")} />
          {t("sync")}
        </Button>
      </Hint>
      <DropdownMenu.Root>
        <DropdownMenu.Trigger asChild disabled={blocked || !configured || choices.length === 0}>
          <Button size="icon" className="w-7 rounded-s-none" aria-label={t("more", { name })}>
            <ChevronDown aria-hidden />
          </Button>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content align="end" sideOffset={4} className="z-40 rounded-lg border bg-surface p-1 shadow-lg">
            {choices.map((entity) => (
              <DropdownMenu.Item key={entity} className={item} onSelect={() => onSync({ entity })}>
                {t(`entity.${entity}`)}
              </DropdownMenu.Item>
            ))}
            <DropdownMenu.Separator className="my-1 h-px bg-line" />
            <DropdownMenu.Item className={item} onSelect={() => onSync({ mode: "full" })}>
              {t("fullSync")}
            </DropdownMenu.Item>
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
    </div>
  );
}
