"""Whether Slack would take a message: the rules of Block Kit that incoming webhooks enforce.

Belongs here: structure and limits of a payload, and what in it would notify people. Does not belong here: channels,
rates, faults (``channel``). Written from Slack's documentation and not from who sends the messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MOST_BLOCKS = 50
BLOCK_ID = 255
# <!channel>, <!here>, <@U123>, <!subteam^S1>: what notifies people. Links (<https://…|label>) do not.
_NOTIFYING = re.compile(r"<[!@][^<>\n]+>")
_KNOWN = frozenset(
    {"text", "blocks", "attachments", "unfurl_links", "unfurl_media", "mrkdwn", "link_names", "thread_ts"}
)
# Shown by legacy webhooks alone; a webhook of an app keeps its own channel and name.
IGNORED = frozenset({"channel", "username", "icon_emoji", "icon_url"})


class Broken(Exception):
    """The word that Slack answers with, and for developers which rule it was."""

    def __init__(self, word: str, rule: str) -> None:
        super().__init__(rule)
        self.word, self.rule = word, rule


def check(payload: Any) -> None:
    """Raises Broken for what Slack refuses."""
    if not isinstance(payload, dict):
        raise Broken("invalid_payload", "a message is a JSON object")
    unknown = payload.keys() - _KNOWN - IGNORED
    if unknown:
        raise Broken("invalid_payload", f"unknown fields: {', '.join(sorted(unknown))}")
    text, blocks = payload.get("text"), payload.get("blocks")
    if text is not None and not isinstance(text, str):
        raise Broken("invalid_payload", "text is a text")
    if not text and not blocks and not payload.get("attachments"):
        raise Broken("no_text", "a message has a text or blocks")
    if blocks is not None:
        _blocks(blocks)


def _blocks(blocks: Any) -> None:
    _rule(isinstance(blocks, list), "blocks is a list")
    _rule(len(blocks) <= MOST_BLOCKS, f"at most {MOST_BLOCKS} blocks, not {len(blocks)}")
    seen = set()
    for place, block in enumerate(blocks):
        _rule(isinstance(block, dict), f"blocks[{place}] is an object")
        rules = _RULES.get(str(block.get("type")))
        _rule(rules is not None, f"blocks[{place}] has no known type")
        identity = block.get("block_id")
        if identity is not None:
            _rule(isinstance(identity, str) and len(identity) <= BLOCK_ID, f"blocks[{place}].block_id is too long")
            _rule(identity not in seen, f"blocks[{place}].block_id comes twice")
            seen.add(identity)
        assert rules is not None  # noqa: S101 - for the type
        rules(block, f"blocks[{place}]")


def _rule(holds: bool, rule: str) -> None:
    if not holds:
        raise Broken("invalid_blocks", rule)


def _keys(block: dict[str, Any], where: str, *known: str) -> None:
    unknown = block.keys() - {"type", "block_id", *known}
    _rule(not unknown, f"{where} has unknown fields: {', '.join(sorted(unknown))}")


def _text(found: Any, where: str, most: int, *types: str) -> None:
    _rule(isinstance(found, dict), f"{where} is a text object")
    kind, text = found.get("type"), found.get("text")
    _rule(kind in types, f"{where} has the type {kind}, not {' or '.join(types)}")
    unknown = found.keys() - ({"type", "text", "emoji"} if kind == "plain_text" else {"type", "text", "verbatim"})
    _rule(not unknown, f"{where} has unknown fields: {', '.join(sorted(unknown))}")
    _rule(isinstance(text, str) and bool(text), f"{where} has no text")
    size = len(text.encode("utf-16-le")) // 2
    _rule(size <= most, f"{where} has {size} characters, more than {most}")


def _header(block: dict[str, Any], where: str) -> None:
    _keys(block, where, "text")
    _text(block.get("text"), f"{where}.text", 150, "plain_text")


def _section(block: dict[str, Any], where: str) -> None:
    _keys(block, where, "text", "fields", "accessory", "expand")
    fields = block.get("fields")
    _rule("text" in block or bool(fields), f"{where} has neither text nor fields")
    if "text" in block:
        _text(block["text"], f"{where}.text", 3000, "plain_text", "mrkdwn")
    if fields is not None:
        _rule(isinstance(fields, list) and 1 <= len(fields) <= 10, f"{where} has 1 to 10 fields")
        for place, one in enumerate(fields):
            _text(one, f"{where}.fields[{place}]", 2000, "plain_text", "mrkdwn")


def _context(block: dict[str, Any], where: str) -> None:
    _keys(block, where, "elements")
    elements = block.get("elements")
    _rule(isinstance(elements, list) and 1 <= len(elements) <= 10, f"{where} has 1 to 10 elements")
    for place, one in enumerate(elements or []):
        if not (isinstance(one, dict) and one.get("type") == "image"):
            _text(one, f"{where}.elements[{place}]", 3000, "plain_text", "mrkdwn")


def _actions(block: dict[str, Any], where: str) -> None:
    _keys(block, where, "elements")
    elements = block.get("elements")
    _rule(isinstance(elements, list) and 1 <= len(elements) <= 25, f"{where} has 1 to 25 elements")
    for place, one in enumerate(elements or []):
        _rule(isinstance(one, dict) and one.get("type") == "button", f"{where}.elements[{place}] is a button")
        _text(one.get("text"), f"{where}.elements[{place}].text", 75, "plain_text")
        _rule(len(str(one.get("url", ""))) <= 3000, f"{where}.elements[{place}].url is too long")


def _divider(block: dict[str, Any], where: str) -> None:
    _keys(block, where)


_RULES = {"header": _header, "section": _section, "context": _context, "actions": _actions, "divider": _divider}


def texts(payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of a message with its kind, in the order of reading: what stands in the channel."""
    found = list(_texts(payload.get("blocks") or []))
    yield from found or [("mrkdwn", str(payload.get("text", "")))]


def _texts(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for one in node:
            yield from _texts(one)
    elif isinstance(node, dict):
        if node.get("type") in ("plain_text", "mrkdwn"):
            yield str(node["type"]), str(node.get("text", ""))
        else:
            for name in ("text", "fields", "elements"):
                yield from _texts(node.get(name))


def notified(payload: dict[str, Any]) -> list[str]:
    """Whom the message would notify."""
    marked = [str(payload.get("text", "")), *(text for kind, text in texts(payload) if kind == "mrkdwn")]
    return sorted({one for text in marked for one in _NOTIFYING.findall(text)})
