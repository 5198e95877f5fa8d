import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { translator } from "@/lib/server/preferences";
import { currentSession } from "@/lib/server/session";
import { Costbook } from "./_components/costbook";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await translator())("costbook.title") };
}

export default async function CostbookPage() {
  const session = await currentSession();
  if (!session) redirect("/login");
  return <Costbook rights={session.me.rights} />;
}
