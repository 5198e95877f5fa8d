"""Counting right and wrong suggestions, and the tables of it; what is suggested for what is in ``bench.mapping``."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from ppm_pipelines.mapping.suggest import Suggestion

HEAD = ("", "fields", "first", "top 3", "left empty", "precision", "sure right", "sure covers")


@dataclass
class Figures:
    """Counts over fields. Fields that may be left empty or mapped count for precision alone."""

    fields: int = 0
    mapped: int = 0
    first: int = 0
    three: int = 0
    empty: int = 0
    left: int = 0
    suggested: int = 0
    right: int = 0
    sure: int = 0
    sure_right: int = 0

    def add(self, right: Set[str | None], one: Suggestion) -> None:
        self.fields += 1
        if None not in right:
            self.mapped += 1
            self.first += one.target in right
            shown = [one.target, *(other.target for other in one.alternatives)]
            self.three += any(target in right for target in [target for target in shown if target][:3])
        elif right == {None}:
            self.empty += 1
            self.left += one.target is None
        if one.target is not None:
            self.suggested += 1
            self.right += one.target in right
        if one.word == "sure":
            self.sure += 1
            self.sure_right += one.target in right

    def shares(self) -> tuple[float, ...]:
        """First right, in the first three, left empty, precision, of sure right; in percent, 0 where nothing counts."""
        counts = (
            (self.first, self.mapped),
            (self.three, self.mapped),
            (self.left, self.empty),
            (self.right, self.suggested),
            (self.sure_right, self.sure),
        )
        return tuple(100 * part / whole if whole else 0.0 for part, whole in counts)

    def cells(self) -> tuple[str, ...]:
        """In the order of HEAD, without the first."""
        return (
            str(self.fields),
            _share(self.first, self.mapped),
            _share(self.three, self.mapped),
            _share(self.left, self.empty),
            _share(self.right, self.suggested),
            f"{_share(self.sure_right, self.sure)} ({self.sure - self.sure_right} wrong)",
            _share(self.sure_right, self.mapped),
        )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def table(rows: Mapping[str, Figures]) -> str:
    """Rows with their names, in columns, shares in percent."""
    lines = [HEAD, *((name, *figures.cells()) for name, figures in rows.items())]
    widths = [max(len(one[place]) for one in lines) for place in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)) for one in lines)
