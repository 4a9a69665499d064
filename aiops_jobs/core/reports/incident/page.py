"""The page of one incident: what it is, what to do now, and everything that rests on, for a person woken at three."""

from __future__ import annotations

from aiops_jobs.core.reports.drafts import KINDS, draft_name
from aiops_jobs.core.reports.incident.causes import causes_section
from aiops_jobs.core.reports.incident.model import Page, Runbook
from aiops_jobs.core.reports.incident.outcome import outcome_section
from aiops_jobs.core.reports.incident.sections import (
    changes_section,
    lineage_section,
    map_section,
    measured_section,
    members_section,
    priority_section,
    quiet_section,
    similar_section,
    timeline_section,
)
from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.pieces import chip, icon, more, prose
from aiops_jobs.core.reports.plots import bar
from aiops_jobs.core.reports.shell import INDEX, document
from aiops_jobs.core.reports.story import badge, state_chip, ticket_chip
from aiops_jobs.core.reports.words import duration, instant, name, percent, sentence

MOST_GAPS, MOST_LOOKS = 5, 3
RISKS = {"none": "ok", "low": "ok", "medium": "warn", "high": "bad"}


def render_incident(page: Page) -> str:
    """Return the page of one incident as HTML that is well-formed XML too; all text in it is escaped."""
    sections = [
        outcome_section(page),
        timeline_section(page),
        map_section(page),
        causes_section(page),
        measured_section(page),
        changes_section(page),
        similar_section(page),
        quiet_section(page),
        members_section(page),
        priority_section(page),
        lineage_section(page),
    ]
    links = [
        el("li", el("a", str(heading.children[0]), href=f"#{dict(part.attributes)['id']}"))
        for part in sections
        if part is not None and isinstance(heading := part.children[0], Element)
    ]
    drafts = [] if page.incident.is_open else [_draft_link(page, kind) for kind in KINDS]
    back = el("p", page.estate, " · ", el("a", say("index.back"), href=INDEX), drafts, class_="soft")
    return document(
        f"{page.incident.priority} {page.incident.title}",
        el("div", back, class_="top"),
        el(
            "main",
            _headline(page),
            _gaps(page),
            _now(page),
            el("nav", el("ul", links), aria_label="Sections"),
            sections,
        ),
        skip_to="now",
        skip_words=say("now.title"),
    )


def _draft_link(page: Page, kind: str) -> list[Node]:
    return [" · ", el("a", say(f"draft.{kind}"), href=draft_name(page.incident.incident_id, kind, "html"))]


def _headline(page: Page) -> Element:
    incident = page.incident
    delay = duration((incident.detected_at - incident.started_at).total_seconds())
    times = say("head.times", began=instant(incident.started_at), delay=delay)
    ended = f" {say('head.ended', ended=instant(incident.ended_at))}" if incident.ended_at else ""
    return el(
        "section",
        el(
            "header",
            badge(incident.priority),
            el("h1", incident.title),
            el("p", state_chip(incident), f" {times}{ended}", class_="meta"),
        ),
        el("p", prose(incident.summary), class_="lede"),
        el("dl", _cause_tile(page), _since_tile(page), _affected_tile(page), _tickets_tile(page), class_="tiles"),
        class_=f"card case {'open' if incident.is_open else 'over'}",
        aria_label=incident.title,
    )


def _cause_tile(page: Page) -> Element:
    best = page.incident.candidates[0] if page.incident.candidates else None
    if page.abstained or best is None:
        note = say("tile.cause.none")
        if best is not None:
            note = say("tile.cause.abstained", confidence=percent(best.confidence))
        return _tile(say("tile.cause"), say("tile.cause.unknown"), note)
    what = best.change_id or name(best.entity_id)
    sure = bar(page.confidence, words=say("confidence", share=percent(page.confidence)), kind="cause")
    return _tile(say("tile.cause"), [what, " ", chip(best.kind, "cause")], sure)


def _since_tile(page: Page) -> Element:
    incident = page.incident
    until = incident.ended_at or max(page.incident.timeline.last_known, incident.started_at)
    length = duration((until - incident.started_at).total_seconds())
    told = say("state.open", length=length) if incident.is_open else say("state.over", length=length)
    return _tile(say("tile.since"), instant(incident.started_at), told)


