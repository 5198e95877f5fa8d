"""Every sentence that reaches a person has a German one in the catalogue, and German readers get it."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product as every
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ErrorType

from api.sentences import PLACEHOLDER, catalogue, told
from ppm_pipelines import tables
from ppm_pipelines.adapters import netsuite_checks, netsuite_settings, sap_checks, sap_settings, sap_streams
from ppm_pipelines.adapters.base import Stream
from ppm_pipelines.adapters.jira_rates import spoken
from ppm_pipelines.adapters.sap_control import RECEIVED_FIGURE
from ppm_pipelines.facts import BEHIND, FACTS
from ppm_pipelines.records import ZERO, ControlTotal
from ppm_pipelines_tests.product import ROOT, Product
from ppm_pipelines_tests.test_api_syncs import fault, sync

PLACES = (
    "ppm_pipelines/adapters/*.py",
    *(f"ppm_pipelines/{name}.py" for name in ("load", "sync", "reconcile", "planning", "connectors", "periods")),
    *(f"ppm_pipelines/{name}.py" for name in ("vault", "launcher", "defs/unclaimed", "labour", "people")),
    *(
        f"ppm_pipelines/{name}.py"
        for name in ("mappings", "mapping_view", "drift", "mapping/overlay", "mapping/transforms", "mapping/fields")
    ),
    *(f"api/{name}.py" for name in ("events", "integrations", "configuration", "deps", "costbook", "lines", "periods")),
    *(f"api/{name}.py" for name in ("quarantine", "runs")),
)
# Which argument of a call is a sentence for a person.
SAID = dict.fromkeys(
    (
        *("SourceError", "Credentials", "Unavailable", "Misconfigured", "Refused", "MassDisappearance", "Gap"),
        "NotOffered",
        *(
            "Unreadable",
            "BadBudget",
            "BadLabour",
            "BadLine",
            "BadMapping",
            "FieldLost",
            "NotErased",
            "BadLink",
            "NotConfigured",
            "Disabled",
            "NotOpened",
            "NotOver",
            "ValueError",
        ),
        *("KeyRefused", "unauthenticated"),
    ),
    0,
) | {"Unusable": 2, "Check": 2, "Rejection": 3}
NAMES = {"said", "sentence", "sentences", "reason", "late"}  # what a variable that holds a sentence is called
HOLE, NUMBER = "\0", "\1"  # any value; a number with separators of thousands


# What the code says ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scope:
    """What a name stands for: what is assigned to it in the function, else in the module."""

    module: ast.Module
    function: ast.AST

    def values(self, name: str) -> list[ast.expr]:
        local = [value for target, value in _assigned(ast.walk(self.function)) if target == name]
        return local or [value for target, value in _assigned(self.module.body) if target == name]


def _assigned(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in nodes:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=True)
                yield from ((one.id, value) for one, value in pairs if isinstance(one, ast.Name))


def _in_words(text: str) -> bool:
    return re.search("[a-z]{2}", text) is not None


def texts(node: ast.expr, scope: Scope) -> list[str]:
    """Every text that the expression can come to, with holes for what only a run knows."""
    match node:
        case ast.Constant(value=str(value)):
            return [value.replace("%s", HOLE)]
        case ast.JoinedStr(values=values):
            return ["".join(parts) for parts in every(*(texts(one, scope) for one in values))]
        case ast.FormattedValue(format_spec=ast.JoinedStr(values=[ast.Constant(value=",")])):
            return [NUMBER]
        case ast.FormattedValue(value=value) | ast.ListComp(elt=value):
            return texts(value, scope)
        case ast.Call(func=ast.Attribute(value=ast.JoinedStr() as value)):  # f"…".rstrip(".")
            return texts(value, scope)
        case ast.IfExp(body=one, orelse=other):
            return [*texts(one, scope), *texts(other, scope)]
        case ast.BoolOp(values=values) | ast.List(elts=values):
            return [text for one in values for text in texts(one, scope)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return ["".join(parts) for parts in every(texts(left, scope), texts(right, scope))]
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id=name), attr="en"), slice=ast.Constant(value=1)):
            pairs = [value.args[2] for value in scope.values(name) if isinstance(value, ast.Call)]  # a problem's Kind
            return [text for pair in pairs if isinstance(pair, ast.Tuple) for text in texts(pair.elts[1], scope)]
        case ast.Name(id=name):
            found = [text for value in scope.values(name) for text in texts(value, scope)]
            return found if any(text.strip(HOLE + NUMBER) for text in found) else [HOLE]
    return [HOLE]


def _functions(module: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _said(function: ast.AST) -> Iterator[ast.expr]:
    """The expressions in a function that come to sentences for a person."""
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if SAID.get(name, 99) < len(
                args
            ):
                yield args[SAID[name]]
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[said]) if name in NAMES:
                yield said
            case ast.keyword(arg="reason", value=said):
                yield said
            case ast.Call(func=ast.Name(id="Problem"), keywords=filled):
                yield from (one.value for one in filled if one.arg == "what")
    yield from (value for name, value in _assigned(ast.walk(function)) if name in NAMES)


def told_in(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of everything in a module that reaches a person."""
    for function in _functions(module):
        scope = Scope(module, function)
        for said in _said(function):
            yield from ((said.lineno, text) for text in texts(said, scope))
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
        if function.returns and ast.unparse(function.returns) in ("str", "str | None"):
            found = ((value.lineno, text) for value in returned for text in texts(value, scope))
            yield from ((line, text) for line, text in found if text.endswith("."))
    for _, value in _assigned(module.body):
        if isinstance(value, ast.Constant) and " " in str(value.value) and str(value.value).endswith("."):
            yield value.lineno, str(value.value)


