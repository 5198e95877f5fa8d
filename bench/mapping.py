"""How good the suggestions of field mapping are: ``python -m bench.mapping --fields labelled.csv``.

The labelled fields are given by path. Columns: system, source_entity, external_field, label_en, label_de,
example_values, type, target_entity, target_field, alt_targets ("-": empty is right too), split ("dev" or "test").
Weights are fitted on "dev" (``--fit`` prints them); "test" is only measured. Strangers' headers are in
``ppm_pipelines_tests/mapping_headers*.csv``, headers made up for their words in ``mapping_words.csv`` beside them.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from bench.mapping_figures import Figures, table
from bench.report import Measured
from ppm_pipelines.mapping.fields import SourceField, Target, custom_field, targets
from ppm_pipelines.mapping.lexicon import Lexicon, shipped
from ppm_pipelines.mapping.scoring import FEATURES, Wanted, Weights, pairs, read, shipped_weights
from ppm_pipelines.mapping.suggest import Decision, Memory, Suggestion, suggest

HEADERS = sorted((Path(__file__).parent.parent / "ppm_pipelines_tests").glob("mapping_headers*.csv"))
WORDS = HEADERS[0].parent / "mapping_words.csv"
# Written by one who had not seen the lexicon; measured, never looked into, and nothing was mended by it.
UNTOUCHED = HEADERS[0].parent / "mapping_untouched.csv"
FIELDS, TARGETS = 65, 36  # what a large schema has
SHARES = (  # in the order of Figures.shares, with what strangers' headers are to reach
    ("first right", "≥ 85 %"),
    ("in the first three", "≥ 97 %"),
    ("left empty", "≥ 97 %"),
    ("precision", ""),
    ("of sure right", "≥ 99 %"),
)
TUNED = (
    "Tuned on: weights on split dev of the labelled fields alone. The lexicon was written from general "
    "knowledge of the systems; see docs/decisions/0010 for what had been seen of which split."
)
_SYSTEMS = {"sap_odata": "sap", "sap_ddic": "sap", "sap_report_de": "sap", "d365fo": "dynamics", "bc": "dynamics"}


@dataclass(frozen=True)
class Case:
    """A field with what is right for it; ``None`` in ``right``: leaving it empty."""

    source: SourceField
    right: frozenset[str | None]


@dataclass
class Schema:
    """Fields that are mapped together."""

    system: str
    name: str
    split: str
    targets: Sequence[Target]
    cases: list[Case] = field(default_factory=list)


# Reading -------------------------------------------------------------------------------------------------------------


def labelled(path: Path) -> list[Schema]:
    """The schemas of a labelled file; its targets are those that it names for an entity."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wanted: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        wanted[row["target_entity"]] |= {one for one in _right(row) if one}
    found: dict[tuple[str, str, str], Schema] = {}
    for row in rows:
        entity = row["target_entity"]
        key = (row["system"], row["source_entity"], entity)
        if key not in found:
            these = [_target(entity, name) for name in sorted(wanted[entity])]
            system = _SYSTEMS.get(row["system"], row["system"])
            found[key] = Schema("" if system == "csv" else system, " ".join(key[:2]), row["split"], these)
        samples = tuple(one for one in row["example_values"].split(" | ") if one)
        source = SourceField(row["external_field"], row["label_en"], row["label_de"], row["type"], samples)
        found[key].cases.append(Case(source, _right(row)))
    return list(found.values())


def _right(row: dict[str, str]) -> frozenset[str | None]:
    named = (
        [row["target_field"], *row["alt_targets"].split("|")] if row["target_field"] else row["alt_targets"].split("|")
    )
    right: set[str | None] = {one for one in named if one not in ("", "-")}
    return frozenset(right | ({None} if not row["target_field"] or "-" in named else set()))


def _target(entity: str, name: str) -> Target:
    if name.endswith("_date"):
        return Target(entity, name, "date")
    money = name.endswith("amount") or name.startswith("value_in") or name == "goods_received_value"
    return Target(entity, name, "amount" if money else "quantity" if name == "quantity" else "text")


