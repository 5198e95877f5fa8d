"use client";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Tooltip } from "radix-ui";
import { type ReactNode, useState } from "react";
import { IntlProvider } from "use-intl";
import { ApiError } from "@/lib/api";
import type { Messages } from "@/lib/messages";
import { type Locale, localeTag, type Theme } from "@/lib/preferences";
import { Toasts } from "./toasts";

type Props = { locale: Locale; theme: Theme; messages: Messages; children: ReactNode };

export function Providers({ locale, theme, messages, children }: Props) {
  const [client] = useState(newClient);
  return (
    <IntlProvider
      locale={localeTag(locale)}
      messages={messages}
      timeZone={Intl.DateTimeFormat().resolvedOptions().timeZone}
    >
      <QueryClientProvider client={client}>
        <Tooltip.Provider delayDuration={300}>{children}</Tooltip.Provider>
        <Toasts theme={theme} />
      </QueryClientProvider>
    </IntlProvider>
  );
}

function newClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: leaveWhenSignedOut }),
    mutationCache: new MutationCache({ onError: leaveWhenSignedOut }),
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        // Only what may pass by itself is asked again, and once: an error is shown while it is fresh.
        retry: (count, error) => count < 1 && error instanceof ApiError && error.status === 0,
        refetchOnWindowFocus: true,
      },
    },
  });
}

function leaveWhenSignedOut(error: Error): void {
  if (!(error instanceof ApiError) || error.status !== 401) return;
  const next = window.location.pathname + window.location.search;
  window.location.assign(`/login?${new URLSearchParams({ error: "expired", next })}`);
}
