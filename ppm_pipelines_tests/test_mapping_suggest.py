"""Suggestions: what is sure is right, memory goes first, one target for one field, and the same always comes out."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.mapping import NAMES, UNTOUCHED, Schema, alone, measured, seen, strangers
from bench.mapping_figures import Figures
from ppm_pipelines.mapping import assignment, review
from ppm_pipelines.mapping.fields import SourceField, Target, custom_field, targets
from ppm_pipelines.mapping.lexicon import shipped
from ppm_pipelines.mapping.profiles import agreement, date_forms, kinds, number_form
from ppm_pipelines.mapping.scoring import shipped_weights
from ppm_pipelines.mapping.sentences import Said, catalogue
from ppm_pipelines.mapping.standard import StandardLine
from ppm_pipelines.mapping.suggest import VOICED, Decision, Memory, Opinion, Suggestion, as_json, suggest
from ppm_pipelines.mapping.transforms import apply, line

GERMAN = "Bestellnummer Position Lieferant Lieferantenname Bestelldatum Lieferdatum Kostenstelle PSP-Element Währung"
ENGLISH = "po_number line_no supplier supplierName OrderDate DELIVERY_DATE cost_centre wbs_element currency_code"
MEANT = "po_number po_line_nr vendor vendor_description po_date delivery_date cost_center wbs_element currency"


def told(names: Iterable[str], entity: str = "commitments", **given: object) -> dict[str, Suggestion]:
    found = suggest([SourceField(name) for name in names], targets(entity), **given)  # type: ignore[arg-type]
    return {one.field: one for one in found}


def figures(samples: bool) -> Figures:
    return measured(strangers(samples), shipped(), shipped_weights())


@pytest.mark.parametrize("samples", [False, True])
def test_what_is_sure_is_right_and_most_is_found(samples: bool) -> None:
    found = figures(samples)
    assert found.sure == found.sure_right > 100
    assert found.first / found.mapped >= 0.97
    assert found.three / found.mapped >= 0.99
    assert found.left / found.empty >= 0.97


def test_headers_that_nothing_was_tuned_on_are_read_too() -> None:
    found = measured(strangers(False, [UNTOUCHED]), shipped(), shipped_weights())
    assert found.first / found.mapped >= 0.85
    assert found.three / found.mapped >= 0.97
    assert found.left / found.empty >= 0.97
    assert found.sure_right / found.sure >= 0.99


def test_words_of_every_target_are_read_without_neighbours() -> None:
    found = measured(alone(), shipped(), shipped_weights())
    assert found.first / found.mapped >= 0.98
    assert found.left / found.empty >= 0.98
    assert found.sure_right / found.sure >= 0.99


@pytest.mark.parametrize("names", [GERMAN, ENGLISH])
def test_german_is_read_as_well_as_english(names: str) -> None:
    found = told(names.split())
    assert [one.target for one in found.values()] == MEANT.split()


@pytest.mark.parametrize(
    ("system", "entity", "names", "meant"),
    [
        ("sap", "commitments", "EBELN EBELP LIFNR NETWR WAERS EINDT",
         "po_number po_line_nr vendor ordered_amount currency delivery_date"),
        ("sap", "actuals", "BELNR BUDAT WRBTR DMBTR HKONT XBLNR",
         "fi_doc_no posting_date amount company_amount gl_account vendor_invoice_no"),
        ("dynamics", "commitments", "PurchaseOrderNumber LineNumber OrderVendorAccountNumber",
         "po_number po_line_nr vendor"),
        ("dynamics", "actuals", "documentNo postingDate jobNo", "fi_doc_no posting_date project_nr"),
        ("netsuite", "commitments", "tranid entity linesequencenumber", "po_number vendor po_line_nr"),
        ("jira", "projects", "key name", "project_nr name"),
    ],
)  # fmt: skip
def test_technical_names_of_shipped_systems(system: str, entity: str, names: str, meant: str) -> None:
    found = told(names.split(), entity, system=system)
    assert [one.target for one in found.values()] == meant.split()


def test_what_is_recognised_and_not_needed_stays_empty_and_says_so() -> None:
    found = told(["Profitcenter", "Tax code", "Einkäufergruppe", "fiscal_period"])
    assert {one.target for one in found.values()} == {None}
    assert {one.reasons[0].code for one in found.values()} == {"not_needed"}
    assert "Profitcenter" in found["Profitcenter"].reasons[0].sentence("de")


def test_what_nobody_knows_stays_empty_and_says_so() -> None:
    one = told(["Xyzzy"])["Xyzzy"]
    assert (one.target, one.word, one.reasons[0].code, one.alternatives) == (None, "none", "unknown", ())


def test_no_target_is_given_twice_and_the_displaced_names_it() -> None:
    found = told(["Purchase order number", "PO no."])
    given = [one for one in found.values() if one.target == "po_number"]
    lost = [one for one in found.values() if one.target is None]
    assert len(given) == len(lost) == 1
    assert lost[0].reasons[0].code == "taken"
    assert lost[0].alternatives[0].target == "po_number"
    assert given[0].word == "check"
    assert "contested" in [said.code for said in given[0].reasons]


@pytest.mark.parametrize("entity", ["commitments", "actuals"])
def test_the_same_fields_give_the_same_in_any_order(entity: str) -> None:
    schemas = [schema for schema in strangers() if schema.targets[0].entity == entity]
    fields = list({case.source.name: case.source for schema in schemas for case in schema.cases}.values())
    first = {one.field: one for one in suggest(fields, targets(entity))}  # type: ignore[arg-type]
    for seed in range(3):
        mixed = random.Random(seed).sample(fields, len(fields))
        other_way = list(targets(entity))[::-1]  # type: ignore[arg-type]
        assert {one.field: one for one in suggest(mixed, other_way)} == first


def test_values_decide_between_name_and_number() -> None:
    numbers = SourceField("Lieferant", samples=("100234", "100871"))
    names = SourceField("Lieferant", samples=("Muster Bau GmbH", "Nordwerk AG"))
    found = [suggest([one], targets("commitments"))[0].target for one in (numbers, names)]
    assert found == ["vendor", "vendor_description"]


def test_a_thing_as_a_whole_is_sure_only_where_something_tells_its_number_from_its_name() -> None:
    alone = told(["Lieferant", "Bestelldatum"])["Lieferant"]
    assert (alone.target, alone.word) == ("vendor", "check")
    assert alone.reasons[-1] == Said("contested", {"other": "vendor_description"})
    beside = told(["Lieferant", "Lieferantenname"])["Lieferant"]
    assert (beside.target, beside.word) == ("vendor", "sure")
    assert told(["Creditor"], "actuals")["Creditor"].word == "check"  # of another system it would be a technical name
    technical = suggest([SourceField("LIFNR", label_de="Lieferant")], targets("commitments"), system="sap")[0]
    assert (technical.target, technical.word) == ("vendor", "sure")


def test_words_for_contractors_and_works_are_names_unless_their_number_is_missing() -> None:
    assert told(["Nachunternehmer"])["Nachunternehmer"].target == "vendor_description"
    works = told(["Vorhaben", "Invest-Nr."], "projects")
    assert [one.target for one in works.values()] == ["name", "project_nr"]


def test_what_is_required_and_missing_is_offered_to_fields_that_are_not_understood() -> None:
    found = told(["Xyzzynr.", "Xyzzy-Datum", "Lieferadresse"], "actuals")
    assert {one.word for one in found.values()} == {"none"}
    offered = [[other.target for other in one.alternatives] for one in found.values()]
    assert offered[0] == ["fi_doc_no", "project_nr", "company_code"]
    assert "posting_date" in offered[1]
    assert not {"fi_doc_no", "company_code"} & set(offered[2])
    taken = told(["Xyzzynr.", "Belegnummer", "Projektnummer"], "actuals")["Xyzzynr."]
    assert not {"fi_doc_no", "project_nr"} & {other.target for other in taken.alternatives}


def test_what_the_standard_fills_is_not_offered_as_missing() -> None:
    def offered(*filled: str) -> set[str]:
        standard = [StandardLine(target, "text", ("row",)) for target in filled]
        [one] = review.suggestions("actuals", "sap", [SourceField("item.Xyzzynr")], (), (), standard, ())
        return {other.target for other in one.alternatives}

    assert offered() == {"fi_doc_no", "project_nr", "company_code"}
    assert offered("fi_doc_no", "company_code", "currency") == {"project_nr"}


def test_what_is_missing_is_not_offered_where_it_was_rejected() -> None:
    memory = Memory([Decision("abas", "actuals", "Xyzzynr.", "fi_doc_no", confirmed=False)])
    one = told(["Xyzzynr."], "actuals", memory=memory, system="abas")["Xyzzynr."]
    assert "fi_doc_no" not in [other.target for other in one.alternatives]


def test_values_that_clash_are_not_called_sure() -> None:
    one = suggest([SourceField("Bestelldatum", samples=("Muster Bau GmbH", "Nordwerk AG"))], targets("commitments"))[0]
    assert one.word != "sure"
    assert one.target is None or "values_clash" in [said.code for said in one.reasons]


def test_values_that_can_be_read_in_two_ways_are_not_called_sure() -> None:
    one = suggest([SourceField("Bestelldatum", samples=("03/04/2026",))], targets("commitments"))[0]
    assert (one.target, one.word) == ("po_date", "check")
    assert "two_readings" in [said.code for said in one.reasons]


def test_a_technical_name_goes_before_its_label() -> None:
    one = suggest([SourceField("LIFNR", label_en="Contract number")], targets("commitments"), system="sap")[0]
    assert (one.target, one.reasons[0].code) == ("vendor", "technical_name")
    assert one.alternatives[0].target == "contract_number"


def test_words_go_with_scores() -> None:
    weights = shipped_weights()
    for schema in strangers():
        for one in suggest([case.source for case in schema.cases], schema.targets):
            assert 0 <= one.score <= 1
            assert (one.word == "none") == (one.target is None)
            assert one.word != "sure" or one.score >= weights.sure
            assert len(one.alternatives) <= 3
            assert one.target not in [other.target for other in one.alternatives]


# Memory --------------------------------------------------------------------------------------------------------------


def test_what_was_confirmed_is_suggested_first() -> None:
    memory = Memory([Decision("abas", "commitments", "Xyzzy", "vendor")])
    one = told(["Xyzzy", "Lieferant"], memory=memory, system="abas")
    assert (one["Xyzzy"].target, one["Xyzzy"].word, one["Xyzzy"].reasons[0].code) == ("vendor", "sure", "confirmed")
    assert one["Lieferant"].target != "vendor"


def test_what_was_confirmed_elsewhere_is_known_of_too() -> None:
    memory = Memory([Decision("abas", "commitments", "Xyzzy", "vendor")])
    one = told(["xyzzy"], memory=memory, system="sage")["xyzzy"]
    assert (one.target, one.reasons[0].code) == ("vendor", "confirmed_elsewhere")
    assert "abas" in one.reasons[0].sentence("en")
    assert told(["xyzzy"], "actuals", memory=memory)["xyzzy"].target is None


def test_systems_that_disagree_say_nothing() -> None:
    memory = Memory([Decision("a", "actuals", "Xyzzy", "vendor"), Decision("b", "actuals", "Xyzzy", "po_no")])
    assert told(["Xyzzy"], "actuals", memory=memory, system="c")["Xyzzy"].target is None


def test_what_was_rejected_is_not_suggested_again() -> None:
    memory = Memory([Decision("sap", "commitments", "EBELN", "po_number", confirmed=False)])
    assert told(["EBELN"], memory=memory, system="sap")["EBELN"].target is None
    assert told(["EBELN"], memory=memory, system="other")["EBELN"].target == "po_number"


def test_what_was_set_aside_stays_empty() -> None:
    memory = Memory([Decision("sap", "commitments", "EBELN", None)])
    one = told(["EBELN"], memory=memory, system="sap")["EBELN"]
    assert (one.target, one.reasons[0].code) == (None, "ignored")


def test_the_last_decision_counts() -> None:
    yes, no = (Decision("s", "actuals", "Xyzzy", "vendor", confirmed=confirmed) for confirmed in (True, False))
    assert told(["Xyzzy"], "actuals", memory=Memory([yes, no]), system="s")["Xyzzy"].target is None
    assert told(["Xyzzy"], "actuals", memory=Memory([no, yes]), system="s")["Xyzzy"].target == "vendor"


# Other voices --------------------------------------------------------------------------------------------------------


class Parrot:
    """Says one thing."""

    def __init__(self, field: str, target: str, score: float = 1.0) -> None:
        self.said = Opinion(field, target, score, Said("like_name", {}))

    def opinions(self, fields: Sequence[SourceField], targets: Sequence[Target]) -> Iterable[Opinion]:
        assert fields
        assert targets
        return [self.said]


def test_another_voice_can_suggest_and_is_never_sure() -> None:
    one = told(["Xyzzy"], voices=[Parrot("Xyzzy", "vendor")])["Xyzzy"]
    assert (one.target, one.word, one.score, one.reasons) == ("vendor", "check", VOICED, (Said("like_name", {}),))


def test_another_voice_does_not_displace_what_is_sure() -> None:
    found = told(["EBELN", "Xyzzy"], voices=[Parrot("Xyzzy", "po_number")], system="sap")
    assert (found["EBELN"].target, found["Xyzzy"].target) == ("po_number", None)


def test_a_voice_that_speaks_of_nothing_here_is_not_heard() -> None:
    assert told(["EBELN"], voices=[Parrot("Nobody", "po_number"), Parrot("EBELN", "nothing")])["EBELN"].score > 0.9


# Custom fields, edges ------------------------------------------------------------------------------------------------


def test_custom_fields_are_targets_too() -> None:
    mine = custom_field("commitments", "warranty_end", "date", "Warranty end", "Gewährleistungsende")
    these = [*targets("commitments"), mine]
    found = suggest([SourceField("Gewährleistungsende"), SourceField("custcol_warranty_end")], these)
    assert "custom_fields.warranty_end" in [one.target for one in found]
    assert suggest([SourceField("Gewaehrleistungsende")], these)[0].target == mine.name


def test_fields_and_targets_are_named_once_and_of_one_entity() -> None:
    with pytest.raises(ValueError, match="same field is named twice"):
        suggest([SourceField("a"), SourceField("a")], targets("actuals"))
    with pytest.raises(ValueError, match="same target is named twice"):
        suggest([], [*targets("actuals"), *targets("actuals")])
    with pytest.raises(ValueError, match="several entities"):
        suggest([], [*targets("actuals"), *targets("projects")])


def test_without_targets_or_fields() -> None:
    assert suggest([], targets("actuals")) == []
    assert suggest([SourceField("a")], [])[0].target is None


def test_every_reason_has_a_sentence_in_both_languages() -> None:
    for schema in strangers():
        for one in suggest([case.source for case in schema.cases], schema.targets):
            for language in ("en", "de"):
                wire = as_json(one, language)
                assert wire["reason"].endswith(".")
                assert "{" not in wire["reason"]
    assert all(set(one) == {"en", "de"} for one in catalogue().values())


def test_variants_hide_what_they_say() -> None:
    field = SourceField("a", "b", "c", "date", ("d",))
    schema = Schema("", "", "", targets("actuals"), [])
    assert NAMES(field) == SourceField("a")
    assert seen(schema, NAMES).cases == []


# Assignment ----------------------------------------------------------------------------------------------------------


def most(gains: dict[tuple[int, int], int], fields: list[int], used: frozenset[int] = frozenset()) -> int:
    if not fields:
        return 0
    rest = [most(gains, fields[1:], used)]
    rest += [
        gain + most(gains, fields[1:], used | {target})
        for (field, target), gain in gains.items()
        if field == fields[0] and target not in used
    ]
    return max(rest)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 4)), st.integers(1, 30), max_size=16))
def test_the_assignment_is_the_best_there_is(gains: dict[tuple[int, int], int]) -> None:
    found = assignment.best(gains)
    assert len(set(found.values())) == len(found)
    assert sum(gains[pair] for pair in found.items()) == most(gains, sorted({field for field, _ in gains}))


# Values --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "kind"),
    [
        (("2026-01-31", "2026-02-01"), "date"),
        (("31.01.2026",), "date"),
        (("20260131",), "date"),
        (("/Date(1767225600000)/",), "date"),
        (("EUR", "USD"), "currency"),
        (("X", "", ""), "flag"),
        (("P-1001.02.03", "P-1001.02.04"), "wbs"),
        (("12.480,50", "98,75-"), "decimal"),
        (("00010", "00020"), "small"),
        (("4500000001", "4500000002"), "number"),
        (("Muster Bau GmbH", "Nordwerk AG"), "company"),
        (("Anna Meier", "Karl Schulz"), "person"),
        (("a@b.de",), "email"),
        (("ST", "KG"), "unit"),
        (("{}", "[]"), "object"),
    ],
)
def test_kinds_of_values(samples: tuple[str, ...], kind: str) -> None:
    assert kind in kinds(samples)


def test_kinds_without_values_are_those_of_the_type() -> None:
    assert kinds((), "date") == {"date"}
    assert kinds(("",), "") == frozenset()


def test_agreement() -> None:
    assert agreement("date", kinds(("31.01.2026",))) == 1
    assert agreement("date", kinds(("EUR",))) == -1
    assert agreement("date", frozenset()) == agreement("", kinds(("EUR",))) == 0


@pytest.mark.parametrize(
    ("samples", "forms"),
    [
        (["03/04/2026"], ["MM/DD/YYYY", "DD/MM/YYYY"]),
        (["03/04/2026", "13/04/2026"], ["DD/MM/YYYY"]),
        (["32.01.2026"], []),
        (["20261301"], []),
        ([], []),
    ],
)
def test_forms_of_dates(samples: list[str], forms: list[str]) -> None:
    assert date_forms(samples) == forms


@pytest.mark.parametrize(
    ("samples", "sign"),
    [(["12.480,50"], ","), (["12,480.50"], "."), (["1.250"], None), (["1.250", "0,5"], ","), (["1.250.000"], ","),
     (["12,50-"], ","), (["abc"], None), (["1,5", "1.5"], None), (["100"], None), (["0.125"], ".")],
)  # fmt: skip
def test_forms_of_numbers(samples: list[str], sign: str | None) -> None:
    assert number_form(samples) == sign


@pytest.mark.parametrize(
    ("indicator", "samples", "negative", "positive"),
    [
        ("SHKZG", ("S", "H", "S"), ["H"], ["S"]),
        ("S/H-Kennzeichen", ("S",), ["H"], ["S"]),
        ("DebitCreditCode", ("D", "C"), ["C"], ["D"]),
        ("Soll/Haben", ("Soll", "Haben"), ["Haben"], ["Soll"]),
        ("Debit/Credit", ("debit", "CREDIT"), ["credit", "CREDIT"], ["debit", "DEBIT"]),
        ("Buchungsschlüssel", ("40", "50"), ["50"], ["40"]),
    ],
)
def test_an_indicator_of_debit_and_credit_gives_the_amount_its_sign(
    indicator: str, samples: tuple[str, ...], negative: list[str], positive: list[str]
) -> None:
    fields = [SourceField("Betrag", samples=("1.250,00", "7,50")), SourceField(indicator, samples=samples)]
    amount, other = suggest(fields, targets("actuals"))
    assert (amount.target, amount.sources) == ("amount", ("Betrag", indicator))
    (step,) = amount.steps
    assert (step["do"], step["decimal"]) == ("sign", ",")
    assert (sorted(step["negative"]), sorted(step["positive"])) == (sorted(negative), sorted(positive))
    assert amount.reasons[-1].sentence("de") == f"Soll/Haben steht in {indicator}."
    assert (other.target, other.reasons) == (None, (Said("sign_of", {"field": "Betrag"}),))
    assert as_json(amount, "en")["sources"] == ["Betrag", indicator]


@pytest.mark.parametrize(
    ("amounts", "indicators"),
    [(("7,50", "-7,50"), ("S", "H")), (("7,50-",), ("S", "H")), (("7,50",), ("40", "31")), (("7,50",), ("X", ""))],
)
def test_no_sign_is_taken_from_elsewhere_where_it_would_be_wrong(
    amounts: tuple[str, ...], indicators: tuple[str, ...]
) -> None:
    fields = [SourceField("Betrag", samples=amounts), SourceField("Soll/Haben-Kz", samples=indicators)]
    amount, other = suggest(fields, targets("actuals"))
    assert (amount.target, amount.sources) == ("amount", ("Betrag",))
    assert "sign" not in [step["do"] for step in amount.steps]
    assert other.reasons[0].code == "not_needed"


def test_a_field_set_aside_tells_no_sign() -> None:
    fields = [SourceField("Betrag", samples=("7,50",)), SourceField("Soll/Haben", samples=("S", "H"))]
    memory = Memory([Decision("", "actuals", "Soll/Haben", None)])
    assert suggest(fields, targets("actuals"), memory=memory)[0].sources == ("Betrag",)


def test_the_proposed_sign_applies_as_a_line() -> None:
    fields = [SourceField("Betrag", samples=("1.250,00",)), SourceField("S/H", samples=("S", "H"))]
    amount = suggest(fields, targets("actuals"))[0]
    made = line({"target": "amount", "type": "amount", "sources": amount.sources, "steps": amount.steps})
    assert apply(made, {"Betrag": "1.250", "S/H": "H"}, {}) == Decimal(-1250)
    assert apply(made, {"Betrag": "1.250,50", "S/H": "S"}, {}) == Decimal("1250.50")


def test_a_field_that_is_understood_is_offered_nothing_that_is_only_missing() -> None:
    fields = [
        SourceField("custcol_expected", label_de="Bestätigtes Lieferdatum", samples=("2027-01-16", "2027-01-15")),
        SourceField("custbody_delivery_note", label_de="Wunschliefertermin", samples=("05.01.2027", "03.01.2027")),
    ]
    lost = suggest(fields, targets("commitments"))[1]
    assert lost.target is None
    assert lost.alternatives[0].target == "delivery_date"
    assert not {"company_code", "currency"} & {one.target for one in lost.alternatives}
