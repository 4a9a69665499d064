"""The picture of an incident: what rang where and when, what was changed, and where it began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.plots import diamond
from aiops_jobs.core.reports.scales import TimeScale
from aiops_jobs.core.reports.words import duration, instant, shortened

WIDTH, LABELS, RIGHT, TOP, ROW, AXIS = 1060, 218, 18, 30, 26, 30
LABEL_CHARACTERS = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that lasted; an open end is drawn to the edge of the picture."""

    start: datetime
    end: datetime | None
    kind: str
    """alert | finding"""
    severity: str
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one instant: a change."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Lane:
    """Everything about one item of the estate."""

    label: str
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()
    is_cause: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """An incident over time, one lane an item, the suspected cause first."""

    first: datetime
    last: datetime
    lanes: tuple[Lane, ...]
    began_at: datetime
    detected_at: datetime
    ended_at: datetime | None
    hidden: int = 0
    """Lanes that are not drawn."""


def timeline_plot(timeline: Timeline, *, words: str) -> Element:
    """Return the picture: alerts solid, findings hatched, changes as diamonds, the cause's lane framed and named."""
    height = TOP + len(timeline.lanes) * ROW + AXIS
    x = TimeScale(timeline.first, timeline.last, LABELS, WIDTH - RIGHT)
    floor = height - AXIS
    return el(
        "svg",
        el("title", words),
        _axis(x, floor),
        _moments(timeline, x, floor),
        [_lane(lane, number, x) for number, lane in enumerate(timeline.lanes)],
        viewBox=f"0 0 {WIDTH} {height}",
        class_="plot timeline",
        role="img",
        aria_label=words,
    )


def _axis(x: TimeScale, floor: float) -> list[Element]:
    parts = [el("line", x1=x.start, x2=x.end, y1=floor, y2=floor, class_="axis")]
    for moment, label in x.ticks(10):
        at = x(moment)
        parts.append(el("line", x1=at, x2=at, y1=TOP - 4, y2=floor, class_="grid"))
        parts.append(el("text", label, x=at, y=floor + 18, class_="tick middle"))
    return parts


def _moments(timeline: Timeline, x: TimeScale, floor: float) -> list[Node]:
    """Draw begin, detection and end as vertical lines; labels that would collide are left to the text above."""
    named = [("began", timeline.began_at), ("detected", timeline.detected_at), ("over", timeline.ended_at)]
    parts: list[Node] = []
    taken = -1e9
    for label, moment in named:
        if moment is None or not x.contains(moment):
            continue
        at = x(moment)
        parts.append(el("line", x1=at, x2=at, y1=TOP - 6, y2=floor, class_=f"moment {label}"))
        if at - taken > 58:
            parts.append(el("text", label, x=at, y=TOP - 12, class_="tick middle"))
            taken = at
    return parts


def _lane(lane: Lane, number: int, x: TimeScale) -> Element:
    top = TOP + number * ROW
    middle = top + ROW / 2
    label = shortened(lane.label, LABEL_CHARACTERS - (8 if lane.is_cause else 0))
    text = [el("tspan", "cause ", class_="cause-word") if lane.is_cause else None, label]
    return el(
        "g",
        el("title", lane.label),
        el("rect", x=0, y=top + 1, width=WIDTH, height=ROW - 2, rx=4, class_="cause-lane") if lane.is_cause else None,
        el("text", text, x=LABELS - 12, y=middle + 4, class_="lane end"),
        [_bar(bar, x, middle) for bar in sorted(lane.bars, key=lambda b: (b.kind, b.start, b.words))],
        [_mark(mark, x(mark.at), middle) for mark in lane.marks if x.contains(mark.at)],
    )


def _bar(bar: Bar, x: TimeScale, middle: float) -> Element:
    start = x(bar.start)
    end = x.end if bar.end is None else x(bar.end)
    height, offset = (8.0, 0.5) if bar.kind == "alert" else (8.0, -8.5)
    told = f"{bar.words}, {instant(bar.start)} to {instant(bar.end) if bar.end else 'now'}"
    if bar.end is not None:
        told += f" ({duration((bar.end - bar.start).total_seconds())})"
    shape = el(
        "rect",
        el("title", told),
        x=start,
        y=middle + offset,
        width=max(3.0, end - start),
        height=height,
        rx=2,
        class_=f"bar-{bar.kind} {bar.severity}",
    )
    if bar.end is not None:
        return shape
    top, half = middle + offset, height / 2
    arrow = f"{end:.1f},{top:.1f} {end + 7:.1f},{top + half:.1f} {end:.1f},{top + height:.1f}"
    return el("g", shape, el("polygon", points=arrow, class_=f"bar-{bar.kind} {bar.severity}"))


def _mark(mark: Mark, at: float, middle: float) -> Element:
    told = el("title", f"{mark.words}, {instant(mark.at)}")
    return el("polygon", told, points=diamond(at, middle, 7.5), class_="change-mark")
