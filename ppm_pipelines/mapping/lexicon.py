"""Reading headers in German and English: text to words of no language, words to what they mean (``lexicon.toml``).

Belongs here: normalising, splitting of compounds and identifiers, the lexicon and its checks. Does not belong here:
targets that are wanted (``scoring``), values (``profiles``).

A text becomes a set of words, so that word order, language, plural and spelling fall away: "Bestellpositionsnummer",
"PO line no." and ``PURCHASE_ORDER_LINE_NUM`` are the same set. What it means is the concept whose form shares most.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process

from ppm_pipelines.records import MINOR_UNITS

ENTITIES = ("commitments", "actuals", "projects", "tasks")
AMBIGUOUS = 0.8  # what a form counts that can mean something else too
IMPLIED = 0.95  # what a meaning counts that leaves implied words out
QUALIFIED = 0.95  # what a meaning counts that is put together from a thing and the currency it is told in
LIGHT = 0.25  # what a word counts that says little ("number")
HEADLESS = 0.7  # what a meaning counts that is about something else: of "Vertragsart" the "Vertrag"
VAGUE = 0.8  # what a vague word counts in a compound that says more: "Mandatsreferenz" is not any reference
UNSAID = 0.6  # below this a header says little as a whole
LEAST = 0.3  # below this a form says nothing
_LINKS = ("", "s", "n", "en", "es", "er", "e")  # between the parts of a German compound
_ENDINGS = ("en", "es", "er", "em", "e", "n", "s")  # of German and English plurals and cases
_PREFIXES = re.compile(
    r"^(?:custcol|custbody|custitem|custrecord|custentity|msdyn|cust|yy1|zz\d?|u|cf|new|cr[0-9a-f]{3,4}|udf|attr)_+|^_+"
    r"|^/[a-z0-9]+/(?=[a-z])",
    re.I,
)
_SUFFIXES = re.compile(r"(?:_value|_+c|@odata\..*|_sdh|_pdh|_pdi)$", re.I)
_MONEY = re.compile(r"(?<![^\W_])[TtKkM]?[€$£]")  # "Budget (T€)"
_CODES = re.compile(r"(?<=[a-z] )\(?(?:" + "|".join(sorted(MINOR_UNITS)) + r")\)?$")  # "Amount (EUR)"
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_INITIALS = re.compile(r"\b([A-Za-z])\.(?=[A-Za-z]\b)")  # P.O. is PO
_CHUNK = re.compile(r"[^\W_]+|#|%")
_PIECE = re.compile(r"[a-z]+|\d+|#|%")
_VERBAL = ("be", "ver", "er", "ab", "an", "auf", "aus", "ein", "um", "vor", "zu")  # make another word of "Rechnung"
_COUNTED = ("amount", "quantity")  # looks of what may be net or a total
_NO_MONEY = ("date", "document", "line", "party", "person", "code")  # looks of what has no currency behind it
_FIRST = ("#0", "#1")  # a name 1 is the name, a name 2 another
_SHORTEST = 3  # letters before a full stop that may be the beginning of a word: "Betr."
_APART = 2  # letters by which the shortest of several words with this beginning is shorter than the others
_LONG = 8  # letters from which on the beginning of a word is that before it is a compound: "Unterauftragn."
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_BARE = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss", "Ä": "A", "Ö": "O", "Ü": "U"})

Words = frozenset[str]
Meaning = Mapping[str, float]  # concept -> how surely, 0 to 1


class BadLexicon(ValueError):
    """The lexicon contradicts itself; the text names what."""


@dataclass(frozen=True, slots=True)
class Concept:
    """What a field can mean. ``fits``: per entity the targets that take it, with 0 to 1 how well. ``either``: it names
    a thing as a whole, whose number or whose name may be meant."""

    name: str
    label_en: str
    label_de: str
    looks: str
    only: str
    either: bool
    fits: Mapping[str, Mapping[str, float]]


@dataclass(slots=True)
class _Form:
    words: Words
    concept: str
    strength: float
    weight: float
    light: Words
    heavy: Words
    heads: Words


@dataclass(slots=True)
class _Index:
    """The forms of all concepts by the words they hold."""

    forms: list[_Form] = field(default_factory=list)
    heavy: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


@lru_cache(maxsize=20_000)
def plain(text: str) -> str:
    """Without umlauts and accents, case kept."""
    text = unicodedata.normalize("NFC", text).translate(_UMLAUTS)
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


@lru_cache(maxsize=20_000)
def squashed(text: str) -> str:
    """Letters and digits alone, lower case: how technical names are compared."""
    return re.sub(r"[\W_]+", "", plain(text).lower())


def stripped(name: str) -> str:
    """A technical name without what systems put around custom and navigation fields."""
    return _SUFFIXES.sub("", _PREFIXES.sub("", name)) or name


class Lexicon:
    """The lexicon, read and checked once.

    To measure what it makes of strangers: ``without`` leaves out the technical names of these systems, ``unseen`` the
    forms that are exactly one of these texts.
    """

    def __init__(self, data: Mapping[str, Any], without: Iterable[str] = (), unseen: Iterable[str] = ()) -> None:
        self._light: set[str] = set(data["light"]["words"].split())
        self.target_looks: Mapping[str, str] = data.get("target_looks", {})
        self._implied = {entity: frozenset(words.split()) for entity, words in data.get("implied", {}).items()}
        self._qualified = [
            (
                [frozenset(words.split()) for words in given["words"].split(";")],
                {name: meant.split() for name, meant in given["means"].items()},
            )
            for given in data.get("in_currency", {}).values()
        ]
        self._ignored: set[str] = set(data["ignored"]["words"].split())
        self._words: dict[tuple[str, ...], str] = {}
        self._read_words(data["words"])
        self._singles = {spelt[0]: word for spelt, word in self._words.items() if len(spelt) == 1}
        self._starts: dict[str, int] = {}  # first token of a phrase -> how many tokens the longest has
        for spelt in self._words:
            self._starts[spelt[0]] = max(len(spelt), self._starts.get(spelt[0], 1))
        self._linked = {spelt for spelt in self._words if len(spelt) > 1 and self._ignored.intersection(spelt)}
        self._fuzzy = sorted(one for one in self._singles if len(one) >= 6)
        self._vague: set[str] = set(data.get("vague", {}).get("words", "").split())
        self._read_pieces(data.get("apart", {}).get("words", "").split())
        self._alone = {form: word for word, forms in data.get("alone", {}).items() for form in forms.split()}
        self._abbreviated = lru_cache(maxsize=4096)(self._abbreviated_of)
        self._tokens = lru_cache(maxsize=20_000)(self._tokens_of)
        self._parts = lru_cache(maxsize=20_000)(self._parts_of)
        self.concepts: dict[str, Concept] = {}
        self._names: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
        self._index = _Index()
        self._unseen = {self._words_of(text) for text in unseen}
        for name, given in data["concept"].items():
            self._read_concept(name, given, set(without))
        self._check_forms()
        self.words = lru_cache(maxsize=20_000)(self._words_of)
        self._nearest = lru_cache(maxsize=20_000)(self._nearest_of)
        self.meaning = lru_cache(maxsize=20_000)(self._meaning_of)

    # Reading what is written -----------------------------------------------------------------------------------------

    def _read_words(self, words: Mapping[str, list[str]]) -> None:
        english, german = (
            {_spelt(form, _UMLAUTS) for one in words.values() for form in one[place].split(",")} for place in (0, 1)
        )
        self._english = {spelt[0] for spelt in english - german if len(spelt) == 1}
        for word, languages in words.items():
            for form in ", ".join(languages).split(","):
                for spelt in {_spelt(form, table) for table in (_UMLAUTS, _BARE)}:
                    self._add_word(spelt, word, bare=spelt != _spelt(form, _UMLAUTS))

    def _read_pieces(self, apart: Iterable[str]) -> None:
        """What compounds are made of; their beginning may be an abbreviation without its full stop: "Buchdatum"."""
        self._pieces = {one: word for one, word in self._singles.items() if one not in apart}
        short = {one[:-1]: word for one, word in self._singles.items() if one[-1] == "." and len(one) > _SHORTEST}
        self._first_pieces = {one: word for one, word in (short | self._pieces).items() if one not in apart}

    def _add_word(self, spelt: tuple[str, ...], word: str, bare: bool) -> None:
        if not spelt:
            return
        if (known := self._words.get(spelt)) not in (None, word):
            if bare:
                return
            raise BadLexicon(f"{' '.join(spelt)!r} is a form of {known} and of {word}")
        self._words[spelt] = word

    def _read_concept(self, name: str, given: Mapping[str, Any], without: set[str]) -> None:
        english, german = (_forms(given.get(language, "")) for language in ("en", "de"))
        fits = {entity: _fits(given[entity]) for entity in ENTITIES if given.get(entity)}
        label_en, label_de = (next((form.lstrip("~") for form in forms), name) for forms in (english, german))
        looks, only, either = given.get("looks", ""), given.get("only", ""), given.get("either", False)
        self.concepts[name] = Concept(name, label_en, label_de, looks, only, either, fits)
        best: dict[Words, float] = {}
        heads: dict[Words, Words] = {}
        for form in english + german:
            words = self._words_of(form.lstrip("~"))
            if words and words not in self._unseen:
                best[words] = max(best.get(words, 0.0), AMBIGUOUS if form.startswith("~") else 1.0)
                heads[words] = heads.get(words, frozenset()) | self._heads(form)[0]
        for words, strength in best.items():
            light = self._lights(words)
            self._add_form(_Form(words, name, strength, self._weight(words), light, words - light, heads[words]))
        for system, names in given.get("names", {}).items():
            if system.split("_")[0] not in without and system not in without:
                self._add_names(system, names.split(), name)

    def _add_form(self, form: _Form) -> None:
        place = len(self._index.forms)
        self._index.forms.append(form)
        for word in form.words:
            if word not in form.light or form.words == form.light:
                self._index.heavy[word].append(place)

    def _add_names(self, system: str, names: Iterable[str], concept: str) -> None:
        for spelt in names:
            known = self._names[squashed(spelt)].setdefault(system.split("_")[0], {})
            known[concept] = AMBIGUOUS if spelt.startswith("~") else 1.0

    def _check_forms(self) -> None:
        """No form may mean two things for sure in one entity; one of them needs a "~" or an ``only``."""
        sure: dict[Words, list[str]] = defaultdict(list)
        for form in self._index.forms:
            if form.strength == 1.0:
                sure[form.words].append(form.concept)
        for words, concepts in sure.items():
            self._check_apart(words, concepts)
        meant = {one for _, means in self._qualified for names in (means, *means.values()) for one in names}
        if unknown := sorted(meant - self.concepts.keys()):
            raise BadLexicon(f"in_currency speaks of {', '.join(unknown)}, and there is no such concept")

    def _check_apart(self, words: Words, names: list[str]) -> None:
        for entity in ENTITIES:
            here = [self.concepts[name] for name in names if self.concepts[name].only in ("", entity)]
            wanted = [one.name for one in here if one.fits.get(entity)]
            if wanted and (idle := [one.name for one in here if not one.fits]):
                raise BadLexicon(f"{sorted(words)} means {wanted[0]}, and {idle[0]}, which is not needed")
            if len(wanted) > 1 and len({_first(self.concepts[name], entity) for name in wanted}) > 1:
                raise BadLexicon(f"{sorted(words)} in {entity} means {' and '.join(wanted)}")

    # Text to words ---------------------------------------------------------------------------------------------------

    def _words_of(self, text: str) -> Words:
        return frozenset(word for words in self._parts(text) for word in words)

    def _tokens_of(self, text: str) -> list[str]:
        return _tokens(_CODES.sub(" ", _MONEY.sub(" ", text)), self._singles)

    def _parts_of(self, text: str) -> list[list[str]]:
        """The words of each part of the text, in their order."""
        tokens = [one for token in self._tokens(text) for one in self._whole(token)]
        if len(tokens) == 1 and (alone := self._alone.get(tokens[0].rstrip("."))):
            return [[alone]]
        found: list[list[str]] = []
        for run in self._runs(tokens):
            place = 0
            while place < len(run):
                length, words = self._longest(run, place)
                found.append(words)
                place += length
        return found

    def _runs(self, tokens: list[str]) -> Iterator[list[str]]:
        """The tokens that count; a phrase that needs a word which else says nothing ("bill to") by itself."""
        run: list[str] = []
        place = 0
        while place < len(tokens):
            length = next((one for one in (4, 3, 2) if tuple(tokens[place : place + one]) in self._linked), 1)
            if length > 1:
                yield from (run, tokens[place : place + length])
                run = []
            elif tokens[place] not in self._ignored:
                run.append(tokens[place])
            place += length
        yield run

    def _heads(self, text: str) -> tuple[Words, bool]:
        """What the header is about: the last words of its first and of its last part that say something; and whether
        a part is a compound."""
        parts = [[word for word in words if word not in self._light and word[0] != "#"] for words in self._parts(text)]
        ends = [words[-1] for words in parts if words]
        return frozenset((*ends[:1], *ends[-1:])), any(len(words) > 1 for words in parts) or self._is_english(text)

    def _is_english(self, text: str) -> bool:
        """Whether the words stand side by side as in English: "Error Text" is put together as "Fehlertext" is."""
        tokens = [token.rstrip(".") for token in self._tokens(text)]
        known = [token in self._english for token in tokens if token in self._singles]
        return len(tokens) > 1 and bool(known) and all(known)

    def _whole(self, token: str) -> tuple[str, ...]:
        """A token that ends with a full stop as the words it abbreviates; others as they are."""
        if not token.endswith(".") or token in self._singles:
            return (token,)
        bare = token[:-1]
        if bare in self._ignored or bare in self._starts or self._single(bare) or len(bare) < _SHORTEST:
            return (bare,)
        return self._abbreviated(bare)

    def _abbreviated_of(self, bare: str) -> tuple[str, ...]:
        """ "Bestelldat" is "bestell" and the word that begins so; as it is where none or several do."""
        fresh = not (self._single(bare[:-1]) or self._single(bare[:-2]))  # no "Projektst."
        if len(bare) >= _LONG and fresh and (whole := self._begun(bare)):
            return (whole,)
        splits = [(bare[:begin], bare[begin:]) for begin in range(len(bare) - 1)]
        splits = [(head, tail) for head, tail in splits if not head or self._single(head) or self._compound(head)]
        for head, tail in splits:
            if (len(tail) >= _SHORTEST or len(head) >= 2 * _SHORTEST) and f"{tail}." in self._singles:
                return (head, f"{tail}.") if head else (f"{tail}.",)
        if len(bare) >= 5 and self._compound(bare):
            return (bare,)
        for head, tail in splits:
            if len(tail) >= _SHORTEST and (whole := self._begun(tail)):
                return (head, whole) if head else (whole,)
        return (bare,)

    def _begun(self, beginning: str) -> str:
        """The shortest form of the word whose forms begin so. Of several words the one that is shortest, where the
        beginning says enough ("Rechn." is more than "Re."); "" where there is none."""
        begun = (form for form in self._singles if form.startswith(beginning) and form[-1] != ".")
        forms = sorted(begun, key=lambda form: (len(form), form))
        words = {self._singles[form] for form in forms}
        shortest = {self._singles[form] for form in forms if len(form) < len(forms[0]) + _APART}
        clear = len(words) == 1 or (len(shortest) == 1 and len(beginning) > _SHORTEST)
        return forms[0] if clear else ""

    def _longest(self, tokens: list[str], place: int) -> tuple[int, list[str]]:
        longest = max(self._starts.get(tokens[place], 1), self._starts.get(_singular(tokens[place]), 1))
        for length in range(min(longest, len(tokens) - place), 1, -1):
            spelt = tuple(tokens[place : place + length])
            word = self._words.get(spelt) or self._words.get(tuple(_singular(one) for one in spelt))
            if word:
                return length, [word]
        return 1, self._one(tokens[place])

    def _one(self, token: str) -> list[str]:
        if token.isdigit():
            return [f"#{int(token)}"]
        word = self._single(token)
        if word:
            return [word]
        if len(token) >= 5 and (parts := self._compound(token)):
            return parts
        return [self._misspelt(token) or self._contracted(token) or f"?{token}"]

    def _single(self, token: str) -> str | None:
        if token in self._singles:
            return self._singles[token]
        for ending in _ENDINGS:
            stem = token[: -len(ending)]
            if token.endswith(ending) and len(stem) >= 4 and stem in self._singles:
                return self._singles[stem]
        return None

    def _misspelt(self, token: str) -> str | None:
        if len(token) < 6:
            return None
        near = process.extractOne(token, self._fuzzy, scorer=fuzz.ratio, score_cutoff=88)
        return self._singles[near[0]] if near and near[0][0] == token[0] else None

    def _contracted(self, token: str) -> str | None:
        """The one word that the token is without some of its letters: "Whrg"; None where it is none or several."""
        if not 4 <= len(token) <= 6:
            return None
        forms = (
            one for one in self._fuzzy if one[0] == token[0] and one[-1] == token[-1] and len(one) <= 2 * len(token)
        )
        words = {self._singles[one] for one in forms if _within(token, one)}
        return words.pop() if len(words) == 1 else None

    def _compound(self, token: str) -> list[str] | None:
        """Fewest parts that make up the token, with links between them; None where it is no compound."""
        best: list[tuple[int, list[str]] | None] = [None] * (len(token) + 1)
        best[0] = (0, [])
        for end in range(2, len(token) + 1):
            for begin, word in self._ends(token, end):
                before = best[begin]
                if before and (best[end] is None or before[0] + 1 < best[end][0]):  # type: ignore[index]
                    best[end] = (before[0] + 1, [*before[1], word])
        return best[-1][1] if best[-1] else self._with_rest(token)

    def _ends(self, token: str, end: int) -> Iterator[tuple[int, str]]:
        for link in _LINKS if end < len(token) else ("", "s", "n", "en", "e"):
            stop = end - len(link)
            if link and token[stop:end] != link:
                continue
            for begin in range(max(0, stop - 24), stop - 1):
                word = (self._pieces if begin or end == len(token) else self._first_pieces).get(token[begin:stop])
                if word and (stop - begin >= 3 or (not link and (begin == 0 or end == len(token)))):
                    yield begin, word

    def _with_rest(self, token: str) -> list[str] | None:
        """A known head of at least five letters behind something unknown: ``Nebenkostenstelle``, or a number; not the
        end of another word, as in ``Kostenberechnung``."""
        for number in ("nr", "nummer"):
            if token.endswith(number) and len(token) - len(number) >= 4:
                return [f"?{token[: -len(number)]}", "number"]
        for begin in range(3, len(token) - 4):
            word = self._single(token[begin:])
            other = token.endswith("ung") and token[:begin].endswith(_VERBAL)
            if word and len(token) - begin >= 5 and not other:
                return [f"?{token[:begin]}", word]
        return None

    # Words to what they mean -----------------------------------------------------------------------------------------

    def _weight(self, words: Words) -> float:
        return len(words) - (1 - LIGHT) * len(self._lights(words))

    def _lights(self, words: Words) -> Words:
        return frozenset(word for word in words if word in self._light or word in _FIRST)

    def _meaning_of(self, text: str, entity: str = "") -> Meaning:
        """Concepts with how much of their nearest form and of the text agree, 0 to 1; in this entity, whose fields may
        carry words that all of them imply ("PO delivery date")."""
        words, (heads, compound) = self.words(text), self._heads(text)
        found = dict(self._nearest(words, heads, compound))
        amounts = self._implied.get("amounts", frozenset())
        for implied in (self._implied.get(entity, frozenset()), amounts):
            rest = words - implied
            if rest != words and self._lights(rest) != rest and max(found.values(), default=0.0) < 1.0:
                for name, score in self._nearest(rest, heads & rest, compound).items():
                    if implied is not amounts or self.concepts[name].looks in _COUNTED:
                        found[name] = max(found.get(name, 0.0), IMPLIED * score)
        for name, score in self._in_currency(words, heads, compound):
            found[name] = max(found.get(name, 0.0), QUALIFIED * score)
        return self._either(text, entity, self._money(text, words, heads, found))

    def _money(self, text: str, words: Words, heads: Words, found: dict[str, float]) -> dict[str, float]:
        """A header that ends with a currency is money, and no day: "beauftragt EUR" is "beauftragt netto"."""
        if not (_CODES.search(text) or _MONEY.search(text)):
            return found
        looks = {name: self.concepts[name].looks for name in found}
        found = {name: score * (HEADLESS if looks[name] in _NO_MONEY else 1.0) for name, score in found.items()}
        if max((score for name, score in found.items() if looks[name] == "amount"), default=0.0) < IMPLIED:
            for name, score in self._nearest(words | {"net"}, heads | {"net"}, False).items():
                if self.concepts[name].looks == "amount":
                    found[name] = max(found.get(name, 0.0), IMPLIED * score)
        return found

    def _either(self, text: str, entity: str, found: dict[str, float]) -> Meaning:
        """Where the whole says little, what each side of a stroke means: "KTR/KST" may be one or the other."""
        sides = [side for side in text.split("/") if side.strip()]
        if len(sides) < 2 or max(found.values(), default=0.0) >= UNSAID:
            return found
        for side in sides:
            for name, score in self._meaning_of(side, entity).items():
                found[name] = max(found.get(name, 0.0), AMBIGUOUS * score)
        return found

    def _in_currency(self, words: Words, heads: Words, compound: bool) -> Iterator[tuple[str, float]]:
        """What an amount means that says in which currency it is: "Offener Wert HW"."""
        for qualifiers, means in self._qualified:
            qualifier = next((one for one in qualifiers if one < words), frozenset())
            nearest = self._nearest(words - qualifier, heads - qualifier, compound) if qualifier else {}
            for name, score in nearest.items():
                yield from ((meant, score) for meant in means.get(name, ()))

    def _nearest_of(self, words: Words, heads: Words, compound: bool) -> dict[str, float]:
        own, light = self._weight(words), self._lights(words)
        said = words - light
        shared: dict[int, float] = defaultdict(float)
        for word in said or words:
            for place in self._index.heavy.get(word, ()):
                shared[place] += 1.0
        found: dict[str, float] = {}
        share = LEAST / (1 + LEAST)  # of both weights must be common, or the score is below the least
        least = share * own - LIGHT * len(light)
        for place, heavy in shared.items():
            form = self._index.forms[place]
            if heavy < least + share * form.weight:
                continue
            both = (heavy if form.weight > LIGHT * len(form.light) else 0.0) + LIGHT * len(form.light & light)
            score = form.strength * both / (own + form.weight - both)
            if score < LEAST or score <= found.get(form.concept, 0.0):
                continue
            score *= HEADLESS if heads and form.heads and not heads & form.heads else 1.0
            if compound and said > form.heavy and form.heavy <= self._vague:
                score *= VAGUE
            if score >= LEAST and score > found.get(form.concept, 0.0):
                found[form.concept] = score
        return found

    def technical(self, name: str, system: str = "") -> Meaning:
        """Concepts of a technical name: for sure in its own system, nearly so where the system is not known."""
        known = self._names.get(squashed(name)) or self._names.get(squashed(stripped(name)))
        if not known:
            return {}
        if system in known:
            return dict.fromkeys(known[system], 1.0)
        factor = 0.9 if system else 0.98
        found: dict[str, float] = {}
        for concepts in known.values():
            for concept, strength in concepts.items():
                found[concept] = max(found.get(concept, 0.0), factor * strength)
        return found

    def forget(self) -> None:
        """Reads every text anew; to measure how long that takes."""
        for remembered in (self._tokens, self._parts, self.words, self.meaning, self._nearest):
            remembered.cache_clear()

    def systems(self) -> list[str]:
        """Systems whose technical names are known."""
        return sorted({system for names in self._names.values() for system in names})


def _forms(text: str) -> list[str]:
    return [form for form in (one.strip() for one in text.split(";")) if form]


def _fits(text: str) -> dict[str, float]:
    pairs = (one.partition(":") for one in text.split())
    return {name: float(how or 1) for name, _, how in pairs}


def _first(concept: Concept, entity: str) -> str:
    fits = concept.fits[entity]
    return max(fits, key=lambda name: fits[name])


def _singular(token: str) -> str:
    return token[:-1] if len(token) > 3 and token.endswith("s") and not token.endswith("ss") else token


def _tokens(text: str, whole: Mapping[str, str], umlauts: Mapping[int, str] = _UMLAUTS) -> list[str]:
    """Lower-case pieces; a chunk that is a word as it stands (``MwSt``) is not taken apart at its capitals, and one
    with a full stop behind it keeps that. Pieces between capitals or before a hyphen may be short for something too
    (``EinkBeleg``, "Bu-Datum")."""
    text = _INITIALS.sub(r"\1", unicodedata.normalize("NFC", text).translate(umlauts))
    text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    found: list[str] = []
    for chunk in _CHUNK.finditer(text):
        if chunk[0].lower() in whole:
            found.append(chunk[0].lower())
        else:
            parts = _joined([part.lower() for part in _CAMEL.split(chunk[0])], whole)
            stop = "." if len(parts) > 1 else ""
            for part in parts:
                found += [piece + stop if piece.isalpha() else piece for piece in _PIECE.findall(part)]
        after = text[chunk.end() : chunk.end() + 2]
        shortened = after[:1] == "-" and after[1:].isalpha() and bool(found) and f"{found[-1]}." in whole
        if (after[:1] == "." or shortened) and found and found[-1].isalpha():
            found[-1] += "."
    return found


def _joined(parts: list[str], whole: Mapping[str, str]) -> list[str]:
    """Parts that are words together and not by themselves, together: of "BAnfNr" the "Banf"."""
    found: list[str] = []
    for part in parts:
        if found and found[-1] not in whole and found[-1] + part in whole:
            found[-1] += part
        else:
            found.append(part)
    return found


def _within(letters: str, text: str) -> bool:
    """Whether the letters are in the text in this order."""
    rest = iter(text)
    return all(letter in rest for letter in letters)


def _spelt(form: str, umlauts: Mapping[int, str]) -> tuple[str, ...]:
    """The tokens of a form of a word. One that ends with a full stop stands only where the text has one too."""
    found = _tokens(form.strip(), {}, umlauts)
    return tuple(found if len(found) == 1 else (token.rstrip(".") for token in found))


@cache
def shipped(without: tuple[str, ...] = (), unseen: tuple[str, ...] = ()) -> Lexicon:
    """The lexicon of this package, read once; ``without`` and ``unseen`` as in Lexicon."""
    text = (Path(__file__).parent / "lexicon.toml").read_text("utf-8")
    return Lexicon(tomllib.loads(text), without, unseen)
