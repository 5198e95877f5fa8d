import { expect, test } from "vitest";
import {
  DATE_FORMATS,
  fieldsOfStep,
  lineComplaint,
  newStep,
  STEPS,
  stepComplaint,
  textOf,
  withoutSource,
  withSource,
  withText,
} from "@/lib/mapping-steps";
import { line } from "./mapping-sample";

const filled = (step: ReturnType<typeof newStep>, texts: Record<string, string>) =>
  fieldsOfStep(step).reduce((next, one) => withText(next, one, texts[one.name] ?? textOf(next, one)), step);

test("a step is edited as text and comes back as it was", () => {
  for (const name of STEPS) expect(filled(newStep(name), {})).toEqual(newStep(name));
});

test("text becomes what the step needs", () => {
  expect(filled(newStep("sign"), { negative: "H, C", positive: "" })).toEqual({
    do: "sign",
    negative: ["H", "C"],
    positive: [],
  });
  expect(filled(newStep("lookup"), { table: "01 = Fertig\n02=A=B\n", default: "" })).toEqual({
    do: "lookup",
    table: { "01": "Fertig", "02": "A=B" },
  });
  expect(filled(newStep("lookup"), { table: "1 = a", default: "?" })).toMatchObject({ default: "?" });
  expect(filled(newStep("split"), { part: "-1" })).toMatchObject({ part: -1 });
});

test("what the server would refuse is said before it is asked", () => {
  const complaints = [
    newStep("constant"),
    { do: "sign", negative: [], positive: [] },
    newStep("lookup"),
    { do: "split", separator: "", part: 1 },
    { do: "split", separator: "-", part: "x" },
    { do: "split", separator: "-", part: 0 },
    { do: "unit", times: "0", by: "3600" },
    newStep("date"),
    newStep("trim_zeros"),
  ].map(stepComplaint);
  expect(complaints).toEqual([
    "needsValue",
    "needsSign",
    "needsTable",
    "needsSeparator",
    "needsPart",
    "needsPart",
    "needsFactor",
    null,
    null,
  ]);
  expect(lineComplaint(line("vendor"))).toBe("noSource");
  expect(lineComplaint({ ...line("vendor"), steps: [{ do: "constant", value: "x" }] })).toBeNull();
  expect(lineComplaint(line("vendor", "a", "b"))).toBe("severalSources");
});

test("a second source is written behind the first; alone again it needs no joining", () => {
  const two = withSource(line("vendor", "a"), "b");
  expect(two).toEqual({ ...line("vendor", "a", "b"), steps: [{ do: "concatenate", separator: " " }] });
  expect(withoutSource(two, "a")).toEqual(line("vendor", "b"));
  const signed = { ...line("vendor", "a"), steps: [{ do: "sign", negative: ["H"], positive: ["S"] }] };
  expect(withSource(signed, "b").steps).toEqual(signed.steps);
});

test("every form of dates has one name", () => {
  expect(new Set(DATE_FORMATS).size).toBe(DATE_FORMATS.length);
});