def strangers(samples: bool = True, paths: Iterable[Path] = HEADERS) -> list[Schema]:
    """Headers of exports that no lexicon has technical names for, against the Costbook's own targets."""
    rows = [row for path in paths for row in csv.DictReader(path.read_text("utf-8").splitlines(), delimiter=";")]
    found = []
    for (export, entity), these in groupby(rows, key=lambda row: (row["export"], row["entity"])):
        schema = Schema("", export, "strangers", targets(entity))
        for row in these:
            values = tuple(one.strip() for one in row["samples"].split("|") if one.strip()) if samples else ()
            schema.cases.append(Case(SourceField(row["field"], samples=values), _named(row)))
        found.append(schema)
    return found


def alone() -> list[Schema]:
    """Headers made up to go through the words of every target, each read by itself: neighbours tell nothing here."""
    rows: list[dict[str, Any]] = list(csv.DictReader(WORDS.read_text("utf-8").splitlines(), delimiter=";"))
    return [
        Schema("", row["entity"], "words", targets(row["entity"]), [Case(SourceField(row["field"]), _named(row))])
        for row in rows
    ]


def _named(row: Mapping[str, str]) -> frozenset[str | None]:
    return frozenset(None if one == "-" else one for one in row["targets"].split("|"))


# Variants: what is known of a field ----------------------------------------------------------------------------------

Variant = Callable[[SourceField], SourceField]
NAMES: Variant = lambda one: SourceField(one.name)  # noqa: E731
VARIANTS: dict[str, Variant] = {
    "technical names": NAMES,
    "names, types, samples": lambda one: replace(one, label_en="", label_de=""),
    "names, English labels": lambda one: SourceField(one.name, label_en=one.label_en),
    "names, German labels": lambda one: SourceField(one.name, label_de=one.label_de),
    "all that is known": lambda one: one,
    "English labels alone": lambda one: SourceField(one.label_en),
    "German labels alone": lambda one: SourceField(one.label_de),
}


def seen(schema: Schema, variant: Variant) -> Schema:
    """The schema as this variant shows it; fields without a name, or whose name is taken, left out."""
    found: dict[str, Case] = {}
    for case in schema.cases:
        source = variant(case.source)
        if source.name:
            found.setdefault(source.name, Case(source, case.right))
    return replace(schema, cases=list(found.values()))


def forms(schemas: Iterable[Schema]) -> tuple[str, ...]:
    """All names and labels: a lexicon that has not seen them must read them from their parts."""
    sources = [case.source for schema in schemas for case in schema.cases]
    return tuple(sorted({text for one in sources for text in (one.name, one.label_en, one.label_de) if text}))


# Measuring -----------------------------------------------------------------------------------------------------------


def measured(
    schemas: Iterable[Schema], lexicon: Lexicon, weights: Weights, *, known: bool = True, memory: Memory | None = None
) -> Figures:
    """All schemas together; ``known``: whether the engine is told which system the fields are of."""
    figures = Figures()
    for schema in schemas:
        for case, one in _suggested(schema, lexicon, weights, known=known, memory=memory):
            figures.add(case.right, one)
    return figures


def _suggested(
    schema: Schema, lexicon: Lexicon, weights: Weights, *, known: bool, memory: Memory | None = None
) -> Iterator[tuple[Case, Suggestion]]:
    if not schema.cases:
        return
    system = schema.system if known else ""
    sources = [case.source for case in schema.cases]
    told = suggest(sources, schema.targets, system=system, lexicon=lexicon, weights=weights, memory=memory)
    yield from zip(schema.cases, told, strict=True)


