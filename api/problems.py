"""Every error as an RFC 9457 problem document, in the caller's language.

Belongs here: what a problem is, the handlers, the problems that more than one file raises. Does not belong here:
problems that only one noun knows; they are ``Kind`` values beside the routes that raise them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException

from api.sentences import told

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
LANGUAGES = ("en", "de")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem. ``slug`` ends the document's ``type``; ``en`` and ``de`` are (title, detail sentence).

    The sentences are ``str.format`` templates over the values that ``Problem`` is raised with.
    """

    slug: str
    status: int
    en: tuple[str, str]
    de: tuple[str, str]

    def text(self, language: str, values: Mapping[str, object]) -> tuple[str, str]:
        title, detail = self.de if language == "de" else self.en
        shown = {name: told(value, language) if isinstance(value, str) else value for name, value in values.items()}
        return title, detail.format_map(shown)


class Problem(Exception):
    """Raise it anywhere below a route: ``raise Problem(NOT_FOUND, what="project 4711")``.

    ``detail``, in English, replaces the kind's sentence (a run's reason); ``members`` are added to the document
    (``run_id``); everything else fills the sentence.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str | None = None,
        *,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(detail or kind.slug)
        self.kind, self.detail, self.members, self.headers, self.values = kind, detail, members or {}, headers, values

    def document(self, language: str) -> dict[str, Any]:
        title, detail = self.kind.text(language, self.values)
        return {
            "type": f"/problems/{self.kind.slug}",
            "title": title,
            "status": self.kind.status,
            "detail": told(self.detail, language) if self.detail else detail,
            **self.members,
        }


UNAUTHENTICATED = Kind(
    "unauthenticated",
    401,
    ("Not signed in", "This call needs a valid token: {reason}. Please sign in again."),
    ("Nicht angemeldet", "Dieser Aufruf braucht ein gültiges Token: {reason}. Bitte erneut anmelden."),
)
IDENTITY_UNAVAILABLE = Kind(
    "identity-unavailable",
    503,
    ("Sign-in keys unreachable", "The sign-in service's keys cannot be read right now. Please try again shortly."),
    (
        "Anmeldedienst nicht erreichbar",
        "Die Schlüssel des Anmeldedienstes sind gerade nicht lesbar. Bitte gleich noch einmal versuchen.",
    ),
)
FORBIDDEN = Kind(
    "forbidden",
    403,
    ("Not allowed", "Your role ({role}) may not do this. Ask an administrator for the {right} right."),
    ("Nicht erlaubt", "Ihre Rolle ({role}) darf das nicht. Das Recht {right} vergibt ein Administrator."),
)
NO_ROLE = Kind(
    "no-role",
    403,
    ("No role", "Your account has no role in this product. Ask an administrator for one."),
    ("Keine Rolle", "Ihr Konto hat in diesem Produkt keine Rolle. Ein Administrator kann eine vergeben."),
)
NOT_FOUND = Kind(
    "not-found",
    404,
    ("Not found", "There is no {what} here, or it is not yours to see."),
    ("Nicht gefunden", "{what} gibt es hier nicht, oder Sie haben keinen Zugriff darauf."),
)
METHOD_NOT_ALLOWED = Kind(
    "method-not-allowed",
    405,
    ("Method not allowed", "This address does not answer to {method}."),
    ("Methode nicht erlaubt", "Diese Adresse kennt {method} nicht."),
)
INVALID = Kind(
    "invalid",
    422,
    ("Invalid input", "{problems}"),
    ("Ungültige Eingabe", "{problems}"),
)
CHANGED_MEANWHILE = Kind(
    "changed-meanwhile",
    412,
    ("Changed meanwhile", "Somebody else saved this in the meantime. Reload, look at the change, and save again."),
    ("Inzwischen geändert", "Jemand hat das inzwischen gespeichert. Bitte neu laden, ansehen und erneut speichern."),
)
INTERNAL = Kind(
    "internal",
    500,
    ("Our fault", "Something went wrong on our side. Nothing was changed; the operator's log has the details."),
    (
        "Unser Fehler",
        "Bei uns ist etwas schiefgegangen. Nichts wurde geändert; das Betriebsprotokoll kennt die Details.",
    ),
)
DATABASE_UNAVAILABLE = Kind(
    "database-unavailable",
    503,
    ("Database unreachable", "The database is not answering right now. Please try again in a moment."),
    ("Datenbank nicht erreichbar", "Die Datenbank antwortet gerade nicht. Bitte gleich noch einmal versuchen."),
)
HTTP_ERROR = Kind("http-error", 400, ("{phrase}", "{reason}"), ("{phrase}", "{reason}"))


Finding = tuple[str, str, str]  # field, English sentence, German sentence


class _Invalid(Problem):
    """422 with one sentence per field, composed in the language of the caller."""

    def __init__(self, found: Sequence[Finding]) -> None:
        super().__init__(INVALID, problems="")
        self.findings = found

    def document(self, language: str) -> dict[str, Any]:
        errors = [{"field": field, "reason": de if language == "de" else en} for field, en, de in self.findings]
        detail = " ".join(f"{e['field']}: {e['reason']}" if e["field"] else e["reason"] for e in errors)
        return {**super().document(language), "detail": detail, "errors": errors}


def invalid(field: str, en: str, de: str | None = None) -> Problem:
    """A 422 for one field that only a route could judge; without German the catalogue's."""
    return _Invalid([(field, en, de or told(en, "de"))])


