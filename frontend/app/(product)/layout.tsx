import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { Header } from "@/components/header";
import { LiveProvider } from "@/components/live";
import { preferences } from "@/lib/server/preferences";
import { currentSession } from "@/lib/server/session";

export default async function ProductLayout({ children }: { children: ReactNode }) {
  const session = await currentSession();
  if (!session) redirect("/login");
  const { theme } = await preferences();
  return (
    <LiveProvider>
      <Header me={session.me} theme={theme} />
      <main
        id="content"
        tabIndex={-1}
        className="mx-auto max-w-[100rem] px-4 pt-4 pb-[calc(1rem+var(--toasts))] outline-none sm:px-6"
      >
        {children}
      </main>
    </LiveProvider>
  );
}
