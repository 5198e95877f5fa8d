import { createTranslator } from "use-intl/core";
import { expect, test } from "vitest";
import type { ProjectFigures } from "@/lib/api-types";
import { labourSentences } from "@/lib/labour";
import { messages } from "@/lib/messages";

const de = createTranslator({ locale: "de", messages: messages.de });
const en = createTranslator({ locale: "en", messages: messages.en });
const left_out = [{ system: "jira", currency: "EUR", committed: "80.00", actual: "1050.00", open: "30.00" }];

/** Without the narrow and no-break spaces that formatters put in. */
const plain = (texts: string[]) => texts.map((text) => text.replace(/[\u00a0\u202f]/g, " "));

function project(labour: ProjectFigures["labour"]): ProjectFigures {
  return { currency: "EUR", labour } as ProjectFigures;
}

test("labour that does not count is told with its money and why", () => {
  expect(plain(labourSentences(project({ source: null, systems: [], left_out }), en, "en"))).toEqual([
    "Labour from Jira (€1,050.00 posted, €30.00 open) does not count in these figures, because another system has posted labour here",
  ]);
  expect(plain(labourSentences(project({ source: "sap", systems: [], left_out }), de, "de"))).toEqual([
    "Personalaufwand aus Jira (1.050,00 € gebucht, 30,00 € offen) zählt nicht in diesen Zahlen, weil dafür SAP gewählt ist",
  ]);
});

test("where all labour counts nothing is said", () => {
  expect(labourSentences(project({ source: "sap", systems: [], left_out: [] }), de, "de")).toEqual([]);
  expect(labourSentences(project(undefined), de, "de")).toEqual([]);
});
