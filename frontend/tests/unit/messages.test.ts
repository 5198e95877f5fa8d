import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { messages } from "@/lib/messages";

type Node = { [key: string]: Node | string };

function flat(node: Node, prefix = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(node)) {
    if (typeof value === "string") found.set(prefix + key, value);
    else for (const [inner, text] of flat(value, `${prefix}${key}.`)) found.set(inner, text);
  }
  return found;
}

const de = flat(messages.de);
const en = flat(messages.en);

function placeholders(text: string): string[] {
  return [...new Set([...text.matchAll(/\{(\w+)[,}]/g)].map((match) => match[1] ?? ""))].sort();
}

test("both languages have the same keys in the same order", () => {
  expect([...en.keys()]).toEqual([...de.keys()]);
});

test("no message is empty", () => {
  for (const text of [...de.values(), ...en.values()]) expect(text.trim()).not.toBe("");
});

test("both languages take the same values", () => {
  for (const [key, text] of de) expect([key, placeholders(en.get(key) ?? "")]).toEqual([key, placeholders(text)]);
});

test("no German umlaut stands in the English file", () => {
  for (const [key, text] of en) expect([key, /[äöüß]/i.test(text)]).toEqual([key, false]);
});

test("no component holds a sentence of its own", () => {
  const files = ["app", "components"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".tsx"))
      .map((name) => join(folder, name)),
  );
  for (const file of files) {
    const literals = readFileSync(file, "utf8").match(/>\s*[A-ZÄÖÜ][a-zäöüß]+ [^<>{}=;]*</g);
    expect([file, literals]).toEqual([file, null]);
  }
});
