import { act, render, screen, waitFor } from "@testing-library/react";
import { toast } from "sonner";
import { IntlProvider } from "use-intl";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Toasts } from "@/components/toasts";
import { messages } from "@/lib/messages";
import { localeTag } from "@/lib/preferences";

/** The room that messages take; that the pages leave it free is seen in the browser. */

beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockReturnValue(80);
});
afterEach(async () => {
  toast.dismiss();
  await waitFor(() => expect(document.querySelector("[data-sonner-toast]")).toBeNull());
  vi.restoreAllMocks();
});

const room = () => document.documentElement.style.getPropertyValue("--toasts");

test("the page keeps the height of all messages free, and has it back when they are gone", async () => {
  render(
    <IntlProvider locale={localeTag("de")} messages={messages.de} timeZone="UTC">
      <Toasts theme="light" />
    </IntlProvider>,
  );
  act(() => {
    toast.success("SAP");
  });
  await screen.findByText("SAP");
  const one = await waitFor(() => {
    expect(Number.parseFloat(room())).toBeGreaterThanOrEqual(80);
    return Number.parseFloat(room());
  });
  act(() => {
    toast.error("Jira");
  });
  await waitFor(() => expect(Number.parseFloat(room())).toBeGreaterThanOrEqual(one + 80));
  act(() => {
    toast.dismiss();
  });
  await waitFor(() => expect(room()).toBe("0px"));
});

test("the messages of all five systems are to be seen at once", async () => {
  render(
    <IntlProvider locale={localeTag("de")} messages={messages.de} timeZone="UTC">
      <Toasts theme="light" />
    </IntlProvider>,
  );
  act(() => {
    for (const name of ["SAP", "Dynamics", "NetSuite", "Jira", "Slack"]) toast.success(name);
  });
  await screen.findByText("Slack");
  const shown = document.querySelectorAll('[data-sonner-toast][data-visible="true"][data-expanded="true"]');
  expect(shown).toHaveLength(5);
});
