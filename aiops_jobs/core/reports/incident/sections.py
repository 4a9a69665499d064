"""Sections of an incident's page about its surroundings: time, topology, changes, the past, members, priority, runs."""

from __future__ import annotations

from aiops_jobs.core.reports.incident.causes import left_over, pictures
from aiops_jobs.core.reports.incident.drawing import map_plot
from aiops_jobs.core.reports.incident.model import Page, Similar
from aiops_jobs.core.reports.incident_model import Change, Member, Quiet
from aiops_jobs.core.reports.ledger import run_table
from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.pieces import chip, legend, more, nothing, prose, scroll, section, table
from aiops_jobs.core.reports.plots import bar
from aiops_jobs.core.reports.timeline import timeline_plot
from aiops_jobs.core.reports.words import count, duration, instant, name, number, percent, whole

MOST_SHOWN, MOST_MEMBERS = 12, 400
"""Members that are shown at once, and at all."""
LEGEND = {
    "alert": ("alert", "critical"),
    "alert-warning": ("alert", "warning"),
    "alert-info": ("alert", "info"),
    "finding": "finding",
}
NODES = ("cause", "ill", "silent", "blind", "calm")


def timeline_section(page: Page) -> Element:
    """Return what rang where and when, and what was changed."""
    given = page.incident.timeline
    begin, end = instant(given.first), instant(given.last)
    words = f"{say('timeline.title')}: {page.incident.title}, {begin} to {end}"
    bars = {(b.kind, b.severity) for lane in given.lanes for b in lane.bars}
    items = [sample for sample, kind in LEGEND.items() if any(kind in (bar, bar[0]) for bar in bars)]
    items += ["change"] if any(lane.marks for lane in given.lanes) else []
    items += ["quiet"] if any(b.kind == "quiet" for lane in given.lanes for b in lane.bars) else []
    items += ["stretch"] if any(lane.stretches for lane in given.lanes) else []
    note = el("p", say("timeline.note"), class_="soft small minor")
    card = el("div", scroll(timeline_plot(given, words=words), words), legend(*items), note, class_="card")
    return section(say("timeline.title"), "timeline", card)


def map_section(page: Page) -> Element:
    """Return what is affected among what depends on it."""
    given = page.map
    services = [chip(service) for service in page.incident.services]
    parts: list[Node] = [el("p", services, class_="minor")] if services else []
    if given.edges:
        words = say("map.words", title=page.incident.title, amount=len(given.places))
        states = {place.node.state for place in given.places}
        parts += [
            scroll(map_plot(given, words=words), words),
            legend(*(f"node-{state}" for state in NODES if state in states)),
            el("p", say("map.note"), class_="soft small minor"),
        ]
    else:
        parts.append(el("p", say("map.none"), class_="soft"))
    if given.hidden:
        parts.append(el("p", say("map.hidden", amount=count(given.hidden, "more affected item")), class_="soft small"))
    return section(say("map.title"), "services", el("div", parts, class_="card"))


def measured_section(page: Page) -> Element | None:
    """Return the pictures that stand under no cause; nothing where all do."""
    if not page.incident.plots:
        return section(say("plots.title"), "measured", nothing(say("plots.none")))
    rest = left_over(page)
    if not rest:
        return None
    return section(say("plots.title"), "measured", el("div", pictures(page, rest), class_="card"))


def changes_section(page: Page) -> Element:
    """Return what was changed on what is affected."""
    if not page.incident.changes:
        return section(say("changes.title"), "changes", nothing(say("changes.none")))
    heads = (("Change", ""), ("When", "nowrap"), ("On", ""), ("What", ""), ("Outcome", ""))
    rows = [_change(change, page) for change in page.incident.changes]
    told = table(heads, rows, caption=say("changes.caption"))
    return section(say("changes.title"), "changes", el("div", told, class_="card"))


def _change(change: Change, page: Page) -> tuple[Node, ...]:
    ahead = (page.incident.started_at - change.started_at).total_seconds()
    when = f"{duration(abs(ahead))} {'before' if ahead >= 0 else 'after'}"
    mark: Node = None
    if change.rank is not None:
        is_cause = change.rank == 1 and not page.abstained
        mark = chip("suspected", "cause") if is_cause else chip(f"candidate {change.rank}")
    return (
        [el("span", change.change_id), " ", mark],
        [instant(change.started_at), el("div", when, class_="soft small")],
        name(change.entity_id),
        f"{change.change_type}: {change.title}",
        change.outcome.replace("_", " "),
    )


def similar_section(page: Page) -> Element:
    """Return what the past knows, how it was resolved first."""
    if not page.similar:
        return section(say("similar.title"), "similar", nothing(say("similar.none")))
    items = el("ul", [_similar(item) for item in page.similar], class_="similar")
    return section(say("similar.title"), "similar", el("div", items, class_="card"))


