"""What every adapter promises, against every simulated system, through the loader into a real PostgreSQL.

Belongs here: one suite over the table of ``simulated.SYSTEMS``; after each test every row and every total is what the
simulation's own books say, exactly. Does not belong here: what one system alone does (``test_adapter_<slug>_sandbox``),
single rules (``test_adapter_<slug>``). Adapters and simulations are written independently of each other.

The first load of a system is made once; its database is the template of every later test's.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ppm_pipelines import database, load, runs
from ppm_pipelines.adapters.base import Credentials
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.records import MINOR_UNITS, Page
from ppm_pipelines.sandbox.app import create
from ppm_pipelines_tests.conftest import TEMPLATE, copied
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import (
    SYSTEMS,
    Simulated,
    World,
    assert_as_in_the_books,
    having,
    kept,
    rows,
    standing,
)

ORDERS, SIZE = 120, 0.3  # lines in the history of SAP's tenant, and how much the others have of theirs


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with serving(create(seed=7, orders=ORDERS, pace=0, size=SIZE)) as url:
        yield url


@dataclass
class FirstLoad:
    """What the first load of a system left: a database, its result, and how it asked."""

    template: str
    result: load.SyncResult
    complete: frozenset[str]
    told: dict[str, Any]


@pytest.fixture(scope="module")
def first_loads() -> dict[str, FirstLoad]:
    return {}


def _first_load(world: World, server: str, folder: Path) -> FirstLoad:
    name = f"loaded_{SYSTEMS.index(world.simulated)}"
    with copied(server, TEMPLATE, folder, name):
        world.fault("linger")
        adapter = world.adapter()
        result = world.sync(adapter=adapter)
        return FirstLoad(name, result, adapter.complete, world.told())


@pytest.fixture
def first(
    request: pytest.FixtureRequest, served: str, server: str, first_loads: dict[str, FirstLoad], tmp_path: Path
) -> FirstLoad:
    simulated: Simulated = request.getfixturevalue("simulated")
    if simulated.name not in first_loads:
        with standing(simulated, served) as world:
            first_loads[simulated.name] = _first_load(world, server, tmp_path)
    return first_loads[simulated.name]


@pytest.fixture
def world(simulated: Simulated, served: str, server: str, first: FirstLoad, tmp_path: Path) -> Iterator[World]:
    """The system at its beginning, and a database in which it was loaded once."""
    with copied(server, first.template, tmp_path), standing(simulated, served) as made:
        yield made


def each(step: str) -> pytest.MarkDecorator:
    """Every system in which the step exists; the table says why it does not exist in the others."""
    return pytest.mark.parametrize("simulated", having(step), ids=str)


def test_what_the_table_leaves_out_is_a_step_of_the_suite() -> None:
    module = sys.modules[__name__]
    tests = [one for name, one in vars(module).items() if name.startswith("test_")]
    marks = [mark for test in tests for mark in getattr(test, "pytestmark", ())]
    steps = {step for step in STEPS if any(mark.args[1] == having(step) for mark in marks)}
    assert steps == set(STEPS)
    for one in SYSTEMS:
        assert one.absent.keys() <= set(STEPS), one
        assert all(len(why.split()) > 3 for why in one.absent.values()), one


# Lines of orders that three steps touch, with the other lines of these orders.
AFTER_THREE_STEPS = 60
MODES: tuple[runs.Mode, ...] = ("incremental", "full")
SECRETS = ("sandbox-secret", "sandbox-key", "sandbox-token", "sandbox-access-token", "sandbox consumer", "token/secret")
STEPS = ("first", "vanish", "mass", "missed", "closures", "repeats", "broken", "expiry")


# Reading


@each("first")
def test_a_first_load_agrees_with_the_books(world: World, first: FirstLoad) -> None:
    assert_as_in_the_books(world)
    result = first.result
    assert result.updated == result.closed == 0
    assert result.inserted == result.total - result.rejected - result.skipped
    assert first.complete >= {"projects", "actuals"}
    assert result.reconciliation is None or result.reconciliation["ok"], result.reconciliation
    assert rows("select 1 from ppm.projects where system = %s", world.simulated.slug)


@each("first")
def test_an_unchanged_source_changes_nothing(world: World) -> None:
    for mode in MODES:
        again = world.sync(mode)
        assert (again.inserted, again.updated, again.closed) == (0, 0, 0), mode
    assert again.unchanged > 0
    assert rows("select 1 from ppm.raw_records where run_id = %s", again.run_id) == []
    assert_as_in_the_books(world)


@each("first")
def test_an_incremental_load_brings_the_books_up_to_date(world: World) -> None:
    for steps in (1, 30, 90):
        world.advance(steps)
        result = world.sync()
        assert_as_in_the_books(world)
        assert result.reconciliation is None or result.reconciliation["ok"], result.reconciliation


@each("first")
def test_any_order_of_full_and_incremental_reads_comes_to_the_same_truth(world: World) -> None:
    rng = random.Random(world.simulated.name)
    for _ in range(3):
        world.advance(rng.randint(1, 40))
        state = rows("select state::text from ppm.sync_state")
        world.sync("full" if rng.random() < 0.3 else "incremental")
        if rng.random() < 0.4:  # a read whose state was lost is read once more
            with database.direct() as connection:
                connection.execute("update ppm.sync_state set state = %s::jsonb", state[0])
    world.sync()
    assert_as_in_the_books(world)


@each("first")
def test_rows_that_come_and_go_while_they_are_paged_are_neither_lost_nor_doubled(world: World) -> None:
    world.fault("page_size", 15)

    def happens(number: int) -> None:
        if number % 4 == 1 and number < 40:
            world.advance(2)
        if number in (5, 13) and "vanish" not in world.simulated.absent:
            world.fault(world.simulated.vanish[0])

    world.sync("full", adapter=world.disturbed(happens))
    world.calm()
    world.sync()
    world.sync("full")
    assert_as_in_the_books(world, unseen=True)


# What goes wrong in the middle


@each("expiry")
def test_a_token_that_expires_in_the_middle_is_renewed(world: World) -> None:
    world.advance(20)
    world.fault("page_size", 60)
    world.fault("token_expired", after=5)
    world.sync("full")
    assert world.pending() == []
    assert_as_in_the_books(world)


@each("first")
def test_throttling_is_waited_out_for_as_long_as_the_source_says(world: World) -> None:
    """Retry-After in seconds and as a date; our own pause would be far too long."""
    world.advance(5)
    for kind in ("http_429", "http_429_date"):
        world.fault(kind, after=2)
    world.sync(adapter=world.adapter(limits=Limits(backoff=60, longest_backoff=60)))
    assert (world.told()["too_early"], world.pending()) == (0, [])
    assert_as_in_the_books(world)


@each("first")
def test_an_answer_that_is_missing_or_cut_off_is_asked_for_again(world: World) -> None:
    world.advance(5)
    for kind in ("http_503", "truncated_json"):
        world.fault(kind, 2, after=3)
    world.sync()
    assert world.pending() == []
    assert_as_in_the_books(world)


@each("first")
def test_what_does_not_pass_ends_the_read_and_changes_nothing(world: World) -> None:
    before = snapshot()
    world.advance(10)
    for kind, error in world.simulated.lasting.items():
        world.fault(kind, 100, after=3)
        with pytest.raises(error) as raised:
            world.sync("full", adapter=world.adapter(limits=Limits(attempts=2, backoff=0.001)))
        assert not any(secret in str(raised.value) for secret in SECRETS), kind
        assert snapshot() == before, kind
        world.calm()
    world.sync()
    assert_as_in_the_books(world)


def snapshot() -> list[list[tuple[Any, ...]]]:
    return [rows(f"select * from ppm.{table} order by id") for table in ("commitments", "actuals")]


@each("first")
def test_a_source_that_drips_ends_at_the_deadline(world: World) -> None:
    world.fault("linger")
    with pytest.raises(Exception, match=r"within 0\.01 seconds") as raised:
        world.sync("full", adapter=world.adapter(timeout_seconds=0.01))
    assert getattr(raised.value, "code", "") == "deadline"


# What ends


@each("closures")
def test_what_the_source_closes_is_closed_for_its_reason(world: World) -> None:
    world.advance(150)
    world.sync()
    assert_as_in_the_books(world)
    reasons = {reason for (reason,) in rows(
        "select closed_reason from ppm.commitments union select removed_reason from ppm.actuals"
    )}  # fmt: skip
    assert reasons >= world.simulated.ends
    assert rows("select 1 from ppm.commitments where closed_reason is not null and open_amount <> 0") == []
    query = "select source_key, closed_at, closed_reason from ppm.commitments order by 1"
    ended = rows(query)
    assert world.sync("full").closed == 0
    assert rows(query) == ended


@each("vanish")
def test_what_vanished_is_closed_with_what_it_was(world: World) -> None:
    """DOMAIN R7: ordered and relieved stay, nothing is open; an incremental read closes it only where it lists all."""
    figures = "select source_key, ordered_amount, relieved_amount from ppm.commitments"
    before = {key: amounts for key, *amounts in rows(figures)}
    kind, times = world.simulated.vanish
    assert world.fault(kind, times)
    if world.simulated.closes == "full":
        assert world.sync().closed == 0
    assert world.sync(world.simulated.closes).closed >= times
    assert rows("select 1 from ppm.commitments where closed_reason = 'vanished'")
    assert {key: amounts for key, *amounts in rows(figures)} == before
    assert_as_in_the_books(world)


@each("mass")
def test_a_mass_disappearance_closes_nothing_until_a_person_agrees(world: World) -> None:
    before = snapshot()
    world.fault(world.simulated.vanish[0], 100_000)
    with pytest.raises(load.MassDisappearance):
        world.sync("full")
    assert snapshot() == before
    assert world.sync("full", accepted=True).closed >= load.VANISHED_AT_LEAST
    assert_as_in_the_books(world)


@each("missed")
def test_a_full_read_finds_what_the_incremental_one_missed(world: World) -> None:
    kind, times = world.simulated.missed
    assert len(world.fault(kind, times)) >= times
    assert world.sync().status == "success"
    with pytest.raises(AssertionError):
        assert_as_in_the_books(world)
    world.sync("full")
    assert_as_in_the_books(world)


# What the records say


@each("repeats")
def test_two_companies_may_use_the_same_numbers(world: World) -> None:
    table, column = world.simulated.repeats
    assert rows(f"select {column} from ppm.{table} group by 1 having count(distinct company_code) > 1")
    assert_as_in_the_books(world)


@each("first")
def test_every_currency_is_exact_with_no_two_and_three_decimals(world: World) -> None:
    """ISO 4217: amounts of each figure use all of these digits, and none has more than its currency."""
    used: dict[str, dict[int, int]] = {}
    for _ in world.companies():
        for steps in (1, 149):
            world.advance(steps)
            world.sync()
            assert_as_in_the_books(world)
            for figure, currency, amount in rows(AMOUNTS):
                of = used.setdefault(figure, {})
                of[MINOR_UNITS[currency]] = max(_digits(amount), of.get(MINOR_UNITS[currency], 0))
    figures = ("ordered", "relieved", "open", "actual") if rows("select 1 from ppm.commitments") else ("actual",)
    assert used == {figure: {0: 0, 2: 2, 3: 3} for figure in figures}


# Every amount, by figure and currency.
AMOUNTS = " union all ".join(
    f"select '{figure}', currency, {column} from ppm.{table} where {column} <> 0"
    for figure, table, column in (
        ("ordered", "commitments", "ordered_amount"),
        ("relieved", "commitments", "relieved_amount"),
        ("open", "commitments", "open_amount"),
        ("actual", "actuals", "amount"),
    )
)


def _digits(amount: Decimal) -> int:
    """How many the amount has after the point, zeros at its end aside."""
    return max(0, -int(amount.normalize().as_tuple().exponent))


@each("first")
def test_texts_are_what_people_typed(world: World) -> None:
    texts = "\n---\n".join(
        text for (text,) in rows("select po_line_text from ppm.commitments union select item_text from ppm.actuals")
    )
    missing = [sign for sign in ("ü", '"', "'", "“") if sign not in texts]
    assert not missing
    assert any(ord(sign) > 0xFFFF for sign in texts), "no emoji"
    assert any("\n" in text for text in texts.split("\n---\n"))
    assert_as_in_the_books(world)


@each("broken")
def test_records_that_nobody_can_use_wait_with_their_amounts(world: World) -> None:
    known = waiting()
    made = [(code, world.fault(kind, 2)) for kind, code in world.simulated.broken.items()]
    for mode in MODES:
        world.sync(mode)
        new = waiting() - known
        found = Counter({code: sum(n for (one, _), n in new.items() if one == code) for code, _ in made})
        assert all(found[code] >= sum(len(some) for other, some in made if other == code) for code, _ in made), new
        assert {code for code, _ in new} == {code for code, _ in made}, mode
        for code, some in made:
            told = {Decimal(one["amount"]) for one in some if "amount" in one}
            assert code in ("bad_amount", "contradiction") or told <= {amount for other, amount in new if other == code}
    assert_as_in_the_books(world)


def waiting() -> Counter[tuple[str, Decimal | None]]:
    return Counter(rows("select code, amount from ppm.rejections where entity in ('commitments', 'actuals')"))


@each("first")
def test_what_the_database_kept_makes_the_same_records_again(world: World) -> None:
    """Without asking the source for more than its projects."""
    slug, commitments = world.simulated.slug, rows("select 1 from ppm.commitments")
    for entity in ("commitments", "actuals") if commitments else ("actuals",):
        with world.adapter() as adapter:
            pages = adapter.replay(entity, kept(entity))
            made = [Page(page.entity, page.outcomes) for page in pages if page.entity == entity]
        request = runs.RunRequest("default", slug, entity, "incremental")
        with database.owner() as connection:
            run_id = runs.claim(connection, request).run_id
        with database.direct() as own:
            again = load.load(own, request, run_id, made, complete=set, state=dict)
        assert again.unchanged > 0
        assert (again.inserted, again.updated, again.closed) == (0, 0, 0)
    assert_as_in_the_books(world)


# Manners


@each("first")
def test_a_source_is_asked_politely(world: World, first: FirstLoad) -> None:
    """Never more at once than its fact sheet allows; what changed since is asked for, and where nothing tells that of
    an order, what is open."""
    simulated = world.simulated
    assert first.told["most_at_once"] <= simulated.at_once
    world.advance(3)
    [(still_open,)] = rows("select count(*) from ppm.commitments where open_amount <> 0")
    world.fault("linger")
    result = world.sync()
    told = world.told()
    assert told["most_at_once"] <= simulated.at_once
    assert told["requests"] <= simulated.small
    read = result.by_entity["commitments"]["total"] if "commitments" in result.by_entity else 0
    assert read <= AFTER_THREE_STEPS + (2 * still_open if simulated.reads_open else 0)


# The connection


@each("first")
def test_a_connection_is_tested_right_by_right(world: World) -> None:
    with world.adapter() as adapter:
        checks = list(adapter.test())
    assert [check.name for check in checks[:2]] == ["address", "sign_in"]
    assert {"projects", "actuals"} <= {check.name for check in checks}
    assert all(check.ok for check in checks), checks


@each("first")
def test_wrong_credentials_are_told_as_such_and_change_nothing(world: World) -> None:
    before = snapshot()
    wrong = world.simulated.wrong
    with pytest.raises(Credentials) as raised:
        world.sync("full", adapter=world.adapter(**wrong))
    assert "wrong" not in str(raised.value)
    assert snapshot() == before
    with world.adapter(**wrong) as adapter:
        checks = list(adapter.test())
    assert [(check.name, check.ok) for check in checks] == [("address", True), ("sign_in", False)]
