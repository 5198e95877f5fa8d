"""How well a field fits a target: evidence of names, labels and values, and the score it is worth.

Belongs here: features of a pair and the calibrated score (``weights.toml``, fitted by ``bench.mapping``). Does not
belong here: choosing among pairs, memory, sentences (``suggest``).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rapidfuzz import fuzz

from ppm_pipelines.mapping.fields import SourceField, Target
from ppm_pipelines.mapping.lexicon import Lexicon, Meaning, squashed, stripped
from ppm_pipelines.mapping.profiles import agreement, kinds

_LOOKS = {
    "date": "date",
    "moment": "date",
    "amount": "amount",
    "quantity": "quantity",
    "rate": "rate",
    "boolean": "flag",
}
# Words of a header that say what it is not: a number of something is no date and no amount, a day no number.
_SAYS_NOT = {
    "number": {"date", "moment", "amount"},
    "percent": {"date", "moment", "amount"},
    "date": {"text", "amount", "quantity"},
    "finish": {"text", "amount", "quantity"},
}
# Words of a header that say what it holds.
_SAYS = {
    "date": {"date", "time", "due", "start", "finish"},
    "amount": {"amount", "spend", "net", "gross", "total", "price", "fee", "tax"},
}
_NUMBERED = {"number", "code", "id", "key"}
KNOWN = 0.95  # from here on a technical name is one for sure
LABEL = 0.85  # what another meaning of the label counts beside it
WHOLE = 0.9  # from here on the name is understood as a whole
NEAR = 0.25  # meanings further apart than this do not compete
RIVALS = 0.45  # from here on another meaning competes
SHOWN = 0.3  # evidence below this is not even an alternative
FEATURES = (
    "bias",
    "evidence",
    "whole",
    "rival",
    "fits",
    "clashes",
    "same_name",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a field may mean, with how surely, and where that comes from."""

    field: SourceField
    named: Meaning
    labelled: Meaning
    technical: Meaning
    meaning: Meaning
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A field beside a target: ``values`` are features in the order of FEATURES, ``score`` the chance it is right."""

    field: int
    target: int
    concept: str
    evidence: float
    values: tuple[float, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the features, and the scores from which a suggestion is made and is called sure."""

    weights: tuple[float, ...]
    suggested: float
    sure: float

    def score(self, values: Sequence[float]) -> float:
        total = sum(weight * value for weight, value in zip(self.weights, values, strict=True))
        return round(1 / (1 + math.exp(-total)), 4)


@cache
def shipped_weights() -> Weights:
    """The weights of this package."""
    data = tomllib.loads((Path(__file__).parent / "weights.toml").read_text("utf-8"))
    return Weights(tuple(data["weights"][name] for name in FEATURES), data["suggested"], data["sure"])


def read(field: SourceField, entity: str, system: str, lexicon: Lexicon) -> Reading:
    """What name and labels say, put together; concepts that are no matter of this entity left out."""
    technical = lexicon.technical(field.name, system)
    named = _stronger(lexicon.meaning(stripped(field.name), entity), technical)
    labelled = _labels(lexicon, field, entity)
    meaning = _together(named, labelled) if labelled else dict(named)
    meaning = _by_name(meaning, technical)
    return Reading(field, named, labelled, technical, _here(meaning, entity, lexicon), kinds(field.samples, field.type))


def _here(meaning: Meaning, entity: str, lexicon: Lexicon) -> dict[str, float]:
    """Without what is no matter of this entity: where a concept of this entity reads as well, those of others go."""
    concepts = lexicon.concepts
    here = {name: sure for name, sure in meaning.items() if concepts[name].only in ("", entity)}
    best = max((sure for name, sure in here.items() if entity in concepts[name].fits), default=0.0)
    return {
        name: sure
        for name, sure in here.items()
        if entity in concepts[name].fits or not concepts[name].fits or sure > best
    }


def _by_name(meaning: Meaning, technical: Meaning) -> dict[str, float]:
    """A technical name says what it is, whatever words its label uses; what the label adds counts less."""
    own = {name for name, sure in technical.items() if sure >= KNOWN}
    if not own:
        return dict(meaning)
    return {name: max(sure, technical[name]) if name in own else LABEL * sure for name, sure in meaning.items()}


def _stronger(one: Meaning, other: Meaning) -> dict[str, float]:
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in sorted({*one, *other})}


def _labels(lexicon: Lexicon, field: SourceField, entity: str) -> dict[str, float]:
    said = [lexicon.meaning(text, entity) for text in (field.label_en, field.label_de) if text and text != field.name]
    if len(said) < 2:
        return dict(said[0]) if said else {}
    return _weighed(said[0], said[1], 0.8)


def _together(named: Meaning, labelled: Meaning) -> dict[str, float]:
    """Name and label: the stronger counts most. A label alone, where the name says nothing, counts wholly."""
    return dict(labelled) if not named else _weighed(named, labelled, 0.7)


def _weighed(one: Meaning, other: Meaning, most: float) -> dict[str, float]:
    found = {}
    for name in sorted({*one, *other}):
        low, high = sorted((one.get(name, 0.0), other.get(name, 0.0)))
        found[name] = most * high + (1 - most) * low
    return found