def handed_over(module: ast.Module) -> Iterator[str]:
    """The words with which a module fills its own sentences: arguments of its functions, and what loops go through."""
    for function in _functions(module):
        holes = [
            node.value for said in _said(function) for node in ast.walk(said) if isinstance(node, ast.FormattedValue)
        ]
        used = {hole.id for hole in holes if isinstance(hole, ast.Name)}
        places = {place: one.arg for place, one in enumerate(function.args.args) if one.arg in used}
        for node in ast.walk(module):
            match node:
                case ast.Call(func=ast.Name(id=name), args=args) if name == function.name:
                    yield from _constants([arg for place, arg in enumerate(args) if place in places])
        for node in ast.walk(function):
            match node:
                case ast.For(target=ast.Tuple(elts=names), iter=ast.Tuple(elts=rows)):
                    for row in rows:
                        values = row.elts if isinstance(row, ast.Tuple) else []
                        pairs = zip(names, values, strict=False)
                        yield from _constants([v for n, v in pairs if isinstance(n, ast.Name) and n.id in used])


def _constants(nodes: list[ast.expr]) -> Iterator[str]:
    yield from (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def sentences(text: str) -> Iterator[str]:
    """The single sentences of a text as the catalogue writes them; nothing that is only values."""
    for part in re.split(r"(?<=\.) ", text):
        core = part.strip().removesuffix(".")
        if _in_words(core):
            holes = re.split(f"([{HOLE}{NUMBER}])", core)
            named = (f"{{{at // 2}{':,' * (text == NUMBER)}}}" if at % 2 else text for at, text in enumerate(holes))
            yield "".join(named)


@cache
def modules() -> dict[str, ast.Module]:
    found = [path for pattern in PLACES for path in sorted(ROOT.glob(pattern))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in found}


@cache
def in_the_code() -> dict[str, str]:
    """Every sentence, and where it is."""
    found: dict[str, str] = {}
    for path, module in modules().items():
        for line, text in told_in(module):
            for one in sentences(text):
                found.setdefault(one, f"{path}:{line}")
    return found


@cache
def words() -> dict[str, str]:
    """What the sentences' placeholders hold and is no value of the source, and where it comes from."""
    services = (sap_streams.ORDERS_V4, sap_streams.ORDERS_V2)
    streams = [*vars(sap_streams).values(), *(service.orders for service in services)]
    needed = {stream.name for stream in streams if isinstance(stream, Stream) and stream.needed}
    return (
        dict.fromkeys(FACTS, "an entity")
        | dict.fromkeys((ControlTotal("actuals", "", "", "", 0, ZERO).figure, RECEIVED_FIGURE), "a control total")
        | dict.fromkeys(needed, "a stream of sap_streams")
        | dict.fromkeys(titles(), "a setting")
        | {re.sub(r"^2 ", "{0:.} ", spoken(n * unit)): "a time" for unit in (1, 60, 3600) for n in (1, 2)}
        | {word: path for path, module in modules().items() for word in handed_over(module)}
    )


def titles() -> dict[str, str]:
    """English titles of the settings that a sign-in needs, and the German ones of the form."""
    told: dict[str, str] = {}
    for module in (sap_settings, netsuite_settings):
        properties = module.Settings.model_json_schema()["properties"]
        needed = [properties[name] for names in module._NEEDED.values() for name in names]
        told |= {one["title"]: one["x-labels"]["de"]["title"] for one in needed}
    return told


# The catalogue -----------------------------------------------------------------------------------------------------


def _listed(found: dict[str, str]) -> str:
    return "".join(f'\n# {where}\n"{sentence}" = ""' for sentence, where in found.items())


def test_every_sentence_has_a_german_one() -> None:
    missing = {one: where for one, where in (in_the_code() | words()).items() if one not in catalogue()}
    assert not missing, f"add these to api/sentences_de.toml:{_listed(missing)}"


def test_nothing_is_in_the_catalogue_that_nobody_says() -> None:
    known = {*in_the_code(), *words(), *(_entry_of(message) for message in VALIDATION)}
    unused = [one for one in catalogue() if one not in known]
    assert not unused, "remove these from api/sentences_de.toml: " + ", ".join(unused)


@pytest.mark.parametrize("english", catalogue())
def test_a_german_sentence_says_all_that_the_english_one_says(english: str) -> None:
    german = catalogue()[english]
    holes, filled = (sorted(match[0] for match in PLACEHOLDER.finditer(text)) for text in (english, german))
    assert german
    assert not german.endswith(".")
    assert filled == holes or english not in in_the_code()
    assert " " in english or not holes  # a text without a space is never looked for among these
    # Filled, it is found again, and not taken for another one.
    assert told(_filled(english, "."), "de") == _filled(german, ",")


def _filled(text: str, point: str) -> str:
    return PLACEHOLDER.sub(lambda hole: f"{hole[1]}{point}5" if hole[2] == ":." else f"<{hole[1]}>", text)


def test_settings_are_called_as_the_form_calls_them() -> None:
    assert {title: told(title, "de") for title in titles()} == titles()


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("lines", [tables.commitments, tables.actuals], ids=["commitments", "actuals"])
def test_every_field_of_a_line_has_a_name(lines: sa.Table, language: str) -> None:
    """Also those that only filters, sorting and the history tell of."""
    labels = json.loads((ROOT / f"frontend/messages/{language}.json").read_text("utf-8"))["lines"]
    ids = {"id", "project_id", "run_id"}
    assert {column.name for column in lines.c} - BEHIND - ids <= labels.keys()


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_step_of_a_connection_test_has_a_name(language: str) -> None:
    labels = json.loads((ROOT / f"frontend/messages/{language}.json").read_text("utf-8"))["checks"]
    named = {"address", "sign_in", "connection", "deadline", *sap_checks._SERVICES, *netsuite_checks.TABLES}
    assert named <= labels.keys()


KINDS: list[tuple[ErrorType, dict[str, Any] | None]] = [
    *((kind, None) for kind in ("string_type", "bool_type", "bool_parsing", "list_type", "dict_type", "date_type")),
    *((kind, None) for kind in ("int_type", "int_parsing", "int_from_float", "float_parsing")),
    ("model_attributes_type", None),
    ("model_type", {"class_name": "<0>"}),
    ("literal_error", {"expected": "<0> or <1>"}),
    ("literal_error", {"expected": "<0>, <1> or <2>"}),
    ("greater_than_equal", {"ge": 4711}),
    ("less_than_equal", {"le": 4711}),
    ("string_too_short", {"min_length": 1}),
    ("string_too_long", {"max_length": 4711}),
    ("date_from_datetime_parsing", {"error": "<0>"}),
]
VALIDATION = {PydanticKnownError(kind, context).message() for kind, context in KINDS}


def _entry_of(message: str) -> str:
    return re.sub(r"<(\d)>", r"{\1}", re.sub(r"\b(1|4711)\b(?!>)", "{0}", message))


@pytest.mark.parametrize("message", sorted(VALIDATION))
def test_what_the_validation_says_has_a_german_one(message: str) -> None:
    assert _entry_of(message) in catalogue()


# Telling -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("“zwölf ‘x’” is no number. Correct it in SAP.", "„zwölf ‘x’“ ist keine Zahl. Bitte in SAP berichtigen."),
        (
            "The cost centre 10 (“Überführung”) is configured to the project P.1, which SAP does not know.",
            "Die Kostenstelle 10 (“Überführung”) ist dem Projekt P.1 zugeordnet, das SAP nicht kennt.",
        ),
        ("1,234,567 projects readable.", "1.234.567 Projekte lesbar."),
        (
            "No hourly rate holds for 0.25 hours of this issue, which has 1 hour in all. Enter one for the user, the "
            "role, or everybody.",
            "Für 0,25 Stunden dieses Vorgangs, der insgesamt 1 Stunde hat, gilt kein Stundensatz. Bitte einen für den "
            "Benutzer, die Rolle oder alle eingeben.",
        ),
        ("We are closed for many hours", "We are closed for many hours"),
        (
            "SAP (GET /sap/opu/odata/sap/API_X;v=2/A_Y) answered 503: Busy. Come back, please. "
            "It asks to wait 5 seconds. Try again later.",
            "SAP (A_Y) antwortete mit 503: Busy. Come back, please. "
            "Es bittet darum, 5 Sekunden zu warten. Bitte später erneut versuchen.",
        ),
        (
            "The certificate of sap.example is not trusted ([SSL] failed. Self-signed. (_ssl.c:1)). Check the "
            "address; for an in-house certificate authority set SSL_CERT_FILE.",
            "Dem Zertifikat von sap.example wird nicht vertraut ([SSL] failed. Self-signed. (_ssl.c:1)). Bitte "
            "Adresse prüfen; für eine hauseigene Zertifizierungsstelle SSL_CERT_FILE setzen.",
        ),
        (
            "Token URL: x.example is not among the hosts that connectors may call. An operator adds it to "
            "PPM_ALLOWED_HOSTS.",
            "Token-URL: x.example gehört nicht zu den Hosts, die Konnektoren aufrufen dürfen. Der Betrieb kann ihn in "
            "PPM_ALLOWED_HOSTS aufnehmen.",
        ),
        (
            "The chosen sign-in (basic) also needs: User, Password.",
            "Die gewählte Anmeldung (basic) braucht auch: Benutzer, Passwort.",
        ),
        (
            "12 supplier invoices readable, but none of company code 1010, 1710, although its ledger has postings of "
            "supplier invoices from the last year.",
            "12 Lieferantenrechnungen lesbar, aber keine aus Buchungskreis 1010, 1710, obwohl sein Ledger aus dem "
            "letzten Jahr Buchungen von Lieferantenrechnungen enthält.",
        ),
        ("“” is no active currency.", "„“ ist keine gültige Währung."),
        ("“a {0} \\1 {x}” is no date.", "„a {0} \\1 {x}“ ist kein Datum."),
    ],
)
def test_a_sentence_is_told_in_german(english: str, german: str) -> None:
    assert told(english, "de") == german


