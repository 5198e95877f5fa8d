"""Headers in both languages and all spellings become the same words, and the lexicon does not contradict itself."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from ppm_pipelines import mapping
from ppm_pipelines.mapping.fields import Entity, custom_field, targets
from ppm_pipelines.mapping.lexicon import BadLexicon, Lexicon, shipped, squashed, stripped

DATA: dict[str, Any] = tomllib.loads((Path(mapping.__path__[0]) / "lexicon.toml").read_text("utf-8"))

SAME = [
    ("PO line no.", "Bestellpositionsnummer"),
    ("PURCHASE_ORDER_LINE_NUM", "PurchaseOrderLineNumber"),
    ("P.O. No.", "Bestell-Nr."),
    ("Lieferantennummer", "vendor number"),
    ("supplierNumbers", "Number of the Supplier"),
    ("Währung", "Waehrung"),
    ("WAHRUNG", "currency"),
    ("Geschäftsjahr", "fiscalyear"),
    ("Kostenstellenbezeichnung", "Bezeichnung der Kostenstelle"),
    ("Kostenstellenbezeichnung", "cost center name"),
    ("Nettobestellwert", "Bestellwert netto"),
    ("Buchungskreiswährung", "company code currency"),
    ("MwSt-Betrag", "VAT amount"),
    ("exchangerate", "Exchange Rate"),
    ("linesequencenumber", "Line Sequence Number"),
    ("gLAccountNo", "G/L Account No."),
    ("Lieferrant", "Lieferant"),
    ("Rechnungsnr", "invoice #"),
    ("Lief.-Name", "Lieferantenname"),
    ("Betr. HW", "Betrag HW"),
    ("Bel.-Dat.", "Belegdatum"),
    ("Bestelldat.", "Bestelldatum"),
    ("Steuerbetr.", "tax amount"),
    ("ReNr.", "Rechnungsnummer"),
    ("EinkBeleg", "Einkaufsbeleg"),
    ("Buchdatum", "Buchungsdatum"),
    ("Rech.-Dat.", "Rechnungsdatum"),
    ("Lieferterm.", "Liefertermin"),
    ("Whrg", "Währung"),
    ("Budget (T€)", "Budget"),
    ("budget_eur", "Budget in EUR"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_language_order_and_spelling_fall_away(one: str, other: str) -> None:
    assert shipped().words(one) == shipped().words(other)
    assert not any(word.startswith("?") for word in shipped().words(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [("Vendor", "Vendor name"), ("Order date", "Order number"), ("Created by", "Created on"), ("Net", "Network")],
)
def test_what_differs_stays_apart(one: str, other: str) -> None:
    assert shipped().words(one) != shipped().words(other)


def test_what_is_unknown_before_a_known_head_is_kept() -> None:
    assert shipped().words("Nebenkostenstelle") == {"?neben", "cost_center"}
    assert shipped().words("Xyzzyq") == {"?xyzzyq"}


def test_a_full_stop_tells_an_abbreviation_from_a_word() -> None:
    assert shipped().words("Per.") == {"period"}
    assert shipped().words("price per unit") == {"price", "unit"}
    assert "document" not in shipped().words("bel")
    assert "invoice" not in shipped().words("Reordered")


def test_a_hyphen_tells_an_abbreviation_as_a_full_stop_does() -> None:
    assert shipped().words("Bu-Datum") == shipped().words("Buchungsdatum")
    assert shipped().words("BU-Name") == {"posting", "name"}
    assert shipped().words("BU Name") == {"business_unit", "name"}


def test_a_long_beginning_is_that_before_it_is_a_compound() -> None:
    assert shipped().words("Unterauftragn.") == shipped().words("Unterauftragnehmer")
    assert shipped().words("Kontenuntergr.") == shipped().words("Kontenuntergruppe")
    assert shipped().words("Bestellscheinnr.") == shipped().words("Bestellscheinnummer")


def test_a_beginning_that_many_words_share_abbreviates_none() -> None:
    assert shipped().words("Ver.") != shipped().words("Vertrag")
    assert shipped().words("Xyz.") == {"?xyz"}


def test_a_word_means_something_else_where_it_is_the_whole_header() -> None:
    assert shipped().words("Name") != shipped().words("Bezeichnung")
    assert shipped().words("Lieferantenname") == shipped().words("Lieferantenbezeichnung")
    assert shipped().meaning("Kurs")["exchange_rate"] == 1.0
    assert shipped().meaning("Kurs der Schulung")["exchange_rate"] < 0.5
    assert shipped().words("Per") == {"period"}


def test_a_phrase_may_need_a_word_that_else_says_nothing() -> None:
    assert shipped().words("Bill to") == {"recipient"}
    assert shipped().words("Bill") == {"invoice"}


@pytest.mark.parametrize(
    ("header", "concept"),
    [("Vertragsart", "contract"), ("Kostenstellengruppe", "cost_center"), ("Mandatsreferenz", "vendor_invoice"),
     ("Kautionsbetrag", "amount"), ("Error Text", "item_text")],
)  # fmt: skip
def test_what_only_speaks_of_something_is_not_it(header: str, concept: str) -> None:
    assert shipped().meaning(header, "actuals").get(concept, 0.0) < 0.45


def test_a_second_one_is_another() -> None:
    assert shipped().meaning("Kostenstelle 1")["cost_center"] > 0.75
    assert shipped().meaning("Kostenstelle 2")["cost_center"] == 0.5


@pytest.mark.parametrize(
    ("header", "entity", "concept"),
    [("Offener Wert HW", "commitments", "company_open_amount"), ("Nettowert BW", "commitments", "order_net_amount"),
     ("Abgerechneter Betrag in Hauswährung", "commitments", "company_relieved_amount"),
     ("Istkosten in Hauswährung", "actuals", "company_amount"), ("Rechnungsbetrag FW", "actuals", "document_amount")],
)  # fmt: skip
def test_an_amount_that_says_its_currency_is_read_from_both(header: str, entity: str, concept: str) -> None:
    meaning = shipped().meaning(header, entity)
    assert meaning[concept] == max(meaning.values()) > 0.9


def test_a_word_is_not_split_though_its_letters_would_allow_it() -> None:
    assert shipped().words("Network") == {"network"}
    assert shipped().words("Department") == {"department"}


def test_technical_names_count_most_in_their_own_system() -> None:
    lexicon = shipped()
    assert lexicon.technical("ebeln", "sap") == {"order_number": 1.0}
    assert 0.9 < lexicon.technical("EBELN")["order_number"] < 1
    assert lexicon.technical("EBELN", "netsuite")["order_number"] == 0.9
    assert lexicon.technical("entity", "netsuite") == {"vendor": 1.0}
    assert lexicon.technical("entity")["vendor"] < 0.8  # means it in NetSuite only
    assert lexicon.technical("nobody knows this") == {}


def test_technical_names_can_be_left_out_by_system() -> None:
    assert shipped(("sap",)).technical("EBELN") == {}
    assert shipped(("sap",)).technical("tranid")
    assert set(shipped().systems()) >= {"sap", "dynamics", "netsuite", "jira", "oracle"}


@pytest.mark.parametrize(
    ("name", "bare"),
    [("custcol_wbs_element", "wbs_element"), ("YY1_CostCenter", "CostCenter"), ("_msdyn_project_value", "project"),
     ("Budget__c", "Budget"), ("plain", "plain"), ("_", "_")],
)  # fmt: skip
def test_what_systems_put_around_names_is_taken_off(name: str, bare: str) -> None:
    assert stripped(name) in (bare, f"msdyn_{bare}")


def test_forms_that_were_never_seen_are_read_from_their_parts() -> None:
    forgetful = shipped((), ("Lieferantenname",))
    assert (
        forgetful.meaning("Lieferantenname")["vendor_name"] < 1 == shipped().meaning("Lieferantenname")["vendor_name"]
    )


def test_words_that_an_entity_implies_may_be_there_or_not() -> None:
    assert shipped().meaning("PO delivery date", "commitments")["delivery_date"] == 0.95
    assert shipped().meaning("PO delivery date", "projects")["delivery_date"] < 0.8


def test_a_currency_behind_a_state_makes_it_money() -> None:
    assert shipped().meaning("beauftragt", "commitments")["order_date"] == 1.0
    money = shipped().meaning("beauftragt EUR", "commitments")
    assert money["order_net_amount"] > 0.9 > money["order_date"]


def test_net_and_total_are_left_out_of_amounts_alone() -> None:
    assert shipped().meaning("Budget netto", "projects")["budget"] > 0.9
    assert shipped().meaning("Position netto", "commitments").get("bare_line", 0.0) < 0.6


def test_either_side_of_a_stroke_may_be_meant_where_the_whole_says_little() -> None:
    assert shipped().meaning("KTR/KST", "actuals")["cost_center"] == 0.8
    assert shipped().meaning("Soll/Haben", "actuals")["debit_credit"] == 1.0


def test_a_currency_code_behind_an_amount_says_nothing() -> None:
    assert shipped().words("Line Amount (SAR)") == shipped().words("Line Amount EUR") == shipped().words("line amount")


def test_every_target_is_taken_by_some_concept() -> None:
    for entity in get_args(Entity):
        taken = {name for concept in shipped().concepts.values() for name in concept.fits.get(entity, {})}
        assert {one.name for one in targets(entity)} <= taken


def test_a_target_reads_as_itself() -> None:
    """Labels of targets, in both languages, mean a concept that the target takes."""
    for entity in get_args(Entity):
        for target in targets(entity):
            for label in (target.label_en, target.label_de):
                meaning = shipped().meaning(label)
                assert any(
                    sure > 0.75 and target.name in shipped().concepts[name].fits.get(entity, {})
                    for name, sure in meaning.items()
                ), (entity, target.name, label, meaning)


def small(**concepts: dict[str, Any]) -> dict[str, Any]:
    words = {"vendor": ["vendor", "lieferant"], "number": ["number", "nummer"]}
    return {"light": {"words": "number"}, "ignored": {"words": ""}, "words": words, "concept": concepts}


def test_a_form_of_two_words_is_refused() -> None:
    data = small(a={"en": "vendor"})
    data["words"]["supplier"] = ["supplier, vendor", ""]
    with pytest.raises(BadLexicon, match="'vendor' is a form of vendor and of supplier"):
        Lexicon(data)


def test_a_form_of_two_concepts_is_refused() -> None:
    data = small(a={"en": "vendor", "actuals": "one"}, b={"de": "Lieferant", "actuals": "two"})
    with pytest.raises(BadLexicon, match="means a and b"):
        Lexicon(data)


@pytest.mark.parametrize(
    "other",
    [{"de": "~Lieferant", "actuals": "two"}, {"de": "Lieferant", "actuals": "two", "only": "commitments"},
     {"de": "Lieferant", "actuals": "one"}],
)  # fmt: skip
def test_a_form_may_be_shared_where_that_is_said_or_does_no_harm(other: dict[str, Any]) -> None:
    assert Lexicon(small(a={"en": "vendor", "actuals": "one"}, b=other)).meaning("vendors")["a"] == 1.0


def test_a_form_that_is_wanted_is_not_recognised_as_unneeded_too() -> None:
    with pytest.raises(BadLexicon, match="which is not needed"):
        Lexicon(small(a={"en": "vendor", "actuals": "one"}, b={"de": "Lieferant"}))


def test_currencies_qualify_concepts_that_there_are() -> None:
    data = small(a={"en": "vendor", "actuals": "one"})
    data["in_currency"] = {"company": {"words": "local", "means": {"a": "b"}}}
    with pytest.raises(BadLexicon, match="speaks of b, and there is no such concept"):
        Lexicon(data)


def test_concepts_have_labels_in_both_languages() -> None:
    assert all(given.get("en") and given.get("de") for given in DATA["concept"].values())


def test_names_are_compared_without_signs() -> None:
    assert squashed("PO-Nr. (Läuft)") == "ponrlaeuft"


def test_custom_fields_have_names_that_can_be_written() -> None:
    assert custom_field("actuals", "lot").name == "custom_fields.lot"
    with pytest.raises(ValueError, match="can't be the name of a custom field"):
        custom_field("actuals", "a lot")
