"""A channel as people read it: the messages as a simple page.

Belongs here: HTML from messages. Does not belong here: judging them (``block_kit``).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from . import block_kit

_BOLD = re.compile(r"\*([^*\n]+)\*")
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>#costbook</title><style>body{{font:15px/1.5 system-ui;max-width:46rem;margin:2rem auto;padding:0 1rem}}
article{{border:1px solid #ddd;border-radius:8px;padding:.8rem 1rem;margin:1rem 0}}time{{color:#666;font-size:.85em}}
h2{{font-size:1.1em;margin:.3em 0}}p{{margin:.3em 0;white-space:pre-line}}</style><h1>#costbook</h1>{}</html>"""


def page(messages: Iterable[dict[str, Any]]) -> str:
    """The newest message first."""
    shown = "".join(map(_article, messages))
    return _PAGE.format(shown or "<p>Nothing was posted yet.</p>")


def _article(message: dict[str, Any]) -> str:
    payload = message["payload"]
    headers = {block["text"]["text"] for block in payload.get("blocks") or [] if block.get("type") == "header"}
    parts = (
        f"<h2>{_plain(text)}</h2>"
        if text in headers
        else f"<p>{_marked(text) if kind == 'mrkdwn' else _plain(text)}</p>"
        for kind, text in block_kit.texts(payload)
    )
    return f"<article><time>{html.escape(message['at'])}</time>{''.join(parts)}</article>"


def _plain(text: str) -> str:
    """Slack undoes its three escapes; the page escapes anew."""
    for escape, sign in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(escape, sign)
    return html.escape(text)


def _marked(text: str) -> str:
    """Links and bold; what was escaped stays text."""
    pieces = re.split(r"(<https?://[^<>|]*\|[^<>]*>)", text)
    return "".join(
        _linked(piece) if place % 2 else _BOLD.sub(r"<b>\1</b>", _plain(piece)) for place, piece in enumerate(pieces)
    )


def _linked(link: str) -> str:
    address, _, label = link[1:-1].partition("|")
    return f'<a href="{_plain(address)}">{_plain(label)}</a>'
