"""The simulated systems as data, and a world of one of them: read, moved, disturbed, and compared with its own books.

Belongs here: how each simulation is connected, which of its faults stands for which disturbance, what does not exist
there and why; syncs as the product does them; the comparison. Does not belong here: any test.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import httpx

from ppm_pipelines import database, load, runs, sandbox_profile
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.adapters.base import Adapter, Credentials, Refused, SourceError, State, Unavailable
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.records import Page, Raw
from ppm_pipelines.sandbox.netsuite import auth as netsuite
from ppm_pipelines.sync import Failed, carry_out

Row = dict[str, Any]
Fault = tuple[str, int]
W = TypeVar("W", bound="World")

# What a company's own documents say, and where it stands in PostgreSQL.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "commitments": {
        **{name: name for name in ("company_code", "project_nr", "wbs_element", "po_number", "currency", "counts")},
        **{name: f"{name}_amount" for name in ("ordered", "relieved", "open")},
        "company_currency": "company_currency",
        "closed_reason": "closed_reason",
        "text": "po_line_text",
        "hours": "(custom_fields ->> 'ordered_hours')::numeric",
    },
    "actuals": {
        **{name: name for name in ("company_code", "project_nr", "wbs_element", "po_no", "currency", "counts")},
        **{name: name for name in ("amount", "company_amount", "company_currency", "fiscal_year", "fiscal_period")},
        "posting_date": "posting_date::text",
        "text": "item_text",
        "hours": "quantity",
    },
}
MONEY = frozenset({"ordered", "relieved", "open", "amount", "company_amount", "actual"})
ENDED = {"commitments": "coalesce(closed_reason, '')", "actuals": "coalesce(removed_reason, '')"}


@dataclass(frozen=True)
class Simulated:
    """One system as its simulation shows it. Whatever ``absent`` names does not exist there; it says why."""

    name: str
    slug: str
    settings: Callable[[str], Row]
    # Asked of the simulation's books, and switches that are on from the beginning.
    books: Mapping[str, str] = field(default_factory=dict)
    switches: tuple[str, ...] = ()
    # Disturbances: the fault that stands for each, and how often.
    missed: Fault = ("vanish", 3)
    vanish: Fault = ("vanish", 3)
    # The mode of the read that sees what vanished.
    closes: runs.Mode = "full"
    # Commitments end for these reasons in a life of 150 steps; actuals are removed for these.
    ends: frozenset[str] = frozenset()
    # Record that nobody can use -> the code that it waits with.
    broken: Mapping[str, str] = field(default_factory=dict)
    # Fault that does not pass -> what it is called.
    lasting: Mapping[str, type[SourceError]] = field(default_factory=dict)
    # Settings that sign nobody in.
    wrong: Mapping[str, Any] = field(default_factory=dict)
    # Ended here and in the books no more.
    unlisted: frozenset[str] = frozenset({"out_of_scope"})
    # The same number in two companies: the table and column that must show one.
    repeats: tuple[str, str] = ("commitments", "po_number")
    # A source that knows no currencies: its companies bill the same hours in each of these.
    bills: tuple[str, ...] = ()
    # At most so many requests at once (its fact sheet), and in an incremental read of three steps' changes.
    at_once: int = 1
    small: int = 45
    # Nothing tells that an order was billed: open ones are read each time (fact sheets, section 4).
    reads_open: bool = False
    # Steps of the suite that do not exist here, and why.
    absent: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def _of(slug: str, **changes: Any) -> Callable[[str], Row]:
    """The settings of the sandbox profile, changed; what begins with ``/`` is below the simulation's root."""
    return lambda root: sandbox_profile.SETTINGS[slug](root) | changes


_PASSING = {"unauthorized": Credentials, "html_login": Credentials, "truncated_json": Unavailable,
            "http_503": Unavailable}  # fmt: skip
