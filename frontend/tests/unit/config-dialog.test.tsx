import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { IntlProvider } from "use-intl";
import { afterEach, expect, test, vi } from "vitest";
import { ConfigDialog } from "@/app/(product)/admin/integrations/_components/config-dialog";
import { messages } from "@/lib/messages";
import { localeTag } from "@/lib/preferences";

/** What somebody types stays until they save or leave, whatever happens elsewhere meanwhile. */

const CONFIG = {
  system: "sap",
  enabled: true,
  entities: ["costs"],
  settings: { api_url: "https://old.example" },
  secrets: {},
  schedule: null,
  updated_at: null,
  updated_by: null,
  schema: { properties: { api_url: { type: "string", title: "API URL" } }, required: ["api_url"] },
};

afterEach(() => vi.unstubAllGlobals());

test("a run that ends elsewhere takes nothing away that was typed", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    return Promise.resolve(Response.json(CONFIG));
  });
  const queries = new QueryClient();
  render(
    <IntlProvider locale={localeTag("en")} messages={messages.en} timeZone="UTC">
      <QueryClientProvider client={queries}>
        <ConfigDialog system="sap" name="SAP" onClose={() => undefined} />
      </QueryClientProvider>
    </IntlProvider>,
  );
  const field = await screen.findByLabelText(/API URL/);
  await userEvent.clear(field);
  await userEvent.type(field, "https://new.example");
  // What the pages do at the end of every run, and when the events are heard again.
  await act(() => queries.invalidateQueries());
  await act(() => new Promise((resolve) => setTimeout(resolve, 50)));
  expect(screen.getByLabelText<HTMLInputElement>(/API URL/).value).toBe("https://new.example");
  expect(asked).toHaveLength(1);
});

test("who is told of the syncs needs no schedule, and its test is a message", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ ...CONFIG, system: "slack", entities: ["digest"] })));
  render(
    <IntlProvider locale={localeTag("en")} messages={messages.en} timeZone="UTC">
      <QueryClientProvider client={new QueryClient()}>
        <ConfigDialog system="slack" name="Slack" onClose={() => undefined} />
      </QueryClientProvider>
    </IntlProvider>,
  );
  expect(await screen.findByRole("button", { name: "Send a test message" })).toBeVisible();
  expect(screen.getByLabelText("Digest on a schedule")).toHaveDisplayValue("Off – follows the syncs by itself");
});
