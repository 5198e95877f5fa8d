import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Tooltip } from "radix-ui";
import { IntlProvider } from "use-intl";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LinesTable } from "@/app/(product)/costbook/_components/lines-table";
import type { Line, LineList } from "@/lib/api-types";
import { messages } from "@/lib/messages";
import { localeTag } from "@/lib/preferences";

/** The table of a project's lines before an API that answers as the test says. */

vi.mock("next/navigation", () => ({
  useSearchParams: () => new URLSearchParams(window.location.search),
  usePathname: () => "/costbook",
  useRouter: () => ({
    push: (to: string) => window.history.pushState(null, "", to),
    replace: (to: string) => window.history.pushState(null, "", to),
  }),
}));

const line = (po_number: string, given: Partial<Line>): Line => ({
  id: po_number,
  system: "sap",
  currency: "EUR",
  po_number,
  ordered_amount: "1234.50000",
  po_date: "2026-11-27",
  ...given,
});

let items: Line[] = [];
const answered = (): Promise<Response> => {
  const sums = { EUR: { ordered_amount: "1234.50000" } };
  const list: LineList = { items, next_cursor: null, total: items.length, sums, as_of: null };
  return Promise.resolve(Response.json(list));
};

beforeEach(() => {
  window.history.replaceState(null, "", "/costbook");
  vi.stubGlobal("fetch", answered);
});
afterEach(() => vi.unstubAllGlobals());

async function shown(locale: "de" | "en", lines: Line[]): Promise<void> {
  items = lines;
  render(
    <IntlProvider locale={localeTag(locale)} messages={messages[locale]} timeZone="UTC">
      <QueryClientProvider client={new QueryClient()}>
        <Tooltip.Provider>
          <LinesTable projectId="p" kind="commitments" fresh={[]} />
        </Tooltip.Provider>
      </QueryClientProvider>
    </IntlProvider>,
  );
  await screen.findByRole("table");
}

function row(number: string): HTMLElement {
  const found = screen.getByRole("button", { name: number }).closest("tr");
  if (!found) throw new Error("The button stands in no row.");
  return found;
}

test("a status that is known has a word in the language, another stays the source's own", async () => {
  await shown("de", [
    line("4500000001", { po_status: "active" }),
    line("4500000002", { po_status: "unreleased" }),
    line("4500000003", { po_status: "In Progress" }),
  ]);
  expect(within(row("4500000001")).getByText("aktiv")).toBeVisible();
  expect(within(row("4500000002")).getByText("nicht freigegeben")).toBeVisible();
  expect(within(row("4500000003")).getByText("In Progress")).toBeVisible();
  expect(screen.queryByText("active")).toBeNull();
});

test("a status is filtered by its word, and the server is asked for its code", async () => {
  await shown("de", [line("4500000001", { po_status: "active" }), line("4500000003", { po_status: "In Progress" })]);
  await userEvent.click(screen.getByRole("button", { name: "Filter" }));
  const choice = screen.getByRole("combobox", { name: "Status filtern" });
  const words = within(choice)
    .getAllByRole("option")
    .map((option) => option.textContent);
  expect(words).toEqual(expect.arrayContaining(["Alle", "aktiv", "gesperrt", "In Progress"]));
  await userEvent.selectOptions(choice, "gesperrt");
  expect(new URLSearchParams(window.location.search).get("filter.po_status")).toBe("blocked");
});

test.each([
  ["de", "27.11.2026", "1.234,50"],
  ["en", "27 Nov 2026", "1,234.50"],
] as const)("dates and amounts in %s", async (locale, day, amount) => {
  await shown(locale, [line("4500000001", {})]);
  expect(within(row("4500000001")).getByText(day)).toBeVisible();
  expect(within(row("4500000001")).getByText(amount)).toBeVisible();
});
