import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Tooltip } from "radix-ui";
import { useState } from "react";
import { Toaster, toast } from "sonner";
import { IntlProvider } from "use-intl";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MappingDialog } from "@/app/(product)/admin/integrations/_components/mapping/mapping-dialog";
import { LiveProvider } from "@/components/live";
import type { Decisions, FieldMapping, MappingPreview, MappingVersion, Suggestion } from "@/lib/api-types";
import type { Address } from "@/lib/mapping-address";
import { messages } from "@/lib/messages";
import { localeTag } from "@/lib/preferences";
import { field, line, MAPPING, SUGGESTIONS, suggestion } from "./mapping-sample";

/** The dialog before an API that keeps what it is sent, as the real one does. */

vi.mock("next/navigation", () => ({ useRouter: () => ({ push: () => undefined }) }));

class Silent extends EventTarget {
  static readonly OPEN = 1;
  readyState = Silent.OPEN;
  close() {}
}

const PREVIEW: MappingPreview = {
  rows: 10,
  of: 10,
  changed: 4,
  errors: [{ target: "vendor", sources: ["item.YY1_Bar"], count: 3, reason: "Kein Datum.", samples: ["32.13."] }],
  awaited: [],
  rejected: 2,
  examples: [
    {
      key: "45/10",
      project_nr: "P-1",
      values: [{ target: "requester", before: null, after: "Anna", error: null }],
    },
  ],
  money: [{ currency: "EUR", figure: "open", before: "10.00", after: "12.50", delta: "2.50" }],
  projects: [],
};

let stored: FieldMapping;
let suggestions: Suggestion[];
let versions: MappingVersion[];
let refusal: number | null;
let preview: MappingPreview;
let sent: { method: string; path: string; ifMatch: string | null; body: Decisions & { reason: string } }[];

function problem(status: number): Response {
  return Response.json({ type: "/problems/x", title: "", status, detail: `Nein ${status}.` }, { status });
}

function saved(decisions: Decisions, more: Partial<FieldMapping> = {}): Response {
  const own = new Set(decisions.lines.flatMap(({ sources }) => sources));
  const state = (name: string) => (own.has(name) ? "own" : decisions.ignored.includes(name) ? "ignored" : "open");
  const fields = stored.fields.map((one) => (one.state === "standard" ? one : { ...one, state: state(one.name) }));
  stored = {
    ...stored,
    ...decisions,
    fields: fields as FieldMapping["fields"],
    version: stored.version + 1,
    drift: [],
    ...more,
  };
  return Response.json({ ...stored, run_id: stored.awaited ? null : "run-1" });
}

async function answered(address: string, request: RequestInit = {}): Promise<Response> {
  const { method = "GET" } = request;
  const path = address.replace("/api/integrations/", "");
  if (path.startsWith("runs/")) {
    return Response.json({ run_id: "run-1", system: "sap", entity: "commitments", status: "success", updated: 4 });
  }
  if (method === "GET" && path.endsWith("/versions")) return Response.json({ items: versions });
  if (method === "GET") return refusal ? problem(refusal) : Response.json(stored);
  const body = JSON.parse(String(request.body));
  const ifMatch = new Headers(request.headers).get("if-match");
  sent.push({ method, path, ifMatch, body });
  if (path.endsWith("/preview")) return Response.json(preview);
  if (path.endsWith("/suggest")) {
    const open = suggestions.filter(
      ({ field }) => !body.lines.some((one: { sources: string[] }) => one.sources.includes(field)),
    );
    return Response.json({ suggestions: open, milliseconds: 1 });
  }
  const old = versions.find(({ version }) => path.endsWith(`/versions/${version}/restore`));
  if (old) return saved(old, { restored_from: old.version });
  return ifMatch === `"${stored.version}"` ? saved(body) : problem(412);
}

beforeEach(() => {
  stored = structuredClone(MAPPING);
  suggestions = structuredClone(SUGGESTIONS);
  versions = [];
  refusal = null;
  preview = PREVIEW;
  sent = [];
  vi.stubGlobal("fetch", answered);
  vi.stubGlobal("EventSource", Silent);
});
afterEach(async () => {
  toast.dismiss();
  await waitFor(() => expect(document.querySelector("[data-sonner-toast]")).toBeNull());
  vi.unstubAllGlobals();
});

const closed = vi.fn();
const SAP = { name: "SAP", entities: ["costs", "commitments", "actuals"] };

