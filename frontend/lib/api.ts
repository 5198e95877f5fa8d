/** The one file that calls the backend from the browser, always by way of this site's own `/api`. */

type Problem = {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  run_id?: string;
  errors?: { field: string; reason: string }[];
};

/** An answer that is no success. `status` 0: there was no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
    readonly requestId: string | null = null,
  ) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
  }

  /** The last part of the problem's type, e.g. `credentials`. */
  get slug(): string {
    return (this.problem.type ?? "").split("/").pop() ?? "";
  }
}

type Answer<T> = { data: T; status: number; etag: string | null };

type Call = { method?: string; body?: unknown; ifMatch?: string | null; signal?: AbortSignal };

export async function call<T>(path: string, { method = "GET", body, ifMatch, signal }: Call = {}): Promise<Answer<T>> {
  // The backend words its problems in the page's language, not in the browser's.
  const headers: Record<string, string> = {
    accept: "application/json",
    "accept-language": document.documentElement.lang,
  };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (ifMatch) headers["if-match"] = ifMatch;
  const answer = await reach(path, { method, headers, signal, body: body === undefined ? null : JSON.stringify(body) });
  if (!answer.ok) throw await refusal(answer);
  const data = answer.status === 204 ? undefined : await answer.json();
  return { data: data as T, status: answer.status, etag: answer.headers.get("etag") };
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call<T>(path, { signal })).data;
}

/** Fetches a file in the page's language and hands it to the browser to keep. */
export async function download(path: string, fallbackName: string): Promise<void> {
  const headers = { accept: "text/csv", "accept-language": document.documentElement.lang };
  const answer = await reach(path, { headers });
  if (!answer.ok) throw await refusal(answer);
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = nameIn(answer.headers.get("content-disposition")) ?? fallbackName;
  link.click();
  // The browser has begun to read it by then; at once would be too early for some.
  window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function nameIn(disposition: string | null): string | undefined {
  return /filename="([^"]+)"/.exec(disposition ?? "")?.[1];
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(`/api/${path}`, init);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, { type: "/problems/offline" });
  }
}

async function refusal(answer: Response): Promise<ApiError> {
  let problem: Problem = { title: answer.statusText };
  try {
    problem = (await answer.json()) as Problem;
  } catch {
    // No problem document: the status alone has to do.
  }
  return new ApiError(answer.status, problem, answer.headers.get("x-request-id"));
}
