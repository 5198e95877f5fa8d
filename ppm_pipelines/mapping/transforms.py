"""How values get from a source's fields into one field of the Costbook: data, and pure functions over it.

Belongs here: the steps, a line of a mapping, applying lines to a record, what samples ask for. Does not belong here:
which field is which (``suggest``), where mappings are kept.

A line is JSON-ready: ``{"target": "ordered_amount", "type": "amount", "sources": ["NETWR"], "steps": [{"do": "number",
"decimal": ","}]}``. Money stays exact: amounts are ``Decimal``, never rounded here. An empty value stays empty and
overlays nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args

from ppm_pipelines.mapping.fields import CUSTOM, Kind, SourceField, Target
from ppm_pipelines.mapping.profiles import FORMATS, date_forms, kinds, number_form
from ppm_pipelines.mapping.sentences import Said

Step = Mapping[str, Any]
Steps = tuple[Step, ...]
# How a line came about: one suggestion that was confirmed, one among all that are sure, a field kept under its own name
# with the rest, or set by hand.
Origin = Literal["suggestion", "sure", "rest", "by_hand"]
RECORD = "record."  # a source that begins so is a field of the record the adapter made, not of the raw record
EXACT_FLOAT = 15  # digits that a JSON number keeps
_YES = {"x", "true", "yes", "y", "ja", "j", "1"}
_NO = {"", "false", "no", "n", "nein", "0"}
_THOUSANDS = {",": ". '\u00a0\u2009\u2019", ".": ", '\u00a0\u2009\u2019"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadLine(ValueError):
    """A line of a mapping that can't be; the text is a sentence."""


class NotApplied(Exception):
    """A value that a step can't take; ``said`` holds code and parameters of the sentence."""

    def __init__(self, code: str, **params: object) -> None:
        self.said = Said(code, {name: str(value) for name, value in params.items()})
        super().__init__(self.said.sentence("en"))


@dataclass(frozen=True, slots=True)
class Line:
    """One target from one or several sources. ``sources``: names in the raw record, a dot leads into an object.
    ``origin`` tells people where the line comes from (None: nobody said) and makes no other line of it."""

    target: str
    type: Kind
    sources: tuple[str, ...]
    steps: Steps = ()
    origin: Origin | None = field(default=None, compare=False)

    def as_json(self) -> dict[str, Any]:
        steps = [dict(step) for step in self.steps]
        named = {"target": self.target, "type": self.type, "sources": list(self.sources), "steps": steps}
        return named | {"origin": self.origin}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one line gave no value."""

    target: str
    sources: tuple[str, ...]
    said: Said


@dataclass(slots=True)
class Overlay:
    """What mapped lines lay over a record: ``values`` by field, custom fields whole under ``custom_fields``."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: list[Failure] = field(default_factory=list)


# Lines from JSON -----------------------------------------------------------------------------------------------------

_STEPS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "date": {"format": str},
    "number": {"decimal": str},
    "sign": {"negative": list, "positive": list},
    "constant": {"value": str},
    "lookup": {"table": dict},
    "concatenate": {"separator": str},
    "split": {"separator": str, "part": int},
    "trim_zeros": {},
    "unit": {"times": str, "by": str},
    "trailing_minus": {},
}
_OPTIONAL = {"lookup": {"default"}, "sign": {"decimal"}}


def line(data: Mapping[str, Any]) -> Line:
    """A line from JSON. Raises BadLine, whose text says what is wrong with it."""
    target, kind = str(data.get("target", "")), data.get("type", "text")
    sources, steps = tuple(data.get("sources", ())), tuple(dict(step) for step in data.get("steps", ()))
    if not target or kind not in get_args(Kind):
        raise BadLine("A line needs a target and one of the types " + ", ".join(get_args(Kind)))
    if (origin := data.get("origin")) not in (None, *get_args(Origin)):
        raise BadLine(f"{origin!r} is no origin of a line: choose one of {', '.join(get_args(Origin))}")
    for step in steps:
        _check_step(step)
    names = [str(step["do"]) for step in steps]
    if not sources and names[:1] != ["constant"]:
        raise BadLine(f"{target} has no source: choose a field or give a constant")
    several = names[:1] == ["concatenate"] or (names[:1] == ["sign"] and len(sources) == 2)
    if len(sources) > 1 and not several:
        raise BadLine(f"{target} has several sources: the first step must say how they become one")
    return Line(target, kind, sources, steps, origin)


