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
LABEL_ROW, LABEL_ROWS, LETTER = 14, 3, 6.4
"""Height of a row of labels above the lanes, how many there may be, and the width of a letter."""
TRACKS = {"alert": 0.5, "finding": -8.5, "quiet": 4.5}
"""Where in its lane a bar of each kind stands."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that lasted; an open end is drawn to the edge of the picture."""

    start: datetime
    end: datetime | None
    kind: str
    """alert | finding | quiet (kept from people)"""
    severity: str
    words: str
    count: int = 1
    """How many are drawn as one, where they are too many to be told apart."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which trouble was to be expected: a maintenance window."""

    start: datetime
    end: datetime
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
    stretches: tuple[Stretch, ...] = ()


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
    others: tuple[tuple[str, datetime], ...] = ()
    """More moments, each with its name: the first symptom, the ticket."""

    known_until: datetime | None = None
    """Up to here it is told; what is not over goes on to it."""

    @property
    def last_known(self) -> datetime:
        """Return the end of what is known."""
        return self.known_until or self.last

    @property
    def moments(self) -> list[tuple[str, datetime]]:
        """All moments that lie in the picture, in their order."""
        known = [("began", self.began_at), ("detected", self.detected_at), *self.others]
        if self.ended_at is not None:
            known.append(("over", self.ended_at))
        named: dict[datetime, list[str]] = {}
        for label, at in known:
            if self.first <= at <= self.last:
                named.setdefault(at, []).append(label)
        return [(", ".join(labels), at) for at, labels in sorted(named.items())]


def timeline_plot(timeline: Timeline, *, words: str) -> Element:
    """Return the picture: alerts solid, findings hatched, changes as diamonds, the cause's lane framed and named."""
    x = TimeScale(timeline.first, timeline.last, LABELS, WIDTH - RIGHT)
    labels = _label_rows(timeline.moments, x)
    top = TOP + LABEL_ROW * (max((row for row in labels if row is not None), default=0))
    height = top + len(timeline.lanes) * ROW + AXIS
    floor = height - AXIS
    return el(
        "svg",
        el("title", words),
        _axis(x, top, floor),
        [_lane(lane, top + number * ROW, x) for number, lane in enumerate(timeline.lanes)],
        _moments(timeline, labels, x, floor),
        viewBox=f"0 0 {WIDTH} {height}",
        class_="plot timeline",
        role="img",
        aria_label=words,
    )


def _axis(x: TimeScale, top: float, floor: float) -> list[Element]:
    parts = [el("line", x1=x.start, x2=x.end, y1=floor, y2=floor, class_="axis")]
    for moment, label in x.ticks(10):
        at = x(moment)
        parts.append(el("line", x1=at, x2=at, y1=top - 4, y2=floor, class_="grid"))
        parts.append(el("text", label, x=at, y=floor + 18, class_="tick middle"))
    return parts


def _label_rows(moments: list[tuple[str, datetime]], x: TimeScale) -> list[int | None]:
    """Return the row of each label, from above, so that none collides; ``None`` where there is no room."""
    free = [-1e9] * LABEL_ROWS
    rows: list[int | None] = []
    for label, moment in moments:
        half = len(label) * LETTER / 2
        row = next((n for n in range(LABEL_ROWS) if x(moment) - half > free[n] + 6), None)
        if row is not None:
            free[row] = x(moment) + half
        rows.append(row)
    return rows


def _moments(timeline: Timeline, rows: list[int | None], x: TimeScale, floor: float) -> list[Node]:
    """Draw begin, detection, ticket and end as vertical lines, labelled above the lanes."""
    parts: list[Node] = []
    for (label, moment), row in zip(timeline.moments, rows, strict=True):
        at, y = x(moment), TOP - 16 + LABEL_ROW * (row or 0)
        kind = label.rsplit(", ", 1)[-1].replace(" ", "-")
        told = el("title", f"{label}, {instant(moment)}")
        parts.append(el("line", told, x1=at, x2=at, y1=y + 5, y2=floor, class_=f"moment {kind}"))
        if row is not None:
            parts.append(el("text", label, x=at, y=y, class_="tick middle moment-label"))
    return parts


def _lane(lane: Lane, top: float, x: TimeScale) -> Element:
    middle = top + ROW / 2
    label = shortened(lane.label, LABEL_CHARACTERS - (8 if lane.is_cause else 0))
    text = [el("tspan", "cause ", class_="cause-word") if lane.is_cause else None, label]
    order = ("info", "warning", "critical")
    bars = sorted(lane.bars, key=lambda b: (b.kind, order.index(b.severity), b.start, b.words))
    return el(
        "g",
        el("title", lane.label),
        el("rect", x=0, y=top + 1, width=WIDTH, height=ROW - 2, rx=4, class_="cause-lane") if lane.is_cause else None,
        [_stretch(stretch, x, top) for stretch in lane.stretches],
        el("text", text, x=LABELS - 12, y=middle + 4, class_="lane end"),
        [_bar(bar, x, middle) for bar in bars],
        [_mark(mark, x(mark.at), middle) for mark in lane.marks if x.contains(mark.at)],
    )


def _stretch(stretch: Stretch, x: TimeScale, top: float) -> Element:
    start, end = x(stretch.start), x(stretch.end)
    told = f"{stretch.words}, {instant(stretch.start)} to {instant(stretch.end)}"
    width = max(3.0, end - start)
    return el("rect", el("title", told), x=start, y=top + 2, width=width, height=ROW - 4, rx=3, class_="stretch")


def _bar(bar: Bar, x: TimeScale, middle: float) -> Element:
    start = x(bar.start)
    end = x.end if bar.end is None else x(bar.end)
    height, offset = (5.0 if bar.kind == "quiet" else 8.0), TRACKS[bar.kind]
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
    parts: list[Node] = [shape]
    if bar.count > 1 and end - start > 9 + 7 * len(str(bar.count)):
        parts.append(el("text", f"× {bar.count}", x=start + 4, y=middle + offset + 7.5, class_="bar-count"))
    if bar.end is None:
        top, half = middle + offset, height / 2
        arrow = f"{end:.1f},{top:.1f} {end + 7:.1f},{top + half:.1f} {end:.1f},{top + height:.1f}"
        parts.append(el("polygon", points=arrow, class_=f"bar-{bar.kind} {bar.severity}"))
    return shape if len(parts) == 1 else el("g", parts)


def _mark(mark: Mark, at: float, middle: float) -> Element:
    told = el("title", f"{mark.words}, {instant(mark.at)}")
    return el("polygon", told, points=diamond(at, middle, 7.5), class_="change-mark")