function Opened() {
  const [address, setAddress] = useState<Address>({ system: "sap", entity: "commitments", view: "source" });
  const move = (to: Partial<Address>) => setAddress({ ...address, ...to });
  const calls = { onMove: move, onStay: () => undefined, onDirty: () => undefined, onClose: closed };
  return <MappingDialog connector={SAP} address={address} {...calls} />;
}

function open(locale: "de" | "en" = "de"): void {
  closed.mockReset();
  render(
    <IntlProvider locale={localeTag(locale)} messages={messages[locale]} timeZone="UTC">
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <Tooltip.Provider>
          <LiveProvider>
            <Opened />
          </LiveProvider>
          <Toaster />
        </Tooltip.Provider>
      </QueryClientProvider>
    </IntlProvider>,
  );
}

function opened(locale: "de" | "en" = "de"): Promise<HTMLElement> {
  open(locale);
  return screen.findByRole("dialog", { name: /SAP/ });
}

const row = (name: RegExp) => screen.findByRole("row", { name });
const button = (name: string | RegExp) => screen.getByRole("button", { name });
const saves = () => sent.filter(({ method }) => method === "PUT");

async function withSuggestions(): Promise<void> {
  await opened();
  await screen.findByRole("button", { name: "Alle sicheren bestätigen (1)" });
}

test("a suggestion says how sure it is, in a word and a number, why, and whose it is; it is not applied", async () => {
  await withSuggestions();
  const found = await row(/Anforderer/);
  expect(found).toHaveTextContent("Vorgeschlagen");
  expect(found).toHaveTextContent(/sicher · 97\s%\s+· Regel/);
  expect(found).toHaveTextContent("Der Name bedeutet es.");
  expect(button("Speichern …")).toHaveAttribute("aria-disabled", "true");
  expect(await row(/YY1_Bar/)).toHaveTextContent(/Vielleicht:.*Lieferant 31/);
});

test("from the open dialog to a saved mapping in four clicks, and the toast follows its run", async () => {
  await withSuggestions();
  await userEvent.click(button("Alle sicheren bestätigen (1)"));
  expect(sent.filter(({ path }) => !path.endsWith("/suggest"))).toEqual([]);
  await userEvent.click(button("1 bestätigen"));
  await userEvent.click(button("Speichern …"));
  const asking = screen.getByRole("dialog", { name: "Als neue Version speichern" });
  expect(asking).toHaveTextContent("neuAnforderer → Anforderer");
  expect(await within(asking).findByText(/4 Datensätze würden sich ändern/)).toBeVisible();
  await userEvent.click(within(asking).getByRole("button", { name: "Speichern" }));
  expect(await screen.findByText("Feldzuordnung von SAP gespeichert – Version 3")).toBeInTheDocument();
  expect(await screen.findByText("Sync erfolgreich – 4 geändert")).toBeInTheDocument();
  expect(saves()).toHaveLength(1);
  expect(saves()[0]).toMatchObject({ ifMatch: '"2"', body: { reason: "", ignored: ["item.YY1_Foo"] } });
  expect(saves()[0]?.body.lines).toEqual([
    ...MAPPING.lines,
    { ...line("requester", "item.YY1_Requester"), origin: "sure" },
  ]);
  expect(await row(/YY1_Requester/)).toHaveTextContent(/Bestätigt.*Mit allen sicheren bestätigt/);
});

test("what is only to be checked is not offered together", async () => {
  suggestions = [suggestion("item.YY1_Requester", "requester", { word: "check", score: 0.7 })];
  await opened();
  expect(await row(/Anforderer/)).toHaveTextContent("Offen");
  await waitFor(async () => expect(await row(/Anforderer/)).toHaveTextContent(/prüfen · 70/));
  expect(button("Alle sicheren bestätigen (0)")).toHaveAttribute("aria-disabled", "true");
});

test("by keyboard: arrows move, Enter confirms, Delete sets aside, the slash searches", async () => {
  await withSuggestions();
  const first = await row(/Anforderer/);
  first.focus();
  await userEvent.keyboard("{Enter}");
  expect(first).toHaveTextContent("Bestätigt");
  const second = await row(/YY1_Bar/);
  await waitFor(() => expect(second).toHaveFocus());
  await userEvent.keyboard("{ArrowUp}");
  await waitFor(() => expect(first).toHaveFocus());
  await userEvent.keyboard("{ArrowDown}{Delete}");
  expect(second).toHaveTextContent("Ignoriert");
  await userEvent.keyboard("/plant");
  expect(screen.getByRole("searchbox", { name: "Felder suchen" })).toHaveValue("plant");
  expect(screen.getAllByRole("rowheader")).toHaveLength(1);
  await userEvent.click(button("Rückgängig"));
  await userEvent.clear(screen.getByRole("searchbox", { name: "Felder suchen" }));
  expect(await row(/YY1_Bar/)).toHaveTextContent("Offen");
});

