import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, type RenderResult, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Tooltip } from "radix-ui";
import { IntlProvider } from "use-intl";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Integrations } from "@/app/(product)/admin/integrations/_components/integrations";
import { LiveProvider } from "@/components/live";
import type { Connector } from "@/lib/api-types";
import { messages } from "@/lib/messages";
import { localeTag } from "@/lib/preferences";
import { MAPPING } from "./mapping-sample";

/** The connectors that the API lists, whichever they are. */

vi.mock("next/navigation", () => import("./navigation"));

const connector = (system: string, name: string, entities: string[]): Connector => ({
  system,
  name,
  entities,
  enabled: true,
  configured: true,
  health: "ok",
  schedule: null,
  last_sync: null,
  last_error: null,
  quarantined: 0,
  reconciliation: null,
});

const LISTED = [
  connector("sap", "SAP", ["projects", "commitments", "actuals", "costs"]),
  {
    ...connector("slack", "Slack", ["digest"]),
    last_sync: {
      at: "2026-11-27T06:00:00Z",
      status: "success",
      run_id: "d",
      inserted: 9684,
      updated: 0,
      errors: 0,
      digest: { messages: 1, alerts: 2 },
    },
  },
  connector("abacus", "Abacus", ["projects", "timesheets"]),
];

let started: unknown[] = [];

function answered(path: string, request?: RequestInit): Promise<Response> {
  if (path.endsWith("/suggest")) return Promise.resolve(Response.json({ suggestions: [], milliseconds: 1 }));
  const [, mapped, kind] = /integrations\/(\w+)\/mapping\/(\w+)/.exec(path) ?? [];
  if (mapped) return Promise.resolve(Response.json({ ...MAPPING, system: mapped, entity: kind }));
  if (!path.startsWith("/api/integrations/sync")) return Promise.resolve(Response.json(LISTED));
  started.push(JSON.parse(String(request?.body)));
  const { system, entity } = started.at(-1) as { system: string; entity: string };
  return Promise.resolve(Response.json({ run_id: "r", system, entity, status: "success", inserted: 1 }));
}

class Silent extends EventTarget {
  static readonly OPEN = 1;
  readyState = Silent.OPEN;
  close() {}
}

beforeEach(() => {
  started = [];
  window.history.replaceState(null, "", "/admin/integrations");
  vi.stubGlobal("fetch", answered);
  vi.stubGlobal("EventSource", Silent);
});
afterEach(() => vi.unstubAllGlobals());

async function shown(queries = new QueryClient()): Promise<RenderResult> {
  const page = render(
    <IntlProvider locale={localeTag("de")} messages={messages.de} timeZone="UTC">
      <QueryClientProvider client={queries}>
        <Tooltip.Provider>
          <LiveProvider>
            <Integrations />
          </LiveProvider>
        </Tooltip.Provider>
      </QueryClientProvider>
    </IntlProvider>,
  );
  await screen.findByText("SAP");
  return page;
}

test("every system that is listed has its row and says what it brings, also one that is new to this page", async () => {
  await shown();
  const heads = screen.getAllByRole("rowheader").map((head) => head.textContent);
  expect(heads).toEqual([
    "SSAPProjekte, Commitments, Ist-Werte",
    "SSlackZusammenfassung",
    "AAbacusProjekte, timesheets",
  ]);
  await userEvent.click(screen.getByRole("button", { name: "Mehr Aktionen für Abacus" }));
  const offered = within(await screen.findByRole("menu")).getAllByRole("menuitem");
  expect(offered.map((item) => item.textContent)).toEqual(["Projekte", "timesheets", "Alles neu lesen"]);
});

test("one click syncs what the system has: the costs, or its first kind of record", async () => {
  await shown();
  for (const name of ["SAP", "Slack", "Abacus"]) {
    await userEvent.click(screen.getByRole("button", { name: `${name} synchronisieren` }));
  }
  await waitFor(() =>
    expect(started).toEqual([
      { system: "sap", entity: "costs", mode: "incremental" },
      { system: "slack", entity: "digest", mode: "incremental" },
      { system: "abacus", entity: "projects", mode: "incremental" },
    ]),
  );
});

test("fields are mapped where records have some, and a source that changed says so in its row", async () => {
  LISTED[0] = { ...connector("sap", "SAP", ["commitments", "costs"]), drift: 3 };
  await shown();
  const named = screen.getAllByRole("button", { name: /^Feldzuordnung von / });
  expect(named.map((one) => one.getAttribute("aria-label"))).toEqual([
    "Feldzuordnung von SAP: 3 Felder der Quelle haben sich geändert",
    "Feldzuordnung von SAP",
    "Feldzuordnung von Abacus",
  ]);
  expect(screen.getByText("3 Felder geändert")).toBeVisible();
  expect(screen.getByRole("button", { name: "Feldzuordnung von SAP" })).toHaveTextContent(/^Feldzuordnung$/);
  LISTED[0] = connector("sap", "SAP", ["projects", "commitments", "actuals", "costs"]);
});