def _check_step(step: Step) -> None:
    name = step.get("do")
    if name not in _STEPS:
        raise BadLine(f"{name!r} is no step: choose one of {', '.join(_STEPS)}")
    needed = _STEPS[name]
    if wrong := [one for one, kind in needed.items() if not isinstance(step.get(one), kind)]:
        raise BadLine(f"The step {name} lacks a usable {', '.join(wrong)}")
    if unknown := set(step) - {"do"} - set(needed) - _OPTIONAL.get(name, set()):
        raise BadLine(f"The step {name} has no {', '.join(sorted(unknown))}")
    _check_contents(name, step)


def _check_contents(name: str, step: Step) -> None:
    if name == "date" and step["format"] not in FORMATS:
        raise BadLine(f"{step['format']!r} is no form of dates: choose one of {', '.join(FORMATS)}")
    if name in ("number", "sign") and step.get("decimal", ".") not in _THOUSANDS:
        raise BadLine("The decimal sign is a comma or a point")
    if name == "split" and not step["separator"]:
        raise BadLine("The step split needs a separator that is not empty")
    if name == "unit" and not all(_is_factor(step[one]) for one in ("times", "by")):
        raise BadLine("The step unit needs two numbers above zero")


def _is_factor(text: str) -> bool:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and value > 0


# Applying ------------------------------------------------------------------------------------------------------------


def apply_lines(lines: Sequence[Line], raw_record: Mapping[str, Any], record: Mapping[str, Any]) -> Overlay:
    """What the lines give for one record: values to lay over ``record``, and why others gave none. Pure: neither
    record is changed. An empty value overlays nothing, so that nothing known is lost."""
    found = Overlay()
    custom = dict(record.get("custom_fields") or {})
    for one in lines:
        try:
            value = apply(one, raw_record, record)
        except NotApplied as error:
            found.errors.append(Failure(one.target, one.sources, error.said))
            continue
        if value is None:
            continue
        if one.target.startswith(CUSTOM):
            custom[one.target.removeprefix(CUSTOM)] = _jsonable(value)
            found.values["custom_fields"] = custom
        else:
            found.values[one.target] = value
    return found


def apply(one: Line, raw_record: Mapping[str, Any], record: Mapping[str, Any]) -> Any:
    """The value of one line in the type of its target; None where the sources are empty. Raises NotApplied."""
    values = [_read(source, raw_record, record) for source in one.sources]
    value: Any = values if len(values) > 1 else (values[0] if values else None)
    for step in one.steps:
        if _empty(value) and step["do"] not in ("constant", "lookup", "sign"):
            return None
        value = _DO[step["do"]](value, step)
    return None if _empty(value) else _typed(value, one.type)


def _read(source: str, raw_record: Mapping[str, Any], record: Mapping[str, Any]) -> Any:
    if source.startswith(RECORD):
        return _single(source, _inside(source.removeprefix(RECORD), source, record))
    if source in raw_record:
        return _single(source, raw_record[source])
    return _single(source, _inside(source, source, raw_record))


def _inside(path: str, source: str, holder: Mapping[str, Any]) -> Any:
    value: Any = holder
    for part in path.split("."):
        if value is None:
            return None
        if not isinstance(value, Mapping) or part not in value:
            raise NotApplied("missing_source", source=source)
        value = value[part]
    return value


def _single(source: str, value: Any) -> Any:
    if isinstance(value, Mapping | list | tuple | set):
        raise NotApplied("not_a_value", source=source)
    return value


def _empty(value: Any) -> bool:
    if isinstance(value, list):
        return all(_empty(one) for one in value)
    return value is None or (isinstance(value, str) and not value.strip())


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date | datetime) else str(value).strip()


def _date(value: Any, step: Step) -> date | datetime:
    if isinstance(value, date):
        return value
    text = _text(value)
    pattern, python = FORMATS[step["format"]]
    try:
        if not pattern.fullmatch(text):
            raise ValueError
        if python:
            return datetime.strptime(text, python).date()  # noqa: DTZ007 (a day, no moment)
        return _ticks(text) if text.startswith("/Date(") else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise NotApplied("not_a_date", value=text, format=step["format"]) from None


def _ticks(text: str) -> datetime:
    found = re.search(r"-?\d+", text)
    return _EPOCH + timedelta(milliseconds=int(found[0])) if found else _EPOCH


def _number(value: Any, step: Step) -> Decimal:
    sign = step["decimal"]
    if isinstance(value, Decimal | int | float):
        return _decimal(value)
    text = _text(value)
    bare, negative = _unsigned(text)
    for mark in _THOUSANDS[sign]:
        bare = bare.replace(mark, "") if _grouped(bare, mark, sign) else bare
    mark = re.escape(sign)
    if not re.fullmatch(rf"\d+({mark}\d*)?|{mark}\d+", bare):
        raise NotApplied("not_a_number", value=text, decimal=sign)
    found = Decimal(bare.replace(sign, "."))
    return -found if negative else found