def findings(found: Sequence[Finding]) -> Problem:
    """A 422 for several fields at once."""
    return _Invalid(found)


def language_of(request: Request) -> str:
    """The first of our languages in Accept-Language by quality; English otherwise."""
    wanted: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, quality = part.partition(";q=")
        try:
            wanted.append((-float(quality or 1), tag.strip().lower()[:2]))
        except ValueError:
            continue
    return next((tag for quality, tag in sorted(wanted, key=lambda w: w[0]) if tag in LANGUAGES and quality < 0), "en")


async def _language(request: Request) -> str:
    """Without a thread: hundreds who click at once would wait for one, and readers for them."""
    return language_of(request)


Language = Annotated[str, Depends(_language)]


def answer(request: Request, problem: Problem) -> JSONResponse:
    spoken = language_of(request)
    document = jsonable_encoder(problem.document(spoken))
    headers = {**(problem.headers or {}), "Content-Language": spoken}
    return JSONResponse(document, document["status"], headers, MEDIA_TYPE)


_FINDINGS = {
    "missing": ("is missing.", "fehlt."),
    "extra_forbidden": ("is not a field of this call.", "ist kein Feld dieses Aufrufs."),
    "json_invalid": ("The body is not valid JSON.", "Der Inhalt ist kein gültiges JSON."),
}


def finding_of(error: Mapping[str, Any], prefix: str = "") -> Finding:
    """One of pydantic's validation errors. The value itself is never repeated: it may be a secret."""
    places = ("body", "query", "path", "header")
    where = [str(part) for part in (prefix, *error["loc"]) if part and part not in places]
    kind = str(error["type"])
    if kind == "json_invalid":
        where = []
    message = f"{error['msg'].removeprefix('Value error, ').rstrip('.')}."
    en, de = _FINDINGS.get(kind, (message, told(message, "de")))
    return ".".join(where), en, de


def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class
    return answer(request, error)


def _on_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    return answer(request, _Invalid([finding_of(e) for e in error.errors()]))


def _on_http(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses by itself: unknown address, wrong method, broken body."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return answer(request, Problem(NOT_FOUND, what=request.url.path, headers=headers))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return answer(request, Problem(METHOD_NOT_ALLOWED, method=request.method, headers=headers))
    phrase = HTTPStatus(error.status_code).phrase
    kind = Kind(HTTP_ERROR.slug, error.status_code, HTTP_ERROR.en, HTTP_ERROR.de)
    return answer(request, Problem(kind, phrase=phrase, reason=str(error.detail), headers=headers))


def _on_database(request: Request, error: Exception) -> JSONResponse:
    log.warning("%s %s: the database is not reachable: %s", request.method, request.url.path, error)
    return answer(request, Problem(DATABASE_UNAVAILABLE, headers={"Retry-After": "5"}))


def _on_data(request: Request, error: Exception) -> JSONResponse:
    """A text with a NUL character, a number beyond all measure: the database says that it can't be."""
    # The kind alone: the exception's text holds the values.
    kind = type(getattr(error, "orig", error)).__name__
    log.warning("%s %s: the database refused a value: %s", request.method, request.url.path, kind)
    return answer(
        request,
        invalid("", "A value is not one that can exist here.", "Ein Wert ist keiner, den es hier geben kann."),
    )


def _on_anything(request: Request, _: Exception) -> JSONResponse:
    """The server logs the exception itself, after this answer."""
    return answer(request, Problem(INTERNAL))


def install(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OperationalError, _on_database)
    app.add_exception_handler(DataError, _on_data)
    app.add_exception_handler(Exception, _on_anything)
