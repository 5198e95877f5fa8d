"""Suggestions for a schema: each field with its target, how sure, why, what else, and the transform it would need.

Belongs here: memory, other voices, one target for one field, words and reasons. Does not belong here: evidence of a
pair (``scoring``), what becomes of a suggestion: nothing takes effect before a person has confirmed it.

The same fields, targets, memory and lexicon always give the same suggestions, in whatever order the fields come.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ppm_pipelines.mapping import assignment, transforms
from ppm_pipelines.mapping.fields import SourceField, Target
from ppm_pipelines.mapping.lexicon import Lexicon, shipped, squashed
from ppm_pipelines.mapping.scoring import (
    WHOLE,
    Pair,
    Reading,
    Wanted,
    Weights,
    may_hold,
    pairs,
    read,
    shipped_weights,
    tells,
    unwanted,
)
from ppm_pipelines.mapping.sentences import Said
from ppm_pipelines.mapping.transforms import Steps

Word = Literal["sure", "check", "none"]
REMEMBERED, ELSEWHERE, VOICED = 0.99, 0.95, 0.89  # scores of what is remembered; the most another voice can give
ALTERNATIVES = 3
MISSING = 0.1  # the score of a required target that nothing takes, for a field that is not understood
KNOWN_AS = 0.8  # from here on a field is understood as something that is not needed
CLOSE = 0.08  # scores nearer than this contest each other
INDICATOR = "debit_credit"  # the concept that tells the sign of amounts
INDICATED = 0.8  # how surely a field must mean it
SIGNED = ("amount", "company_amount")  # targets whose sign it tells


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided of a field of a system: ``target`` confirmed, rejected, or (None) set aside."""

    system: str
    entity: str
    field: str
    target: str | None
    confirmed: bool = True


class Memory:
    """Decisions of people. Later ones go before earlier ones about the same field."""

    def __init__(self, decisions: Iterable[Decision] = ()) -> None:
        self._confirmed: dict[tuple[str, str, str], str | None] = {}
        self._elsewhere: dict[tuple[str, str], dict[str | None, str]] = {}
        self._rejected: set[tuple[str, str, str, str | None]] = set()
        for one in decisions:
            self._remember(one, squashed(one.field))

    def _remember(self, one: Decision, name: str) -> None:
        if not one.confirmed:
            self._rejected.add((one.system, one.entity, name, one.target))
            if self._confirmed.get((one.system, one.entity, name)) == one.target:
                self._confirmed.pop((one.system, one.entity, name), None)
            return
        self._rejected.discard((one.system, one.entity, name, one.target))
        self._confirmed[one.system, one.entity, name] = one.target
        self._elsewhere.setdefault((one.entity, name), {})[one.target] = one.system

    def confirmed(self, system: str, entity: str, field: str) -> tuple[bool, str | None]:
        """Whether this field was decided in this system, and its target."""
        key = (system, entity, squashed(field))
        return key in self._confirmed, self._confirmed.get(key)

    def elsewhere(self, entity: str, field: str) -> tuple[str, str] | None:
        """The target that all other systems agree on for this name, and one of them."""
        found = self._elsewhere.get((entity, squashed(field)), {})
        (target, system), *others = found.items() if found else ((None, ""),)
        return (target, system) if target and not others else None

    def rejected(self, system: str, entity: str, field: str, target: str) -> bool:
        return (system, entity, squashed(field), target) in self._rejected


@dataclass(frozen=True, slots=True)
class Opinion:
    """What another voice says of a pair; ``score`` 0 to 1. Never "sure": only people and the lexicon are."""

    field: str
    target: str
    score: float
    reason: Said


class Voice(Protocol):
    """Another suggester: a language model, embeddings. It adds to the evidence and decides nothing."""

    def opinions(self, fields: Sequence[SourceField], targets: Sequence[Target]) -> Iterable[Opinion]: ...


