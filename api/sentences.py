"""Sentences from below the API in the reader's language: English ones are kept and logged, German ones are answered.

Belongs here: finding a sentence in the catalogue and filling in its German. Does not belong here: the catalogue
(``sentences_de.toml``), problems that the API itself words in both languages (``problems``).

An English sentence is its own id. ``{0}`` stands for any text, ``{0:,}`` for a number with separators of thousands,
``{0:.}`` for a decimal number and nothing else; the full stop at the end is left out. What a placeholder holds is
translated too, where the catalogue knows it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from ppm_pipelines.mapping import sentences

CATALOGUE = Path(__file__).with_name("sentences_de.toml")
NAMED = re.compile(r"\{(\w+)\}")
PLACEHOLDER = re.compile(r"\{(\d)(:[,.])?\}")
DECIMAL = re.compile(r"\d+(\.\d+)?")
SEPARATORS = {":,": str.maketrans(",", "."), ":.": str.maketrans(".", ",")}
LONGEST = 3_000  # no sentence of ours is; a longer text is a source's and stays as it is
LONGEST_RUN = 8  # so many pieces may full stops in a source's words make of one sentence
DEEPEST = 2  # a sentence in a sentence in a sentence; only a source's words go deeper
REMEMBERED = 20_000
# The request that an adapter names: its path is for the log, its end says which data were asked for.
_REQUEST = re.compile(r"\((?:GET|POST) [^\s()]*?/([^\s()/]+(?:/\$metadata)?)\)")


@dataclass(frozen=True, slots=True)
class Entry:
    """An English sentence as the texts between its placeholders, and the German one. ``order`` names the former's."""

    pieces: tuple[str, ...]
    order: tuple[str, ...]
    german: str
    decimals: tuple[str, ...] = ()

    def captured(self, text: str) -> dict[str, str] | None:
        """What the placeholders hold, each as short as can be; None where the sentence is another one."""
        first, *between, last = self.pieces
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return None
        held = []
        for piece in between:
            place = text.find(piece, at, end)
            if place < 0:
                return None
            held.append(text[at:place])
            at = place + len(piece)
        named = dict(zip(self.order, [*held, text[at:end]], strict=True))
        return named if all(DECIMAL.fullmatch(named[name]) for name in self.decimals) else None

    def filled(self, held: dict[str, str], depth: int) -> str:
        def fill(match: re.Match[str]) -> str:
            value = held[match[1]]
            return value.translate(SEPARATORS[match[2]]) if match[2] else _german(value, depth + 1)

        return PLACEHOLDER.sub(fill, self.german)


def told(sentence: str, language: str) -> str:
    """The sentence for a reader of the language; one that the catalogue does not know stays as it is."""
    known = language == "de" and len(sentence) <= LONGEST
    return _REQUEST.sub(r"(\1)", _german(sentence) if known else sentence)


@cache
def catalogue() -> dict[str, str]:
    """English to German, without the full stop at the end."""
    return {en: de for part in tomllib.loads(CATALOGUE.read_text("utf-8")).values() for en, de in part.items()}


@cache
def _known() -> dict[str, str]:
    """The catalogue with the sentences of field mapping, which have both languages beside each other."""
    return catalogue() | {
        _numbered(said["en"], said["en"]): _numbered(said["de"], said["en"])
        for said in sentences.catalogue().values()
        if set(NAMED.findall(said["en"])) == set(NAMED.findall(said["de"]))
    }


def _numbered(text: str, named: str) -> str:
    """With numbers for names, in the order in which ``named`` has them; without the full stop."""
    order = [*dict.fromkeys(NAMED.findall(named))]
    return NAMED.sub(lambda match: f"{{{order.index(match[1])}}}", text).removesuffix(".")


@cache
def _entries() -> tuple[Entry, ...]:
    """The entries with placeholders; those with the most text of their own first, because they are the most certain."""
    found = [
        Entry(
            tuple(PLACEHOLDER.sub("\0", en).split("\0")),
            tuple(match[1] for match in PLACEHOLDER.finditer(en)),
            de,
            tuple(match[1] for match in PLACEHOLDER.finditer(en) if match[2] == ":."),
        )
        for en, de in _known().items()
        if PLACEHOLDER.search(en)
    ]
    return tuple(sorted(found, key=lambda entry: -sum(map(len, entry.pieces))))


@lru_cache(REMEMBERED)
def _german(text: str, depth: int = 0) -> str:
    return " ".join(_sentences(text.split(" "), depth)) if ". " in text else _one(text, depth) or text


def _sentences(words: list[str], depth: int) -> Iterator[str]:
    """Sentence by sentence. A full stop may stand in the middle of one, hence ever longer runs are tried."""
    ends = [place for place, word in enumerate(words, 1) if word.endswith(".") or place == len(words)]
    begin = 0
    while ends:
        runs = [(" ".join(words[begin:end]), end) for end in ends[:LONGEST_RUN]]
        known = ((german, end) for run, end in runs if (german := _one(run, depth)) is not None)
        german, begin = next(known, runs[0])
        yield german
        ends = [end for end in ends if end > begin]


def _one(text: str, depth: int) -> str | None:
    """One sentence, a word, or words with commas between them; None where the catalogue does not know it."""
    core = text.removesuffix(".")
    stop = text[len(core) :]
    known = _known()
    if core in known:
        return known[core] + stop
    if " " not in core or depth > DEEPEST:  # every sentence with a placeholder has a space
        return None
    words = core.split(", ")
    if all(word in known for word in words):
        return ", ".join(known[word] for word in words) + stop
    for entry in _entries():
        if (held := entry.captured(core)) is not None:
            return entry.filled(held, depth) + stop
    return None
