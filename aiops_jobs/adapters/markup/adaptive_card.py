"""Bodies as elements of an Adaptive Card: rich text whose runs are text, so that nothing in them is read as Markdown.

A ``TextBlock`` would be read as Markdown; a ``TextRun`` of a ``RichTextBlock`` is shown as it is. Mentions need
entities beside the card, and there are none. ``{{DATE(…)}}`` is all a card would still replace: its braces are parted.
The limit counts bytes of the JSON that is sent, as Teams does (28 KB a message).
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from aiops_jobs.core.tickets.limits import ELLIPSIS, Limit, cut
from aiops_jobs.core.tickets.richtext import Block, Line, Span, parse

VERSION = "1.4"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_BRACES = re.compile(r"\{(?=\{)")
SHORTEST = 40
"""Bytes: a shorter beginning of a block says nothing."""


class AdaptiveCardRenderer:
    """Writes a list of elements for the ``body`` of a card."""

    def render(self, markdown: str, limit: Limit) -> list[dict[str, Any]]:
        """Return the body as elements whose JSON holds ``limit`` (in its unit, of the JSON)."""
        kept: list[dict[str, Any]] = []
        ending = _element(Block("paragraph", ((Span(ELLIPSIS),),)))
        left = limit.size - 2 - _length(ending, limit)
        for block in parse(markdown):
            element = _element(block)
            if _length(element, limit) > left:
                beginning = _beginning(block, Limit(left, limit.unit))
                last = beginning or (ending if left >= 0 else None)
                return [*kept, last] if last else kept
            kept.append(element)
            left -= _length(element, limit)
        return kept


def plain(text: str) -> str:
    """Return text that a card shows as it is.

    Example:
        >>> plain("at {{DATE(2026-11-20T02:14:00Z)}}")
        'at { {DATE(2026-11-20T02:14:00Z)}}'
    """
    return _BRACES.sub("{ ", _CONTROL.sub(" ", text))


def run(text: str, **style: Any) -> dict[str, Any]:
    """Return a run of literal text."""
    return {"type": "TextRun", "text": plain(text), **style}


def rich(*runs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a paragraph of runs."""
    return {"type": "RichTextBlock", "inlines": list(runs), **more}


def _element(block: Block) -> dict[str, Any]:
    if block.kind == "rule":
        return rich(run(" "), separator=True)
    runs: list[dict[str, Any]] = []
    for number, line in enumerate(block.lines, start=1):
        mark = {"bullets": "• ", "numbers": f"{number}. "}.get(block.kind, "")
        begin = ("\n" if number > 1 else "") + mark
        runs += ([run(begin)] if begin else []) + _runs(line, block)
    return rich(*(runs or [run(" ")]))


def _runs(line: Line, block: Block) -> list[dict[str, Any]]:
    style: dict[str, Any] = {}
    if block.kind == "heading":
        style = {"weight": "Bolder", "size": "Medium" if block.level <= 2 else "Default"}
    return [run(span.text, **{**style, **_style(span)}) for span in line if span.text]


def _style(span: Span) -> dict[str, Any]:
    match span.style:
        case "bold":
            return {"weight": "Bolder"}
        case "code":
            return {"fontType": "Monospace"}
        case "link" if span.url:
            return {"selectAction": {"type": "Action.OpenUrl", "url": span.url}, "underline": True}
    return {}


def _beginning(block: Block, left: Limit) -> dict[str, Any] | None:
    """Return the longest beginning of a block that fits, found by halving; None if that would say nothing."""
    text = block.text
    low, high, best = 1, min(len(text), max(left.size, 0)), None
    while low <= high:
        middle = (low + high) // 2
        element = rich(run(cut(text, Limit(middle))))
        if _length(element, left) <= left.size:
            best, low = element, middle + 1
        else:
            high = middle - 1
    return best if best and high >= SHORTEST else None


def _length(element: dict[str, Any], limit: Limit) -> int:
    """Return what an element costs in a list, in units of its JSON."""
    return limit.length(orjson.dumps(element).decode()) + 1
