"""The index of all pages: windows and their incidents, the latest first, so that yesterday's incident is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from aiops_jobs.core.reports.facts import Row
from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.pieces import chip, icon, nothing
from aiops_jobs.core.reports.shell import document, page_name
from aiops_jobs.core.reports.story import badge
from aiops_jobs.core.reports.words import count, duration, instant, span
from aiops_jobs.window import Window

MOST_WINDOWS, MOST_INCIDENTS = 90, 40
"""Windows that are listed, and incidents of each."""


@dataclass(frozen=True, slots=True)
class Told:
    """A window with its page, and the incidents that touch it, the most urgent first."""

    window: Window
    page: str
    incidents: tuple[Row, ...]


def build_index(windows: Sequence[Window], incidents: pa.Table) -> list[Told]:
    """Return the latest windows with what happened in them.

    Args:
        windows: Windows that have a page; each once, in any order.
        incidents: ``incidents``; rows of other times do no harm.
    """
    names = ["incident_id", "title", "priority", "incident_state", "started_at", "ended_at"]
    rows = incidents.select(names).to_pylist()
    rows.sort(key=lambda row: (row["priority"], row["started_at"], row["incident_id"]))
    latest = sorted(set(windows), key=lambda w: (w.start, w.end), reverse=True)
    return [Told(w, report_name(w), tuple(row for row in rows if _touches(row, w))) for w in latest[:MOST_WINDOWS]]


def render_index(estate: str, told: Sequence[Told], *, older: int = 0) -> str:
    """Return the index as a page.

    Args:
        estate: What the estate is called.
        told: Windows, the latest first.
        older: How many windows are not among them.
    """
    cards: Node = [_card(item) for item in told] or nothing(say("index.none"))
    rest = el("p", say("index.older", amount=older), class_="soft") if older else None
    title = f"{estate}: {say('index.title')}"
    head = el("div", el("h1", title), class_="top")
    return document(
        title, head, el("main", cards, rest, id="windows"), skip_to="windows", skip_words=say("index.title")
    )


def report_name(window: Window) -> str:
    """Return the name of the file with the page of a window."""
    return f"report-{window.start:%Y%m%dT%H%M}-{window.end:%Y%m%dT%H%M}.html"


def _touches(row: Row, window: Window) -> bool:
    return bool(row["started_at"] < window.end and (row["ended_at"] is None or row["ended_at"] > window.start))


def _card(item: Told) -> Element:
    began = [row for row in item.incidents if item.window.contains(row["started_at"])]
    lines = [_line(row, is_new=row in began) for row in item.incidents[:MOST_INCIDENTS]]
    rest = len(item.incidents) - len(lines)
    return el(
        "section",
        el("h2", el("a", span(item.window.start, item.window.end), href=item.page, title=say("index.window"))),
        el("ul", lines, class_="windows") if lines else el("p", say("index.calm"), class_="soft"),
        el("p", say("index.rest", amount=count(rest, "incident")), class_="soft small") if rest else None,
        class_="card",
    )


def _line(row: Row, *, is_new: bool) -> Element:
    if row["ended_at"] is not None:
        state = say("state.over", length=duration((row["ended_at"] - row["started_at"]).total_seconds()))
    else:
        state = say("state.open.now" if row["incident_state"] == "open" else "state.over.unknown")
    is_open = row["incident_state"] == "open"
    mark = chip([icon("act" if is_open else "calm"), state], "open" if is_open else "")
    began = instant(row["started_at"]) if is_new else f"{instant(row['started_at'])}, {say('index.going')}"
    link = el("a", row["title"], href=page_name(row["incident_id"]))
    return el("li", badge(row["priority"]), el("span", link, " ", el("span", began, class_="soft small")), mark)