def misses(schemas: Iterable[Schema], known: bool = True) -> Iterator[str]:
    """What went wrong, to be read by a person."""
    for schema in schemas:
        for case, one in _suggested(schema, shipped(), shipped_weights(), known=known):
            if one.target not in case.right:
                others = ", ".join(f"{other.target} {other.score}" for other in one.alternatives)
                right = "|".join(sorted(str(right) for right in case.right))
                said = f"{case.source.name!r} -> {one.target} {one.score} {one.word}"
                yield f"{schema.name}: {said}; right {right}; {others}"


# Fitting -------------------------------------------------------------------------------------------------------------


def fitted(schemas: Sequence[Schema], lexicons: Sequence[Lexicon]) -> Weights:
    """Logistic weights of the features over all pairs of the given schemas in all variants. ``lexicons`` that know
    less let the weights know strangers too."""
    rows, right = [], []
    for values, is_right in _examples(schemas, lexicons):
        rows.append(values)
        right.append(is_right)
    weights = _logistic(np.array(rows), np.array(right, dtype=float))
    return replace(shipped_weights(), weights=tuple(float(round(one, 2)) for one in weights))


def _examples(schemas: Sequence[Schema], lexicons: Sequence[Lexicon]) -> Iterator[tuple[tuple[float, ...], bool]]:
    for schema in schemas:
        entity = schema.targets[0].entity
        for variant in VARIANTS.values():
            cases = seen(schema, variant).cases
            for lexicon in lexicons:
                wanted = Wanted(schema.targets, entity, lexicon)
                readings = [read(case.source, entity, schema.system, lexicon) for case in cases]
                for pair in pairs(readings, wanted, lexicon, shipped_weights()):
                    yield pair.values, schema.targets[pair.target].name in cases[pair.field].right


def _logistic(rows: np.ndarray, right: np.ndarray, ridge: float = 1.0) -> np.ndarray:
    weights = np.zeros(rows.shape[1])
    penalty = np.full(rows.shape[1], ridge)
    penalty[0] = 0.01
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (right - chance) - penalty * weights
        curve = (rows * (chance * (1 - chance))[:, None]).T @ rows + np.diag(penalty)
        weights = weights + np.linalg.solve(curve, slope)
    return weights


# The tables ----------------------------------------------------------------------------------------------------------


def report(path: Path) -> Iterator[str]:
    """Everything, as text."""
    schemas, lexicon, weights = labelled(path), shipped(), shipped_weights()
    yield TUNED
    for split in ("dev", "test"):
        these = [schema for schema in schemas if schema.split == split]
        rows = {name: measured([seen(s, v) for s in these], lexicon, weights) for name, v in VARIANTS.items()}
        yield f"\nSplit {split}, system known\n{table(rows)}"
    yield f"\nTest by system, all that is known\n{table(_by_system(schemas, lexicon, weights))}"
    bare = table(_without(schemas, weights, NAMES))
    yield f"\nTechnical names of the system left out, system unknown, names alone\n{bare}"
    everything = VARIANTS["all that is known"]
    yield f"\nThe same with all that is known\n{table(_without(schemas, weights, everything))}"
    own = {"headers alone": measured(strangers(False), lexicon, weights)}
    own["headers and samples"] = measured(strangers(), lexicon, weights)
    own["words, each by itself"] = measured(alone(), lexicon, weights)
    yield f"\nStrangers' headers, the Costbook's own targets\n{table(own)}"
    yield f"\nMemory: every second field confirmed\n{table(_with_memory(schemas, lexicon, weights))}"
    yield f"\n{_timed(schemas)}"


def _by_system(schemas: Sequence[Schema], lexicon: Lexicon, weights: Weights) -> dict[str, Figures]:
    test = [schema for schema in schemas if schema.split == "test"]
    return {schema.name: measured([schema], lexicon, weights) for schema in test}


def _without(schemas: Sequence[Schema], weights: Weights, variant: Variant) -> dict[str, Figures]:
    found = {}
    for system in sorted({schema.system for schema in schemas if schema.system}):
        these = [seen(schema, variant) for schema in schemas if schema.system == system]
        found[f"{system} ({these[0].split})"] = measured(these, shipped((system,)), weights, known=False)
    return found


