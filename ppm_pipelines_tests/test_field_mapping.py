"""Field mappings from saving to what PostgreSQL holds, over every simulated system: applied, restored, quarantined.

Belongs here: versions, laying lines over what is held and over what is read, drift. Does not belong here: suggestions
(``test_mapping_*``), one value through one transform (``test_mapping_transforms``), HTTP (``test_api_mapping``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ppm_pipelines import database, drift, mapping_view, mappings, remapping
from ppm_pipelines.adapters import dynamics_bc_streams, odata, sap_streams
from ppm_pipelines.adapters.odata import V2, V4
from ppm_pipelines.load import COUNTS, SyncResult
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.mapping.overlay import lay_over
from ppm_pipelines.mappings import BadMapping, ChangedMeanwhile, Saved, draft_of
from ppm_pipelines.records import Commitment
from ppm_pipelines.sandbox.app import create
from ppm_pipelines_tests.conftest import TEMPLATE, copied
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import SYSTEMS, Simulated, World, assert_as_in_the_books, named, rows, standing

Row = dict[str, Any]
# Lines that every system can have: the record that the adapter made is a source too.
TOLD = {"commitments": "po_number", "actuals": "fi_doc_no", "projects": "project_nr"}


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with serving(create(seed=7, orders=60, pace=0, size=0.2)) as url:
        yield url


@pytest.fixture(scope="module")
def loaded() -> dict[str, str]:
    """A system -> the database in which it was loaded once."""
    return {}


@pytest.fixture
def world(simulated: Simulated, served: str, server: str, loaded: dict[str, str], tmp_path: Path) -> Iterator[World]:
    with standing(simulated, served) as made:
        if simulated.name not in loaded:
            name = f"mapped_{SYSTEMS.index(simulated)}"
            with copied(server, TEMPLATE, tmp_path, name):
                made.sync()
            loaded[simulated.name] = name
        with copied(server, loaded[simulated.name], tmp_path):
            yield made


every = pytest.mark.parametrize("simulated", SYSTEMS, ids=str)
sap = pytest.mark.parametrize("simulated", [named("sap-v4")], ids=str)


def line(target: str, *sources: str, **step: Any) -> Row:
    return {"target": target, "sources": list(sources), "steps": [step] if step else []}


def save(world: World, entity: Any, *lines: Row, **more: Any) -> Saved:
    draft = draft_of(entity, {"lines": list(lines)})
    with database.scoped("default") as connection:
        return mappings.save(connection, "default", world.simulated.slug, entity, draft, by="anna@example.com", **more)


def counts(result: SyncResult) -> dict[str, int]:
    return {name: getattr(result, name) for name in COUNTS if getattr(result, name)}


def entities() -> list[str]:
    """Those of which there is anything."""
    return [entity for entity in TOLD if rows(f"select 1 from ppm.{entity} limit 1")]


def facts(entity: str) -> list[tuple[Any, ...]]:
    """All of a fact but when and by which run it changed."""
    return rows(f"select (to_jsonb(t) - 'last_changed_at' - 'run_id')::text from ppm.{entity} t order by source_key")


@every
def test_what_is_held_is_mapped_without_the_source_and_a_full_read_agrees(world: World) -> None:
    before, asked = {entity: facts(entity) for entity in entities()}, world.told()["requests"]
    for entity in before:
        save(world, entity, line("custom_fields.told", f"record.{TOLD[entity]}"))
        result = world.sync("remap", entity)
        assert result.updated == result.total > 0, entity
        assert result.rejected == 0
        said = rows(f"select count(*) from ppm.{entity} where custom_fields ->> 'told' = {TOLD[entity]}")
        assert said == [(result.total,)]
    assert world.told()["requests"] == asked
    again = world.sync("full")
    assert (again.inserted, again.updated) == (0, 0), counts(again)
    assert_as_in_the_books(world)
    for entity in before:
        save(world, entity, restored_from=0)
        world.sync("remap", entity)
        assert facts(entity) == before[entity]
    assert world.sync("full").updated == 0


@every
def test_nothing_is_applied_before_it_is_saved(world: World) -> None:
    for entity in entities():
        with database.scoped("default") as connection:
            saved = mappings.active(connection, "default", world.simulated.slug, entity)
            draft = draft_of(entity, {"lines": [line("custom_fields.told", f"record.{TOLD[entity]}")]})  # type: ignore[arg-type]
            found = remapping.preview(connection, "default", saved, draft.lines)
        assert found.changed == found.rows > 0
        assert rows(f"select 1 from ppm.{entity} where custom_fields ? 'told' or overlaid <> '{{}}'") == []
    assert world.sync("full").updated == 0


@every
def test_money_under_a_line_adds_up_and_comes_back(world: World) -> None:
    entity = next(one for one in ("commitments", "actuals") if one in entities())
    target = "ordered_amount" if entity == "commitments" else "amount"
    before = facts(entity)
    save(world, entity, line(target, f"record.{target}", do="unit", times="2", by="1"))
    result = world.sync("remap", entity)
    assert result.updated > 0
    figure = "ordered" if entity == "commitments" else "amount"
    moved = [money[figure] for money in result.amounts.values()]
    assert all(Decimal(one["after"]) == 2 * Decimal(one["before"]) for one in moved), moved
    assert any(Decimal(one["delta"]) for one in moved)
    assert (
        rows(
            "select source_key from ppm.commitments where open_amount not in (0, ordered_amount - relieved_amount)"
            " or (open_amount = 0) <> (company_open_amount = 0)"
        )
        == []
    )
    assert world.sync("full").updated == 0
    save(world, entity, restored_from=0)
    world.sync("remap", entity)
    assert facts(entity) == before


@sap
def test_an_incremental_sync_applies_what_was_saved_and_never_applied(world: World) -> None:
    save(world, "commitments", line("custom_fields.told", "record.po_number"))
    result = world.sync()
    told = rows("select count(*) from ppm.commitments where custom_fields ->> 'told' is distinct from po_number")
    assert told == [(0,)]
    assert result.updated > 0
    used = rows("select mapping_versions from ppm.sync_runs where run_id = %s", result.run_id)
    assert used == [({"commitments": 1},)]
    assert rows("select applied_run_id from ppm.field_mappings") == [(result.run_id,)]
    assert world.sync().total < result.total


@sap
def test_a_required_value_that_cannot_be_read_waits_in_quarantine_until_the_mapping_is_mended(world: World) -> None:
    before, figures = facts("commitments"), rows("select count(*), sum(open_amount) from ppm.commitments where counts")
    save(world, "commitments", line("po_number", "record.po_number", do="lookup", table={"none": "none"}))
    result = world.sync("remap", "commitments")
    assert result.rejected == result.total > 0
    assert result.errors[0]["field"] == "po_number"
    assert "lookup" in result.errors[0]["reason"]
    waiting = rows("select count(*), sum(open_amount) from ppm.rejections where code = 'mapping'")
    assert waiting[0][0] == result.rejected
    save(world, "commitments", restored_from=0)
    mended = world.sync("remap", "commitments")
    assert mended.rejected == 0
    assert rows("select count(*) from ppm.rejections where code = 'mapping'") == [(0,)]
    assert facts("commitments") == before
    assert rows("select count(*), sum(open_amount) from ppm.commitments where counts") == figures


@sap
def test_what_waits_for_another_reason_waits_on_whatever_is_mapped(world: World) -> None:
    with database.owner() as connection:
        connection.exec_driver_sql(
            "insert into ppm.rejections (organization_id, system, entity, source_key, code, field, reason, raw, run_id)"
            " select organization_id, system, 'commitments', source_key, 'bad_amount', 'x', 'x', '{}', 'x'"
            " from ppm.commitments order by id limit 1"
        )
    save(world, "commitments", line("custom_fields.told", "record.po_number"))
    result = world.sync("remap", "commitments")
    assert rows("select code from ppm.rejections") == [("bad_amount",)]
    [(left,)] = rows("select count(*) from ppm.commitments where not custom_fields ? 'told'")
    assert (left, result.total) == (1, rows("select count(*) - 1 from ppm.commitments")[0][0])


@sap
def test_an_optional_value_that_cannot_be_read_keeps_the_adapter_s_and_is_told(world: World) -> None:
    before = rows("select source_key, delivery_date from ppm.commitments order by 1")
    save(world, "commitments", line("delivery_date", "record.po_number", do="date", format="DD.MM.YYYY"))
    result = world.sync("remap", "commitments")
    assert (result.rejected, result.updated) == (0, 0)
    told = result.by_entity["commitments"]["anomalies"]
    assert {one["kind"] for one in told} == {"not_mapped"}
    assert 0 < len(told) <= 100
    assert rows("select source_key, delivery_date from ppm.commitments order by 1") == before


@sap
def test_a_remapped_order_moves_to_the_mapped_project_and_a_preview_said_so(world: World) -> None:
    [(one, other, currency)] = rows(
        "select a.project_nr, b.project_nr, a.currency from ppm.commitments a join ppm.commitments b"
        " on b.company_code = a.company_code and b.currency = a.currency and b.project_nr > a.project_nr"
        " where a.counts and a.open_amount > 0 limit 1"
    )
    lines = [line("project_nr", "record.project_nr", do="lookup", table={one: other}, default="")]
    with database.scoped("default") as connection:
        saved = mappings.active(connection, "default", "sap", "commitments")
        found = remapping.preview(connection, "default", saved, draft_of("commitments", {"lines": lines}).lines)
    said = sum(after for ((_, nr), money, figure), (_, after) in found.money.items()
               if (nr, money, figure) == (other, currency, "open"))  # fmt: skip
    save(world, "commitments", *lines)
    result = world.sync("remap", "commitments")
    assert result.updated == found.changed
    assert rows(
        "select sum(open_amount) from ppm.commitments where project_nr = %s and currency = %s and counts",
        other, currency,
    ) == [(said,)]  # fmt: skip
    assert rows("select 1 from ppm.commitments where project_nr = %s and open_amount <> 0", one) == []


@sap
def test_versions_are_kept_and_only_the_newest_counts(world: World) -> None:
    save(world, "commitments", line("vendor", "record.po_number"), reason="first")
    save(world, "commitments", line("requester", "record.po_number"), reason="second")
    with database.scoped("default") as connection:
        found = mappings.versions(connection, "default", "sap", "commitments")
        assert [(one.version, one.reason, one.draft.lines[0].target) for one in found] == [
            (2, "second", "requester"),
            (1, "first", "vendor"),
        ]
        with pytest.raises(ChangedMeanwhile):
            mappings.save(connection, "default", "sap", "commitments", found[1].draft, by="b", if_version=1)
    with database.scoped("other") as connection:
        assert mappings.versions(connection, "default", "sap", "commitments") == []
    world.sync("remap", "commitments")
    assert rows("select count(*) from ppm.commitments where requester = po_number and vendor <> po_number")[0][0] > 0
    audited = rows("select who, what, subject, detail ->> 'version' from ppm.audit_log where what = 'saved_mapping'")
    assert audited == [("anna@example.com", "saved_mapping", "sap", str(number)) for number in (1, 2)]


@sap
def test_how_a_line_came_about_is_kept_and_lays_nothing_over_what_is_held_anew(world: World) -> None:
    mine = line("vendor", "record.po_number")
    for origin in ("suggestion", "by_hand"):
        save(world, "commitments", mine | {"origin": origin})
        world.sync("remap", "commitments")
    with database.owner() as connection:
        # The first version as a release wrote it that knew no origins.
        bare = "(select jsonb_agg(one - 'origin') from jsonb_array_elements(lines) one)"
        connection.execute(sa.text(f"update ppm.field_mappings set lines = {bare} where version = 1"))
        found = mappings.versions(connection, "default", "sap", "commitments")
    assert [[one.origin for one in version.draft.lines] for version in found] == [["by_hand"], [None]]
    assert found[0].draft == found[1].draft
    assert save(world, "commitments", mine | {"origin": "sure"}).applied


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            [line("nothing", "a")],
            "There is no target nothing. Choose a field of the Costbook, or custom_fields.<name>.",
        ),
        ([line("vendor")], "vendor has no source: choose a field or give a constant."),
        ([line("vendor", "a", do="shout")], "'shout' is no step"),
        ([line("vendor", "a") | {"origin": "dream"}], "'dream' is no origin of a line"),
        ([line("vendor", "a"), line("vendor", "b")], "vendor has two lines."),
        ([line("vendor", "gone")], "The source has no field gone. Choose another field."),
        ([line("vendor", "a") | {"type": "date"}], "vendor is of type text, not date."),
        ([line("custom_fields.a b", "a")], "can't be the name of a custom field"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_a_sentence(lines: list[Row], sentence: str) -> None:
    with pytest.raises(BadMapping) as refused:
        draft_of("commitments", {"lines": lines}, ["a", "b"])
    assert sentence in str(refused.value)


# Drift


def seen(*fields: SourceField) -> list[tuple[str, str, str | None, str | None]]:
    with database.owner() as connection:
        drift.seen(connection, "default", "sap", {"commitments": fields})
        told = drift.told(connection, "default", mappings.active(connection, "default", "sap", "commitments"))
    return [(one.field, one.kind, one.was, one.now) for one in told]


@pytest.mark.usefixtures("database_url")
def test_drift_is_what_changed_since_the_mapping_was_saved() -> None:
    one, other = SourceField("item.A", type="Edm.String"), SourceField("item.B", type="Edm.String")
    assert seen(one) == []
    assert seen(one, other) == [("item.B", "appeared", None, "Edm.String")]
    assert seen(one, other) == [("item.B", "appeared", None, "Edm.String")]
    typed = replace(one, type="Edm.Date")
    assert seen(typed, other)[0] == ("item.A", "type_changed", "Edm.String", "Edm.Date")
    assert seen(other)[0] == ("item.A", "vanished", "Edm.Date", None)
    with database.owner() as connection:
        assert drift.counts(connection, "default") == {"sap": 2}
        mappings.save(connection, "default", "sap", "commitments", mappings.Draft(), by="anna@example.com")
        assert drift.counts(connection, "default") == {}
        assert [field.name for field in drift.known(connection, "default", "sap", "commitments")] == ["item.B"]
    assert seen(other) == []
    assert seen(one, other) == [("item.A", "appeared", "Edm.Date", "Edm.String")]


@pytest.mark.usefixtures("database_url")
def test_fields_are_seen_for_all_entities_at_once_and_the_moment_is_kept() -> None:
    place = ("default", "sap")
    one, other = SourceField("item.A"), SourceField("item.B")
    with database.owner() as connection:
        assert drift.seen(connection, *place, {"commitments": [one, other], "actuals": [other], "projects": []}) == {
            "commitments": set(),
            "actuals": set(),
            "projects": set(),
        }
        before = {entity: drift.asked_at(connection, *place, entity) for entity in ("commitments", "actuals")}
    with database.owner() as connection:
        lost = drift.seen(connection, *place, {"commitments": [one], "actuals": []})
        assert lost == {"commitments": {"item.B"}, "actuals": set()}
        assert drift.gone(connection, *place, "commitments") == {"item.B"}
        commitments, actuals = (drift.asked_at(connection, *place, entity) for entity in ("commitments", "actuals"))
        assert commitments
        assert before["commitments"]
        assert commitments > before["commitments"]
        assert actuals == before["actuals"]  # it told nothing
        assert drift.seen(connection, *place, {"commitments": [one]}) == {"commitments": {"item.B"}}


@sap
def test_a_required_field_that_vanished_stops_the_sync_and_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(world, "commitments", line("po_number", "order.PurchaseOrder"))
    before = facts("commitments")
    adapter = world.adapter()
    there = [SourceField("order.CompanyCode"), SourceField("item.NetAmount")]
    monkeypatch.setattr(adapter, "fields", lambda _: there)
    with pytest.raises(drift.FieldLost) as lost:
        world.sync("full", adapter=adapter)
    assert "order.PurchaseOrder" in str(lost.value)
    assert facts("commitments") == before
    assert rows("select status, problem from ppm.sync_runs order by requested_at desc limit 1") == [
        ("failed", "refused")
    ]


@pytest.mark.usefixtures("database_url")
def test_a_required_target_is_not_saved_from_a_field_that_vanished() -> None:
    number, rest = SourceField("order.PurchaseOrder"), SourceField("item.NetAmount")
    seen(number, rest)
    seen(rest)
    lost = draft_of("commitments", {"lines": [line("po_number", "order.PurchaseOrder")]})
    kept = draft_of("commitments", {"lines": [line("custom_fields.lost", "order.PurchaseOrder")]})
    with database.scoped("default") as connection:
        seen_by = mapping_view.view(connection, "default", "sap", "commitments")
        with pytest.raises(drift.FieldLost, match=r"order\.PurchaseOrder"):
            mapping_view.save(connection, seen_by, lost, by="anna@example.com")
        assert mapping_view.save(connection, seen_by, kept, by="anna@example.com").version == 1


@sap
def test_a_field_that_vanishes_is_told_and_the_sync_goes_on_with_the_rest(world: World) -> None:
    def told() -> dict[str, set[str]]:
        with database.scoped("default") as connection:
            saved = mappings.active(connection, "default", "sap", "commitments")
            found = drift.told(connection, "default", saved)
        return {kind: {one.field for one in found if one.kind == kind} for kind in ("vanished", "appeared")}

    assert told() == {"vanished": set(), "appeared": set()}
    world.fault("old_release")
    before = rows("select sum(open_amount) from ppm.commitments where counts")
    result = world.sync("full")
    gone = told()["vanished"]
    assert gone
    assert result.total > 0
    assert rows("select sum(open_amount) from ppm.commitments where counts") == before
    world.calm()
    world.sync()
    assert told() == {"vanished": set(), "appeared": gone}


def test_money_of_a_record_without_a_company_currency_is_mapped_all_the_same() -> None:
    ten, none = Decimal(10), Decimal(0)
    record = Commitment("1", "", "P", "1", "1", "EUR", ten, none, ten, "", none, none, none)
    [doubled] = draft_of("commitments", {"lines": [line("ordered_amount", "net", do="number", decimal=",")]}).lines
    made, failures = lay_over(record, {"net": "20,005"}, [doubled])
    assert isinstance(made, Commitment)
    assert (made.ordered_amount, made.open_amount, failures) == (Decimal("20.01"), Decimal("20.01"), [])
    assert made.overlaid["ordered_amount"] == "10"


@sap
def test_a_field_that_only_raw_records_hold_is_not_taken_for_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(world, "commitments", line("po_number", "order.Dimension.Number"))
    adapter = world.adapter()
    monkeypatch.setattr(adapter, "fields", lambda _: [SourceField("order.CompanyCode")])
    assert world.sync("full", adapter=adapter).rejected == 0


# Fields that nobody has read so far


@dataclass(frozen=True)
class Unread:
    """A field that no read asks for by itself; ``told`` asks the simulation for it alone, by the key of raw records."""

    entity: Any
    field: str
    told: Callable[[Any], dict[str, str]]


def _answered(client: Any, protocol: V2 | V4, path: str, **options: str) -> Iterator[Row]:
    for page in odata.pages(client, protocol, path, {f"${name}": value for name, value in options.items()}):
        yield from page


def _groups(protocol: V2 | V4, path: str) -> Callable[[Any], dict[str, str]]:
    def told(adapter: Any) -> dict[str, str]:
        named = _answered(
            adapter._reader.client, protocol, path, select="PurchaseOrder,PurchaseOrderItem,MaterialGroup"
        )
        return {f"{one['PurchaseOrder']}/{one['PurchaseOrderItem']:0>5}": one["MaterialGroup"] for one in named}

    return told


def _stock_quantities(adapter: Any) -> dict[str, str]:
    wanted = "dataAreaId,PurchId,LineNumber,QtyOrdered"
    found = _answered(adapter._product.reader.client, V4(), "PurchLineBiEntities", select=wanted)
    return {f"{one['dataAreaId']}/{one['PurchId']}/{one['LineNumber']}": str(one["QtyOrdered"]) for one in found}


def _unit_costs(adapter: Any) -> dict[str, str]:
    product = adapter._product
    lines = "purchaseOrderLines($select=sequence,directUnitCost)"
    return {
        f"{company.name}/{order['number']}/{one['sequence']}": str(one["directUnitCost"])
        for company in product.companies()
        for order in _answered(
            product.reader.client, V4(), company.path(dynamics_bc_streams.ORDERS), select="number", expand=lines
        )
        for one in order["purchaseOrderLines"]
    }


def _changes_of_projects(adapter: Any) -> dict[str, str]:
    found = _answered(adapter._product.reader.client, V4(), "msdyn_projects", select="msdyn_projectid,modifiedon")
    return {one["msdyn_projectid"]: one["modifiedon"] for one in found}


UNREAD = {
    "sap-v4": Unread("commitments", "item.MaterialGroup", _groups(V4(), sap_streams.ORDERS_V4.orders.path + "Item")),
    "sap-v2": Unread("commitments", "item.MaterialGroup", _groups(V2(), sap_streams.ORDERS_V2.orders.path + "Item")),
    "dynamics-finance_operations": Unread("commitments", "bi.QtyOrdered", _stock_quantities),
    "dynamics-business_central": Unread("commitments", "line.directUnitCost", _unit_costs),
    "dynamics-dataverse": Unread("projects", "modifiedon", _changes_of_projects),
}
unread = pytest.mark.parametrize("simulated", [named(name) for name in UNREAD], ids=str)


def _state(world: World, case: Unread) -> tuple[bool, bool, dict[str, list[str]]]:
    """Whether the newest version is applied, whether raw records hold the field, and what is awaited."""
    with database.scoped("default") as connection:
        seen = mapping_view.view(connection, "default", world.simulated.slug, case.entity)
    [read] = [one.read for one in seen.fields if one.name == case.field]
    return seen.saved.applied, read, seen.awaited()


def _waiting(world: World, case: Unread) -> bool:
    with database.owner() as connection:
        return remapping.waiting(connection, "default", world.simulated.slug, case.entity)


def _held(case: Unread, name: str = "told") -> dict[str, str]:
    which = "" if case.entity == "projects" else " where listed"
    return dict(rows(f"select raw_key, custom_fields ->> '{name}' from ppm.{case.entity}{which}"))


@unread
def test_a_field_that_nobody_read_comes_with_the_next_sync(world: World) -> None:
    case = UNREAD[world.simulated.name]
    target = "custom_fields.told"
    assert _state(world, case) == (True, False, {})
    save(world, case.entity, line(target, case.field))
    assert _state(world, case) == (False, False, {target: [case.field]})
    assert not _waiting(world, case)
    world.sync()
    assert _state(world, case) == (True, True, {})
    told, held = case.told(world.adapter()), _held(case)
    assert held == {key: told[key] for key in held}
    assert all(held.values())
    again = world.sync("full")
    assert (again.inserted, again.updated) == (0, 0), counts(again)
    assert_as_in_the_books(world)


@unread
def test_a_field_that_was_read_once_is_laid_over_what_is_held_until_no_line_reads_it(world: World) -> None:
    case = UNREAD[world.simulated.name]
    save(world, case.entity, line("custom_fields.told", case.field))
    world.sync()
    held, asked = _held(case), world.told()["requests"]
    save(world, case.entity, line("custom_fields.other", case.field))
    assert _waiting(world, case)
    world.sync("remap", case.entity)
    assert _held(case, "other") == held
    assert not any(_held(case).values())
    assert world.told()["requests"] == asked
    save(world, case.entity)
    world.sync("remap", case.entity)
    save(world, case.entity, line("custom_fields.told", case.field))
    assert _state(world, case)[:2] == (False, False)
    assert not _waiting(world, case)
    world.sync("remap", case.entity)  # somebody launches it all the same
    assert not _state(world, case)[0]
    world.sync()
    assert (_held(case), _state(world, case)[0]) == (held, True)


@unread
def test_what_lines_want_is_asked_for_along_with_the_rest_and_else_nothing_changes(world: World) -> None:
    case = UNREAD[world.simulated.name]

    def read(*wanted: str) -> tuple[int, dict[str, Any]]:
        adapter, before = world.adapter(), world.told()["requests"]
        adapter.wanted = {case.entity: wanted}
        raws = {f"{raw.stream}/{raw.key}": raw.record for page in adapter.read("costs", None) for raw in page.raws}
        return world.told()["requests"] - before, raws

    plain = read()
    known = [one.name for one in world.adapter().fields(case.entity) if one.read]
    assert read(*known, f"record.{TOLD[case.entity]}", f"{case.field}Gone", "nowhere.Field") == plain
    requests, raws = read(case.field)
    assert requests == plain[0]
    assert raws.keys() == plain[1].keys()
    assert raws != plain[1]


@unread
def test_a_draft_that_reads_what_nobody_read_is_previewed_without_its_values(world: World) -> None:
    case = UNREAD[world.simulated.name]
    lines = [
        line("custom_fields.told", "record.source_key", case.field, do="concatenate", separator="/"),
        line("custom_fields.key", "record.source_key"),
    ]
    with database.scoped("default") as connection:
        seen = mapping_view.view(connection, "default", world.simulated.slug, case.entity)
        found = remapping.preview(connection, "default", seen.saved, seen.draft({"lines": lines}).lines)
    assert found.awaited == {"custom_fields.told": [case.field]}
    assert found.changed == found.rows > 0
    assert {value["target"] for one in found.examples for value in one["values"]} == {"custom_fields.key"}
    assert found.errors == {}


@sap
def test_a_wanted_field_that_vanishes_is_drift_and_the_sync_goes_on(world: World) -> None:
    case = Unread("commitments", "item.EffectiveAmount", dict)
    save(world, case.entity, line("custom_fields.told", case.field))
    world.sync()
    held = _held(case)
    assert all(held.values())
    world.fault("old_release")
    world.advance(20)
    world.sync()
    with database.scoped("default") as connection:
        told = drift.told(connection, "default", mappings.active(connection, "default", "sap", "commitments"))
    assert (case.field, "vanished") in [(one.field, one.kind) for one in told]
    assert held.items() & _held(case).items()
    world.sync("full")
    assert not any(_held(case).values())
    assert_as_in_the_books(world)
    world.calm()
    world.sync("full")
    assert all(_held(case).values())


@pytest.mark.parametrize(
    ("simulated", "field"),
    [(named("netsuite-oauth2"), "custcol_hr_note"), (named("jira-cloud"), "customfield_10037")],
    ids=str,
)
def test_what_an_adapter_never_asks_for_is_refused(world: World, field: str) -> None:
    with database.scoped("default") as connection:
        seen = mapping_view.view(connection, "default", world.simulated.slug, "commitments")
        assert [seen.mappable(one) for one in seen.fields if one.name == field] == [False]
        with pytest.raises(BadMapping, match=f"The source has no field {field}"):
            seen.draft({"lines": [line("vendor", field)]})


@pytest.mark.parametrize(
    ("simulated", "entity", "source"),
    [
        (named("sap-v4"), "actuals", "PersonnelNumber"),
        (named("sap-v2"), "actuals", "PersonnelNumber"),
        (named("dynamics-finance_operations"), "actuals", "posting.EmplItemId"),
        (named("jira-cloud"), "actuals", "author.accountId"),
        (named("jira-cloud"), "actuals", "record.vendor_description"),
        (named("jira-cloud"), "commitments", "reporter.accountId"),
        (named("jira-data_center"), "commitments", "assignee.key"),
    ],
    ids=str,
)
def test_who_worked_is_mapped_to_nothing(world: World, entity: Any, source: str) -> None:
    with database.scoped("default") as connection:
        seen = mapping_view.view(connection, "default", world.simulated.slug, entity)
        assert not any(seen.mappable(one) for one in seen.fields if one.name == source)
        assert source not in {one.field for one in seen.suggestions(connection, seen.saved.draft)}
        with pytest.raises(BadMapping, match=f"{source} tells who worked, and no mapping reads that"):
            seen.draft({"lines": [line("custom_fields.who", source)]})
    save(world, entity, line("custom_fields.who", source))  # as an earlier release let it
    world.sync("full")
    assert rows(f"select 1 from ppm.{entity} where custom_fields ? 'who'") == []
    assert rows("""select 1 from ppm.raw_records where record::text ~ '"(PersonnelNumber|EmplItemId)"'""") == []


def test_what_holds_fields_is_no_field_where_it_is_empty() -> None:
    known = [SourceField("parent.key", "Parent")]
    found = {"parent": [], "parent.key": ["A-1"], "parent.id": ["7"], "note": []}
    named_ = [(one.name, one.samples) for one in remapping.with_samples(known, found)]
    assert named_ == [("parent.key", ("A-1",)), ("parent.id", ("7",)), ("note", ())]


@every
def test_every_field_that_a_source_tells_has_its_type(world: World) -> None:
    adapter = world.adapter()
    fields = [one for entity in entities() for one in adapter.fields(entity)]
    assert fields
    assert [one.name for one in fields if not one.type] == []
