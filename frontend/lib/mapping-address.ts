import type { Connector, MappingEntity } from "./api-types";
import { mappable } from "./mapping";
import type { Changes } from "./use-url";

/** What the page's address says of the dialog of field mapping: `?mapping=sap&entity=actuals&view=target`. */

export const VIEWS = ["source", "target", "versions"] as const;
export type View = (typeof VIEWS)[number];

export type Address = { system: string; entity: MappingEntity; view: View };

/** The dialog that the address asks for; null where it asks for none, or for one that cannot be opened. */
export function addressIn(url: URLSearchParams, connectors: Connector[]): Address | null {
  const found = connectors.find(({ system, configured }) => configured && system === url.get("mapping"));
  const kinds = mappable(found?.entities ?? []);
  const [usual] = kinds;
  if (!found || !usual) return null;
  const entity = kinds.find((kind) => kind === url.get("entity")) ?? usual;
  const view = VIEWS.find((name) => name === url.get("view")) ?? "source";
  return { system: found.system, entity, view };
}

/** The address as it is written; what everybody sees first is not written. */
export function written({ system, entity, view }: Partial<Address>): Changes {
  return { mapping: system ?? null, entity: entity ?? null, view: !view || view === "source" ? null : view };
}

export function isSameAddress(one: Address | null, other: Address | null): boolean {
  return one?.system === other?.system && one?.entity === other?.entity && one?.view === other?.view;
}