test("an own field by the name that is typed", async () => {
  await withSuggestions();
  await userEvent.click(button("Ziel für item.YY1_Bar wählen"));
  await userEvent.type(await screen.findByRole("combobox"), "Baustelle Süd");
  await userEvent.keyboard("{Enter}");
  expect(await row(/YY1_Bar/)).toHaveTextContent(/Manuell.*baustelle_sued/);
});

test("after a reload a line says how it came about; one that nobody said it of says nothing", async () => {
  const [plant] = MAPPING.lines;
  stored = { ...stored, lines: [{ ...line("vendor", "item.YY1_Bar"), origin: "by_hand" }, ...(plant ? [plant] : [])] };
  await opened();
  expect(await row(/^item.YY1_Bar/)).toHaveTextContent(/Manuell.*Von Hand gesetzt/);
  expect(await row(/Plant/)).toHaveTextContent(/^Plant(?!.*(gesetzt|Vorschlag)).*Bestätigt/);
});

test("leaving with a draft asks first, and what was decided stays while one stays", async () => {
  await withSuggestions();
  await userEvent.click(button("Anforderer → Anforderer ablehnen"));
  await userEvent.keyboard("{Escape}");
  await userEvent.click(await screen.findByRole("button", { name: "Weiter bearbeiten" }));
  expect(closed).not.toHaveBeenCalled();
  expect(await row(/YY1_Requester/)).toHaveTextContent("Offen");
  await userEvent.click(screen.getByRole("radio", { name: /Ist-Werte/ }));
  await userEvent.click(await screen.findByRole("radio", { name: "Commitments · Entwurf" }));
  await userEvent.click(button("Schließen"));
  await userEvent.click(await screen.findByRole("button", { name: "Verwerfen" }));
  expect(closed).toHaveBeenCalledOnce();
});

test("somebody saved meanwhile: the draft is laid over it, and saving works then", async () => {
  await withSuggestions();
  await userEvent.click(button("Anforderer → Anforderer bestätigen"));
  stored = { ...stored, version: 7, lines: [...stored.lines, line("vendor", "item.YY1_Bar")] };
  await userEvent.click(button("Speichern …"));
  const asking = screen.getByRole("dialog", { name: "Als neue Version speichern" });
  await userEvent.type(within(asking).getByLabelText("Grund"), "Neu");
  await userEvent.click(within(asking).getByRole("button", { name: "Speichern" }));
  await userEvent.click(await screen.findByRole("button", { name: "Neu laden, Entwurf behalten" }));
  await waitFor(() => expect(within(asking).queryByRole("alert")).toBeNull());
  await userEvent.click(within(asking).getByRole("button", { name: "Speichern" }));
  await waitFor(() => expect(saves()).toHaveLength(2));
  expect(saves()[1]).toMatchObject({ ifMatch: '"7"', body: { reason: "Neu" } });
  const targets = saves()[1]?.body.lines.map(({ target }) => target);
  expect(targets).toEqual(["custom_fields.plant", "vendor", "requester"]);
});

test("the steps of a line are edited, and what can't be is said", async () => {
  await withSuggestions();
  await userEvent.click(button("Umwandlung für plant bearbeiten"));
  const form = await screen.findByRole("dialog", { name: "Umwandlung: plant" });
  await userEvent.selectOptions(within(form).getByLabelText("Schritt hinzufügen …"), "Nachschlagen");
  await userEvent.click(within(form).getByRole("button", { name: "Übernehmen" }));
  expect(within(form).getByRole("alert")).toHaveTextContent("wenigstens einen Eintrag");
  await userEvent.type(within(form).getByLabelText("Tabelle"), "1010 = Hamburg");
  await userEvent.click(within(form).getByRole("button", { name: "Übernehmen" }));
  expect(await row(/Plant/)).toHaveTextContent("Nachschlagen 1");
});

