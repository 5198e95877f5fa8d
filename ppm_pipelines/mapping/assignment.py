"""One target for one field: the pairs that are worth most together.

Belongs here: the choice among pairs by their gain alone. Does not belong here: what a pair is worth (``scoring``).
"""

from __future__ import annotations

from collections.abc import Mapping

Gains = Mapping[tuple[int, int], int]  # (field, target) -> what the pair is worth, above zero
_SELF = -1


def best(gains: Gains) -> dict[int, int]:
    """Field -> target with the greatest sum of gains, no target twice. Exact, by augmenting paths; the same gains
    always give the same choice, fields and targets with lower numbers first."""
    options: dict[int, list[tuple[int, int]]] = {}
    for (field, target), gain in sorted(gains.items()):
        options.setdefault(field, []).append((target, gain))
    holder: dict[int, int] = {}
    for field in sorted(options):
        _augment(field, options, holder, gains)
    return {field: target for target, field in sorted(holder.items())}


def _augment(start: int, options: dict[int, list[tuple[int, int]]], holder: dict[int, int], gains: Gains) -> None:
    """Gives ``start`` a target where that adds to the sum, moving others or leaving one of them without."""
    worth: dict[int, int] = {start: 0}  # field -> best change of the sum if it lost its target
    came: dict[int, tuple[int, int]] = {}  # field -> (field before, target it lost to that one)
    waiting = [start]
    while waiting:
        field = waiting.pop(0)
        for target, gain in options[field]:
            held_by = holder.get(target, _SELF)
            if held_by in (_SELF, field):
                continue
            change = worth[field] + gain - gains[held_by, target]
            if change > worth.get(held_by, -(10**12)):
                worth[held_by] = change
                came[held_by] = (field, target)
                if held_by not in waiting:
                    waiting.append(held_by)
    _take(start, _end(worth, options, holder), came, holder)


def _end(worth: dict[int, int], options: dict[int, list[tuple[int, int]]], holder: dict[int, int]) -> tuple[int, int]:
    """The last field of the best path and the free target it takes; no target: (field, -1)."""
    found = (0, _SELF, _SELF)
    for field, change in worth.items():
        choices = [(change, field, _SELF)]
        choices += [(change + gain, field, target) for target, gain in options[field] if target not in holder]
        for choice in choices:
            if choice[0] > found[0] or found[1] == _SELF:
                found = choice
    return found[1], found[2]


def _take(start: int, end: tuple[int, int], came: dict[int, tuple[int, int]], holder: dict[int, int]) -> None:
    field, target = end
    if target != _SELF:
        holder[target] = field
    while field != start:
        field, target = came[field]
        holder[target] = field