@pytest.mark.parametrize(
    "text", ["", ".", " ", ". . ", "Nobody knows this.", "P-1000.  Two spaces.", "{0}", "\0", "x. " * 5000, "é\n. ü"]
)
def test_what_nobody_knows_stays_as_it_is(text: str) -> None:
    assert told(text, "de") == told(text, "en") == text


@pytest.mark.parametrize("text", ["a answered " * 250, "Line 1: " * 350, "Token URL: a. " * 200, ". " * 1400])
def test_no_text_of_a_source_is_too_much(text: str) -> None:
    assert told(text, "de")


def test_english_stays_english_without_the_path_of_the_request() -> None:
    said = "SAP (GET /sap/opu/odata/sap/API_X/$metadata) answered 404. Check the address."
    assert told(said, "en") == "SAP (API_X/$metadata) answered 404. Check the address."


# Answered ----------------------------------------------------------------------------------------------------------

GERMAN = {"Accept-Language": "de"}


@pytest.fixture
def sap(product: Product) -> Iterator[Product]:
    product.sandbox().post("/_sandbox/sap/reset")
    product.connected()
    yield product
    product.sandbox().post("/_sandbox/sap/reset")
    product.connected()


def german(product: Product, method: str, path: str, **more: Any) -> httpx.Response:
    return product.api().request(method, path, headers=GERMAN, **more)


