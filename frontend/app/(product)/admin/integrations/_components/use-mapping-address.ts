"use client";
import { useEffect, useState } from "react";
import type { Connector } from "@/lib/api-types";
import { type Address, addressIn, isSameAddress, written } from "@/lib/mapping-address";
import { useUrl } from "@/lib/use-url";

/**
 * Which mapping is open, as the address says: linked, reloaded, closed by Back. Where a draft would be lost with it, Back
 * is taken back and the dialog asks (`left`): a second Back finds the question and not the page before.
 */
export function useMappingAddress(connectors: Connector[] | undefined) {
  const [url, change] = useUrl();
  const [address, setAddress] = useState<Address | null>(null);
  const [dirty, setDirty] = useState(false);
  const [left, setLeft] = useState(false);
  const asked = addressIn(url, connectors ?? []);
  const gone = dirty && asked?.system !== address?.system;
  if (!gone && !isSameAddress(asked, address)) setAddress(asked);
  useEffect(() => {
    if (!gone) return;
    setLeft(true);
    window.history.forward();
  }, [gone]);
  return {
    address,
    left,
    setDirty,
    open: (system: string) => change(written({ system })),
    move: (to: Partial<Address>) => change(written({ ...address, ...to }), "replace"),
    stay: () => {
      setLeft(false);
      if (gone) change(written(address ?? {}));
    },
    close: () => {
      setDirty(false);
      setLeft(false);
      if (!left) change(written({}));
      else if (!gone) window.history.back();
    },
  };
}
