"""Sections of a page about incidents: what happened, why, on what evidence, and how it looked."""

from __future__ import annotations

from collections.abc import Sequence

from aiops_jobs.core.reports.markup import Element, Node, el, safe_link
from aiops_jobs.core.reports.model import Candidate, Incident, Member, Plot, Ticket, View
from aiops_jobs.core.reports.pieces import chip, icon, legend, more, nothing, prose, scroll, section, table
from aiops_jobs.core.reports.plots import band_plot, bar
from aiops_jobs.core.reports.timeline import timeline_plot
from aiops_jobs.core.reports.words import count, duration, instant, name, percent, sentence

UNLIKELY = 0.05
"""Candidates below this confidence are shown on demand, but for the first two."""
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


def figure(plot: Plot) -> Element:
    """Return an anomaly as a picture with its title and its numbers."""
    words = f"{plot.title}. {plot.told}"
    picture = band_plot(plot.series, plot.spot, unit=plot.unit, metric=plot.metric_name, words=words)
    told = el("div", plot.told, class_="soft small")
    caption = el("figcaption", el("b", plot.title), el("div", el("code", plot.metric_name)), told)
    return el("figure", caption, scroll(el("div", picture, class_="band-plot"), f"Picture: {plot.title}"))


def _card(incident: Incident) -> Element:
    return el(
        "article",
        _head(incident),
        el("p", prose(incident.summary), class_="lede"),
        el("div", _why(incident), _how(incident), class_="split block"),
        el("div", el("h4", "Timeline, UTC"), _timeline(incident), class_="block"),
        _pictures(incident),
        _changes(incident),
        _members(incident),
        class_="card incident",
        id=incident.anchor,
        aria_labelledby=f"{incident.anchor}-title",
    )


def _head(incident: Incident) -> Element:
    label = f"Priority {incident.priority[1:]}, {PRIORITY_WORDS.get(incident.priority, '')}"
    badge = el(
        "span", incident.priority, class_=f"badge {incident.priority}", title=label, role="img", aria_label=label
    )
    lasted = "still open"
    if incident.ended_at is not None:
        lasted = f"over after {duration((incident.ended_at - incident.started_at).total_seconds())}"
    elif not incident.is_open:
        lasted = "over"
    delay = duration((incident.detected_at - incident.started_at).total_seconds())
    state = chip([icon("act" if incident.is_open else "calm"), lasted], "open" if incident.is_open else "ok")
    told = f"Began {instant(incident.started_at)}, could be known {delay} later"
    if incident.ended_at is not None:
        told += f", over {instant(incident.ended_at)}"
    return el(
        "header",
        badge,
        el("h3", incident.title, id=f"{incident.anchor}-title"),
        el("p", state, f" {told}. ", [_ticket(ticket) for ticket in incident.tickets], class_="meta"),
    )


def _ticket(ticket: Ticket) -> Element:
    key = f" {ticket.key}" if ticket.key else ""
    words = f"{ticket.endpoint}{key}: {ticket.state.replace('_', ' ')}"
    kind = {"delivery dead": "bad", "delivery unknown": "warn"}.get(ticket.state, "")
    link = safe_link(ticket.url)
    inner: Node = el("a", words, href=link, rel="noopener noreferrer") if link else words
    return chip(["ticket ", inner], kind)


def _why(incident: Incident) -> Element:
    if not incident.candidates:
        return el("div", el("h4", "Probable cause"), el("p", "No cause could be named.", class_="soft"))
    likely = [c for c in incident.candidates if c.rank <= 2 or c.confidence >= UNLIKELY]
    rest = incident.candidates[len(likely) :]
    return el(
        "div",
        el("h4", "Probable cause, ranked"),
        _causes(likely),
        more(count(len(rest), "less likely cause"), _causes(rest)) if rest else None,
    )


def _causes(candidates: Sequence[Candidate]) -> Element:
    return el("ol", [_candidate(candidate) for candidate in candidates], class_="causes")