def test_a_failed_run_is_told_in_german_and_kept_in_english(sap: Product) -> None:
    sap.connected(api_key="wrong-key")
    failed = german(sap, "POST", "/api/integrations/sap/sync", params={"wait": 120}).json()
    assert failed["title"] == "Zugangsdaten abgelehnt"
    assert failed["detail"].startswith("SAP (")
    assert "/sap/opu/" not in failed["detail"]
    assert failed["detail"].endswith(
        "Bitte Benutzer, Passwort oder Schlüssel im Mandanten 100 prüfen; das Konto ist vielleicht gesperrt."
    )
    run = f"/api/integrations/runs/{failed['run_id']}"
    assert german(sap, "GET", run).json()["reason"] == failed["detail"]
    assert failed["detail"] in german(sap, "GET", f"{run}/events").text
    systems = german(sap, "GET", "/api/integrations/config").json()
    assert next(one["last_error"] for one in systems if one["system"] == "sap") == failed["detail"]
    [[kept]] = sap.rows("select reason from ppm.sync_runs where run_id = %s", failed["run_id"])
    assert kept.startswith("SAP (GET /sap/")
    assert "Check user, password or key in client 100" in kept
    assert "Check user, password or key in client 100" in sap.api().get(run).json()["reason"]


def test_a_connection_test_is_told_in_german(sap: Product) -> None:
    checks = german(sap, "POST", "/api/integrations/sap/test").json()["checks"]
    details = {check["name"]: check["detail"] for check in checks}
    assert details["sign_in"] == "Angemeldet."
    assert re.fullmatch(r"[\d.]+ Projekte lesbar\.", details["projects"])
    [[kept]] = sap.rows("select test_checks from ppm.connectors where system = 'sap' and organization_id = 'default'")
    assert "Signed in." in {check["detail"] for check in kept}


