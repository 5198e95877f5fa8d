import { ShieldAlert } from "lucide-react";
import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { Notice } from "@/components/ui/panel";
import { translator } from "@/lib/server/preferences";
import { currentSession } from "@/lib/server/session";
import { Integrations } from "./_components/integrations";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await translator())("integrations.title") };
}

/** Whoever lacks the right gets no table in the HTML; the API refuses them anyway. */
export default async function IntegrationsPage() {
  const session = await currentSession();
  if (!session) redirect("/login");
  return (
    <div data-testid="admin-integrations-page">
      {session.me.rights.configure ? <Integrations /> : <Forbidden role={session.me.role} />}
    </div>
  );
}

async function Forbidden({ role }: { role: "admin" | "integration" | "controller" | "viewer" }) {
  const t = await translator();
  const text = t("integrations.forbiddenHint", { role: t(`roles.${role}`) });
  return (
    <>
      <h1 className="mb-4 font-semibold text-xl tracking-tight">{t("integrations.title")}</h1>
      <Notice icon={<ShieldAlert aria-hidden />} title={t("integrations.forbidden")} text={text}>
        <Link href="/costbook" className="font-medium text-main-strong underline">
          {t("common.home")}
        </Link>
      </Notice>
    </>
  );
}
