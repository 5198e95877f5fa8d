import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { IntlProvider } from "use-intl";
import { beforeEach, expect, test, vi } from "vitest";
import { type Option, SearchSelect } from "@/components/ui/search-select";
import { hasWords } from "@/lib/has-words";
import { messages } from "@/lib/messages";

/** The searchable select: what it finds, that the keys are enough, what is chosen, and what is typed. */

const option = (value: string, detail?: string): Option => ({ value, label: `P-${value}`, detail });
const onChoose = vi.fn();
const options = vi.fn<() => Option[]>();

beforeEach(() => {
  onChoose.mockReset();
  options.mockReset().mockReturnValue([option("1", "Neubau Halle 3"), option("2", "Umbau Lager"), option("3")]);
});

async function opened(more: { chosen?: string; typed?: (text: string) => Option | null } = {}): Promise<void> {
  render(
    <IntlProvider locale="de" messages={messages.de} timeZone="UTC">
      <SearchSelect
        label="Projekt"
        text="Wählen"
        placeholder="Suchen"
        options={options}
        onChoose={onChoose}
        {...more}
      />
    </IntlProvider>,
  );
  expect(options, "nobody has opened it").not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole("button", { name: "Projekt" }));
}

const names = () => screen.queryAllByRole("option").map((one) => one.textContent);

test("words are found in any order and whatever their case", () => {
  expect(hasWords("P-0001 Neubau Halle 3", "0001")).toBe(true);
  expect(hasWords("P-0001 Neubau Halle 3", "halle neubau")).toBe(true);
  expect(hasWords("P-0001 Neubau Halle 3", "halle 4")).toBe(false);
});

test("the keys are enough: type, go down, choose", async () => {
  await opened();
  await userEvent.keyboard("bau{ArrowDown}{ArrowDown}");
  const box = screen.getByRole("combobox", { name: "Projekt" });
  expect(names()).toEqual(["P-1Neubau Halle 3", "P-2Umbau Lager"]);
  expect(document.getElementById(box.getAttribute("aria-activedescendant") ?? "")).toHaveTextContent("P-2");
  await userEvent.keyboard("{Enter}");
  expect(onChoose).toHaveBeenCalledExactlyOnceWith("2");
  expect(screen.queryByRole("listbox")).toBeNull();
});

test("what is chosen says so, and nothing found is told", async () => {
  await opened({ chosen: "2" });
  expect(screen.getByRole("option", { selected: true })).toHaveTextContent("P-2");
  await userEvent.keyboard("nirgends");
  expect(names()).toEqual([]);
  expect(screen.getByText("Keine Treffer")).toBeVisible();
});

test("what is typed can be an option of its own", async () => {
  await opened({ typed: (text) => ({ value: `neu:${text}`, label: `Neu: ${text}` }) });
  await userEvent.keyboard("Keller{Enter}");
  expect(onChoose).toHaveBeenCalledExactlyOnceWith("neu:Keller");
});

test("of a long list the first two hundred are drawn, and the rest is found", async () => {
  options.mockReturnValue(Array.from({ length: 230 }, (_, at) => option(`${1000 + at}`)));
  await opened();
  expect(screen.getByRole("listbox").children).toHaveLength(200);
  expect(screen.getByText("30 weitere – Suche eingrenzen")).toBeVisible();
  await userEvent.keyboard("1229");
  expect(names()).toEqual(["P-1229"]);
});