_ODATA = _PASSING | {"foreign_next_link": Refused}
_DYNAMICS = {"token_expired": Credentials, "forbidden": Credentials} | {
    kind: error for kind, error in _ODATA.items() if kind != "unauthorized"
}
_SAP_BROKEN = {
    "order_without_project": "no_project",
    "unknown_wbs": "unknown_wbs",
    "unknown_project": "unknown_project",
    "unknown_currency": "unknown_currency",
    "bad_amount": "bad_amount",
    "bad_date": "bad_date",
    "posting_unknown_wbs": "unknown_wbs",
}
_BROKEN = {
    "unknown_project": "unknown_project",
    "unknown_currency": "unknown_currency",
    "bad_amount": "bad_amount",
    "bad_date": "bad_date",
    "posting_unknown_project": "unknown_project",
}
_KEYS_FOR_GOOD = "the key in the header does not expire; a refused one is among the lasting faults"
_SIGNED = "every request is signed for itself: there is no token that could expire"
_BASIC = "a token of Jira stands in every request until somebody revokes it; that is among the lasting faults"
_NUMBERS_OF_THE_CLIENT = ("actuals", "fi_doc_no")
_SAP_ENDS = frozenset({"cancelled", "completed"})
_NETSUITE: Row = {
    "slug": "netsuite",
    "reads_open": True,
    "ends": frozenset({"cancelled", "completed", "deleted"}),
    "broken": _BROKEN,
    "lasting": {
        kind: error for kind, error in _PASSING.items() if kind != "html_login"
    } | {"http_500": SourceError, "short_page": Unavailable, "http_429_bare": Unavailable},
    "unlisted": frozenset({"cancelled", "deleted", "vanished", "out_of_scope"}),
}  # fmt: skip
_JIRA: Row = {
    "slug": "jira",
    "small": 15,
    "bills": ("EUR", "JPY", "KWD"),
    "ends": frozenset({"completed", "deleted"}),
    "broken": {"unpriced": "no_rate", "other_currency": "other_currency"},
    "lasting": _PASSING,
    "wrong": {"token": "wrong"},
    "absent": {"expiry": _BASIC, "repeats": "a site is one company; what the issues of two sites share is no number"},
}

SYSTEMS: tuple[Simulated, ...] = (
    Simulated(
        "sap-v4", "sap",
        _of("sap", auth="oauth2", client_id="sandbox-client", client_secret="sandbox-secret",
            token_url="/sap/oauth/token"),
        ends=_SAP_ENDS, broken=_SAP_BROKEN, lasting=_ODATA | {"token_expired": Credentials},
        wrong={"client_secret": "wrong"}, repeats=_NUMBERS_OF_THE_CLIENT, at_once=4,
    ),
    Simulated(
        "sap-v2", "sap", _of("sap"), books={"service": "v2"}, switches=("no_v4",),
        ends=_SAP_ENDS, broken=_SAP_BROKEN, lasting=_ODATA,
        wrong={"api_key": "wrong"}, repeats=_NUMBERS_OF_THE_CLIENT, at_once=4,
        absent={"expiry": _KEYS_FOR_GOOD},
    ),
    Simulated(
        "dynamics-finance_operations", "dynamics", _of("dynamics"),
        missed=("backdated", 2), small=60, reads_open=True, closes="incremental",
        ends=frozenset({"cancelled", "completed"}),
        broken=_BROKEN | {"duplicate_key": "contradiction"}, lasting=_DYNAMICS,
        wrong={"client_secret": "wrong"}, at_once=4,
    ),
    Simulated(
        "dynamics-business_central", "dynamics",
        _of("dynamics", product="business_central", base_url="/dynamics-bc", environment="production",
            project_dimension="PROJECT"),
        books={"product": "business_central"}, small=60, reads_open=True, closes="incremental",
        ends=frozenset({"invoiced"}),
        broken=_BROKEN, lasting=_DYNAMICS, wrong={"client_id": "wrong"}, at_once=4,
        absent={"missed": "ledger entries are numbered, and every order is listed by every read: nothing is missed"},
    ),
    Simulated(
        "dynamics-dataverse", "dynamics",
        _of("dynamics", product="dataverse", base_url="/dynamics-dataverse"),
        books={"product": "dataverse"}, small=8, ends=frozenset(), broken={}, lasting=_DYNAMICS,
        wrong={"client_secret": "wrong"}, at_once=4,
        absent={
            "vanish": "it has no commitments, and its actuals are corrected by reversals",
            "missed": "every row tells its own last change, whatever day it is booked on",
            "mass": "it has no commitments, and its actuals are corrected by reversals",
            "closures": "it has no commitments",
            "repeats": "rows have identities of their own, of the whole environment",
            "broken": "rows name projects, currencies and amounts by references that the database itself keeps sound",
        },
    ),
    Simulated("netsuite-oauth2", settings=_of("netsuite"), wrong={"certificate_id": "custcertificate_old"},
              **_NETSUITE),
    Simulated(
        "netsuite-tba",
        settings=_of(
            "netsuite", auth="tba", consumer_key=netsuite.CONSUMER_KEY, consumer_secret=netsuite.CONSUMER_SECRET,
            token_id=netsuite.TOKEN_ID, token_secret=netsuite.TOKEN_SECRET,
        ),
        wrong={"token_secret": "wrong"}, absent={"expiry": _SIGNED}, **_NETSUITE,
    ),
    Simulated("jira-cloud", settings=_of("jira", personal_data=True), **_JIRA),
    Simulated(
        "jira-data_center",
        settings=_of("jira", base_url="/jira/datacenter", deployment="data_center", token="sandbox-access-token",
                     personal_data=True),
        **_JIRA,
    ),
)  # fmt: skip


