"""Draws the map of an incident as SVG; states are told by words and outlines, not by colour alone."""

from __future__ import annotations

from aiops_jobs.core.reports.incident.placing import HEIGHT, WIDTH, Map, Place
from aiops_jobs.core.reports.markup import Element, el
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.words import count, name, shortened

LETTERS = 22
KINDS = {"database": "database", "queue": "queue", "gateway": "gateway", "host": "host", "disk": "disk"}
TROUBLED = frozenset({"cause", "ill", "silent"})


def map_plot(given: Map, *, words: str) -> Element:
    """Return the picture: a box for each item, a curve for each dependency, those between the troubled ones strong."""
    at = {place.node.entity_id: place for place in given.places}
    edges = [(at[a], at[b]) for a, b in given.edges]
    calm = [pair for pair in edges if not _is_hot(*pair)]
    hot = [pair for pair in edges if _is_hot(*pair)]
    return el(
        "svg",
        el("title", words),
        [_edge(*pair, kind="link") for pair in calm],
        [_edge(*pair, kind="link hot") for pair in hot],
        [_node(place) for place in given.places],
        viewBox=f"0 0 {given.width:.0f} {given.height:.0f}",
        width=round(given.width),
        height=round(given.height),
        class_="plot map",
        role="img",
        aria_label=words,
    )


def _is_hot(a: Place, b: Place) -> bool:
    return a.node.state in TROUBLED and b.node.state in TROUBLED


def _edge(a: Place, b: Place, *, kind: str) -> Element:
    """Return a curve from the right of the caller to the left of the callee."""
    x1, y1, x2, y2 = a.x + WIDTH, a.y + HEIGHT / 2, b.x - 7, b.y + HEIGHT / 2
    if b.x <= a.x:
        return _back(a, b, kind)
    bend = max(24.0, abs(x2 - x1) / 2)
    curve = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    head = f"{x2 + 7:.1f},{y2:.1f} {x2:.1f},{y2 - 3.5:.1f} {x2:.1f},{y2 + 3.5:.1f}"
    told = el("title", f"{name(a.node.entity_id)} → {name(b.node.entity_id)}")
    return el("g", told, el("path", d=curve, class_=kind), el("polygon", points=head, class_=f"{kind} head"))


def _back(a: Place, b: Place, kind: str) -> Element:
    """Return the curve of a call that closes a circle: from below one box to below the other."""
    x1, x2, y1, y2 = a.x + WIDTH * 0.6, b.x + WIDTH * 0.4, a.y + HEIGHT, b.y + HEIGHT + 7
    low = max(y1, y2) + 10
    curve = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {low:.1f} {x2:.1f} {low:.1f} {x2:.1f} {y2:.1f}"
    head = f"{x2:.1f},{y2 - 7:.1f} {x2 - 3.5:.1f},{y2:.1f} {x2 + 3.5:.1f},{y2:.1f}"
    told = el("title", f"{name(a.node.entity_id)} → {name(b.node.entity_id)}")
    return el("g", told, el("path", d=curve, class_=f"{kind} back"), el("polygon", points=head, class_=f"{kind} head"))


def _node(place: Place) -> Element:
    node = place.node
    kind = KINDS.get(node.entity_id.split("/", 1)[0], "")
    counted = [count(node.alerts, "alert")] if node.alerts else []
    counted += [count(node.findings, "finding")] if node.findings else []
    state = say(f"map.{node.state}")
    second = ", ".join(counted) if node.state == "ill" and counted else state
    told = ": ".join(filter(None, [node.entity_id, ", ".join([state, *counted])]))
    label = shortened(name(node.entity_id), LETTERS)
    return el(
        "g",
        el("title", told),
        el("rect", x=place.x, y=place.y, width=WIDTH, height=HEIGHT, rx=7, class_=f"node {node.state}"),
        el("text", label, x=place.x + 12, y=place.y + 20, class_="node-name"),
        el("text", kind, x=place.x + WIDTH - 10, y=place.y + 20, class_="node-kind end")
        if kind and len(label) < LETTERS - len(kind)
        else None,
        el("text", second, x=place.x + 12, y=place.y + 36, class_=f"node-state {node.state}"),
    )
