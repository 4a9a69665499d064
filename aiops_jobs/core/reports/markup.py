"""Builds HTML and SVG from elements, so that text from telemetry can never become markup.

There is no way to insert raw text: every string is escaped when it is written, names of tags and attributes come from
the code. What is written is well-formed XML and HTML alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Attribute: TypeAlias = str | float | int | bool | None
Node: TypeAlias = "Element | str | Iterable[Node] | None"

VOID = frozenset({"meta", "br", "hr", "wbr", "col"})
EMPTY_IN_SVG = frozenset({"path", "line", "rect", "circle", "polygon", "use", "stop"})
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
    "|[\U000e0000-\U000e007f]"
)
_LINK = re.compile(r"https?://[A-Za-z0-9][^\s\"'<>`\\]*")
REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Element:
    """One tag with its attributes and children."""

    tag: str
    attributes: tuple[tuple[str, Attribute], ...]
    children: tuple[Node, ...]


def el(tag: str, *children: Node, **attributes: Attribute) -> Element:
    """Return an element; ``class_`` and ``aria_label`` become ``class`` and ``aria-label``.

    Example:
        >>> render(el("p", "a < b", class_="note", title='say "hi"'))
        '<p class="note" title="say &quot;hi&quot;">a &lt; b</p>'
    """
    named = tuple((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    return Element(tag, named, children)


def render(node: Node) -> str:
    """Return ``node`` as text; strings are escaped, ``None`` is nothing."""
    parts: list[str] = []
    _write(node, parts)
    return "".join(parts)


def clean(text: str) -> str:
    """Return ``text`` with a replacement sign for every control, bidirectional or invisible character."""
    return _INVISIBLE.sub(REPLACEMENT, text.replace("\r\n", "\n"))


def escape(text: str) -> str:
    """Return ``text`` cleaned, and harmless between tags and inside quotes."""
    safe = clean(text)
    for raw, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        safe = safe.replace(raw, entity)
    return safe


def safe_link(url: str | None) -> str | None:
    """Return ``url`` if a person may be led there by a click: plain http or https, nothing that runs."""
    return url if url is not None and _LINK.fullmatch(url) and clean(url) == url else None


def _write(node: Node, parts: list[str]) -> None:
    if node is None:
        return
    if isinstance(node, str):
        parts.append(escape(node))
        return
    if not isinstance(node, Element):
        for child in node:
            _write(child, parts)
        return
    parts.append(f"<{node.tag}")
    for name, value in node.attributes:
        if value is not None and value is not False:
            parts.append(f' {name}="{escape(_text(value))}"')
    if node.tag in VOID or (node.tag in EMPTY_IN_SVG and not node.children):
        parts.append("/>")
        return
    parts.append(">")
    for child in node.children:
        _write(child, parts)
    parts.append(f"</{node.tag}>")


def _text(value: Attribute) -> str:
    if value is True:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".") if value == value else "0"  # noqa: PLR0124 - NaN
    return str(value)
