"""Bodies in the Atlassian Document Format, the JSON tree that Jira Cloud takes: no text in it is read as markup.

What telemetry said stands in text nodes alone, so no mention, no link and no macro can come of it. The schema knows no
empty text node, and the limit of a field counts the characters a reader sees; both are held here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.core.tickets.richtext import Block, Line, Span, fitted, parse

Node = dict[str, Any]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MARKS = {"bold": "strong", "code": "code"}
_LISTS = {"bullets": "bulletList", "numbers": "orderedList"}
_ENDS = {"paragraph", "heading", "listItem", "codeBlock", "tableRow", "hardBreak", "rule"}
"""Nodes after which a line ends."""


class AdfRenderer:
    """Writes a whole document; the limit counts its text and a line break a block."""

    def render(self, markdown: str, limit: Limit) -> Node:
        """Return the body as a document whose text holds ``limit``."""
        return {"type": "doc", "version": 1, "content": [_node(block) for block in _cut(markdown, limit)]}


def _cut(markdown: str, limit: Limit) -> list[Block]:
    return fitted(parse(_CONTROL.sub(" ", markdown)), limit, overhead=2)


def _node(block: Block) -> Node:
    match block.kind:
        case "rule":
            return {"type": "rule"}
        case "heading":
            return {"type": "heading", "attrs": {"level": min(6, max(1, block.level))}, **_content(block.lines[0])}
        case "code":
            text = "\n".join("".join(span.text for span in line) for line in block.lines)
            return {"type": "codeBlock", **({"content": [{"type": "text", "text": text}]} if text else {})}
        case "bullets" | "numbers":
            items = [{"type": "listItem", "content": [_paragraph(line)]} for line in block.lines]
            return {"type": _LISTS[block.kind], "content": items}
    return _paragraph(tuple(span for line in block.lines for span in line))


def _paragraph(line: Line) -> Node:
    return {"type": "paragraph", **_content(line)}


def _content(line: Line) -> Node:
    nodes = [_text(span) for span in line if span.text]
    return {"content": nodes} if nodes else {}


def _text(span: Span) -> Node:
    node: Node = {"type": "text", "text": span.text}
    if span.style == "link" and span.url:
        node["marks"] = [{"type": "link", "attrs": {"href": span.url}}]
    elif span.style in _MARKS:
        node["marks"] = [{"type": _MARKS[span.style]}]
    return node


def text_of(document: Any) -> str:
    """Return what a reader sees of a document, a line each block; of a plain text itself, of anything else nothing.

    Example:
        >>> text_of({"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "a"}]}]})
        'a'
    """
    if isinstance(document, str):
        return document.strip()
    return "".join(_read(document)).strip() if isinstance(document, dict) else ""


def _read(node: Node) -> Iterator[str]:
    attrs = node.get("attrs") or {}
    yield str(node.get("text") or attrs.get("text") or "")
    for child in node.get("content") or ():
        yield from _read(child)
    if node.get("type") in _ENDS:
        yield "\n"
