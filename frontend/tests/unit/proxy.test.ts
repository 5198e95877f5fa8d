// @vitest-environment node
import { afterEach, expect, test, vi } from "vitest";
import { GET, POST } from "@/app/api/[...path]/route";

/** The way to the backend, as far as it refuses by itself; that the session and headers are Next's is stubbed. */

let session: unknown = { token: "t", me: {} };
let language = "de";
vi.mock("server-only", () => ({}));
vi.mock("@/lib/server/session", () => ({
  currentSession: async () => session,
  openSession: async () => ({ destroy: () => undefined }),
}));
vi.mock("next/headers", () => ({
  cookies: async () => ({ get: () => undefined }),
  headers: async () => new Headers({ "accept-language": language }),
}));
afterEach(() => {
  session = { token: "t", me: {} };
  language = "de";
  vi.unstubAllGlobals();
});

const site = "http://costbook.test/api";
const at = (...path: string[]) => ({ params: Promise.resolve({ path }) });
const told = async (answer: Response) => [answer.status, (await answer.json()).detail];

test("what is not there, in the page's language", async () => {
  expect(await told(await GET(new Request(site), at("nowhere")))).toEqual([
    404,
    "Unter dieser Adresse gibt es nichts.",
  ]);
  language = "en";
  expect(await told(await GET(new Request(site), at("nowhere")))).toEqual([404, "There is nothing at this address."]);
});

test("a foreign page, an ended session and a silent server", async () => {
  const foreign = new Request(site, { method: "POST", headers: { origin: "http://elsewhere.test" } });
  expect(await told(await POST(foreign, at("me")))).toEqual([
    403,
    "Diese Anfrage kam nicht von den Seiten des Costbooks.",
  ]);
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("refused")));
  const [status, detail] = await told(await GET(new Request(site), at("me")));
  expect([status, detail]).toEqual([502, expect.stringContaining("antwortet nicht")]);
  session = null;
  expect(await told(await GET(new Request(site), at("me")))).toEqual([
    401,
    expect.stringContaining("Sitzung ist abgelaufen"),
  ]);
});
