"""Values on their way into PostgreSQL's COPY: what goes in comes out, of every kind, against PostgreSQL itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppm_pipelines import copying, database
from ppm_pipelines.arriving import Gathered, Sorter, encoded, raw_lines
from ppm_pipelines.records import Page, Project, Raw

TEXTS = st.none() | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
MONEY = st.none() | st.decimals(-(10**17), 10**17, places=5)
DAYS = st.none() | st.dates()
TIMES = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WHOLE = st.none() | st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(TEXTS, MONEY, DAYS, TIMES, WHOLE, st.none() | st.booleans(), st.none() | st.binary()))


@pytest.fixture(scope="module")
def table(server: str) -> Iterator[psycopg.Connection]:
    connection = psycopg.connect(server, autocommit=True)
    connection.execute(
        "create temp table kinds (place int, a text, b numeric(23,5), c date, d timestamptz, e bigint, f bool, g bytea)"
    )
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def raws(server: str) -> Iterator[psycopg.Connection]:
    connection = psycopg.connect(server, autocommit=True)
    connection.execute(
        "create temp table raws (whose text, nobody text, stream text, key text, hash bytea, record json)"
    )
    yield connection
    connection.close()


@given(rows=ROWS)
def test_what_goes_in_comes_out(table: psycopg.Connection, rows: list[tuple[Any, ...]]) -> None:
    table.execute("truncate kinds")
    with table.cursor() as cursor, cursor.copy("copy kinds from stdin") as copy:
        copy.write(copying.block(list(zip(*((place, *row) for place, row in enumerate(rows)), strict=True))))
    assert [row[1:] for row in table.execute("select * from kinds order by place").fetchall()] == rows


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["\\u0000", "\\\\", "\x00", "\r\n", '"'])
KEYS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.decimals(-(10**17), 10**17) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)


@given(records=st.dictionaries(KEYS, st.dictionaries(ANY_TEXT, JSON, max_size=4), max_size=4))
def test_raw_records_of_a_page_are_each_as_it_is_alone(
    raws: psycopg.Connection, records: dict[str, dict[str, Any]]
) -> None:
    """Digests too: by them a load tells what has not changed, whichever way it was written."""
    some = Gathered()
    some.add(Page("commitments", [], [Raw("orders", key, record) for key, record in records.items()]))
    arrived = Sorter([]).sorted(some).raws
    raws.execute("truncate raws")
    if arrived:
        with raws.cursor() as cursor, cursor.copy("copy raws from stdin") as copy:
            copy.write(copying.block_of(["a\tb\n\\", None], raw_lines(arrived)))
    kept = raws.execute("select whose, nobody, stream, key, hash, record::text from raws").fetchall()
    expected = [("a\tb\n\\", None, "orders", key, *encoded(record)) for key, record in records.items()]
    assert sorted(kept) == sorted(expected)


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize(
    ("pages", "unordered"),
    [
        ([["a", "b"], ["c"]], False),
        ([["a", "b"], ["b"]], True),
        ([["a", "a"]], True),
        ([["a", "c", "b"]], True),
        ([["b"], ["a", "c"]], True),
        ([["a\0b", "ab"]], True),
    ],
)
def test_only_where_keys_do_not_ascend_one_may_have_come_twice(pages: list[list[str]], unordered: bool) -> None:
    sorter = Sorter([])
    for keys in pages:
        some = Gathered()
        some.add(Page("projects", [Project(key, key, key, currency="EUR", company_code="1") for key in keys]))
        sorter.sorted(some)
    assert sorter.unordered == ({"projects"} if unordered else set())


def test_umlauts_are_copied_whatever_encoding_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with contextlib.closing(database.direct()) as connection:
        connection.execute("create temp table vendors (name text)")
        with connection.cursor().copy("copy vendors from stdin") as copy:
            copy.write(copying.block([["Müller"]]))
        assert connection.execute("select octet_length(name) from vendors").fetchone() == (7,)


def test_every_sign_of_the_format_is_escaped() -> None:
    assert copying.block([["a\\b\tc\nd\re", r"\N", "", None]]) == b"a\\\\b\\tc\\nd\\re\n\\\\N\n\n\\N\n"


def test_a_column_of_several_kinds_is_written_cell_by_cell() -> None:
    assert copying.block([[Decimal("1.50"), 2, None, date(2026, 3, 5), "x\t"]]) == b"1.50\n2\n\\N\n2026-03-05\nx\\t\n"


def test_a_kind_that_no_column_holds_is_an_error() -> None:
    with pytest.raises(KeyError):
        copying.block([[1.5]])
