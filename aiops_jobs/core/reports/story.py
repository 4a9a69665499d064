"""Sections of the page of a window about incidents and anomalies: a line or two each, and the way to its own page."""

from __future__ import annotations

from aiops_jobs.core.reports.incident_model import Incident, Plot, Ticket
from aiops_jobs.core.reports.markup import Element, Node, el, safe_link
from aiops_jobs.core.reports.model import View
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.pieces import chip, icon, legend, nothing, prose, scroll, section
from aiops_jobs.core.reports.plots import Moment, band_plot, bar
from aiops_jobs.core.reports.shell import page_name
from aiops_jobs.core.reports.words import count, duration, instant, percent, sentence

PRIORITY_WORDS = {"P1": "critical", "P2": "high", "P3": "moderate", "P4": "low", "P5": "planning"}


def incidents_section(view: View) -> Element:
    """Return the incidents, one card each."""
    if not view.incidents:
        words = "No incident began in this window."
        if view.data.gaps:
            words += " Data is missing, so this is not a statement about the estate."
        return section("Incidents", "incidents", nothing(words))
    hidden = el("p", f"{count(view.hidden_incidents, 'more incident')} in the warehouse.", class_="soft")
    cards = [_card(incident) for incident in view.incidents]
    return section("Incidents", "incidents", cards, hidden if view.hidden_incidents else None)


def anomalies_section(view: View) -> Element | None:
    """Return the strongest anomalies that belong to no incident."""
    if not view.plots:
        return None
    found = count(view.anomaly_count, "anomaly", "anomalies")
    told = f"{sentence(found)} in all; the strongest of those that belong to no incident:"
    pictures = el("div", [figure(plot) for plot in view.plots], class_="pair block")
    card = el("div", el("p", told, class_="soft"), pictures, legend("value", "odd", "band"), class_="card")
    return section("Other anomalies", "anomalies", card)


def figure(plot: Plot, moments: tuple[Moment, ...] = ()) -> Element:
    """Return an anomaly as a picture with its title and its numbers."""
    words = f"{plot.title}. {plot.told}"
    metric = plot.metric_name
    picture = band_plot(plot.series, plot.spot, unit=plot.unit, metric=metric, words=words, moments=moments)
    told = el("div", plot.told, class_="soft small")
    caption = el("figcaption", el("b", plot.title), el("div", el("code", plot.metric_name)), told)
    return el("figure", caption, scroll(el("div", picture, class_="band-plot"), f"Picture: {plot.title}"))


def badge(priority: str) -> Element:
    """Return a priority as a sign, with its meaning in words."""
    label = f"Priority {priority[1:]}, {PRIORITY_WORDS.get(priority, '')}"
    return el("span", priority, class_=f"badge {priority}", title=label, role="img", aria_label=label)


def state_chip(incident: Incident) -> Element:
    """Return whether an incident is open or over, and after how long."""
    words = say("state.over.unknown") if not incident.is_open else say("state.open.now")
    if incident.ended_at is not None:
        lasted = duration((incident.ended_at - incident.started_at).total_seconds())
        words = say("state.over", length=lasted)
    return chip([icon("act" if incident.is_open else "calm"), words], "open" if incident.is_open else "ok")


def ticket_chip(ticket: Ticket) -> Element:
    """Return a ticket with its key and state; its key leads to it, where its address is a plain web address."""
    key = f" {ticket.key}" if ticket.key else ""
    words = f"{ticket.endpoint}{key}: {ticket.state.replace('_', ' ')}"
    kind = {"delivery dead": "bad", "delivery unknown": "warn"}.get(ticket.state, "")
    link = safe_link(ticket.url)
    inner: Node = el("a", words, href=link, rel="noopener noreferrer") if link else words
    return chip(["ticket ", inner], kind)


def _card(incident: Incident) -> Element:
    link = el("a", incident.title, href=page_name(incident.incident_id), title=say("list.open"))
    delay = duration((incident.detected_at - incident.started_at).total_seconds())
    times = say("head.times", began=instant(incident.started_at), delay=delay)
    affected = [chip(service) for service in incident.services]
    return el(
        "article",
        el(
            "header",
            badge(incident.priority),
            el("h3", link, id=f"{incident.anchor}-title"),
            el("p", state_chip(incident), f" {times} ", [ticket_chip(t) for t in incident.tickets], class_="meta"),
        ),
        el("div", _cause(incident), class_="list-cause"),
        el("p", affected, class_="list-affected") if affected else None,
        class_="card incident listed",
        id=incident.anchor,
        aria_labelledby=f"{incident.anchor}-title",
    )


def _cause(incident: Incident) -> Element:
    best = incident.candidates[0] if incident.candidates else None
    if best is None or best.status == "abstained" or incident.cause_entity_id is None:
        return el("p", say("list.cause.unknown"), class_="soft")
    confidence = bar(best.confidence, words=percent(best.confidence), kind="cause")
    return el("p", prose(sentence(best.statement)), " ", confidence)
