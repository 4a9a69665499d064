"""Small parts that sections of a page share: icons, chips, tables, prose, legends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.phrases import LEGENDS, say

ICONS = {
    "act": "M8 1 15.5 14.5H.5ZM7.2 5.8h1.6v4.4H7.2Zm0 5.4h1.6v1.6H7.2Z",
    "look": "M8 .8a7.2 7.2 0 1 0 0 14.4A7.2 7.2 0 0 0 8 .8ZM7.2 4h1.6v5H7.2Zm0 6.2h1.6v1.7H7.2Z",
    "blind": "M8 .8a7.2 7.2 0 1 0 0 14.4A7.2 7.2 0 0 0 8 .8ZM8 2.6a5.4 5.4 0 0 1 3.3 1.1L3.7 11.3A5.4 5.4 0 0 1 8 2.6Z"
    "M12.3 4.7A5.4 5.4 0 0 1 4.7 12.3Z",
    "calm": "M8 .8a7.2 7.2 0 1 0 0 14.4A7.2 7.2 0 0 0 8 .8ZM11.7 5.1 12.8 6.2 7 12 3.7 8.7 4.8 7.6 7 9.8Z",
}
"""Shapes on a 16 by 16 grid; each state has its own, so that no colour is needed to tell them apart."""
STATE_ICON = {
    "ok": "calm",
    "late": "look",
    "partial": "look",
    "silent": "blind",
    "unreachable": "blind",
    "never": "blind",
}


def icon(name: str) -> Element:
    """Return a picture of a state; the words beside it say the same."""
    shape = el("path", d=ICONS[name], fill_rule="evenodd")
    return el("svg", shape, class_="icon", viewBox="0 0 16 16", aria_hidden="true")


def chip(words: Node, kind: str = "") -> Element:
    """Return a short label in a frame."""
    return el("span", words, class_=f"chip {kind}".strip())


def prose(text: str) -> list[Node]:
    """Return text in which what stands between backticks is set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner is just a character
        return [text]
    return [el("code", part) if number % 2 else part for number, part in enumerate(parts)]


def table(
    heads: Sequence[tuple[str, str]], rows: Iterable[Sequence[Node]], *, caption: str, class_: str | None = None
) -> Element:
    """Return a table a screen reader can follow, in a box that scrolls by itself on a narrow screen.

    Args:
        heads: Name and class of each column; the first cell of a row names the row.
        rows: One node a cell.
        caption: What the table holds.
        class_: Class of the table.
    """
    head = el("tr", [el("th", name, scope="col", class_=kind or None) for name, kind in heads])
    body = [
        el(
            "tr",
            [
                el("th", cell, scope="row", class_=kind or None) if not at else el("td", cell, class_=kind or None)
                for at, (cell, (_, kind)) in enumerate(zip(row, heads, strict=True))
            ],
        )
        for row in rows
    ]
    whole = el("table", el("caption", caption), el("thead", head), el("tbody", body), class_=class_)
    return scroll(whole, caption)


def scroll(content: Node, words: str) -> Element:
    """Return a box that scrolls sideways and can be reached by keyboard."""
    return el("div", content, class_="scroll", tabindex="0", role="region", aria_label=words)


def state_cell(state: str, words: Node) -> Element:
    """Return a state with its icon."""
    return el("span", icon(STATE_ICON[state]), el("span", words), class_=f"cell {state}")


def more(summary: str, content: Node) -> Element:
    """Return something that is shown on demand."""
    return el("details", el("summary", summary), content)


def section(title: str, anchor: str, *content: Node) -> Element:
    """Return a section with its heading."""
    return el("section", el("h2", title, id=f"{anchor}-title"), *content, id=anchor, aria_labelledby=f"{anchor}-title")


def nothing(words: str) -> Element:
    """Return a calm sentence where there is nothing to show."""
    return el("p", words, class_="card soft")


def legend(*items: str) -> Element:
    """Return what the parts of a picture mean; see `_SAMPLES` for the names."""
    parts = [
        el("li", el("svg", sample, viewBox="0 0 26 12", aria_hidden="true"), words)
        for sample, words in map(_SAMPLES.__getitem__, items)
    ]
    return el("ul", parts, class_="legend", aria_label="Legend")


def hatch() -> Element:
    """Return the pattern findings are drawn with; once a page."""
    pattern = el(
        "pattern",
        el("rect", width=6, height=6, class_="hatch-ground"),
        el("path", d="M0 6 6 0", class_="hatch-line"),
        id="hatch",
        width=6,
        height=6,
        patternUnits="userSpaceOnUse",
    )
    quiet = el(
        "pattern",
        el("rect", width=5, height=5, class_="quiet-ground"),
        el("path", d="M0 0 5 5", class_="quiet-line"),
        id="hatch-quiet",
        width=5,
        height=5,
        patternUnits="userSpaceOnUse",
    )
    return el("svg", el("defs", pattern, quiet), class_="defs", aria_hidden="true", width=0, height=0)


_SAMPLES: dict[str, tuple[Node, str]] = {
    "value": (el("path", d="M0 8 8 4 16 8 26 5", class_="value"), "measured"),
    "odd": (el("path", d="M0 8 8 3 16 7 26 4", class_="odd"), "anomalous"),
    "band": (el("rect", x=0, y=1, width=26, height=10, class_="band"), "expected range"),
    "fan": (el("rect", x=0, y=1, width=26, height=10, class_="band"), "80 % of outcomes"),
    "median": (el("path", d="M0 6H26", class_="median"), "median forecast"),
    "limit": (el("path", d="M0 6H26", class_="limit"), "full"),
    "breach": (el("polygon", points="13,0 19,6 13,12 7,6", class_="breach-mark"), "limit reached: early, median, late"),
    "alert": (el("rect", x=0, y=2, width=26, height=8, rx=2, class_="bar-alert critical"), "alert (critical)"),
    "alert-warning": (el("rect", x=0, y=2, width=26, height=8, rx=2, class_="bar-alert warning"), "alert (warning)"),
    "alert-info": (el("rect", x=0, y=2, width=26, height=8, rx=2, class_="bar-alert info"), "alert (info)"),
    "finding": (el("rect", x=0, y=2, width=26, height=8, rx=2, class_="bar-finding"), "finding"),
    "quiet": (el("rect", x=0, y=3, width=26, height=6, rx=2, class_="bar-quiet"), LEGENDS["quiet"]),
    "stretch": (el("rect", x=0, y=0, width=26, height=12, rx=3, class_="stretch"), LEGENDS["stretch"]),
    **{
        f"node-{state}": (el("rect", x=1, y=1, width=24, height=10, rx=3, class_=f"node {state}"), say(f"map.{state}"))
        for state in ("cause", "ill", "silent", "calm", "blind")
    },
    "change": (el("polygon", points="13,0 19,6 13,12 7,6", class_="change-mark"), "change"),
}
