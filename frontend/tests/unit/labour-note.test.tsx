import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Toaster } from "sonner";
import { IntlProvider } from "use-intl";
import { afterEach, expect, test, vi } from "vitest";
import { LabourNote } from "@/app/(product)/costbook/_components/labour-note";
import type { ProjectFigures } from "@/lib/api-types";
import { messages } from "@/lib/messages";

/** Whose labour counts is a controller's choice; it is asked once more, because everybody's figures follow. */

const left_out = [{ system: "jira", currency: "EUR", committed: "80.00", actual: "50.00", open: "30.00" }];

function show(labour: ProjectFigures["labour"], canChoose: boolean, answer = () => Response.json({})): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    asked.push(`${init.method} ${path} ${init.body}`);
    return Promise.resolve(answer());
  });
  const project = { project_id: "p/1", currency: "EUR", labour } as ProjectFigures;
  render(
    <IntlProvider locale="de" messages={messages.de} timeZone="UTC">
      <QueryClientProvider client={new QueryClient()}>
        <LabourNote project={project} canChoose={canChoose} />
        <Toaster />
      </QueryClientProvider>
    </IntlProvider>,
  );
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

const select = () => screen.getByLabelText("Personalaufwand zählt aus");

test("a controller chooses whose labour counts, and confirms it", async () => {
  const asked = show({ source: null, systems: ["jira", "sap"], left_out }, true);
  expect(select()).toHaveDisplayValue("allen; Stunden nur ohne Buchungen");
  await userEvent.selectOptions(select(), "Jira");
  expect(asked).toEqual([]);
  expect(screen.getByRole("alertdialog")).toHaveAccessibleName(/nur noch Personalaufwand aus Jira zählen/);
  await userEvent.click(screen.getByRole("button", { name: "Ändern" }));
  expect(asked).toEqual(['PUT /api/costbook/projects/p%2F1/labour {"source":"jira"}']);
});

test("back to the rule, and who does not confirm changes nothing", async () => {
  const asked = show({ source: "jira", systems: ["jira", "sap"], left_out }, true);
  await userEvent.selectOptions(select(), "allen; Stunden nur ohne Buchungen");
  await userEvent.click(screen.getByRole("button", { name: "Abbrechen" }));
  expect(asked).toEqual([]);
  expect(select()).toHaveDisplayValue("Jira");
  await userEvent.selectOptions(select(), "allen; Stunden nur ohne Buchungen");
  await userEvent.click(screen.getByRole("button", { name: "Ändern" }));
  expect(asked).toEqual(['PUT /api/costbook/projects/p%2F1/labour {"source":null}']);
});

test("why it failed is told, and the old choice stands", async () => {
  const refused = () => Response.json({ detail: "Das Projekt hat nichts aus SAP." }, { status: 422 });
  show({ source: "jira", systems: ["jira", "sap"], left_out }, true, refused);
  await userEvent.selectOptions(select(), "SAP");
  await userEvent.click(screen.getByRole("button", { name: "Ändern" }));
  expect(await screen.findByText("Das Projekt hat nichts aus SAP.")).toBeVisible();
  expect(select()).toHaveDisplayValue("Jira");
});

test("a choice whose system is linked no more is still told", () => {
  show({ source: "netsuite", systems: ["jira", "sap"], left_out: [] }, true);
  expect(select()).toHaveDisplayValue("Oracle NetSuite");
});

test("who may not choose reads why; where there is nothing to choose there is nothing", () => {
  show({ source: null, systems: ["jira", "sap"], left_out }, false);
  expect(screen.getByText(/Personalaufwand aus Jira/)).toBeVisible();
  expect(screen.queryByLabelText("Personalaufwand zählt aus")).toBeNull();
});

test("a project with one system's labour says nothing", () => {
  show({ source: null, systems: [], left_out: [] }, true);
  expect(screen.queryByRole("region", { name: "Personalaufwand mehrerer Systeme" })).toBeNull();
});
