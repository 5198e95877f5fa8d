"""Transforms: exact, pure, and a sentence for what they can't do."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppm_pipelines.mapping.fields import SourceField, Target, targets
from ppm_pipelines.mapping.profiles import FORMATS
from ppm_pipelines.mapping.transforms import (
    BadLine,
    Line,
    NotApplied,
    apply,
    apply_lines,
    line,
    propose,
)

COMMITMENTS = {one.name: one for one in targets("commitments")}


def made(kind: str, steps: list[dict[str, Any]], *values: Any, record: dict[str, Any] | None = None) -> Any:
    sources = [f"f{place}" for place in range(len(values))]
    one = line({"target": "x", "type": kind, "sources": sources, "steps": steps})
    return apply(one, dict(zip(sources, values, strict=True)), record or {})


def failing(kind: str, steps: list[dict[str, Any]], *values: Any) -> str:
    with pytest.raises(NotApplied) as error:
        made(kind, steps, *values)
    for language in ("en", "de"):
        assert "{" not in error.value.said.sentence(language)
    return error.value.said.code


AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, places=3, allow_nan=False, allow_infinity=False)


@given(AMOUNTS, st.sampled_from([",", "."]), st.booleans(), st.booleans())
def test_amounts_written_for_people_come_back_to_the_last_digit(
    amount: Decimal, sign: str, grouped: bool, behind: bool
) -> None:
    text = f"{abs(amount):,.3f}" if grouped else f"{abs(amount):.3f}"
    text = text.translate(str.maketrans(",.", ".,")) if sign == "," else text
    minus = "-" if amount < 0 else ""
    text = text + minus if behind else minus + text
    assert made("amount", [{"do": "number", "decimal": sign}], text) == amount


@given(st.dates(date(1970, 1, 1), date(2068, 12, 31)))
def test_days_come_back_in_every_form(day: date) -> None:
    for name, (_, python) in FORMATS.items():
        if python:
            assert made("date", [{"do": "date", "format": name}], day.strftime(python)) == day
    ticks = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    assert made("date", [{"do": "date", "format": "/Date(…)/"}], f"/Date({ticks})/") == day


@given(AMOUNTS)
def test_amounts_pass_unchanged(amount: Decimal) -> None:
    assert made("amount", [], amount) == made("amount", [], str(amount)) == amount


def test_a_moment_without_zone_is_utc_and_a_day_its_beginning() -> None:
    assert made("moment", [], "2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert made("moment", [], "2026-01-31T10:00:00") == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert made("moment", [], "2026-01-31T10:00:00+01:00") == datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert made("date", [], "2026-01-31T23:00:00Z") == date(2026, 1, 31)


THOUSANDS = {"do": "unit", "times": "1000", "by": "1"}
HOURS = Target("tasks", "planned_hours", "quantity")
SIGN = [{"do": "sign", "negative": ["H"], "positive": ["S"]}]


@pytest.mark.parametrize(
    ("kind", "steps", "values", "value"),
    [
        ("amount", SIGN, ("98,75", "H"), Decimal("-98.75")),
        ("amount", SIGN, ("98.75", "S"), Decimal("98.75")),
        ("amount", SIGN, (Decimal("98.75"), "H"), Decimal("-98.75")),
        ("amount", SIGN, ("", "H"), None),
        ("amount", [{"do": "number", "decimal": ","}], ("(1.250,00)",), Decimal("-1250.00")),
        ("amount", [{"do": "number", "decimal": "."}], ("1'250.00",), Decimal("1250.00")),
        ("amount", [{"do": "number", "decimal": ","}], ("1 250,00",), Decimal("1250.00")),
        ("amount", [{"do": "trailing_minus"}], ("98.75-",), Decimal("-98.75")),
        ("amount", [], (98.75,), Decimal("98.75")),
        ("amount", [], (98,), Decimal(98)),
        ("text", [{"do": "constant", "value": "EUR"}], (), "EUR"),
        ("text", [{"do": "constant", "value": "EUR"}], (None,), "EUR"),
        ("text", [{"do": "lookup", "table": {"05": "released"}}], ("05",), "released"),
        ("text", [{"do": "lookup", "table": {"05": "released"}, "default": "open"}], ("07",), "open"),
        ("text", [{"do": "lookup", "table": {"": "none"}}], (None,), "none"),
        ("text", [{"do": "lookup", "table": {"05": "released"}}], ("",), None),
        ("text", [{"do": "concatenate", "separator": "/"}], ("1010", "", "P-1"), "1010/P-1"),
        ("text", [{"do": "split", "separator": "-", "part": 2}], ("A-B-C",), "B"),
        ("text", [{"do": "split", "separator": "-", "part": -1}], ("A-B-C",), "C"),
        ("text", [{"do": "trim_zeros"}], ("00010",), "10"),
        ("text", [{"do": "trim_zeros"}], ("0000",), "0"),
        ("text", [{"do": "trim_zeros"}], ("00A1",), "00A1"),
        ("quantity", [{"do": "unit", "times": "1", "by": "3600"}], ("5400",), Decimal("1.5")),
        ("amount", [{"do": "number", "decimal": ","}, THOUSANDS], ("1,2",), Decimal(1200)),
        ("boolean", [], ("X",), True),
        ("boolean", [], ("nein",), False),
        ("text", [], (Decimal("1.50"),), "1.50"),
        ("text", [], ("  a ",), "a"),
        ("text", [], ("   ",), None),
        ("date", [{"do": "date", "format": "DD.MM.YYYY"}], ("",), None),
    ],
)  # fmt: skip
def test_steps(kind: str, steps: list[dict[str, Any]], values: tuple[Any, ...], value: Any) -> None:
    assert made(kind, steps, *values) == value


@pytest.mark.parametrize(
    ("kind", "steps", "values", "code"),
    [
        ("date", [{"do": "date", "format": "DD.MM.YYYY"}], ("2026-01-31",), "not_a_date"),
        ("date", [{"do": "date", "format": "DD.MM.YYYY"}], ("31.02.2026",), "not_a_date"),
        ("date", [], ("31.01.2026",), "not_a_date"),
        ("amount", [{"do": "number", "decimal": ","}], ("12.5",), "not_a_number"),
        ("amount", [{"do": "number", "decimal": "."}], ("12,5",), "not_a_number"),
        ("amount", [{"do": "number", "decimal": ","}], ("--5",), "not_a_number"),
        ("amount", [{"do": "number", "decimal": ","}], ("abc",), "not_a_number"),
        ("amount", [], ("1.234,50",), "not_a_number"),
        ("amount", [], (True,), "not_a_number"),
        ("amount", [], ("NaN",), "not_a_number"),
        ("amount", [], ("Infinity",), "not_a_number"),
        ("amount", [], (12345678901234567.5,), "not_exact"),
        ("amount", SIGN, ("5", "X"), "unknown_sign"),
        ("amount", SIGN, ("5", None), "unknown_sign"),
        ("text", [{"do": "lookup", "table": {}}], ("a",), "not_in_lookup"),
        ("text", [{"do": "split", "separator": "-", "part": 3}], ("A-B",), "no_such_part"),
        ("text", [{"do": "split", "separator": "-", "part": 0}], ("A-B",), "no_such_part"),
        ("boolean", [], ("perhaps",), "not_a_flag"),
        ("text", [], ({"a": 1},), "not_a_value"),
        ("text", [], ([1],), "not_a_value"),
    ],
)
def test_what_can_not_be_done_is_told(
    kind: str, steps: list[dict[str, Any]], values: tuple[Any, ...], code: str
) -> None:
    assert failing(kind, steps, *values) == code


def test_lines_leave_both_records_alone_and_say_what_failed() -> None:
    raw = {"NETWR": "1.250,00", "status": {"name": "Open"}, "BEDAT": "soon", "LOT": "7", "MEMO": ""}
    record = {"po_line_text": "kept", "vendor": "100", "custom_fields": {"old": 1}}
    lines = [
        Line("ordered_amount", "amount", ("NETWR",), ({"do": "number", "decimal": ","},)),
        Line("po_status", "text", ("status.name",)),
        Line("po_date", "date", ("BEDAT",)),
        Line("requester", "text", ("AFNAM",)),
        Line("po_line_text", "text", ("MEMO",)),
        Line("custom_fields.lot", "quantity", ("LOT",)),
        Line("custom_fields.copy", "text", ("record.vendor",)),
    ]
    before = copy.deepcopy((raw, record))
    found = apply_lines(lines, raw, record)
    assert (raw, record) == before
    assert found.values == {
        "ordered_amount": Decimal("1250.00"),
        "po_status": "Open",
        "custom_fields": {"old": 1, "lot": "7", "copy": "100"},
    }
    assert [(one.target, one.said.code) for one in found.errors] == [
        ("po_date", "not_a_date"),
        ("requester", "missing_source"),
    ]


def test_a_name_with_dots_goes_before_the_path() -> None:
    assert apply(Line("x", "text", ("a.b",)), {"a.b": "whole", "a": {"b": "inside"}}, {}) == "whole"
    assert apply(Line("x", "text", ("a.b",)), {"a": None}, {}) is None


def test_lines_go_through_json() -> None:
    one = Line("amount", "amount", ("WRBTR", "SHKZG"), ({"do": "sign", "negative": ["H"], "positive": ["S"]},))
    assert line(one.as_json()) == one


def test_a_line_keeps_its_origin_and_is_the_same_line_without_it() -> None:
    one = {"target": "x", "type": "text", "sources": ["a"], "steps": []}
    assert line(one | {"origin": "sure"}).as_json()["origin"] == "sure"
    assert line(one).as_json()["origin"] is None
    assert line(one | {"origin": "sure"}) == line(one | {"origin": "by_hand"}) == line(one)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"target": "", "sources": ["a"]}, "needs a target"),
        ({"target": "x", "type": "colour", "sources": ["a"]}, "one of the types"),
        ({"target": "x"}, "has no source"),
        ({"target": "x", "sources": ["a", "b"]}, "several sources"),
        ({"target": "x", "sources": ["a"], "steps": [{"do": "guess"}]}, "is no step"),
        ({"target": "x", "sources": ["a"], "steps": [{"do": "number"}]}, "lacks a usable decimal"),
        ({"target": "x", "sources": ["a"], "steps": [{"do": "trim_zeros", "all": 1}]}, "has no all"),
        ({"target": "x", "sources": ["a"], "steps": [{"do": "date", "format": "soon"}]}, "no form of dates"),
        ({"target": "x", "sources": ["a"], "steps": [{"do": "number", "decimal": ";"}]}, "comma or a point"),
        ({"target": "x", "sources": ["a"], "steps": [{"do": "split", "separator": "", "part": 1}]}, "not empty"),
        ({"target": "x", "sources": ["a"], "steps": [{"do": "unit", "times": "1", "by": "0"}]}, "above zero"),
        ({"target": "x", "sources": ["a"], "steps": [{"do": "unit", "times": "one", "by": "1"}]}, "above zero"),
    ],
)
def test_lines_that_can_not_be_are_refused(data: dict[str, Any], words: str) -> None:
    with pytest.raises(BadLine, match=words):
        line(data)


@pytest.mark.parametrize(
    ("target", "samples", "steps"),
    [
        (COMMITMENTS["po_date"], ("14.03.2025", "02.06.2025"), ({"do": "date", "format": "DD.MM.YYYY"},)),
        (COMMITMENTS["po_date"], ("20250314",), ({"do": "date", "format": "YYYYMMDD"},)),
        (COMMITMENTS["po_date"], ("3/14/2025", "6/2/2025"), ({"do": "date", "format": "MM/DD/YYYY"},)),
        (COMMITMENTS["po_date"], ("2025-03-14",), ()),
        (COMMITMENTS["changed_at"], ("2025-03-14T00:00:00",), ()),
        (COMMITMENTS["ordered_amount"], ("12.480,50", "98,75-"), ({"do": "number", "decimal": ","},)),
        (COMMITMENTS["ordered_amount"], ("12,480.50",), ({"do": "number", "decimal": "."},)),
        (COMMITMENTS["ordered_amount"], ("12480.50",), ()),
        (COMMITMENTS["po_line_nr"], ("00010", "00020"), ({"do": "trim_zeros"},)),
        (COMMITMENTS["po_line_nr"], ("10", "20"), ()),
        (COMMITMENTS["vendor"], ("000123",), ()),
        (HOURS, ("28800", "7200"), ({"do": "unit", "times": "1", "by": "3600"},)),
        (COMMITMENTS["po_date"], (), ()),
    ],
)  # fmt: skip
def test_samples_propose_steps_that_work(target: Target, samples: tuple[str, ...], steps: tuple[Any, ...]) -> None:
    found = propose(SourceField("f", samples=samples), target)
    assert found == steps
    one = line({"target": target.name, "type": target.type, "sources": ["f"], "steps": [dict(step) for step in found]})
    for value in samples:
        assert apply(one, {"f": value}, {}) is not None
