import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
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

const whole = () => document.querySelectorAll('[data-sonner-toast][data-visible="true"][data-expanded="true"]');

function shown(): void {
  render(
    <IntlProvider locale={localeTag("de")} messages={messages.de} timeZone="UTC">
      <Toasts theme="light" />
    </IntlProvider>,
  );
}

test("the page keeps the height of the messages free, and has it back when they are gone", async () => {
  shown();
  act(() => {
    toast.success("SAP");
  });
  await screen.findByText("SAP");
  await waitFor(() => expect(room()).toBe("128px"));
  act(() => {
    toast.error("Jira");
  });
  await waitFor(() => expect(room()).toBe("126px"));
  act(() => {
    toast.dismiss();
  });
  await waitFor(() => expect(room()).toBe("0px"));
});

test("one message is whole; the messages of all five systems are a row each until somebody looks at them", async () => {
  shown();
  act(() => {
    toast.success("SAP");
  });
  await waitFor(() => expect(whole()).toHaveLength(1));
  act(() => {
    for (const name of ["Dynamics", "NetSuite", "Jira", "Slack"]) toast.success(name);
  });
  await screen.findByText("Slack");
  await waitFor(() => expect(whole()).toHaveLength(0));
  expect(document.querySelectorAll('[data-sonner-toast][data-visible="true"]')).toHaveLength(5);
  const least = room();
  await userEvent.hover(screen.getByText("Jira"));
  expect(whole()).toHaveLength(5);
  expect(room(), "reading moves no page").toBe(least);
  await userEvent.unhover(screen.getByText("Jira"));
  expect(whole()).toHaveLength(0);
  const [close] = screen.getAllByRole("button", { name: "Schließen" });
  act(() => close?.focus());
  expect(whole()).toHaveLength(5);
  act(() => close?.blur());
  expect(whole()).toHaveLength(0);
});
