import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Toaster, toast } from "sonner";
import { IntlProvider } from "use-intl";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveProvider, useLive } from "@/components/live";
import type { ReplayRequest, Run } from "@/lib/api-types";
import { messages } from "@/lib/messages";

/** Syncs and replays from the click to the toast, before an API that answers as the test says. */

vi.mock("next/navigation", () => ({ useRouter: () => ({ push: () => undefined }) }));

let asked: string[] = [];
let answers: Record<string, Partial<Run>[]> = {};

/** Each run is at its end at once; a system's runs answer one after the other. */
function answered(_: unknown, request?: RequestInit): Promise<Response> {
  const { system } = JSON.parse(String(request?.body)) as ReplayRequest;
  asked.push(system);
  const next = answers[system]?.shift();
  if (!next) {
    const problem = { type: "/problems/unavailable", title: "", status: 502, detail: `${system} schweigt.` };
    return Promise.resolve(Response.json(problem, { status: 502 }));
  }
  return Promise.resolve(Response.json({ run_id: `${system}-${asked.length}`, system, entity: "costs", ...next }));
}

class Silent extends EventTarget {
  static readonly OPEN = 1;
  readyState = Silent.OPEN;
  close() {}
}

beforeEach(() => {
  asked = [];
  vi.stubGlobal("fetch", answered);
  vi.stubGlobal("EventSource", Silent);
});
afterEach(async () => {
  toast.dismiss();
  await waitFor(() => expect(document.querySelector("[data-sonner-toast]")).toBeNull());
  vi.unstubAllGlobals();
});

const record = (system: string): ReplayRequest => ({ system, ids: [1] });

const BOTH = [
  { system: "jira", name: "Jira" },
  { system: "sap", name: "SAP" },
];

function Page({ wanted }: { wanted: ReplayRequest[] }) {
  const { replay, syncAll, finished, waiting } = useLive();
  return (
    <>
      <button type="button" onClick={() => void replay(wanted)}>
        Start
      </button>
      <button type="button" onClick={() => void syncAll(BOTH)}>
        Sync
      </button>
      <output>{`${finished.join(" ")} | ${waiting.join(" ")}`}</output>
    </>
  );
}

async function started(wanted: ReplayRequest[], given: typeof answers): Promise<void> {
  answers = given;
  render(
    <IntlProvider locale="de" messages={messages.de} timeZone="UTC">
      <QueryClientProvider client={new QueryClient()}>
        <LiveProvider>
          <Page wanted={wanted} />
        </LiveProvider>
        <Toaster />
      </QueryClientProvider>
    </IntlProvider>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Start" }));
}

async function message(text: string | RegExp): Promise<HTMLElement> {
  const found = (await screen.findByText(text)).closest("li");
  if (!found) throw new Error("The text stands in no toast.");
  return found;
}

test("a replay that ends failed says why, offers to try again, and is not counted as finished", async () => {
  const failed = { status: "failed", problem: "unavailable", reason: "Zeit abgelaufen." } as const;
  await started([record("sap")], { sap: [failed, { status: "success", inserted: 1 }] });
  const said = await message("Erneutes Verarbeiten fehlgeschlagen – SAP ist nicht erreichbar");
  expect(said).toHaveTextContent("Zeit abgelaufen.");
  expect(screen.getByRole("status")).toHaveTextContent(/^\|$/);
  await userEvent.click(within(said).getByRole("button", { name: "Erneut versuchen" }));
  await message("1 übernommen");
  expect(screen.getByRole("status")).toHaveTextContent(/^sap-2 \|$/);
});

test("of several systems each has its own result; only what failed is tried again", async () => {
  const given = { sap: [{ status: "success", inserted: 1 }], jira: [], netsuite: [{ status: "partial", rejected: 1 }] };
  await started([record("sap"), record("jira"), record("netsuite")], given as typeof answers);
  expect(await message("1 übernommen")).toHaveTextContent("SAP");
  expect(await message("0 übernommen, 1 weiterhin abgelehnt")).toHaveTextContent("Oracle NetSuite");
  const failed = await message("Erneutes Verarbeiten fehlgeschlagen – Jira ist nicht erreichbar");
  expect(failed).toHaveTextContent("jira schweigt.");
  await waitFor(() => expect(screen.getByRole("status")).toHaveTextContent(/^sap-1 netsuite-3 \|$/));
  await userEvent.click(within(failed).getByRole("button", { name: "Erneut versuchen" }));
  await waitFor(() => expect(asked).toEqual(["sap", "jira", "netsuite", "jira"]));
});

test("of syncs that were started together each names its system", async () => {
  await started([], {
    jira: [{ status: "success", inserted: 2, updated: 1, entity: "commitments" }],
    sap: [{ status: "success", inserted: 3, entity: "commitments" }],
  });
  await userEvent.click(screen.getByRole("button", { name: "Sync" }));
  const said = await message("Sync erfolgreich – 2 neue Commitments");
  expect(said).toHaveTextContent("Jira: 1 geändert");
  expect(await message("Sync erfolgreich – 3 neue Commitments")).toHaveTextContent("SAP");
  await waitFor(() => expect(screen.getByRole("status")).toHaveTextContent(/^jira-1 sap-2 \|$/));
});

test("of syncs that were started together the first result stays until the last is there, and not for ever", async () => {
  const lasts: Record<string, unknown> = {};
  const success = vi.spyOn(toast, "success").mockImplementation((title, given) => {
    lasts[String(title)] = given?.duration;
    return String(title);
  });
  const there = vi
    .spyOn(toast, "getToasts")
    .mockImplementation(() => Object.keys(lasts).map((id) => ({ id })) as never);
  let answer = (_: Response) => {};
  const late = new Promise<Response>((resolve) => {
    answer = resolve;
  });
  await started([], { jira: [{ status: "success", inserted: 2, entity: "commitments" }] });
  vi.stubGlobal("fetch", (path: unknown, request?: RequestInit) =>
    String(request?.body).includes("sap") ? late : answered(path, request),
  );
  await userEvent.click(screen.getByRole("button", { name: "Sync" }));
  await waitFor(() => expect(lasts).toEqual({ "Sync erfolgreich – 2 neue Commitments": Number.POSITIVE_INFINITY }));
  answer(Response.json({ run_id: "s", system: "sap", entity: "commitments", status: "success", inserted: 3 }));
  const both = { "Sync erfolgreich – 2 neue Commitments": 10_000, "Sync erfolgreich – 3 neue Commitments": 10_000 };
  await waitFor(() => expect(lasts).toEqual(both));
  success.mockRestore();
  there.mockRestore();
});

test("a canceled replay is no failure to try again", async () => {
  await started([record("sap")], { sap: [{ status: "canceled" }] });
  const said = await message("Erneutes Verarbeiten abgebrochen");
  expect(within(said).queryByRole("button", { name: "Erneut versuchen" })).toBeNull();
  expect(screen.getByRole("status")).toHaveTextContent(/^\|$/);
});