@dataclass(frozen=True, slots=True)
class Alternative:
    target: str
    score: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``target`` None: none is suggested; ``score`` is then the chance that leaving it empty is right. ``concept``:
    what the field was recognised as, "" where unknown. ``steps``: the transform the samples ask for. ``sources``: what
    a mapped line would read, the field itself unless the steps need others beside it."""

    field: str
    target: str | None
    score: float
    word: Word
    reasons: tuple[Said, ...]
    alternatives: tuple[Alternative, ...] = ()
    steps: Steps = ()
    concept: str = ""
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.sources:
            object.__setattr__(self, "sources", (self.field,))


@dataclass(slots=True)
class _Case:
    """One schema on its way to suggestions."""

    entity: str
    system: str
    targets: list[Target]
    readings: list[Reading]
    wanted: Wanted
    lexicon: Lexicon
    weights: Weights
    memory: Memory
    filled: Collection[str]
    by_field: dict[int, list[Pair]] = field(default_factory=dict)
    by_target: dict[int, list[Pair]] = field(default_factory=dict)
    voiced: dict[tuple[int, int], Said] = field(default_factory=dict)
    remembered: dict[tuple[int, int], Said] = field(default_factory=dict)
    chosen: dict[int, int] = field(default_factory=dict)


def suggest(
    fields: Sequence[SourceField],
    targets: Sequence[Target],
    *,
    system: str = "",
    memory: Memory | None = None,
    filled: Collection[str] = (),
    voices: Sequence[Voice] = (),
    lexicon: Lexicon | None = None,
    weights: Weights | None = None,
) -> list[Suggestion]:
    """One suggestion per field, in the order of the fields. All targets are of one entity; field names differ.

    ``system``: where the fields come from ("sap", "netsuite", …), "" where it is not known. ``filled``: targets that
    something else fills already; they are suggested where they fit, and not because they are missing. Raises
    ValueError for repeated names or mixed entities.
    """
    _check(fields, targets)
    if not targets:
        return [Suggestion(one.name, None, 1.0, "none", (Said("unknown", {}),)) for one in fields]
    lexicon = lexicon or shipped()
    entity = targets[0].entity
    ordered = sorted(targets, key=lambda one: one.name)
    readings = [read(one, entity, system, lexicon) for one in sorted(fields, key=lambda one: one.name)]
    wanted = Wanted(ordered, entity, lexicon)
    case = _Case(
        entity, system, ordered, readings, wanted, lexicon, weights or shipped_weights(), memory or Memory(), filled
    )  # fmt: skip
    _weigh(case, voices)
    case.chosen = assignment.best(_gains(case))
    found = {case.readings[index].field.name: _told(case, index) for index in range(len(readings))}
    return [found[one.name] for one in fields]


def _check(fields: Sequence[SourceField], targets: Sequence[Target]) -> None:
    if len({one.name for one in fields}) != len(fields):
        raise ValueError("The same field is named twice: name each field once")
    if len({one.entity for one in targets}) > 1:
        raise ValueError("Targets of several entities: suggest for one entity at a time")
    if len({one.name for one in targets}) != len(targets):
        raise ValueError("The same target is named twice: name each target once")


# What pairs are worth ------------------------------------------------------------------------------------------------


def _weigh(case: _Case, voices: Sequence[Voice]) -> None:
    found = {(pair.field, pair.target): pair for pair in pairs(case.readings, case.wanted, case.lexicon, case.weights)}
    _hear(case, voices, found)
    _remember(case, found)
    for key in sorted(found):
        case.by_field.setdefault(key[0], []).append(found[key])
        case.by_target.setdefault(key[1], []).append(found[key])
    for these in (*case.by_field.values(), *case.by_target.values()):
        these.sort(key=lambda pair: (-pair.score, -pair.evidence, pair.field, pair.target))


def _hear(case: _Case, voices: Sequence[Voice], found: dict[tuple[int, int], Pair]) -> None:
    fields = {reading.field.name: index for index, reading in enumerate(case.readings)}
    places = {target.name: index for index, target in enumerate(case.targets)}
    for voice in voices:
        for one in voice.opinions([reading.field for reading in case.readings], case.targets):
            key = (fields.get(one.field, -1), places.get(one.target, -1))
            known = found.get(key)
            score = min(VOICED, one.score)
            if min(key) >= 0 and (known is None or known.score < score):
                found[key] = Pair(*key, "", known.evidence if known else 0.0, known.values if known else (), score)
                case.voiced[key] = one.reason


def _remember(case: _Case, found: dict[tuple[int, int], Pair]) -> None:
    places = {target.name: index for index, target in enumerate(case.targets)}
    for index, reading in enumerate(case.readings):
        name = reading.field.name
        for key in [key for key in found if key[0] == index]:
            if case.memory.rejected(case.system, case.entity, name, case.targets[key[1]].name):
                del found[key]
        decided, target = case.memory.confirmed(case.system, case.entity, name)
        if decided:
            for key in [key for key in found if key[0] == index]:
                del found[key]
            if target in places:
                _add(case, found, (index, places[str(target)]), REMEMBERED, Said("confirmed", {"target": str(target)}))
        elif (other := case.memory.elsewhere(case.entity, name)) and other[0] in places:
            said = Said("confirmed_elsewhere", {"target": other[0], "system": other[1]})
            if not case.memory.rejected(case.system, case.entity, name, other[0]):
                _add(case, found, (index, places[other[0]]), ELSEWHERE, said)


def _add(case: _Case, found: dict[tuple[int, int], Pair], key: tuple[int, int], score: float, why: Said) -> None:
    known = found.get(key)
    if known is None or known.score < score:
        found[key] = Pair(*key, known.concept if known else "", 1.0, known.values if known else (), score)
        case.remembered[key] = why


def _gains(case: _Case) -> dict[tuple[int, int], int]:
    """In log-odds above the least score: one sure pair is worth more than two doubtful ones."""
    least = case.weights.suggested
    return {
        (pair.field, pair.target): 1 + round(1e6 * (_odds(pair.score) - _odds(least)))
        for these in case.by_field.values()
        for pair in these
        if pair.score >= least
    }


def _odds(score: float) -> float:
    score = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(score / (1 - score))


# Telling it ----------------------------------------------------------------------------------------------------------


def _told(case: _Case, index: int) -> Suggestion:
    target = case.chosen.get(index)
    if target is None:
        return _empty(case, index)
    pair = next(pair for pair in case.by_field[index] if pair.target == target)
    source = case.readings[index].field
    contest = _contest(case, pair) or _twin(case, pair)
    reasons = _reasons(case, pair)
    reasons += [Said("contested", {"other": contest})] if contest else []
    unclear = transforms.ambiguous(source, case.targets[target])
    reasons += [Said("two_readings", {"sample": source.samples[0]})] if unclear else []
    signed = _sign(case, index)
    reasons += [Said("sign_in", {"other": signed[0]})] if signed else []
    doubted = contest or unclear or (index, target) in case.voiced
    sure = pair.score >= case.weights.sure and not doubted
    return Suggestion(
        source.name,
        case.targets[target].name,
        pair.score,
        "sure" if sure else "check",
        tuple(reasons),
        _alternatives(case, index, target),
        signed[1] if signed else transforms.propose(source, case.targets[target]),
        pair.concept,
        (source.name, signed[0]) if signed else (),
    )


def _sign(case: _Case, index: int) -> tuple[str, Steps] | None:
    """The field that tells the sign of the chosen amount, and the step that reads both; None where there is none."""
    if case.targets[case.chosen[index]].name not in SIGNED:
        return None
    amount = case.readings[index].field
    found = [
        (reading.field.name, steps)
        for place, reading in enumerate(case.readings)
        if _is_indicator(case, place) and (steps := transforms.sign_steps(amount, reading.field))
    ]
    return min(found, key=lambda one: (str(one[1][0]["positive"]) == "['40']", one[0]), default=None)


def _is_indicator(case: _Case, place: int) -> bool:
    reading = case.readings[place]
    if place in case.chosen or case.memory.confirmed(case.system, case.entity, reading.field.name)[0]:
        return False
    sure = reading.meaning.get(INDICATOR, 0.0)
    return sure >= INDICATED and sure == max(reading.meaning.values())


def _empty(case: _Case, index: int) -> Suggestion:
    reading = case.readings[index]
    these = case.by_field.get(index, [])
    best = these[0].score if these else 0.0
    concept = unwanted(reading, case.wanted)[0] or (these[0].concept if these else "")
    return Suggestion(
        reading.field.name, None, round(1 - best, 4), "none", (_why_empty(case, index, reading),),
        _alternatives(case, index, None), (), concept,
    )  # fmt: skip


def _why_empty(case: _Case, index: int, reading: Reading) -> Said:
    decided, target = case.memory.confirmed(case.system, case.entity, reading.field.name)
    if decided and target is None:
        return Said("ignored", {})
    these = case.by_field.get(index, [])
    if these and these[0].score >= case.weights.suggested:
        holder = next(field for field, target in case.chosen.items() if target == these[0].target)
        other = case.readings[holder].field.name
        return Said("taken", {"target": case.targets[these[0].target].name, "other": other})
    name, _ = unwanted(reading, case.wanted)
    if amount := next((case.readings[one].field.name for one in sorted(case.chosen) if _tells(case, index, one)), ""):
        return Said("sign_of", {"field": amount})
    if name and (not these or these[0].score < case.weights.suggested):
        return Said("not_needed", _concept(case, name))
    return Said("unsure", {}) if these else Said("unknown", {})


def _tells(case: _Case, index: int, amount: int) -> bool:
    signed = _sign(case, amount)
    return signed is not None and signed[0] == case.readings[index].field.name


def _contest(case: _Case, pair: Pair) -> str:
    """Another field or another target that fits nearly as well; "" where none does or a person decided."""
    if (pair.field, pair.target) in case.remembered:
        return ""
    for other in case.by_target[pair.target]:
        if other.field != pair.field and other.field not in case.chosen and other.score > pair.score - CLOSE:
            return case.readings[other.field].field.name
    for other in case.by_field[pair.field]:
        if other.target != pair.target and other.score > pair.score - CLOSE:
            return case.targets[other.target].name
    return ""


def _twin(case: _Case, pair: Pair) -> str:
    """The other target of a thing that is named as a whole ("Auftragnehmer": its number or its name), where nothing
    tells which is meant: no field takes the other one, no value fits, and it is no technical name. Else ""."""
    key, reading = (pair.field, pair.target), case.readings[pair.field]
    own = reading.technical.get(pair.concept, 0.0) == 1.0  # of the system that the fields come from
    if key in case.remembered or own or (pair.values and pair.values[-3]):
        return ""
    taken = {pair.target, *case.chosen.values()}
    for name, sure in reading.named.items():
        takers = [target for target, _ in case.wanted.takers.get(name, ())]
        if sure >= WHOLE and case.lexicon.concepts[name].either and pair.target in takers:
            return next((case.targets[target].name for target in takers if target not in taken), "")
    return ""


def _alternatives(case: _Case, index: int, chosen: int | None) -> tuple[Alternative, ...]:
    others = {pair.target: pair.score for pair in case.by_field.get(index, []) if pair.target != chosen}
    if chosen is None and max(others.values(), default=0.0) < case.weights.suggested:
        others |= {target: MISSING for target in _missing(case, index) if others.get(target, 0.0) < MISSING}
    ranked = sorted(others.items(), key=lambda one: -one[1])
    return tuple(Alternative(case.targets[target].name, score) for target, score in ranked[:ALTERNATIVES])


def _missing(case: _Case, index: int) -> list[int]:
    """Required targets that no field takes and that this one may hold, as it is not known as something else; those
    first that share words with it. Where many are missing, a field that tells nothing at all is offered none."""
    reading, taken = case.readings[index], set(case.chosen.values())
    name = reading.field.name
    if unwanted(reading, case.wanted)[1] >= KNOWN_AS or case.memory.confirmed(case.system, case.entity, name)[0]:
        return []
    missing = [
        place
        for place, target in enumerate(case.targets)
        if target.required and place not in taken and target.name not in case.filled
    ]
    if len(missing) > ALTERNATIVES and not tells(reading, case.lexicon):
        return []
    words = case.lexicon.words(name)
    found = []
    for place in missing:
        target = case.targets[place]
        rejected = case.memory.rejected(case.system, case.entity, name, target.name)
        if may_hold(reading, target, case.lexicon) and not rejected:
            labels = case.lexicon.words(target.label_en) | case.lexicon.words(target.label_de)
            found.append((-len(words & labels), place))
    return [place for _, place in sorted(found)]


def _reasons(case: _Case, pair: Pair) -> list[Said]:
    key = (pair.field, pair.target)
    reading, target = case.readings[pair.field], case.targets[pair.target]
    if key in case.remembered:
        return [case.remembered[key]]
    if key in case.voiced:
        return [case.voiced[key]]
    found = _name_reasons(case, pair, reading, target)
    sample = {"sample": reading.field.samples[0]} if reading.field.samples else None
    if sample and pair.values[-3]:
        found.append(Said("values_fit", sample))
    if sample and pair.values[-2]:
        found.append(Said("values_clash", sample))
    return found


def _name_reasons(case: _Case, pair: Pair, reading: Reading, target: Target) -> list[Said]:
    if not pair.concept:
        return [Said("same_name" if pair.values[-1] else "like_name", {})]
    concept = _concept(case, pair.concept)
    if pair.concept in reading.technical:
        return [Said("technical_name", concept | {"field": reading.field.name})]
    if squashed(reading.field.name) == squashed(target.name):
        return [Said("same_name", {})]
    named, labelled = (said.get(pair.concept, 0.0) for said in (reading.named, reading.labelled))
    return [Said("name_means" if named >= labelled else "label_means", concept)]


def _concept(case: _Case, name: str) -> dict[str, str]:
    concept = case.lexicon.concepts[name]
    return {"concept_en": concept.label_en, "concept_de": concept.label_de}


def as_json(one: Suggestion, language: Literal["en", "de"], labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A suggestion for the wire: reasons as codes with parameters and as one text in the reader's language."""
    reasons: list[Mapping[str, Any]] = [{"code": said.code, "params": dict(said.params)} for said in one.reasons]
    return {
        "field": one.field,
        "target": one.target,
        "score": one.score,
        "word": one.word,
        "reasons": reasons,
        "reason": " ".join(said.sentence(language, labels) for said in one.reasons),
        "alternatives": [{"target": other.target, "score": other.score} for other in one.alternatives],
        "steps": [dict(step) for step in one.steps],
        "sources": list(one.sources),
        "concept": one.concept,
    }
