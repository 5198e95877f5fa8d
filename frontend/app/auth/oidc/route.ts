import { safeNext } from "@/lib/next-path";
import { authorizationUrl } from "@/lib/server/oidc";
import { SignInFailed, seeOther } from "@/lib/server/sign-in";

export async function GET(request: Request): Promise<Response> {
  const next = safeNext(new URL(request.url).searchParams.get("next"));
  try {
    return seeOther(await authorizationUrl(request, next));
  } catch (cause) {
    if (!(cause instanceof SignInFailed)) throw cause;
    return seeOther(`/login?${new URLSearchParams({ error: cause.code, next })}`);
  }
}