def _affected_tile(page: Page) -> Element:
    services = page.incident.services
    if not services:
        return _tile(say("tile.affected"), say("tile.affected.none"), name(page.incident.cause_entity_id))
    rest = f" +{len(services) - 3}" if len(services) > 3 else ""
    note = f"{page.impact} impact, {page.urgency} urgency"
    return _tile(say("tile.affected"), ", ".join(services[:3]) + rest, note)


def _tickets_tile(page: Page) -> Element:
    tickets = page.incident.tickets
    if not tickets:
        return _tile(say("tile.tickets"), say("tile.tickets.none"), say("tile.tickets.none.note"))
    return _tile(say("tile.tickets"), [ticket_chip(ticket) for ticket in tickets], None)


def _tile(label: str, value: Node, note: Node) -> Element:
    said = el("dd", note, class_="note") if note is not None else None
    return el("div", el("dt", label), el("dd", value, class_="words"), said, class_="tile")


def _gaps(page: Page) -> Element | None:
    if not page.gaps:
        return None
    shown: list[Node] = [el("li", prose(gap)) for gap in page.gaps[:MOST_GAPS]]
    if len(page.gaps) > MOST_GAPS:
        shown.append(el("li", say("data.rest", amount=len(page.gaps) - MOST_GAPS)))
    heading = el("h2", icon("blind"), el("span", say("data.title")))
    note = el("p", say("data.note"), class_="small")
    return el("section", heading, el("ul", shown), note, class_="gaps", aria_label=say("data.title"))


def _now(page: Page) -> Element:
    over = el("p", say("now.over"), class_="soft") if not page.incident.is_open else None
    return el(
        "section",
        el("h2", say("now.title"), id="now-title"),
        over,
        el(
            "div",
            el(
                "div",
                el("h3", say("now.next")),
                el("p", prose(page.next_step), class_="next"),
                _places_to_look(page),
                el("h3", say("now.rollback")),
                _rollbacks(page),
            ),
            el("div", el("h3", say("now.runbook")), _runbooks(page.runbooks)),
            class_="split",
        ),
        class_="card todo",
        id="now",
        aria_labelledby="now-title",
    )


def _places_to_look(page: Page) -> list[Node]:
    """Return the best candidates where none may be named."""
    if not page.abstained or not page.incident.candidates:
        return []
    best = [
        el("li", prose(sentence(c.statement)), f" ({percent(c.confidence)})")
        for c in page.incident.candidates[:MOST_LOOKS]
    ]
    return [el("h3", say("now.look")), el("ol", best, class_="plain")]


def _runbooks(runbooks: tuple[Runbook, ...]) -> list[Node]:
    if not runbooks:
        return [el("p", say("now.runbook.none"), class_="soft")]
    rest = [_runbook(runbook) for runbook in runbooks[1:]]
    return [_runbook(runbooks[0]), more(say("now.runbook.more"), rest) if rest else None]


def _runbook(runbook: Runbook) -> Element:
    risk = chip(say("now.risk", tier=runbook.risk_tier), RISKS.get(runbook.risk_tier, "warn"))
    parameters = [el("code", f"{key}={value}") for key, value in runbook.parameters]
    shown = [part for parameter in parameters for part in (" ", parameter)]
    command = say("now.runbook.show", runbook=runbook.runbook_id.replace("`", "'"))
    return el(
        "div",
        el("p", el("span", runbook.title, class_="what"), " ", risk),
        el("p", prose(sentence(runbook.reason)), class_="small"),
        el("p", say("now.parameters"), shown, class_="small") if parameters else None,
        el("p", prose(command), class_="small"),
        class_="runbook",
    )


def _rollbacks(page: Page) -> Element:
    if not page.rollbacks:
        return el("p", say("now.rollback.none"), class_="soft")
    lines = []
    for change in page.rollbacks:
        where = f"{change.change_type} on {name(change.entity_id)}, {instant(change.started_at)}"
        ranks = {c.change_id: c.confidence for c in page.incident.candidates if c.change_id}
        sure = percent(ranks.get(change.change_id))
        mark = chip(say("confidence", share=sure), "cause" if change.rank == 1 and not page.abstained else "")
        lines.append(el("li", el("b", change.change_id), f" {change.title} ({where}) ", mark))
    return el("ul", lines, class_="plain")
