"""Reasons and errors of field mapping as sentences in English and German.

Belongs here: a code with its parameters, and its sentence. Does not belong here: which reason holds (``suggest``),
what fails (``transforms``). The sentences are in ``sentences.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "de"]


@dataclass(frozen=True, slots=True)
class Said:
    """A code with its parameters, JSON-ready: ``{"code": …, "params": {…}}`` by ``dataclasses.asdict``."""

    code: str
    params: Mapping[str, str]

    def sentence(self, language: Language, labels: Mapping[str, str] | None = None) -> str:
        """The sentence for a person; ``labels`` are what targets are called there. Raises KeyError for an unknown
        code."""
        told = {name: (labels or {}).get(value, value) for name, value in self.params.items()}
        return catalogue()[self.code][language].format_map(told)


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """All sentences: code -> language -> text."""
    return tomllib.loads((Path(__file__).parent / "sentences.toml").read_text("utf-8"))