def named(name: str) -> Simulated:
    return next(one for one in SYSTEMS if one.name == name)


def having(step: str) -> Sequence[Simulated]:
    """The systems in which the step exists."""
    return [one for one in SYSTEMS if step not in one.absent]


@dataclass
class World:
    """A simulation in one test: at its beginning, then as the test moves it."""

    simulated: Simulated
    url: str
    control: httpx.Client
    made: list[Adapter] = field(default_factory=list)
    # In which currency the hours of a source that knows none are billed; empty: as in the sandbox profile.
    billed: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Back to the beginning, with the switches of this system."""
        self.post("reset")
        for kind in self.simulated.switches:
            self.fault(kind)

    # Control

    def post(self, what: str, **body: Any) -> Any:
        answer = self.control.post(f"/_sandbox/{self.simulated.slug}/{what}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def advance(self, steps: int, **more: Any) -> None:
        self.post("advance", steps=steps, **more)

    def fault(self, kind: str, times: int = 1, **more: Any) -> list[Row]:
        made: list[Row] = self.post("fault", kind=kind, times=times, **more).get("made") or []
        return made

    def calm(self) -> None:
        """No fault of the answers any more; the switches of this system stay."""
        self.fault("none")
        for kind in self.simulated.switches:
            self.fault(kind)

    def told(self) -> Row:
        state: Row = self.control.get(f"/_sandbox/{self.simulated.slug}").json()
        return state

    def pending(self) -> list[str]:
        """Faults that are still to come."""
        return [kind for kind in self.told()["faults"] if kind not in (*self.simulated.switches, "linger")]

    def books(self) -> Row:
        address = f"/_sandbox/{self.simulated.slug}/books"
        books: Row = self.control.get(address, params={**self.simulated.books, **self.billed}).json()
        return books

    def companies(self) -> Iterator[None]:
        """Every company whose lines the source has: all at once, or one after another at its own rates."""
        for currency in self.simulated.bills:
            self.billed = {"currency": currency}
            self.sync("full")
            yield
        if not self.simulated.bills:
            yield

    def stored(self, entity: str) -> dict[str, Row]:
        """What PostgreSQL holds, by key, with the names of the books."""
        columns = COLUMNS[entity]
        found = rows(
            f"select source_key, {', '.join(columns.values())} from ppm.{entity} f"
            f" where {_where(entity, self.simulated)}"
        )
        return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in found}

    # Reading

    def adapter(self, *, limits: Limits | None = None, timeout_seconds: float = 60, **settings: Any) -> Adapter:
        kind = ADAPTERS[self.simulated.slug]
        values = self.simulated.settings(self.url) | self._known() | settings
        values = {name: self.url + one if str(one).startswith("/") else one for name, one in values.items()}
        limits = limits or Limits(backoff=0.001)
        connection: Row = {"allowed_hosts": self.url, "timeout_seconds": timeout_seconds, "limits": limits}
        self.made.append(kind(kind.Settings.model_validate(values), **connection))
        return self.made[-1]

    def _known(self) -> Row:
        """What the controllers know and no system tells: Jira's rates, by the names of its deployment."""
        if self.simulated.slug != "jira":
            return {}
        deployment = self.simulated.name.partition("-")[2]
        known: Row = self.control.get("/_sandbox/jira/settings", params=self.billed).json()[deployment]
        return known

    def sync(
        self,
        mode: runs.Mode = "incremental",
        entity: str = "costs",
        adapter: Adapter | None = None,
        *,
        accepted: bool = False,
    ) -> load.SyncResult:
        """As the product does it; raises what the adapter or the loader raised.

        ``accepted``: a person has looked at what is gone and agrees.
        """
        request = runs.RunRequest(
            "default", self.simulated.slug, entity, mode, scope={load.ACCEPTED: True} if accepted else None
        )
        with database.owner() as connection:
            run_id = runs.claim(connection, request).run_id
        try:
            return carry_out(request, run_id, lambda: adapter or self.adapter())
        except Failed as failed:
            raise failed.__cause__ or failed from None

    def disturbed(self, happens: Callable[[int], object], **settings: Any) -> Adapter:
        """An adapter during whose read something ``happens`` after each page, by the page's number.

        What a source reports for a cut cannot agree with a read during which it moved on: nothing is compared.
        """
        adapter = self.adapter(**settings)
        whole = adapter.read

        def read(entity: str, state: State | None) -> Iterator[Page]:
            for number, page in enumerate(whole(entity, state)):
                yield page
                happens(number)

        adapter.read = read  # type: ignore[method-assign]
        adapter.control = lambda entity: []  # type: ignore[method-assign]  # noqa: ARG005
        return adapter


