import { KeyRound, LogIn, TriangleAlert } from "lucide-react";
import type { Metadata } from "next";
import { Preferences } from "@/components/preferences";
import { Button, buttonLook } from "@/components/ui/button";
import { Field, TextArea } from "@/components/ui/field";
import { safeNext } from "@/lib/next-path";
import { isSandbox, oidc } from "@/lib/server/environment";
import { preferences, translator } from "@/lib/server/preferences";

type Props = { searchParams: Promise<{ next?: string; error?: string }> };
type T = Awaited<ReturnType<typeof translator>>;

const ERRORS = ["refused", "unavailable", "no_role", "too_large", "provider", "cross_site", "expired"] as const;
const DEMO_USERS = ["admin", "controller", "viewer"] as const;

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await translator())("login.title") };
}

/** No links into the product here: they would be prefetched without a session and lead back to this page. */
export default async function LoginPage({ searchParams }: Props) {
  const { next, error } = await searchParams;
  const t = await translator();
  const { theme } = await preferences();
  const reason = ERRORS.find((known) => known === error);
  return (
    <div className="grid min-h-dvh grid-rows-[auto_1fr]">
      <header className="flex justify-end p-3">
        <Preferences theme={theme} />
      </header>
      <main id="content" className="mx-auto w-full max-w-sm px-4 pt-[8dvh] pb-10">
        <p className="font-semibold text-main text-sm">{t("common.product")}</p>
        <h1 className="mt-1 font-semibold text-2xl tracking-tight">{t("login.title")}</h1>
        <p className="mt-1 text-muted">{t("login.lead")}</p>
        {reason ? (
          <p role="alert" className="mt-4 rounded-md border border-bad/40 bg-bad-soft p-3 text-bad">
            {t(`login.errors.${reason}`)}
          </p>
        ) : null}
        <div className="mt-6">
          <SignIn t={t} next={safeNext(next)} />
        </div>
      </main>
    </div>
  );
}

function SignIn({ t, next }: { t: T; next: string }) {
  if (isSandbox()) return <DemoUsers t={t} next={next} />;
  return oidc() ? <CompanyAccount t={t} next={next} /> : <Token t={t} next={next} />;
}

function DemoUsers({ t, next }: { t: T; next: string }) {
  return (
    <form method="post" action="/auth/sandbox" className="grid gap-2">
      <div className="mb-2 flex gap-2.5 rounded-md border border-warn/40 bg-warn-soft p-3">
        <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
        <div>
          <p className="font-medium text-warn">{t("login.demo")}</p>
          <p className="mt-0.5 text-xs">{t("login.demoLead")}</p>
        </div>
      </div>
      <input type="hidden" name="next" value={next} />
      {DEMO_USERS.map((role) => (
        <button
          key={role}
          type="submit"
          name="role"
          value={role}
          className="flex items-center gap-3 rounded-lg border bg-surface px-3.5 py-2.5 text-start transition-colors hover:border-main hover:bg-main-soft"
        >
          <span
            aria-hidden
            className="grid size-8 shrink-0 place-items-center rounded-full bg-main-soft font-semibold text-main"
          >
            {t(`login.${role}`).slice(0, 1)}
          </span>
          <span>
            <span className="block font-medium">{t(`login.${role}`)}</span>
            <span className="block text-muted text-xs">{t(`login.${role}Hint`)}</span>
          </span>
        </button>
      ))}
    </form>
  );
}

function CompanyAccount({ t, next }: { t: T; next: string }) {
  return (
    <div className="grid gap-2">
      {/* A plain link: the way to the identity provider leaves this application. */}
      <a href={`/auth/oidc?${new URLSearchParams({ next })}`} className={`${buttonLook("main")} h-10 px-4`}>
        <LogIn aria-hidden />
        {t("login.sso")}
      </a>
      <p className="text-muted text-xs">{t("login.ssoHint")}</p>
    </div>
  );
}

function Token({ t, next }: { t: T; next: string }) {
  return (
    <form method="post" action="/auth/token" className="grid gap-3">
      <input type="hidden" name="next" value={next} />
      <Field id="token" label={t("login.token")} hint={t("login.tokenHint")}>
        <TextArea
          id="token"
          name="token"
          required
          autoComplete="off"
          spellCheck={false}
          aria-describedby="token-hint"
          className="font-mono text-xs"
        />
      </Field>
      <Button type="submit" variant="main" size="large">
        <KeyRound aria-hidden />
        {t("login.submit")}
      </Button>
    </form>
  );
}
