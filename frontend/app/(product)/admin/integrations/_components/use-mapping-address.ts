"use client";
import { useState } from "react";
import type { Connector } from "@/lib/api-types";
import { type Address, addressIn, isSameAddress, written } from "@/lib/mapping-address";
import { useUrl } from "@/lib/use-url";

/**
 * Which mapping is open, as the address says: linked, reloaded, closed by Back. Where a draft would be lost with it, the
 * dialog stays until somebody has answered (`left`).
 */
export function useMappingAddress(connectors: Connector[] | undefined) {
  const [url, change] = useUrl();
  const [address, setAddress] = useState<Address | null>(null);
  const [dirty, setDirty] = useState(false);
  const asked = addressIn(url, connectors ?? []);
  const left = dirty && asked?.system !== address?.system;
  if (!left && !isSameAddress(asked, address)) setAddress(asked);
  return {
    address,
    left,
    setDirty,
    open: (system: string) => change(written({ system })),
    move: (to: Partial<Address>) => change(written({ ...address, ...to }), "replace"),
    stay: () => change(written(address ?? {})),
    close: () => {
      setDirty(false);
      if (!left) change(written({}));
    },
  };
}
