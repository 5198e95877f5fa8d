import { Compass } from "lucide-react";
import Link from "next/link";
import { Notice } from "@/components/ui/panel";
import { translator } from "@/lib/server/preferences";

export default async function NotFound() {
  const t = await translator();
  return (
    <main id="content" className="mx-auto max-w-3xl p-6">
      <Notice icon={<Compass aria-hidden />} title={t("errors.notFound")} text={t("errors.notFoundHint")}>
        <Link href="/costbook" className="font-medium text-main underline">
          {t("common.home")}
        </Link>
      </Notice>
    </main>
  );
}
