"use client";
import { ChevronDown, RefreshCw } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Hint } from "@/components/ui/hint";
import { useEntityWord } from "@/components/use-entity-word";
import type { Connector } from "@/lib/api-types";
import { cn } from "@/lib/class-names";
import { type SyncOptions, usualEntity } from "@/lib/start-sync";

type Props = {
  connector: Connector;
  running: boolean;
  onSync: (options?: SyncOptions) => void;
  onConfigure: () => void;
};

/** The kinds in the order of the menu; one that is new to this page comes last. */
const ENTITIES = ["costs", "commitments", "actuals", "projects", "digest"];
const item = "cursor-pointer rounded px-2.5 py-1.5 outline-none data-highlighted:bg-raised";

/** Sync at one click, its variants in a menu. Without settings the click opens the form instead. */
export function SyncActions({ connector, running, onSync, onConfigure }: Props) {
  const t = useTranslations("integrations");
  const wordFor = useActionWord();
  const { name, configured, enabled } = connector;
  const reason = configured ? (enabled ? undefined : t("enableFirst")) : t("configureFirst");
  const blocked = running || (configured && !enabled);
  const usual = usualEntity(connector.entities);
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
        <DropdownMenu.Trigger asChild disabled={blocked || !configured || connector.entities.length === 0}>
          <Button size="icon" className="w-7 rounded-s-none" aria-label={t("more", { name })}>
            <ChevronDown aria-hidden />
          </Button>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content align="end" sideOffset={4} className="z-40 rounded-lg border bg-surface p-1 shadow-lg">
            {inOrder(connector.entities).map((entity) => (
              <DropdownMenu.Item key={entity} className={item} onSelect={() => onSync({ entity })}>
                {wordFor(entity)}
              </DropdownMenu.Item>
            ))}
            {usual === "digest" ? null : (
              <>
                <DropdownMenu.Separator className="my-1 h-px bg-line" />
                <DropdownMenu.Item className={item} onSelect={() => onSync({ entity: usual, mode: "full" })}>
                  {t("fullSync")}
                </DropdownMenu.Item>
              </>
            )}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
    </div>
  );
}

function inOrder(entities: string[]): string[] {
  return [...ENTITIES.filter((one) => entities.includes(one)), ...entities.filter((one) => !ENTITIES.includes(one))];
}

function useActionWord(): (entity: string) => string {
  const t = useTranslations("integrations.entity");
  const entityWord = useEntityWord();
  return (entity) => {
    const key = entity as Parameters<typeof t>[0];
    return t.has(key) ? t(key) : entityWord(entity);
  };
}
