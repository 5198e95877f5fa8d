"""The code of docs/adding-a-system.md does what the page says: it is taken from there and run.

Belongs here: the page's example against a small served Tally, through the loader into a real PostgreSQL, and its
endpoint against the simulated NetSuite. Does not belong here: any system that the product has.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ppm_pipelines import adapters, database, runs
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.sandbox.app import create
from ppm_pipelines.sync import Failed, carry_out
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import named, rows, standing

PAGE = Path(__file__).resolve().parents[1] / "docs" / "adding-a-system.md"
SYSTEM, LISTED, ENDPOINT = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
MODULE = "ppm_pipelines.adapters.tally"


def run(code: str, into: dict[str, Any]) -> dict[str, Any]:
    exec(compile(code, str(PAGE), "exec", flags=0, dont_inherit=True), into)  # noqa: S102 - our own page
    return into


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The page's module, as if it stood beside the other adapters."""
    module = types.ModuleType(MODULE)
    monkeypatch.setitem(sys.modules, MODULE, module)
    run(SYSTEM, module.__dict__)
    monkeypatch.setattr(adapters, "ADAPTERS", dict(adapters.ADAPTERS))
    run(LISTED, {"ADAPTERS": adapters.ADAPTERS, "Tally": module.Tally})
    return module


class Books:
    """A small Tally: rows with the time of their change, two to a page."""

    def __init__(self) -> None:
        self.clock = 0
        self.lists: dict[str, dict[str, dict[str, Any]]] = {"projects": {}, "orders": {}, "postings": {}}

    def put(self, name: str, id: str, /, **fields: Any) -> None:
        self.clock += 1
        self.lists[name][id] = {"id": id, **fields, "changed": f"{self.clock:04d}"}

    async def answer(self, request: Request) -> Response:
        if request.headers.get("x-tally-key") != "t-4711":
            return JSONResponse({"error": "no such key"}, 401)
        name, since = request.path_params["name"], request.query_params.get("since", "")
        start = int(request.query_params.get("start", 0))
        found = [row for row in self.lists[name].values() if row["changed"] > since]
        more = f"/{name}?since={since}&start={start + 2}" if start + 2 < len(found) else None
        return JSONResponse({"rows": found[start : start + 2], "next": more, "as_of": f"{self.clock:04d}"})


@pytest.fixture
def books() -> Books:
    made = Books()
    made.put("projects", "P-1", name="Werk Süd")
    made.put("projects", "P-2", name="Kuwait “Lab” 🚀")
    common = {"number": "7", "text": "Kran\nmit 'Haken'"}
    made.put("orders", "7/1", project="P-1", line="1", currency="EUR", ordered="1500.00", open="1500.00", **common)
    made.put("orders", "7/2", project="P-2", line="2", currency="KWD", ordered="150.125", open="150.125", **common)
    made.put("orders", "8/1", project="P-9", line="1", currency="EUR", ordered="10.00", open="10.00", number="8")
    made.put("orders", "9/1", project="", line="1", currency="EUR", ordered="99.00", open="99.00", number="9")
    made.put("postings", "1", project="P-1", currency="JPY", amount="12000", day="2026-10-01", text="Fahrt")
    return made


@pytest.fixture
def url(books: Books) -> Iterator[str]:
    with serving(Starlette(routes=[Route("/{name}", books.answer)])) as address:
        yield address


@pytest.mark.usefixtures("database_url")
def test_the_whole_system_of_the_page_is_read_moved_and_read_again(
    tally: types.ModuleType, books: Books, url: str
) -> None:
    def sync(mode: runs.Mode, key: str = "t-4711") -> Any:
        kind = adapters.ADAPTERS["tally"]
        settings = kind.Settings.model_validate({"base_url": url, "key": key})
        made = tally.Tally(settings, allowed_hosts=url, limits=Limits(backoff=0.001))
        request = runs.RunRequest("default", "tally", "costs", mode)
        with database.owner() as connection:
            run_id = runs.claim(connection, request).run_id
        return carry_out(request, run_id, lambda: made)

    first = sync("incremental")
    assert (first.inserted, first.rejected, first.skipped) == (3, 1, 1)
    assert open_amounts() == {"7/1": Decimal(1500), "7/2": Decimal("150.125")}
    assert rows("select code, amount from ppm.rejections") == [("unknown_project", Decimal(10))]
    assert rows("select distinct po_line_text from ppm.commitments") == [("Kran\nmit 'Haken'",)]

    again = sync("full")
    assert (again.inserted, again.updated, again.closed) == (0, 0, 0)

    books.put("orders", "7/1", project="P-1", line="1", currency="EUR", ordered="1500.00", open="500.00", number="7")
    books.put("postings", "2", project="P-1", currency="EUR", amount="1000.00", day="2026-10-02")
    books.put("projects", "P-9", name="Nachgetragen")
    later = sync("incremental")
    assert (later.updated, later.inserted) == (1, 1)
    assert open_amounts()["7/1"] == 500
    assert sync("full").rejected == 0
    assert open_amounts() == {"7/1": Decimal(500), "7/2": Decimal("150.125"), "8/1": Decimal(10)}

    del books.lists["orders"]["7/2"]
    assert sync("incremental").closed == 0
    assert sync("full").closed == 1
    with pytest.raises(Failed, match="Check user, password or key"):
        sync("full", key="wrong")


def open_amounts() -> dict[str, Decimal]:
    return dict(rows("select source_key, open_amount from ppm.commitments"))


def test_the_page_s_connection_test_counts_what_it_may_read(tally: types.ModuleType, url: str) -> None:
    settings = tally.Settings(base_url=url, key="t-4711")
    with tally.Tally(settings, allowed_hosts=url) as adapter:
        told = {check.name: check.detail for check in adapter.test()}
    assert list(told) == ["address", "sign_in", "projects", "commitments", "actuals"]
    assert told["commitments"] == "4 commitments readable."


def test_the_page_s_system_is_small_and_its_endpoint_smaller() -> None:
    assert len(SYSTEM.splitlines()) < 200
    assert len([line for line in ENDPOINT.splitlines() if line.strip()]) < 10


def test_the_page_s_endpoint_is_read_like_every_other() -> None:
    with serving(create(orders=1, size=0.1)) as url, standing(named("netsuite-oauth2"), url) as account:
        account.fault("page_size", 2)
        account.fault("http_503", after=1)
        reader: Any = account.adapter()
        found = run(ENDPOINT, {})["departments"](reader._reader)
    assert found == {"1": "Engineering", "2": "Bau & Montage", "3": "IT"}