def _similar(item: Similar) -> Element:
    code = chip(item.resolution_code.replace("_", " "), "ok") if item.resolution_code else None
    resolved: list[Node] = [el("b", say("similar.resolved")), " ", code, " ", prose(item.resolution)]
    is_told = bool(item.resolution or item.resolution_code)
    facts = [instant(item.opened_at), item.kind, item.similar_id]
    facts += [f"cause {name(item.cause)}"] if item.cause else []
    return el(
        "li",
        el(
            "div",
            el("span", item.title, class_="what"),
            bar(item.similarity, words=percent(item.similarity)),
            class_="cause-head",
        ),
        el("p", resolved, class_="resolution") if is_told else el("p", say("similar.unresolved"), class_="soft small"),
        el("p", " · ".join(facts), class_="soft small minor"),
        el("p", [chip(word) for word in item.matched], class_="minor") if item.matched else None,
    )


def quiet_section(page: Page) -> Element:
    """Return the alerts of the incident that were kept from people, with the reason and the harm."""
    items = page.incident.quiet
    if not items:
        return section(say("quiet.title"), "quiet", nothing(say("quiet.none")))
    heads = (
        ("Alert", ""),
        ("On", ""),
        ("From", "nowrap"),
        ("For", "nowrap"),
        ("Policy", ""),
        ("Why, and at what price", ""),
    )
    shown = [_quiet(item) for item in sorted(items, key=lambda q: (not q.is_harm, q.started_at, q.alert_id, q.kind))]
    told = table(heads, shown[:MOST_MEMBERS], caption=say("quiet.caption"))
    return section(say("quiet.title"), "quiet", el("div", told, class_="card"))


def _quiet(item: Quiet) -> tuple[Node, ...]:
    lasted = "open" if item.ended_at is None else duration((item.ended_at - item.started_at).total_seconds())
    price = [chip(say("quiet.harm"), "bad")] if item.is_harm else []
    if item.delay_s:
        price.append(chip(say("quiet.delay", length=duration(item.delay_s)), "warn"))
    by = f" ({item.by})" if item.by else ""
    rule = el("div", item.rule, class_="soft small")
    return (
        item.alert_name,
        name(item.entity_id),
        instant(item.started_at),
        lasted,
        [item.kind.replace("_", " "), rule],
        [prose(item.reason), by, " ", price],
    )


def members_section(page: Page) -> Element:
    """Return the alerts and findings with the reason each belongs: a few at once, the rest on demand."""
    members = page.incident.members
    shown = members[:MOST_MEMBERS]
    rest = len(members) - len(shown)
    heads = (
        ("Alert or finding", ""),
        ("On", ""),
        ("Began", "nowrap"),
        ("Lasted", "nowrap"),
        ("Severity", ""),
        ("Why it belongs", ""),
    )
    told: Node = table(heads, [_member(m) for m in shown], caption=say("members.caption"))
    if len(shown) > MOST_SHOWN:
        first = table(heads, [_member(m) for m in shown[:MOST_SHOWN]], caption=say("members.caption"))
        told = [first, more(say("members.all", amount=count(len(shown), "member")), told)]
    note = prose(say("members.rest", amount=whole(rest), incident=page.incident.incident_id))
    card = el("div", told, el("p", note, class_="soft small minor") if rest else None, class_="card")
    return section(say("members.title"), "members", card)


def _member(member: Member) -> tuple[Node, ...]:
    lasted = "open" if member.ended_at is None else duration((member.ended_at - member.started_at).total_seconds())
    what: Node = [member.name, " ", chip(member.kind), chip("primary") if member.role == "primary" else None]
    return what, name(member.entity_id), instant(member.started_at), lasted, member.severity, prose(member.reason)


def priority_section(page: Page) -> Element:
    """Return why the incident has its priority, and what it costs to leave it alone."""
    heads = (("Factor", ""), ("Value", ""), ("Weight", "number"), ("Adds", "number"))
    rows = [(f.name, prose(f.value), number(f.weight), number(f.contribution)) for f in page.factors]
    told = [say("priority.levels", impact=page.impact, urgency=page.urgency)]
    told += [] if page.expected_cost is None else [say("priority.cost", cost=number(page.expected_cost))]
    told += [] if page.actionable is None else [say("priority.act", share=percent(page.actionable))]
    factors = el("div", table(heads, rows, caption=say("priority.caption")), class_="block") if rows else None
    title = say("priority.title", priority=page.incident.priority)
    return section(title, "priority", el("div", el("p", " ".join(told)), factors, class_="card"))


def lineage_section(page: Page) -> Element:
    """Return the runs that said all this, and the question that shows the rest."""
    key = page.incident.incident_id
    known = f"{instant(page.known_at)} {page.known_at.year}"
    told = say("lineage.known", known=known, incident=key, policy=page.policy_version)
    runs = more(count(len(page.runs), "run"), run_table(page.runs, say("lineage.runs"))) if page.runs else None
    note = el("p", prose(say("lineage.note", incident=key)))
    card = el("div", note, el("p", prose(told), class_="soft small minor"), runs, class_="card")
    return section(say("lineage.title"), "lineage", card)