test("a digest is sent, and nothing of it can be read anew", async () => {
  await shown();
  await userEvent.click(screen.getByRole("button", { name: "Mehr Aktionen für Slack" }));
  const offered = within(await screen.findByRole("menu")).getAllByRole("menuitem");
  expect(offered.map((item) => item.textContent)).toEqual(["Zusammenfassung senden"]);
});

test("what a digest told of is not new in it", async () => {
  await shown();
  const row = screen.getByRole("row", { name: /Slack/ });
  expect(within(row).getByText("1 Nachricht gesendet · 2 Warnungen")).toBeTruthy();
  expect(within(row).queryByText(/9684/)).toBeNull();
});

const search = () => window.location.search;
const mapping = () => screen.findByRole("dialog", { name: /^Feldzuordnung: / });
const gone = () => waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
/** Back, as the browser does it: the address is another one and says so. */
const back = (address = "/admin/integrations") => act(() => window.history.replaceState(null, "", address));

test("the mapping that is open stands in the address: system, kind and view", async () => {
  await shown();
  await userEvent.click(screen.getByRole("button", { name: "Feldzuordnung von SAP" }));
  const dialog = await mapping();
  expect(search()).toBe("?mapping=sap");
  const before = window.history.length;
  await userEvent.click(within(dialog).getByRole("radio", { name: "Ist-Werte" }));
  await userEvent.click(await within(dialog).findByRole("tab", { name: "Felder des Costbook" }));
  expect(search()).toBe("?mapping=sap&entity=actuals&view=target");
  expect(window.history.length, "Back closes it, wherever in it one has been").toBe(before);
  await userEvent.click(within(dialog).getByRole("button", { name: "Schließen" }));
  await gone();
  expect(search()).toBe("");
});

test("a link opens it where it says, and Back closes it", async () => {
  window.history.replaceState(null, "", "/admin/integrations?mapping=sap&entity=actuals&view=target");
  await shown();
  const dialog = await mapping();
  expect(await within(dialog).findByRole("tab", { name: "Felder des Costbook", selected: true })).toBeVisible();
  expect(within(dialog).getByRole("radio", { name: "Ist-Werte" })).toBeChecked();
  back();
  await gone();
});

test.each(["mapping=slack", "mapping=nobody", "mapping=sap&entity=nothing&view=nowhere"])(
  "a link to what is not there (%s) opens nothing, or the first there is",
  async (query) => {
    window.history.replaceState(null, "", `/admin/integrations?${query}`);
    await shown();
    if (!query.includes("sap")) return expect(screen.queryByRole("dialog")).toBeNull();
    expect(
      await within(await mapping()).findByRole("tab", { name: "Felder der Quelle", selected: true }),
    ).toBeVisible();
    expect(screen.getByRole("radio", { name: "Commitments" })).toBeChecked();
  },
);

test("Back with a draft asks first: it stays with its address, or goes", async () => {
  window.history.replaceState(null, "", "/admin/integrations?mapping=sap&entity=actuals");
  await shown();
  const dialog = await mapping();
  await userEvent.click(await within(dialog).findByRole("button", { name: "item.YY1_Bar ignorieren" }));
  back();
  await userEvent.click(await screen.findByRole("button", { name: "Weiter bearbeiten" }));
  await waitFor(() => expect(search()).toBe("?mapping=sap&entity=actuals"));
  expect(within(dialog).getByRole("radio", { name: "Ist-Werte · Entwurf" })).toBeChecked();
  back("/admin/integrations?mapping=abacus");
  await userEvent.click(await screen.findByRole("button", { name: "Verwerfen" }));
  expect(await screen.findByRole("dialog", { name: "Feldzuordnung: Abacus" })).toBeVisible();
});

test("a draft that was left without an answer is there when its mapping is opened again", async () => {
  window.history.replaceState(null, "", "/admin/integrations?mapping=sap&entity=actuals");
  const queries = new QueryClient();
  const { unmount } = await shown(queries);
  await userEvent.click(await within(await mapping()).findByRole("button", { name: "item.YY1_Bar ignorieren" }));
  unmount();
  await shown(queries);
  expect(await screen.findByRole("radio", { name: "Ist-Werte · Entwurf" })).toBeChecked();
  await userEvent.click(within(await mapping()).getByRole("button", { name: "Schließen" }));
  await userEvent.click(await screen.findByRole("button", { name: "Verwerfen" }));
  await gone();
  await userEvent.click(screen.getByRole("button", { name: "Feldzuordnung von SAP" }));
  await userEvent.click(within(await mapping()).getByRole("radio", { name: /^Ist-Werte/ }));
  expect(await screen.findByRole("radio", { name: "Ist-Werte" })).toBeChecked();
});
