"""How a message looks: Block Kit within its limits, and the text that stands where blocks are not shown.

Belongs here: words, layout, escaping, limits; pure functions. Does not belong here: sending (``slack``), what is told
(``digest``).

Words from elsewhere (names, reasons) stand in ``plain_text`` alone, where nothing is markup; what is ``mrkdwn`` is made
of our own words, numbers and links. Lengths are counted as Slack counts them, after escaping, an emoji as two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ppm_pipelines.news import Alert, Language, Moved, News, ProjectNews
from ppm_pipelines.records import shown

Block = dict[str, Any]

# Limits of Block Kit, and what of a long list is shown (a message has at most 50 blocks).
HEADER, SECTION, FIELD, FIELDS = 150, 3000, 2000, 10
ALERTS_SHOWN, PROJECTS_SHOWN, CURRENCIES_SHOWN = 15, 25, 7
TEXT = 2900  # far below where Slack cuts
NAME, REASON = 300, 2500

WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "test": "Test message from the Costbook",
        "tested": "The connection works: what syncs change, and what goes wrong, is told here.",
        "nothing": "Nothing changed",
        "projects_1": "1 project changed",
        "projects": "{} projects changed",
        "alerts_1": "1 alert",
        "alerts": "{} alerts",
        "failed": "{0}, {1}: the sync failed",
        "check": "{0}, {1}: {2}",
        "late": "{0} was not synced although it is scheduled",
        "silent": "{0} has brought nothing new for unusually long",
        "last": "The last time: {}.",
        "never_late": "It never was.",
        "never_silent": "It has brought nothing so far.",
        "look": "Look at it",
        "open_project": "Open in the Costbook",
        "since": "Changes since {0}, until {1}",
        "syncs": "{} syncs ended well",
        "syncs_1": "1 sync ended well",
        "more_projects": "{} more projects changed",
        "more_alerts": "{} more alerts",
        "more_currencies": "{} more currencies",
        "costs": "commitments and actuals",
        "commitments": "commitments",
        "actuals": "actuals",
        "projects_entity": "projects",
        "ordered": "Ordered",
        "open": "Open",
        "amount": "Actual",
        "new": "{} new",
        "changed": "{} changed",
        "closed": "{} closed",
        "gone": "{} moved away",
        "mass_disappearance": "too much would have vanished at once",
        "rows_match_source": "not as many rows as the source counts",
        "money_matches_source": "the money differs from the source's own totals",
        "required_fields": "rows lack a key, project or currency",
        "nothing_rejected": "records are in quarantine",
        "amounts_add_up": "open amounts are not what is left of their orders",
        "no_anomalies": "postings changed under their key, or orders were exceeded",
        "freshness": "not synced for too long",
    },
    "de": {
        "test": "Testnachricht vom Costbook",
        "tested": "Die Verbindung steht: Hier steht künftig, was Syncs ändern und was schiefgeht.",
        "nothing": "Nichts hat sich geändert",
        "projects_1": "1 Projekt hat sich geändert",
        "projects": "{} Projekte haben sich geändert",
        "alerts_1": "1 Warnung",
        "alerts": "{} Warnungen",
        "failed": "{0}, {1}: Der Sync ist fehlgeschlagen",
        "check": "{0}, {1}: {2}",
        "late": "{0} wurde trotz Zeitplan nicht synchronisiert",
        "silent": "{0} hat ungewöhnlich lange nichts Neues gebracht",
        "last": "Zuletzt: {}.",
        "never_late": "Bisher nie.",
        "never_silent": "Bisher kam noch nichts.",
        "look": "Ansehen",
        "open_project": "Im Costbook öffnen",
        "since": "Änderungen seit {0}, bis {1}",
        "syncs": "{} Syncs sind gut gegangen",
        "syncs_1": "1 Sync ist gut gegangen",
        "more_projects": "{} weitere Projekte haben sich geändert",
        "more_alerts": "{} weitere Warnungen",
        "more_currencies": "{} weitere Währungen",
        "costs": "Commitments und Ist-Werte",
        "commitments": "Commitments",
        "actuals": "Ist-Werte",
        "projects_entity": "Projekte",
        "ordered": "Bestellt",
        "open": "Offen",
        "amount": "Ist",
        "new": "{} neu",
        "changed": "{} geändert",
        "closed": "{} abgeschlossen",
        "gone": "{} zu einem anderen Projekt",
        "mass_disappearance": "Zu viel wäre auf einmal verschwunden",
        "rows_match_source": "nicht so viele Zeilen, wie die Quelle zählt",
        "money_matches_source": "Die Beträge weichen von den Summen der Quelle ab",
        "required_fields": "Zeilen ohne Schlüssel, Projekt oder Währung",
        "nothing_rejected": "Datensätze sind in Quarantäne",
        "amounts_add_up": "Offene Beträge sind nicht der Rest ihrer Bestellungen",
        "no_anomalies": "Buchungen haben sich unter ihrem Schlüssel geändert, oder Bestellungen wurden überschritten",
        "freshness": "zu lange nicht synchronisiert",
    },
}


def message(news: News, language: Language) -> dict[str, Any]:
    """The whole message about the news."""
    words = WORDS[language]
    alerts, projects = news.alerts[:ALERTS_SHOWN], news.projects[:PROJECTS_SHOWN]
    title = _title(news, words)
    blocks: list[Block] = [_header(title)]
    for alert in alerts:
        blocks.append(_alert(alert, words, language))
    if alerts and projects:
        blocks.append({"type": "divider"})
    for project in projects:
        blocks.append(_project(project, words, language))
    blocks.append(_context(_footer(news, words, language)))
    lines = [title, *(_titled(alert, words) for alert in alerts), *(one.project_nr for one in projects)]
    return _sent(lines, blocks)


def trial_message(language: Language) -> dict[str, Any]:
    words = WORDS[language]
    blocks = [_header(words["test"]), {"type": "section", "text": _plain(words["tested"], SECTION)}]
    return _sent([words["test"]], blocks)


def _sent(lines: Iterable[str], blocks: Sequence[Block]) -> dict[str, Any]:
    """Link previews would only be in the way."""
    text = escaped(" · ".join(map(_defused, lines)), TEXT)
    return {"text": text, "blocks": list(blocks), "unfurl_links": False, "unfurl_media": False}


def _title(news: News, words: Mapping[str, str]) -> str:
    counted = [(name, len(found)) for name, found in (("alerts", news.alerts), ("projects", news.projects)) if found]
    told = [_number(words, name, count) for name, count in counted]
    return f"Costbook: {', '.join(told) or words['nothing']}"


def _number(words: Mapping[str, str], name: str, count: int) -> str:
    return words[f"{name}_1"] if count == 1 else words[name].format(count)


# --- blocks --------------------------------------------------------------------------------------------------------


def _header(title: str) -> Block:
    return {"type": "header", "text": _plain(title, HEADER)}


def _titled(alert: Alert, words: Mapping[str, str]) -> str:
    """What happened, in one line."""
    entity = words.get(f"{alert.entity}_entity", words.get(alert.entity, alert.entity))
    check = words.get(alert.check, alert.check)
    count = f" ({alert.count})" if alert.count is not None else ""
    return words[alert.kind].format(alert.name, entity, check) + count


def _alert(alert: Alert, words: Mapping[str, str], language: Language) -> Block:
    reason = alert.sentence
    if alert.kind in ("late", "silent"):
        never = words[f"never_{alert.kind}"]
        reason = words["last"].format(moment(alert.since, language)) if alert.since else never
    text = "\n".join(part for part in (f"⚠️ {_titled(alert, words)}", shortened(reason, REASON)) if part)
    block: Block = {"type": "section", "text": _plain(text, SECTION)}
    return block | {"fields": [_link(alert.link, words["look"])]} if alert.link else block


def _project(project: ProjectNews, words: Mapping[str, str], language: Language) -> Block:
    name = shortened(f"{project.project_nr} {project.name}".strip(), NAME)
    fields = [_markup(text) for text in _amounts(project.moved, words, language)]
    fields += [_markup("\n".join(_lines(project, words))), _link(project.link, words["open_project"])]
    return {"type": "section", "text": _plain(name, SECTION), "fields": fields[:FIELDS]}


def _amounts(moved: Sequence[Moved], words: Mapping[str, str], language: Language) -> Iterator[str]:
    """One field per currency: what each figure moved by."""
    by_currency: dict[str, list[str]] = defaultdict(list)
    for one in moved:
        if one.delta:
            by_currency[one.currency].append(f"{words[one.figure]} {money(one.delta, one.currency, language)}")
    for currency in sorted(by_currency)[:CURRENCIES_SHOWN]:
        yield "\n".join(by_currency[currency])
    if len(by_currency) > CURRENCIES_SHOWN:
        yield words["more_currencies"].format(len(by_currency) - CURRENCIES_SHOWN)


def _lines(project: ProjectNews, words: Mapping[str, str]) -> Iterator[str]:
    for entity in ("commitments", "actuals", "projects"):
        kinds = ("new", "changed", "closed", "gone")
        told = [words[kind].format(project.lines[entity, kind]) for kind in kinds if project.lines.get((entity, kind))]
        if told:
            name = words.get(f"{entity}_entity", words[entity])
            yield f"{name[:1].upper()}{name[1:]}: {', '.join(told)}"


def _footer(news: News, words: Mapping[str, str], language: Language) -> Iterator[str]:
    yield words["since"].format(moment(news.since, language), moment(news.until, language))
    if news.runs:
        yield _number(words, "syncs", news.runs)
    for name, found, most in (("alerts", news.alerts, ALERTS_SHOWN), ("projects", news.projects, PROJECTS_SHOWN)):
        if len(found) > most:
            yield words[f"more_{name}"].format(len(found) - most)
    if news.link:
        yield f"<{_address(news.link)}|Costbook>"


def _context(texts: Iterable[str]) -> Block:
    return {"type": "context", "elements": [_markup(text) for text in texts]}


def _plain(text: str, most: int) -> Block:
    return {"type": "plain_text", "text": escaped(text, most), "emoji": False}


def _markup(text: str) -> Block:
    """Our own words; nothing from elsewhere comes here."""
    return {"type": "mrkdwn", "text": text[:FIELD]}


def _link(address: str, label: str) -> Block:
    return _markup(f"<{_address(address)}|{label}>")


def _address(address: str) -> str:
    return address.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")


# --- words and numbers ---------------------------------------------------------------------------------------------

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escaped(text: str, most: int) -> str:
    """The text with Slack's three escapes, at most so long; what is cut off ends with …, never within an escape."""
    pieces = [_ESCAPES.get(sign, sign) for sign in text]
    if sum(map(_length, pieces)) <= most:
        return "".join(pieces)
    room, kept = most - 1, []
    for piece in pieces:
        room -= _length(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def _length(text: str) -> int:
    """UTF-16 units, as JavaScript counts."""
    return sum(2 if ord(sign) > 0xFFFF else 1 for sign in text)


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _defused(text: str) -> str:
    """The text beside the blocks is markup, and there is no escape for these signs."""
    return "".join(sign for sign in text if sign not in "*_~`").replace("\n", " ")


def money(amount: Decimal, currency: str, language: Language) -> str:
    """Exact, with sign, currency and its digits: +1,234.50 EUR, in German +1.234,50 EUR."""
    figure = f"{shown(amount, currency):+,f}"
    if language == "de":
        figure = figure.translate(str.maketrans(",.", ".,"))
    return f"{figure} {currency}"


def moment(at: datetime, language: Language) -> str:
    """In the time zone that it comes in, which is told."""
    day = "%d.%m.%Y" if language == "de" else "%Y-%m-%d"
    return f"{at:{day} %H:%M %Z}".strip()
