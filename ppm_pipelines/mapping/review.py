"""A mapping as a person reviews it: the state of every field and target, what is missing, suggestions for what is open.

Belongs here: putting the standard mapping, a draft and the source's fields together; pure. Does not belong here: where
they come from, saving (``ppm_pipelines.mappings``), what fits what (``suggest``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from ppm_pipelines.mapping.fields import CUSTOM, Entity, SourceField, Target, custom_field, targets
from ppm_pipelines.mapping.sentences import Said
from ppm_pipelines.mapping.standard import StandardLine
from ppm_pipelines.mapping.suggest import Decision, Memory, Suggestion, Voice, suggest
from ppm_pipelines.mapping.transforms import Line

FieldState = Literal["own", "ignored", "standard", "open"]
TargetState = Literal["own", "standard", "empty"]


def field_state(
    name: str, lines: Iterable[Line], ignored: Collection[str], standard: Iterable[StandardLine]
) -> FieldState:
    """What is decided of a field; a person's word goes before the adapter's."""
    if any(name in one.sources for one in lines):
        return "own"
    if name in ignored:
        return "ignored"
    return "standard" if any(name in one.sources for one in standard) else "open"


def filled_by(name: str, lines: Sequence[Line], standard: Sequence[StandardLine]) -> list[str]:
    """The targets that the field goes to; a line of a person's takes the place of the standard's."""
    own = {one.target for one in lines}
    return [
        *(one.target for one in lines if name in one.sources),
        *(one.target for one in standard if name in one.sources and one.target not in own),
    ]


def target_state(target: str, lines: Iterable[Line], standard: Iterable[StandardLine]) -> TargetState:
    if any(one.target == target for one in lines):
        return "own"
    return "standard" if any(one.target == target for one in standard) else "empty"


def all_targets(entity: Entity, lines: Iterable[Line]) -> list[Target]:
    """The Costbook's fields, and the custom ones that lines make."""
    made = [one for one in lines if one.target.startswith(CUSTOM)]
    return [
        *targets(entity),
        *(custom_field(entity, one.target.removeprefix(CUSTOM), one.type) for one in made),
    ]


def labels(entity: Entity, language: str) -> dict[str, str]:
    """What the targets are called."""
    return {one.name: one.label_de if language == "de" else one.label_en for one in targets(entity)}


def awaited(lines: Iterable[Line], fields: Iterable[SourceField]) -> dict[str, list[str]]:
    """By target, the sources that raw records do not hold yet, of the lines that have any: such a line gives no value
    before the source was read with them."""
    unread = {one.name for one in fields if not one.read}
    found = {line.target: [source for source in line.sources if source in unread] for line in lines}
    return {target: sources for target, sources in found.items() if sources}


def missing(entity: Entity, lines: Sequence[Line], standard: Sequence[StandardLine]) -> list[str]:
    """Required targets that nothing fills."""
    return [one.name for one in targets(entity) if one.required and target_state(one.name, lines, standard) == "empty"]


def suggestions(
    entity: Entity,
    system: str,
    fields: Sequence[SourceField],
    lines: Sequence[Line],
    ignored: Collection[str],
    standard: Sequence[StandardLine],
    decisions: Iterable[Decision],
    voices: Sequence[Voice] = (),
) -> list[Suggestion]:
    """One for every field that is open. What the standard mapping fills already is never sure: to replace it is a
    decision."""
    open_ = [one for one in fields if field_state(one.name, lines, ignored, standard) == "open"]
    taken = {one.target for one in lines}
    wanted = [one for one in targets(entity) if one.name not in taken]
    bare = _bare([one.name for one in open_])
    names = {short: one.name for one, short in zip(open_, bare, strict=True)}
    asked = [replace(one, name=short) for one, short in zip(open_, bare, strict=True)]
    memory = Memory(replace(one, field=_last(one.field)) for one in decisions)
    filled = {one.target for one in standard}
    found = suggest(asked, wanted, system=system, memory=memory, filled=filled, voices=voices)
    whole = (replace(one, field=names[one.field], sources=tuple(names[name] for name in one.sources)) for one in found)
    return [_careful(one, filled) for one in whole]


def _careful(one: Suggestion, filled: Collection[str]) -> Suggestion:
    if one.target not in filled:
        return one
    said = Said("standard_fills", {"target": str(one.target)})
    return replace(one, word="check", reasons=(*one.reasons, said))


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _bare(paths: Sequence[str]) -> list[str]:
    """Names without what is above them, where that leaves them different."""
    shared = {name for name, times in Counter(map(_last, paths)).items() if times > 1}
    return [path if _last(path) in shared else _last(path) for path in paths]


def standard_as_json(one: StandardLine, language: str) -> dict[str, Any]:
    return {
        "target": one.target,
        "type": one.type,
        "sources": list(one.sources),
        "steps": [dict(step) for step in one.steps],
        "origin": "standard",
        "rule": (one.rule_de if language == "de" else one.rule_en) or None,
    }
