"""From what a person typed into a connector's form to settings that may be kept or tried.

Belongs here: the schema a form is drawn from, which secrets stay, which hosts may be named, what must be typed again.
Does not belong here: storing and sealing (``connectors``), calling the host (``adapters``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from api.problems import Finding, finding_of, findings
from api.sentences import told
from ppm_pipelines import home
from ppm_pipelines.adapters.base import System
from ppm_pipelines.adapters.http import host_refused

Settings = dict[str, Any]


@cache
def schema(adapter: type[System]) -> dict[str, Any]:
    """The JSON Schema of the settings, ``writeOnly`` on every secret, optional ones too."""
    document = adapter.Settings.model_json_schema()
    for field in document["properties"].values():
        if any(choice.get("writeOnly") for choice in [field, *field.get("anyOf", [])]):
            field["writeOnly"] = True
    return document


def secrets(adapter: type[System]) -> tuple[str, ...]:
    return tuple(name for name, field in schema(adapter)["properties"].items() if field.get("writeOnly"))


def plain(settings: BaseModel) -> Settings:
    """The settings with their secrets in clear: for merging and trying, never for an answer."""
    values = settings.model_dump()
    return {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in values.items()}


def merged(adapter: type[System], given: Mapping[str, Any], stored: Mapping[str, Any]) -> BaseModel:
    """The settings from now on: the given ones, and the stored secrets that were left out or empty (null removes).

    Raises a 422 that names the fields: unknown or ill-formed ones, hosts that may not be called, and secrets that
    must be typed again because they would go somewhere else than where they were meant for.
    """
    names = secrets(adapter)
    kept = {name: stored[name] for name in names if stored.get(name) and given.get(name, "") == ""}
    chosen = {name: value for name, value in given.items() if name not in names or value not in (None, "")}
    settings = _validated(adapter, chosen | kept)
    moved = _moved(adapter, settings, stored, kept)
    unused = {name for name in moved if not _shown(adapter, name, settings)}
    again = {name: where for name, where in moved.items() if name not in unused}
    problems = [*_hosts(adapter, settings), *(_typed_again(adapter, *one) for one in again.items())]
    if problems:
        raise findings(problems)
    # A secret of a kind of sign-in that is not used must not wait for a host it was never meant for.
    return _validated(adapter, {name: value for name, value in (chosen | kept).items() if name not in unused})


def _validated(adapter: type[System], values: Mapping[str, Any]) -> BaseModel:
    unknown = [name for name in values if name not in schema(adapter)["properties"]]
    if unknown:
        raise findings([(f"settings.{n}", "is not a setting.", "ist keine Einstellung.") for n in unknown])
    try:
        return adapter.Settings.model_validate(dict(values))
    except ValidationError as error:
        # Without the input: it may be a secret.
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        raise findings([finding_of(e, prefix="settings") for e in errors]) from None


def _hosts(adapter: type[System], settings: BaseModel) -> Iterator[Finding]:
    """Hosts that are refused by their text alone; the rest is refused at connection time."""
    for name in adapter.HOSTS:
        url = str(plain(settings).get(name) or "")
        if "://" in url and (reason := host_refused(url, home.home().callable_hosts)):
            yield f"settings.{name}", reason, told(reason, "de")


def _moved(
    adapter: type[System], settings: BaseModel, stored: Mapping[str, Any], kept: Mapping[str, Any]
) -> dict[str, str]:
    """Kept secrets whose host or account changed, and which: nobody may send a stored secret where they choose."""
    again: dict[str, str] = {}
    before = _as_kept(adapter, stored)
    for where, sent in adapter.HOSTS.items():
        now = str(getattr(settings, where, None) or "")
        # An emptied host or account is no place to send anything to: whoever changes the kind of sign-in empties one.
        if now and now != str(before.get(where) or ""):
            again |= {name: where for name in sent if name in kept}
    return again


def _as_kept(adapter: type[System], stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """The stored settings as the form keeps them: another way of writing the same account is no other account."""
    try:
        return plain(adapter.Settings.model_validate(dict(stored)))
    except ValidationError:
        return stored


def _typed_again(adapter: type[System], name: str, where: str) -> Finding:
    field = schema(adapter)["properties"][where]
    english = field.get("title", where)
    german = field.get("x-labels", {}).get("de", {}).get("title", english)
    return (
        f"settings.{name}",
        f"must be entered again, because “{english}” has changed.",
        f"muss neu eingegeben werden, weil „{german}“ sich geändert hat.",
    )


def _shown(adapter: type[System], name: str, settings: BaseModel) -> bool:
    """Whether the form would show the field with these settings (``x-show-when``)."""
    wanted = schema(adapter)["properties"][name].get("x-show-when", {})
    return all(
        getattr(settings, other) in (value if isinstance(value, list) else [value]) for other, value in wanted.items()
    )


def without_secrets(adapter: type[System], settings: Mapping[str, Any]) -> Settings:
    hidden = set(secrets(adapter))
    return {name: value for name, value in settings.items() if name not in hidden}