test("a required field that nothing fills stands on top until it is filled", async () => {
  stored = { ...stored, standard: [] };
  await withSuggestions();
  const missing = screen.getByRole("region", { name: "Pflichtfeld fehlt" });
  await userEvent.click(within(missing).getByRole("button", { name: "Feld für Bestellnummer wählen" }));
  await userEvent.type(await screen.findByRole("combobox"), "Bar");
  await userEvent.keyboard("{Enter}");
  await waitFor(() => expect(screen.queryByRole("region", { name: "Pflichtfeld fehlt" })).toBeNull());
});

test("two lines for one target are a conflict that has to be solved before saving", async () => {
  stored = { ...stored, lines: [line("vendor", "item.YY1_Plant")] };
  await withSuggestions();
  await userEvent.click(button("item.YY1_Bar → Lieferant wählen"));
  expect(await row(/^item.YY1_Bar/)).toHaveTextContent("Konflikt");
  expect(button("Speichern …")).toHaveAccessibleDescription("Erst die Konflikte lösen");
  const conflicts = screen.getByRole("region", { name: "Konflikt" });
  await userEvent.click(within(conflicts).getByRole("button", { name: "Zusammenführen" }));
  expect(await row(/^item.YY1_Bar/)).toHaveTextContent(/Zusammen aus Plant \(item\) \+ item.YY1_Bar/);
  expect(button("Speichern …")).toHaveAttribute("aria-disabled", "false");
});

test("the preview shows records before and after, what can't be read, and the money", async () => {
  await withSuggestions();
  expect(sent.filter(({ path }) => path.endsWith("/preview"))).toEqual([]);
  await userEvent.click(button("Vorschau"));
  const preview = await screen.findByRole("complementary", { name: "Vorschau" });
  expect(await within(preview).findByText("4 Datensätze würden sich ändern (von 10)")).toBeVisible();
  for (const text of ["leer → Anna", "2 Datensätze kämen in Quarantäne", "3 Datensätze", "32.13."]) {
    expect(preview).toHaveTextContent(text);
  }
  expect(within(preview).getByRole("row", { name: /offen, EUR/ })).toHaveTextContent("10,0012,502,50");
});

test("a field that nobody has read is mapped, and its values are said to come with the next sync", async () => {
  const reason = "Bisher nicht gelesen: Warengruppe. Der nächste Sync liest alles und wendet diese Version an.";
  const unread = { custom: false, read: false, samples: [] };
  const group = field("item.MaterialGroup", { ...unread, label: "Warengruppe" });
  const hidden = field("custcol_hr", { ...unread, mappable: false, label: "Vermerk" });
  const person = field("author.accountId", { mappable: false, label: "Autor", state: "open" });
  stored = { ...stored, fields: [...stored.fields, group, hidden, person] };
  const waits = { target: "requester", sources: ["item.MaterialGroup"], count: 10, reason: "Noch kein Wert." };
  preview = { ...PREVIEW, awaited: [waits] };
  await withSuggestions();
  const [mine, never] = [await row(/^Warengruppe/), await row(/^Vermerk/)];
  expect(mine).toHaveTextContent("Ist es zugeordnet und gespeichert, bringt der nächste Sync seine Werte.");
  expect(never).toHaveTextContent("Die Quelle hat das Feld; gelesen wird es nicht.");
  expect(within(never).queryByRole("button")).toBeNull();
  expect(await row(/^Autor/)).toHaveTextContent("Sagt, wer gearbeitet hat; das liest keine Zuordnung.");
  await userEvent.click(within(mine).getByRole("button", { name: /Warengruppe/ }));
  await userEvent.click(await screen.findByRole("option", { name: /Anforderer/ }));
  stored = { ...stored, awaited: { fields: ["item.MaterialGroup"], reason } };
  await userEvent.click(button("Speichern …"));
  const asking = await screen.findByRole("dialog", { name: "Als neue Version speichern" });
  expect(await within(asking).findByText(/Warengruppe → Anforderer: 10 Datensätze/)).toBeVisible();
  expect(asking).toHaveTextContent("Noch kein Wert.");
  await userEvent.click(within(asking).getByRole("button", { name: "Speichern" }));
  await waitFor(() => expect(screen.getAllByText(reason)).toHaveLength(2));
  expect(saves()[0]?.body.lines).toContainEqual(
    expect.objectContaining({ target: "requester", sources: ["item.MaterialGroup"] }),
  );
});

