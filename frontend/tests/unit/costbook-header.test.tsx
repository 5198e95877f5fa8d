import { fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Tooltip } from "radix-ui";
import type { ComponentProps } from "react";
import { IntlProvider } from "use-intl";
import { expect, test } from "vitest";
import { CostbookHeader } from "@/app/(product)/costbook/_components/header";
import type { Totals } from "@/lib/api-types";
import { messages } from "@/lib/messages";

const total = (currency: string): Totals => ({
  currency,
  budget: null,
  committed: "0.00",
  actual: "0.00",
  open: "0.00",
  total_spend: "0.00",
  variance: null,
});

function show(given: Partial<ComponentProps<typeof CostbookHeader>>): { clicks: number } {
  const seen = { clicks: 0 };
  render(
    <IntlProvider locale="de" messages={messages.de} timeZone="UTC">
      <Tooltip.Provider>
        <CostbookHeader
          list={{
            items: [],
            next_cursor: null,
            totals: [total("EUR"), total("USD")],
            unassigned_quarantined: { rows: 0, amounts: [] },
          }}
          project={undefined}
          currency={null}
          asOf={null}
          runs={[]}
          change={() => undefined}
          rights={{ configure: true, sync: true }}
          canSync
          syncing={false}
          onSync={() => {
            seen.clicks += 1;
          }}
          {...given}
        />
      </Tooltip.Provider>
    </IntlProvider>,
  );
  return seen;
}

const button = () => screen.getByTestId("costbook-header-sync-btn");

test("one click on Sync is one sync", async () => {
  const seen = show({});
  await userEvent.click(button());
  expect(seen.clicks).toBe(1);
});

test.each([
  ["no viewer", { rights: { configure: false, sync: false } }, /Rolle Controlling oder Administration/],
  ["nobody while nothing is connected", { canSync: false }, /Kein System ist verbunden/],
  ["nobody while an earlier state is shown", { asOf: "2026-11-01T08:00:00Z" }, /früheren Stand/],
])("%s may sync: the button says why and can still be focused", async (_, given, reason) => {
  const seen = show(given);
  expect(button()).toHaveAttribute("aria-disabled", "true");
  expect(button().getAttribute("aria-description")).toMatch(reason);
  await userEvent.click(button());
  expect(seen.clicks).toBe(0);
});

test("a second click during a sync starts nothing", async () => {
  const seen = show({ syncing: true });
  await userEvent.click(button());
  expect(seen.clicks).toBe(0);
  expect(button()).toHaveAttribute("aria-busy", "true");
});

test("the button says which time is looked at, and a time to come is refused", async () => {
  const chosen: unknown[] = [];
  show({ change: (changes) => chosen.push(changes) });
  await userEvent.click(screen.getByRole("button", { name: "Stand: jetzt" }));
  const field = screen.getByLabelText("Stand am");
  fireEvent.change(field, { target: { value: "2999-01-01T00:00" } });
  await userEvent.click(screen.getByRole("button", { name: "Anzeigen" }));
  expect(field).toHaveAccessibleDescription(/kein Zeitpunkt in der Vergangenheit/);
  fireEvent.change(field, { target: { value: "2026-01-02T03:04" } });
  await userEvent.click(screen.getByRole("button", { name: "Anzeigen" }));
  expect(chosen).toEqual([{ as_of: new Date("2026-01-02T03:04").toISOString(), page: null }]);
});

test("the currency is a choice only where there are totals in several", () => {
  show({});
  expect(screen.getByRole("combobox", { name: "Währung" })).toHaveValue("EUR");
});

test("each system says how old its data is, and that of a day is called old", () => {
  const hour = new Date(Date.now() - 3_600_000).toISOString();
  const week = new Date(Date.now() - 7 * 86_400_000).toISOString();
  const run = { entity: "costs", status: "success" } as const;
  show({
    runs: [
      { ...run, run_id: "1", system: "sap", synced_at: hour },
      { ...run, run_id: "2", system: "jira", synced_at: week },
    ],
  });
  const [sap, jira] = screen.getAllByRole("listitem");
  expect(sap).not.toHaveTextContent("älter als ein Tag");
  expect(jira).toHaveTextContent("älter als ein Tag");
});
