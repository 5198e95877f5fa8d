"""What we hold beside what the source itself reports for the same cut, by a second road.

Belongs here: the comparison of rows and money per project, currency and period, and its sentence. Does not belong here:
how a source counts (``adapters``), when a load asks (``load``). Differences are told, never repaired (DOMAIN R20).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from ppm_pipelines.facts import FACTS, SUMMED
from ppm_pipelines.records import ZERO, ControlTotal, shown

Run = Callable[..., Any]  # a statement of ours, with the organisation, the system and the given values
Place = tuple[str, str, str]  # project, currency, period


def reconciled(run: Run, control: dict[str, list[ControlTotal]]) -> dict[str, Any]:
    """Rows and money per project, currency and period beside the source's own, for entities that it can tell."""
    differences: list[dict[str, str]] = []
    rows: dict[str, dict[str, int]] = {}
    for name, totals in control.items():
        if any(total.rows or total.figure == "rows" for total in totals):
            rows[name] = {"ours": _rows_known(run, name), "source": sum(total.rows for total in totals)}
        figures = list(dict.fromkeys(total.figure for total in totals if total.figure != "rows"))
        for figure, ours in _ours(run, name, figures).items():
            source = {(t.project_nr, t.currency, t.period): t.amount for t in totals if t.figure == figure}
            for place, money in _differing(ours, source):
                where = dict(zip(("project_nr", "currency", "period"), place, strict=True))
                differences.append({"entity": name, "figure": figure} | where | money)
    missing = [name for name, totals in control.items() if not totals]
    told = {side: sum(one[side] for one in rows.values()) for side in ("ours", "source")}
    same_rows = all(one["ours"] == one["source"] for one in rows.values())
    return {
        "ok": same_rows and not differences,
        "rows": told,
        "differences": differences,
        "rows_by_entity": rows,
        "not_compared": missing,
        "detail": _in_words(rows, differences, missing),
    }


def _rows_known(run: Run, name: str) -> int:
    """What the source should count too: rows that it lists, and quarantined ones that name a project."""
    mine = "organization_id = %(organization)s and {0}.system = %(system)s"
    row = run(
        f"select (select coalesce(sum(rows), 0) from ppm.project_sums s where s.{mine.format('s')}"
        " and s.fact = %(entity)s and s.known) + (select count(*) from ppm.rejections r"
        f" where r.{mine.format('r')} and r.entity = %(entity)s"
        f" and r.code <> 'no_project' and not exists (select 1 from {FACTS[name].table} t where t.{mine.format('t')}"
        " and t.listed and t.source_key = r.source_key)) as rows",
        entity=name,
    ).fetchone()
    return int(row["rows"]) if row else 0


def _ours(run: Run, name: str, figures: Sequence[str]) -> dict[str, dict[Place, Decimal]]:
    """By figures as ``ControlTotal`` names them, in one look: ``relieved:receipt`` sums what receipts relieve."""
    told = {figure: figure.partition(":")[::2] for figure in figures}
    columns = {wanted: _column(name, wanted) for wanted, _ in told.values()}
    found: dict[str, dict[Place, Decimal]] = {figure: {} for figure in figures}
    if not figures:
        return found
    summed = ", ".join(f"sum({column}) as {wanted}" for wanted, column in columns.items())
    rows = run(
        f"select project_nr, currency, company_currency, period, kind, {summed} from ppm.project_sums"
        " where organization_id = %(organization)s and system = %(system)s and fact = %(entity)s and known"
        " group by 1, 2, 3, 4, 5",
        entity=name,
    ).fetchall()
    for figure, (wanted, kind) in told.items():
        own, currency = found[figure], "company_currency" if wanted == "company" else "currency"
        for row in rows:
            if kind in ("", row["kind"]):
                place = row["project_nr"], row[currency], row["period"]
                own[place] = own.get(place, ZERO) + row[wanted]
    return found


def _column(name: str, wanted: str) -> str:
    """The stored sum that a figure is told by."""
    amount = {"relieved": "relieved_amount", "company": "company_amount"}.get(wanted) or FACTS[name].sums[wanted]
    return SUMMED[amount]


def _differing(ours: dict[Place, Decimal], source: dict[Place, Decimal]) -> Iterator[tuple[Place, dict[str, str]]]:
    differing = (one for one in source.keys() | ours.keys() if ours.get(one, ZERO) != source.get(one, ZERO))
    for place in sorted(differing):
        mine, told = ours.get(place, ZERO), source.get(place, ZERO)
        money = {"ours": mine, "source": told, "delta": mine - told}
        yield place, {name: str(shown(value, place[1])) for name, value in money.items()}


def _in_words(rows: dict[str, dict[str, int]], differences: list[dict[str, str]], missing: list[str]) -> str:
    """The first difference as a sentence, how many more there are, and what was not compared; empty when all agrees."""
    sentences = [
        f"The source counts {one['source']} {name}, the Costbook {one['ours']}."
        for name, one in rows.items()
        if one["ours"] != one["source"]
    ]
    for first in differences[:1]:
        period = f" in period {first['period']}" if first["period"] else ""
        sentences.append(
            f"Project {first['project_nr']}{period}: the source says {first['source']} {first['currency']}, the"
            f" Costbook {first['ours']} {first['currency']} ({first['entity']}, {first['figure']}; difference"
            f" {first['delta']})."
        )
    if len(differences) > 1:
        sentences.append(f"{len(differences) - 1} more differences are listed.")
    sentences += [f"The source could not count {name} this time, so they were not compared." for name in missing]
    return " ".join(sentences)