def _candidate(candidate: Candidate) -> Element:
    is_first = candidate.rank == 1
    abstained = candidate.status == "abstained"
    marks: list[Node] = [chip(candidate.kind, "cause" if is_first and not abstained else "")]
    if candidate.change_id:
        marks.append(chip(f"change {candidate.change_id}"))
    if candidate.status in ("confirmed", "rejected", "abstained"):
        marks.append(chip(candidate.status))
    proofs = [el("li", el("span", proof.kind, class_="kind"), prose(proof.statement)) for proof in candidate.proofs]
    confidence = bar(candidate.confidence, words=percent(candidate.confidence), kind="cause" if is_first else "")
    spoken = el("span", confidence, title=f"confidence {percent(candidate.confidence)}")
    return el(
        "li",
        el(
            "div",
            el("span", f"{candidate.rank}. ", prose(sentence(candidate.statement)), class_="what"),
            spoken,
            class_="cause-head",
        ),
        el("div", marks, class_="minor"),
        el("ul", proofs, class_="proofs") if proofs else None,
        class_="candidate first" if is_first and not abstained else "candidate",
    )


def _how(incident: Incident) -> Element:
    steps = [
        el("li", el("span", class_="dot"), el("span", class_="stem"), prose(sentence(step))) for step in incident.chain
    ]
    services = [chip(service) for service in incident.services] or [el("span", "none named", class_="soft")]
    counts = ((incident.alert_count, "alert"), (incident.finding_count, "finding"), (incident.source_count, "source"))
    seen = ", ".join(count(amount, noun) for amount, noun in counts)
    facts: list[Node] = [el("dt", "Affected"), el("dd", services), el("dt", "Seen by"), el("dd", seen)]
    facts += [el("dt", "Id"), el("dd", el("span", incident.incident_id, class_="id"))]
    chain = el("ol", steps, class_="chain") if steps else el("p", "No chain could be told.", class_="soft")
    return el(
        "div", el("h4", "From cause to symptom"), chain, el("dl", facts, class_="facts block"), _priority(incident)
    )


def _priority(incident: Incident) -> Element | None:
    if not incident.factors:
        return None
    factors = el("ul", [el("li", prose(sentence(factor))) for factor in incident.factors], class_="small plain")
    return more(f"Why {incident.priority}", factors)


def _timeline(incident: Incident) -> list[Node]:
    lanes = incident.timeline.lanes
    begin, end = instant(incident.timeline.first), instant(incident.timeline.last)
    words = f"Timeline of {incident.title}: {count(len(lanes), 'item')} from {begin} to {end}"
    hidden = f"{count(incident.timeline.hidden, 'more item')} below, in the list of members."
    return [
        scroll(timeline_plot(incident.timeline, words=words), words),
        legend("alert", "alert-warning", "alert-info", "finding", "change"),
        el("p", hidden, class_="soft small") if incident.timeline.hidden else None,
    ]


def _pictures(incident: Incident) -> Element | None:
    if not incident.plots:
        return None
    pictures = el("div", [figure(plot) for plot in incident.plots], class_="pair")
    return el("div", el("h4", "What was measured"), pictures, legend("value", "odd", "band"), class_="block")


def _changes(incident: Incident) -> Element | None:
    if not incident.changes:
        return None
    heads = (("Change", ""), ("When", "nowrap"), ("On", ""), ("What", ""), ("Outcome", ""))
    rows = [
        (
            [change.change_id, " ", _suspicion(change.rank)],
            instant(change.started_at),
            name(change.entity_id),
            f"{change.change_type}: {change.title}",
            change.outcome.replace("_", " "),
        )
        for change in incident.changes
    ]
    return el("div", table(heads, rows, caption="Changes nearby"), class_="block")


def _suspicion(rank: int | None) -> Element | None:
    if rank is None:
        return None
    return chip("suspected", "cause") if rank == 1 else chip(f"candidate {rank}")


def _members(incident: Incident) -> Element | None:
    if not incident.members:
        return None
    heads = (
        ("Alert or finding", ""),
        ("On", ""),
        ("Began", "nowrap"),
        ("Lasted", "nowrap"),
        ("Severity", ""),
        ("Why it belongs", ""),
    )
    rows = [_member(member) for member in incident.members]
    title = f"All {count(len(incident.members), 'member')} of this incident, and why each belongs"
    return more(title, table(heads, rows, caption="Members, in the order in which they began"))


def _member(member: Member) -> tuple[Node, ...]:
    lasted = "open" if member.ended_at is None else duration((member.ended_at - member.started_at).total_seconds())
    what: Node = [member.name, " ", chip(member.kind), chip("primary") if member.role == "primary" else None]
    return what, name(member.entity_id), instant(member.started_at), lasted, member.severity, prose(member.reason)