def _unsigned(text: str) -> tuple[str, bool]:
    """Without its sign, which may stand behind ("12,50-") or be parentheses; and whether it is negative."""
    if text.startswith("(") and text.endswith(")"):
        return text[1:-1].strip(), True
    if text.endswith("-") and not text.startswith("-"):
        return text[:-1].strip(), True
    return text.lstrip("+-").strip() if text[:1] in "+-" and text[1:2] not in "+-" else text, text.startswith("-")


def _grouped(text: str, mark: str, sign: str) -> bool:
    """Whether the mark stands between groups of three digits before the decimal sign, as in 1.250.000,00."""
    whole = text.partition(sign)[0]
    groups = whole.split(mark)
    return mark in whole and len(groups[0]) in (1, 2, 3) and all(len(group) == 3 for group in groups[1:])


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise NotApplied("not_a_number", value=_text(value), decimal=".")
    if isinstance(value, float) and len(repr(value).replace(".", "").lstrip("-0").split("e")[0]) > EXACT_FLOAT:
        raise NotApplied("not_exact", value=value)
    try:
        found = Decimal(repr(value) if isinstance(value, float) else _text(value))
    except InvalidOperation:
        raise NotApplied("not_a_number", value=_text(value), decimal=".") from None
    if not found.is_finite():
        raise NotApplied("not_a_number", value=_text(value), decimal=".")
    return found


def _sign(value: Any, step: Step) -> Any:
    amount, indicator = value if isinstance(value, list) else (value, None)
    if _empty(amount):
        return None
    said = _text(indicator)
    if said not in step["negative"] and said not in step["positive"]:
        raise NotApplied("unknown_sign", value=said or "–")
    number = amount if isinstance(amount, Decimal) else _guessed(amount, step.get("decimal"))
    return -number if said in step["negative"] else number


def _guessed(amount: Any, decimal: str | None) -> Decimal:
    """A number beside an indicator; where the step names no decimal sign, in the form it is written in itself."""
    return _number(amount, {"decimal": decimal or number_form([_text(amount)]) or "."})


def _lookup(value: Any, step: Step) -> Any:
    text = _text(value)
    if text in step["table"]:
        return step["table"][text]
    if "default" in step:
        return step["default"]
    if not text:
        return None
    raise NotApplied("not_in_lookup", value=text)


def _concatenate(value: Any, step: Step) -> str:
    values = value if isinstance(value, list) else [value]
    return str(step["separator"]).join(_text(one) for one in values if not _empty(one))


def _split(value: Any, step: Step) -> str:
    """Parts count from 1; negative ones from the end."""
    text, part = _text(value), int(step["part"])
    parts = text.split(step["separator"])
    if part == 0 or abs(part) > len(parts):
        raise NotApplied("no_such_part", value=text, part=part, separator=step["separator"])
    return parts[part - 1 if part > 0 else part].strip()


def _trim_zeros(value: Any, _step: Step) -> str:
    text = _text(value)
    return (text.lstrip("0") or "0") if text.isdigit() else text


def _unit(value: Any, step: Step) -> Decimal:
    return _decimal(value) * Decimal(step["times"]) / Decimal(step["by"])


def _trailing_minus(value: Any, _step: Step) -> str:
    text = _text(value)
    return f"-{text[:-1].strip()}" if text.endswith("-") else text


_DO: dict[str, Callable[[Any, Step], Any]] = {
    "date": _date,
    "number": _number,
    "sign": _sign,
    "constant": lambda _value, step: step["value"],
    "lookup": _lookup,
    "concatenate": _concatenate,
    "split": _split,
    "trim_zeros": _trim_zeros,
    "unit": _unit,
    "trailing_minus": _trailing_minus,
}


def _typed(value: Any, kind: Kind) -> Any:
    if kind == "text":
        return _text(value) if not isinstance(value, list) else _concatenate(value, {"separator": " "})
    if kind in ("amount", "rate", "quantity"):
        return value if isinstance(value, Decimal) and value.is_finite() else _decimal(value)
    if kind == "boolean":
        return _flag(value)
    return _day(value) if kind == "date" else _moment(value)


def _day(value: Any) -> date:
    found = _moment_or_day(value)
    return found.date() if isinstance(found, datetime) else found