class Wanted:
    """The targets, and which concepts each of them takes: by the lexicon, else by reading the target's own name."""

    def __init__(self, targets: Sequence[Target], entity: str, lexicon: Lexicon) -> None:
        self.targets, self.entity = targets, entity
        place = {target.name: index for index, target in enumerate(targets)}
        self.takers: dict[str, list[tuple[int, float]]] = {}
        taken = set()
        for name, concept in lexicon.concepts.items():
            fits = [(place[one], how) for one, how in concept.fits.get(entity, {}).items() if one in place]
            if fits and concept.only in ("", entity):
                self.takers[name] = sorted(fits)
                taken |= {index for index, _ in fits}
        for index, target in enumerate(targets):
            if index not in taken:
                self._read_target(index, target, lexicon)
        self.squashed = [squashed(target.name.rpartition(".")[2]) for target in targets]
        self.texts = [_texts(target) for target in targets]

    def _read_target(self, index: int, target: Target, lexicon: Lexicon) -> None:
        for text in _texts(target):
            for name, sure in lexicon.meaning(text).items():
                if sure > 0.9 and self.entity not in lexicon.concepts[name].fits:
                    self.takers.setdefault(name, []).append((index, sure))


def _texts(target: Target) -> list[str]:
    return [text for text in (target.name.rpartition(".")[2], target.label_en, target.label_de) if text]


def pairs(readings: Sequence[Reading], wanted: Wanted, lexicon: Lexicon, weights: Weights) -> list[Pair]:
    """Every pair worth a look, with its score."""
    return [
        pair for index, reading in enumerate(readings) for pair in _pairs_of(index, reading, wanted, lexicon, weights)
    ]


def _pairs_of(index: int, reading: Reading, wanted: Wanted, lexicon: Lexicon, weights: Weights) -> list[Pair]:
    best = _evidence(reading, wanted)
    found = []
    for target, (evidence, concept) in sorted(best.items()):
        if evidence >= SHOWN:
            rival = _rival(reading, wanted, target, max(evidence, reading.meaning.get(concept, 0.0)))
            values = _features(reading, wanted, lexicon, target, concept, evidence, rival)
            found.append(Pair(index, target, concept, evidence, values, weights.score(values)))
    return found


def _rival(reading: Reading, wanted: Wanted, target: int, own: float) -> float:
    """How near a meaning comes that this target does not take: 0 where none does, 1 where it is as likely."""
    others = [
        sure
        for name, sure in reading.meaning.items()
        if sure >= RIVALS and all(taker != target for taker, _ in wanted.takers.get(name, ()))
    ]
    return max(0.0, max(others, default=0.0) - own + NEAR) / NEAR


def unwanted(reading: Reading, wanted: Wanted) -> tuple[str, float]:
    """The concept that is recognised and has no target here, and how surely; nothing: ("", 0)."""
    rest = [(sure, name) for name, sure in reading.meaning.items() if name not in wanted.takers]
    sure, name = max(rest, default=(0.0, ""))
    return name, sure


def _evidence(reading: Reading, wanted: Wanted) -> dict[int, tuple[float, str]]:
    best: dict[int, tuple[float, str]] = {}
    for name, sure in reading.meaning.items():
        for target, how in wanted.takers.get(name, ()):
            if sure * how > best.get(target, (0.0, ""))[0]:
                best[target] = (sure * how, name)
    _alike(reading, wanted, best)
    return best


def _alike(reading: Reading, wanted: Wanted, best: dict[int, tuple[float, str]]) -> None:
    """Names that are the same or nearly so, whatever they mean; the only road to a custom field of one's own."""
    own = squashed(stripped(reading.field.name))
    labels = [text for text in (reading.field.label_en, reading.field.label_de) if text]
    for target, name in enumerate(wanted.squashed):
        if own == name:
            best[target] = (max(0.95, best.get(target, (0.0, ""))[0]), best.get(target, (0.0, ""))[1])
        elif target not in best and wanted.targets[target].custom:
            near = max(fuzz.token_sort_ratio(one, two) for one in [own, *labels] for two in wanted.texts[target]) / 100
            if near >= 0.85:
                best[target] = (0.9 * near, "")


def _features(
    reading: Reading, wanted: Wanted, lexicon: Lexicon, target: int, concept: str, evidence: float, rival: float
) -> tuple[float, ...]:
    looks = lexicon.target_looks.get(wanted.targets[target].name) or (
        lexicon.concepts[concept].looks if concept else ""
    )
    typed = agreement(_LOOKS.get(wanted.targets[target].type, ""), reading.kinds)
    fits = typed if typed < 0 else agreement(looks, reading.kinds)
    return (
        1.0,
        evidence,
        float(evidence >= WHOLE),
        rival,
        float(fits > 0),
        float(fits < 0 or _says_not(reading, wanted.targets[target], evidence, lexicon)),
        float(squashed(stripped(reading.field.name)) == wanted.squashed[target]),
    )


def _says_not(reading: Reading, target: Target, evidence: float, lexicon: Lexicon) -> bool:
    """Whether the name holds a word that this kind of target cannot carry; where it is wholly understood, it may."""
    words = lexicon.words(stripped(reading.field.name))
    return evidence < WHOLE and any(target.type in never for word, never in _SAYS_NOT.items() if word in words)


def tells(reading: Reading, lexicon: Lexicon) -> bool:
    """Whether words or values tell what kind of thing a field holds, be it understood or not."""
    said = _NUMBERED.union(*_SAYS.values())
    return bool(reading.kinds or lexicon.words(stripped(reading.field.name)) & said)


def may_hold(reading: Reading, target: Target, lexicon: Lexicon) -> bool:
    """Whether a field that is not understood may be this target, by its words for days and money and by its values."""
    typed = _LOOKS.get(target.type, "")
    agreed = agreement(typed, reading.kinds)
    if agreed < 0:
        return False
    words = lexicon.words(stripped(reading.field.name))
    if words & _NUMBERED:
        return not typed
    said = {looks for looks, own in _SAYS.items() if words & own}
    return typed in said if said else not typed or agreed > 0
