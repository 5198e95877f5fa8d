import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { translator } from "@/lib/server/preferences";
import { currentSession } from "@/lib/server/session";
import { Rejections } from "./_components/rejections";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await translator())("rejections.title") };
}

/** Everybody who reads the figures may see what they are short of; what can be done about it depends on the rights. */
export default async function RejectionsPage() {
  const session = await currentSession();
  if (!session) redirect("/login");
  return <Rejections rights={session.me.rights} />;
}
