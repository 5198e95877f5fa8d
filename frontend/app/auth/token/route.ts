import { isSameOrigin } from "@/lib/server/origin";
import { answerSignIn, SignInFailed, signIn } from "@/lib/server/sign-in";

/** A signed token pasted by hand (`ppm token`), for installations without single sign-on. */
export async function POST(request: Request): Promise<Response> {
  const form = await request.formData();
  return answerSignIn(form.get("next") as string | null, async () => {
    if (!isSameOrigin(request)) throw new SignInFailed("cross_site");
    await signIn(String(form.get("token") ?? "").trim());
  });
}
