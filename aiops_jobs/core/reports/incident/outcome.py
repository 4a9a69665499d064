"""The section about what became of an incident: what people did with its tickets, what they said, how long it took."""

from __future__ import annotations

from aiops_jobs.core.reports.incident.model import Outcome, Page
from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.pieces import chip, prose, section, table
from aiops_jobs.core.reports.words import duration, instant, name, whole

MARKS = {"true": "ok", "false": "bad", "duplicate": "warn", "insufficient_data": ""}


def outcome_section(page: Page) -> Element | None:
    """Return what became of the incident; nothing before anything was read back."""
    told = page.outcome
    if told is None:
        return None
    rows = [row for row in _rows(told) if row[1] is not None]
    known = el("p", say("outcome.known", known=instant(told.known_at)), class_="soft small minor")
    facts = table((("", ""), ("", "")), rows, caption=say("outcome.caption"))
    return section(say("outcome.title"), "outcome", el("div", _verdict(told), facts, known, class_="card"))


def _verdict(told: Outcome) -> Element | None:
    if told.verdict is None:
        return None
    mark = chip(say(f"outcome.verdict.{told.verdict}"), MARKS[told.verdict])
    return el("p", mark, f" {say('outcome.ours')}" if told.is_ours else None)


def _rows(told: Outcome) -> list[tuple[str, Node]]:
    cause: Node = name(told.cause) if told.cause else None
    if told.words:
        cause = [el("div", cause) if cause else None, *prose(told.words)]
    reopened = whole(told.reopened) if told.reopened is not None else None
    return [
        (say("outcome.state"), told.state),
        (say("outcome.cause"), cause),
        (say("outcome.assignee"), told.assignee),
        (say("outcome.closed_by"), told.closed_by),
        (say("outcome.reopened"), reopened),
        (say("outcome.detect"), _time(told.detect_s)),
        (say("outcome.acknowledge"), _time(told.acknowledge_s)),
        (say("outcome.resolve"), _time(told.resolve_s)),
    ]


def _time(seconds: float | None) -> str:
    return say("outcome.unknown") if seconds is None else duration(seconds)
