import { safeNext } from "@/lib/next-path";
import { tokenFromCallback } from "@/lib/server/oidc";
import { SignInFailed, seeOther, signIn } from "@/lib/server/sign-in";

export async function GET(request: Request): Promise<Response> {
  try {
    const { token, next } = await tokenFromCallback(request);
    await signIn(token);
    return seeOther(safeNext(next));
  } catch (cause) {
    if (!(cause instanceof SignInFailed)) throw cause;
    return seeOther(`/login?error=${cause.code}`);
  }
}