def test_a_rejection_is_told_in_german(sap: Product) -> None:
    fault(sap, "unknown_currency", 1)
    done = german(sap, "POST", "/api/integrations/sap/sync", params={"wait": 120}, json={"entity": "costs"}).json()
    reason = "„XXQ“ ist keine gültige Währung nach ISO 4217."
    assert [one["reason"] for one in done["errors"]] == [reason]
    path = "/api/integrations/rejections"
    assert [one["reason"] for one in german(sap, "GET", path).json()["items"]] == [reason]
    text = german(sap, "GET", path, params={"format": "csv"}).text.removeprefix("\ufeff")
    assert [row["reason"] for row in csv.DictReader(io.StringIO(text))] == [reason]


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("integrations/runs/r-1", "Den Lauf r-1"),
        ("integrations/oracle/config", "Das System 'oracle'"),
        ("costbook/projects/p-1", "Das Projekt p-1"),
        ("costbook/projects/p-1/commitments", "Das Projekt p-1"),
        ("costbook/periods/1999/1", "Die geschlossene Periode 1/1999"),
        ("costbook/projects?organization_id=theirs", "Die Organisation theirs"),
        ("nowhere", "/api/nowhere"),
    ],
)
def test_what_is_not_there_is_told_in_german(product: Product, path: str, what: str) -> None:
    answer = german(product, "GET", f"/api/{path}")
    assert (answer.status_code, answer.json()["title"]) == (404, "Nicht gefunden")
    assert answer.json()["detail"] == f"{what} gibt es hier nicht, oder Sie haben keinen Zugriff darauf."


def test_records_and_lines_that_are_not_there_are_told_in_german(sap: Product) -> None:
    sync(sap, "projects")
    project = sap.api().get("/api/costbook/projects").json()["items"][0]["project_id"]
    line = german(sap, "GET", f"/api/costbook/projects/{project}/actuals/0").json()
    assert line["detail"].startswith("Die Zeile 0 gibt es hier nicht")
    record = german(sap, "POST", "/api/integrations/rejections/replay", json={"system": "sap", "ids": [0]}).json()
    assert record["detail"].startswith(
        "Einen Datensatz in Quarantäne, der erneut verarbeitet werden kann, gibt es hier"
    )


def test_wrong_input_is_told_in_german(sap: Product) -> None:
    settings = sap.sap_settings | {"client": "1", "api_url": 7}
    refused = german(sap, "PUT", "/api/integrations/sap/config", json={"settings": settings}).json()
    assert {error["field"]: error["reason"] for error in refused["errors"]} == {
        "settings.api_url": "muss ein Text sein.",
        "settings.client": "Der Mandant hat drei Ziffern, z. B. 100; leer gilt der Standardmandant des Hosts.",
    }
    sync(sap, "projects")
    project = sap.api().get("/api/costbook/projects").json()["items"][0]["project_id"]
    lines = [{"amount": "viel", "currency": "EUR"}]
    refused = german(sap, "PUT", f"/api/costbook/projects/{project}/budget", json={"lines": lines}).json()
    assert [error["reason"] for error in refused["errors"]] == ["Zeile 1: Der Betrag ist keine Zahl."]