def _with_memory(schemas: Sequence[Schema], lexicon: Lexicon, weights: Weights) -> dict[str, Figures]:
    """Right decisions about every second field; figures are of the others, and of all."""
    figures, others = Figures(), Figures()
    for schema in schemas:
        decided = schema.cases[::2]
        entity = schema.targets[0].entity
        memory = Memory(
            Decision(schema.system, entity, case.source.name, min(case.right - {None}, default=None, key=str))
            for case in decided
        )
        for case, one in _suggested(schema, lexicon, weights, known=True, memory=memory):
            figures.add(case.right, one)
            if case not in decided:
                others.add(case.right, one)
    return {"all fields": figures, "the others": others}


def _timed(schemas: Sequence[Schema]) -> str:
    largest = max(schemas, key=lambda schema: len(schema.cases))
    sources = [case.source for case in largest.cases][:FIELDS]
    taken = _taken(sources, largest.targets[:TARGETS], largest.system)
    count = f"{len(sources)} fields × {len(largest.targets[:TARGETS])} targets"
    return f"{count}: {statistics.median(taken):.0f} ms (best {min(taken):.0f})"


def _taken(sources: Sequence[SourceField], wanted: Sequence[Target], system: str = "") -> list[float]:
    """Milliseconds, as often as it takes to say something: the lexicon read, no text seen before."""
    taken = []
    for _ in range(15):
        shipped().forget()
        begun = time.perf_counter()
        suggest(sources, wanted, system=system)
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


def measure() -> Iterator[Measured]:
    """Rows for ``make bench``: the own headers, and the labelled fields that ``PPM_BENCH_FIELDS`` names, if it does."""
    lexicon, weights = shipped(), shipped_weights()
    yield from _rows("headers of exports, mended by", measured(strangers(False), lexicon, weights))
    untouched = strangers(False, [UNTOUCHED])
    yield from _rows("headers of exports, nothing tuned on them", measured(untouched, lexicon, weights))
    if given := os.environ.get("PPM_BENCH_FIELDS"):
        schemas = labelled(Path(given))
        for variant in ("technical names", "all that is known", "German labels alone"):
            these = [seen(schema, VARIANTS[variant]) for schema in schemas]
            yield from _rows(f"labelled fields, {variant}", measured(these, lexicon, weights))
    orders = [
        case.source for schema in strangers() if schema.targets == targets("commitments") for case in schema.cases
    ]
    sources = list({one.name: one for one in orders}.values())[:FIELDS]
    wanted = [*targets("commitments"), *(custom_field("commitments", f"own_{one}") for one in range(TARGETS))][:TARGETS]
    taken = statistics.median(_taken(sources, wanted))
    yield Measured(f"{len(sources)} fields × {len(wanted)} targets, nothing remembered", taken, "ms", "≤ 100 ms")


def _rows(what: str, figures: Figures) -> Iterator[Measured]:
    for (told, wanted), share in zip(SHARES, figures.shares(), strict=True):
        yield Measured(f"{what} ({figures.fields}): {told}", share, "%", wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=Path, required=True, help="the labelled fields, a CSV file")
    parser.add_argument("--fit", action="store_true", help="fit the weights on split dev and print them")
    parser.add_argument("--misses", choices=["dev", "strangers"], help="what goes wrong there")
    chosen = parser.parse_args()
    schemas = labelled(chosen.fields)
    dev = [schema for schema in schemas if schema.split == "dev"]
    if chosen.fit:
        weights = fitted(dev, [shipped(), shipped(("sap",)), shipped(("sap",), forms(dev))])
        print("\n".join(f"{name} = {one}" for name, one in zip(FEATURES, weights.weights, strict=True)))
    elif chosen.misses:
        print("\n".join(misses(strangers() if chosen.misses == "strangers" else dev)))
    else:
        for text in report(chosen.fields):
            print(text)


if __name__ == "__main__":
    main()
