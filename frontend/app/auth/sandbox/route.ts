import { isSandbox } from "@/lib/server/environment";
import { isSameOrigin } from "@/lib/server/origin";
import { answerSignIn, backend, SignInFailed, signIn } from "@/lib/server/sign-in";

/** One of the three demo users. Only in the sandbox profile; the backend refuses otherwise too. */
export async function POST(request: Request): Promise<Response> {
  if (!isSandbox()) return new Response(null, { status: 404 });
  const form = await request.formData();
  return answerSignIn(form.get("next") as string | null, async () => {
    if (!isSameOrigin(request)) throw new SignInFailed("cross_site");
    const answer = await backend("/api/sessions/sandbox", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ role: form.get("role") }),
    });
    if (answer.status >= 500) throw new SignInFailed("unavailable");
    if (!answer.ok) throw new SignInFailed("refused");
    const { token } = (await answer.json()) as { token: string };
    await signIn(token);
  });
}