# What PostgreSQL holds


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    with database.direct() as connection:
        return connection.execute(query, values or None).fetchall()


def kept(entity: str) -> list[Raw]:
    """The raw records from which facts of the entity were made."""
    found = rows(
        "select stream, source_key, record from ppm.raw_records r where exists (select 1 from"
        f" ppm.{entity} f where f.raw_stream = r.stream and f.raw_key = r.source_key)"
    )
    return [Raw(*row) for row in found]


def _where(entity: str, simulated: Simulated) -> str:
    """Rows that the books list: neither ended for a reason that takes them out, nor waiting in quarantine."""
    left_out = ", ".join(f"'{reason}'" for reason in sorted(simulated.unlisted | {"deleted"}))
    gone = " and removed_at is null" if entity == "actuals" else ""
    return (
        f"system = '{simulated.slug}' and {ENDED[entity]} not in ({left_out}){gone} and not exists (select 1 from"
        f" ppm.rejections w where w.entity = '{entity}' and w.system = f.system and w.source_key = f.source_key)"
    )


def totals(simulated: Simulated) -> dict[tuple[str, str], dict[str, Decimal]]:
    """Per project and currency, added up by PostgreSQL, of what counts; where all is zero there is none."""
    found = rows(
        "select project_nr, currency, sum(o), sum(r), sum(p), sum(a) from (select project_nr, currency,"
        " ordered_amount o, relieved_amount r, open_amount p, 0 a from ppm.commitments f where counts and"
        f" {_where('commitments', simulated)} union all select project_nr, currency, 0, 0, 0, amount from ppm.actuals f"
        f" where counts and {_where('actuals', simulated)}) t group by 1, 2"
    )
    names = ("ordered", "relieved", "open", "actual")
    return {(place, currency): dict(zip(names, sums, strict=True)) for place, currency, *sums in found}


def _plain(name: str, value: Any) -> Any:
    """A value of the books or of PostgreSQL, made comparable: money and hours as numbers, exact."""
    if value is None or name not in (*MONEY, "hours"):
        return value.strip() if name == "text" and value else value
    return Fraction(value).limit_denominator(3600) if name == "hours" else Decimal(value)


def assert_as_in_the_books(world: World, *, unseen: bool = False) -> None:
    """Every row and every total per project and currency, exactly, and what waits in quarantine.

    ``unseen``: what vanished may have changed before, or come and gone, while nobody looked.
    """
    simulated, books = world.simulated, world.books()
    for entity in COLUMNS:
        ours, told = world.stored(entity), {row["source_key"]: row for row in books[entity]}
        gone = {
            key for key, row in told.items() if row.get("gone") or (unseen and row.get("closed_reason") == "vanished")
        }
        assert sorted(ours.keys() - gone - told.keys()) == [], entity
        assert sorted(told.keys() - gone - ours.keys()) == [], entity
        for key in ours.keys() - gone:
            found = {name: _plain(name, value) for name, value in ours[key].items() if name in told[key]}
            assert found == {name: _plain(name, told[key][name]) for name in found}, key
        for key in ours.keys() & gone:
            assert ours[key]["open"] == 0, key
            assert ours[key]["closed_reason"] in told[key].get("closed_reasons", ["vanished"]), key
        if "quarantined" in books:
            waiting = {key for (key,) in rows("select source_key from ppm.rejections where entity = %s", entity)}
            assert waiting == set(books["quarantined"][entity]), entity
    assert_totals_as_in_the_books(totals(simulated), books["totals"], ("open", "actual") if unseen else ())
    assert (
        rows("select 1 from ppm.commitments where closed_reason in ('cancelled', 'vanished') and open_amount <> 0")
        == []
    )


def assert_totals_as_in_the_books(
    ours: Mapping[tuple[str, str], Mapping[str, Decimal]], told: Collection[Row], only: tuple[str, ...]
) -> None:
    names = {name for row in told for name in row} & (set(only) or MONEY)
    wanted = {(row["project_nr"], row["currency"]): {name: Decimal(row[name]) for name in names} for row in told}
    found = {place: {name: sums[name] for name in names} for place, sums in ours.items()}
    assert {place: sums for place, sums in found.items() if any(sums.values())} == {
        place: sums for place, sums in wanted.items() if any(sums.values())
    }


@contextmanager
def begun(kind: type[W], simulated: Simulated, url: str) -> Iterator[W]:
    """A world of this kind at its beginning; the adapters that a test makes are closed with it."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as control:
        world = kind(simulated, url, control)
        world.begin()
        yield world
        for adapter in world.made:
            adapter.close()


def standing(simulated: Simulated, url: str) -> AbstractContextManager[World]:
    return begun(World, simulated, url)
