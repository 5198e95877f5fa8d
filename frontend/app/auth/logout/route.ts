import { isSameOrigin } from "@/lib/server/origin";
import { openSession } from "@/lib/server/session";
import { seeOther } from "@/lib/server/sign-in";

export async function POST(request: Request): Promise<Response> {
  if (!isSameOrigin(request)) return new Response(null, { status: 403 });
  (await openSession()).destroy();
  return seeOther("/login");
}