test("the Costbook's fields say what fills them, and the rule where it is worked out", async () => {
  const worked = { ...line("requester", "a", "b"), origin: "standard" as const, rule: "Bestellt weniger abgebaut." };
  stored = { ...stored, standard: [...stored.standard, worked] };
  await withSuggestions();
  await userEvent.click(screen.getByRole("tab", { name: "Felder des Costbook" }));
  expect(await row(/Bestellnummer/)).toHaveTextContent(/Pflichtfeld.*Standard.*order.PurchaseOrder/);
  expect(await row(/Anforderer/)).toHaveTextContent("Bestellt weniger abgebaut.");
  expect(await row(/plant/)).toHaveTextContent(/Bestätigt.*Plant \(item\)/);
});

test("what the source has changed is told, and seen when it is saved", async () => {
  const gone = {
    field: "item.Old",
    kind: "vanished" as const,
    was: "Edm.String",
    now: null,
    at: "",
    targets: ["vendor"],
  };
  stored = { ...stored, drift: [gone] };
  await withSuggestions();
  const told = screen.getByRole("region", { name: "Die Quelle hat sich geändert" });
  expect(told).toHaveTextContent("item.Old ist verschwunden; Lieferant bleibt leer oder beim Standard.");
  await userEvent.click(within(told).getByRole("button", { name: "Als gesehen speichern" }));
  const asking = await screen.findByRole("dialog", { name: /gesehen/ });
  await userEvent.click(within(asking).getByRole("button", { name: "Speichern" }));
  await waitFor(() => expect(screen.queryByRole("region", { name: "Die Quelle hat sich geändert" })).toBeNull());
  expect(saves()[0]?.body).toMatchObject({ lines: MAPPING.lines, reason: "Änderungen der Quelle gesehen" });
});

test("an old version is in force again after two clicks, which say what changes", async () => {
  const version = (number: number, decisions: Decisions, active = false): MappingVersion => ({
    ...decisions,
    version: number,
    saved_at: "2026-11-27T08:00:00Z",
    saved_by: "anna@example.org",
    reason: `Grund ${number}`,
    restored_from: null,
    applied_run_id: null,
    active,
  });
  const { lines, ignored, rejected } = MAPPING;
  versions = [version(2, { lines, ignored, rejected }, true), version(1, { lines: [], ignored: [], rejected: [] })];
  await withSuggestions();
  await userEvent.click(screen.getByRole("tab", { name: "Versionen" }));
  await screen.findByText("Grund 1");
  await userEvent.click(button("Version 1 wiederherstellen"));
  const asking = await screen.findByRole("dialog", { name: "Version 1 wiederherstellen" });
  expect(asking).toHaveTextContent("entferntPlant (item) → plant");
  await userEvent.click(within(asking).getByRole("button", { name: "Wiederherstellen" }));
  expect(await screen.findByText("Feldzuordnung von SAP gespeichert – Version 3")).toBeInTheDocument();
});

test("four hundred fields draw two hundred rows, and the last is found", async () => {
  stored = { ...stored, fields: Array.from({ length: 400 }, (_, at) => field(`item.F${at}`)) };
  suggestions = [];
  open();
  // Asking so many rows for their roles would take longer than drawing them.
  const rows = () => [...document.querySelectorAll("tbody > tr th")].map((one) => one.textContent);
  await waitFor(() => expect(rows()).toHaveLength(200));
  fireEvent.change(screen.getByLabelText("Felder suchen"), { target: { value: "F399" } });
  await waitFor(() => expect(rows()).toHaveLength(1));
  expect(rows()[0]).toMatch(/^item.F399/);
}, 20_000);

test("a refusal is said in the dialog and can be tried again", async () => {
  refusal = 502;
  await opened("en");
  expect(await screen.findByRole("alert")).toHaveTextContent("Nein 502.");
  refusal = null;
  await userEvent.click(button("Try again"));
  expect(await row(/Anforderer/)).toBeVisible();
});

test("nobody has asked the source yet: that is said, with a way to ask it", async () => {
  stored = { ...stored, fields: [], lines: [], asked_at: null };
  await opened();
  expect(await screen.findByText(/noch nicht nach seinen Feldern gefragt/)).toBeVisible();
  stored = structuredClone(MAPPING);
  await userEvent.click(button("SAP neu fragen"));
  expect(await row(/Anforderer/)).toBeVisible();
});