def _moment(value: Any) -> datetime:
    """A day is its first moment; without a time zone it is UTC."""
    found = _moment_or_day(value)
    if not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day, tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _moment_or_day(value: Any) -> date | datetime:
    if isinstance(value, date):
        return value
    text = _text(value)
    if text.startswith("/Date("):  # OData V2; nothing else looks like it
        return _date(text, {"format": "/Date(…)/"})
    return _date(text, {"format": "YYYY-MM-DD" if len(text) == 10 else "ISO"})


def _flag(value: Any) -> bool:
    text = _text(value).lower()
    if text not in _YES | _NO:
        raise NotApplied("not_a_flag", value=text)
    return text in _YES


def _jsonable(value: Any) -> Any:
    return _text(value) if isinstance(value, Decimal | date) else value


# What samples ask for ------------------------------------------------------------------------------------------------

_PLAIN_DATES = {"YYYY-MM-DD", "ISO"}
_DEBITS = ("S", "Soll", "D", "Dr", "Debit"), ("H", "Haben", "C", "Cr", "Credit")  # beside each other
_POSTING_KEYS = {"40", "50"}  # debit and credit of a G/L account; those of vendors say nothing of a cost
_TRIMMED = {"po_line_nr", "po_line_no", "fi_doc_line", "assignment_nr"}  # text without leading zeros, by contract


def propose(source: SourceField, target: Target) -> Steps:
    """The steps that bring these samples into the target's type; none where they fit as they are, or are unknown."""
    samples = [value for value in source.samples if value.strip()]
    if target.type in ("date", "moment"):
        return _date_steps(samples)
    if target.type in ("amount", "quantity", "rate"):
        return _number_steps(source, target, samples)
    if target.name in _TRIMMED and (not samples or any(re.fullmatch(r"0\d+", value.strip()) for value in samples)):
        return ({"do": "trim_zeros"},) if samples else ()
    return ()


def sign_steps(amount: SourceField, indicator: SourceField) -> Steps:
    """The step that gives an amount the sign which another field tells: what is on credit is negative (DOMAIN: amounts
    are signed). None where the amounts have signs of their own, or the indicator's samples are no debits and credits.
    """
    if any(_unsigned(value.strip())[1] for value in amount.samples):
        return ()
    said = {value.strip() for value in indicator.samples if value.strip()}
    if said and said == _POSTING_KEYS:
        positive, negative = ["40"], ["50"]
    else:
        positive, negative = ([one for one in _spellings(side) if not said or one in said] for side in _DEBITS)
    if said - {*positive, *negative}:
        return ()
    if said:  # the other side of what was seen, spelt alike: samples seldom show both
        positive, negative = _both(positive, negative)
    step: dict[str, Any] = {"do": "sign", "negative": negative, "positive": positive}
    decimal = number_form(amount.samples)
    return (step | ({"decimal": decimal} if decimal else {}),)


def _spellings(side: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(spelt for one in side for spelt in (one, one.upper(), one.lower())))


def _both(positive: list[str], negative: list[str]) -> tuple[list[str], list[str]]:
    pairs = [*zip(*map(_spellings, _DEBITS), strict=True), ("40", "50")]
    seen = [pair for pair in pairs if pair[0] in positive or pair[1] in negative]
    return [debit for debit, _ in seen], [credit for _, credit in seen]


def ambiguous(source: SourceField, target: Target) -> bool:
    """Whether the samples can be read in two ways: 03/04/2026, or 1.250 as an amount."""
    samples = [value for value in source.samples if value.strip()]
    if target.type in ("date", "moment"):
        return len(date_forms(samples)) > 1
    if target.type in ("amount", "quantity", "rate"):
        return number_form(samples) is None and any(re.search(r"\d[.,]\d{3}\b", value) for value in samples)
    return False


def _date_steps(samples: list[str]) -> Steps:
    forms = date_forms(samples)
    return ({"do": "date", "format": forms[0]},) if forms and not _PLAIN_DATES & set(forms) else ()


def _number_steps(source: SourceField, target: Target, samples: list[str]) -> Steps:
    steps: list[Step] = []
    odd = any(re.search(r"[,' ]|-$|^\(", value.strip()) or value.count(".") > 1 for value in samples)
    if odd and not kinds(source.samples) & {"words", "date"}:
        steps.append({"do": "number", "decimal": number_form(samples) or "."})
    if target.name.endswith("_hours") and samples and all(v.isdigit() and int(v) >= 1800 for v in samples):
        steps.append({"do": "unit", "times": "1", "by": "3600"})
    return tuple(steps)
