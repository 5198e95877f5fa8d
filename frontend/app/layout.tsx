import type { Metadata } from "next";
import type { ReactNode } from "react";
import { Providers } from "@/components/providers";
import { preferences, translator } from "@/lib/server/preferences";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "PPM Costbook", template: "%s · PPM Costbook" },
  icons: { icon: "/icon.svg" },
};

export default async function RootLayout({ children }: { children: ReactNode }) {
  const { locale, theme, messages } = await preferences();
  const t = await translator();
  return (
    <html lang={locale} data-theme={theme}>
      <body className="min-h-dvh font-sans antialiased">
        <a
          href="#content"
          className="sr-only z-50 rounded-md bg-surface px-3 py-2 font-medium text-main focus:not-sr-only focus:absolute focus:top-2 focus:left-2"
        >
          {t("common.skip")}
        </a>
        <Providers locale={locale} theme={theme} messages={messages}>
          {children}
        </Providers>
      </body>
    </html>
  );
}
