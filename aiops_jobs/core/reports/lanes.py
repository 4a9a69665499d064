"""Lays an incident out over time: a lane for each item, the many drawn as one where they cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aiops_jobs.core.reports.incident_model import Change, Member, Quiet, Ticket
from aiops_jobs.core.reports.timeline import Bar, Lane, Mark, Stretch, Timeline
from aiops_jobs.core.reports.words import count, name

GRAVITY = ("info", "warning", "critical")
MOST_LANES, MOST_BARS = 14, 12
"""Lanes that are drawn; bars of one kind in a lane that are drawn one by one."""
LEAST_GAP = 0.01
"""Where they are more, gaps below this share of the picture are drawn over."""
SHORTEST = timedelta(minutes=10)
BEFORE = timedelta(hours=1)
"""Changes so long before the begin are in the picture, or as long as the incident lasted."""


def build_timeline(
    row: dict[str, Any],
    members: Sequence[Member],
    changes: Sequence[Change],
    *,
    tickets: Sequence[Ticket],
    quiet: Sequence[Quiet],
    end: datetime,
) -> Timeline:
    """Return the picture of one incident.

    Args:
        row: Its row of ``incidents``.
        members: Its alerts and findings.
        changes: What was changed near it.
        tickets: Its tickets; when the first was opened is a moment.
        quiet: Stretches in which alerts of it were kept from people.
        end: What is not over is drawn up to here.
    """
    began = min([row["started_at"], *(m.started_at for m in members)])
    over = row["ended_at"] or max([end, *(m.ended_at for m in members if m.ended_at)])
    length = max(over - began, SHORTEST)
    shown = [c for c in changes if began - max(length, BEFORE) <= c.started_at <= over]
    first = min([began, *(c.started_at for c in shown)]) - length * 0.06
    last = over if row["ended_at"] is None else max([over, *(m.ended_at for m in members if m.ended_at)])
    lanes = _lanes(members, shown, quiet, row["cause_entity_id"])
    rest = lanes[MOST_LANES - 1 :] if len(lanes) > MOST_LANES else []
    drawn = [*lanes[: len(lanes) - len(rest)], *([_rest(rest)] if rest else [])]
    drawn = [replace(lane, bars=tuple(_legible(lane.bars, (last - first) * LEAST_GAP))) for lane in drawn]
    opened = [t.opened_at for t in tickets if t.opened_at is not None]
    symptoms = [m.started_at for m in members if m.is_symptom]
    others = [("first symptom", min(symptoms))] if symptoms else []
    others += [("ticket", min(opened))] if opened else []
    return Timeline(
        first=first,
        last=last + length * 0.04,
        lanes=tuple(drawn),
        began_at=row["started_at"],
        detected_at=row["detected_at"],
        ended_at=row["ended_at"],
        hidden=max(0, len(lanes) - len(drawn)),
        others=tuple(others),
        known_until=end,
    )


def _lanes(
    members: Sequence[Member], changes: Sequence[Change], quiet: Sequence[Quiet], cause: str | None
) -> list[Lane]:
    """Return a lane for each item: the cause first, then the gravest, in the order in which they began to suffer."""
    began: dict[str, datetime] = {}
    for entity, start in [(p.entity_id, p.started_at) for p in members] + [
        (c.entity_id, c.started_at) for c in changes
    ]:
        began[entity] = min(start, began.get(entity, start))
    gravity: dict[str, int] = {}
    bars: dict[str, list[Bar]] = {}
    for m in members:
        gravity[m.entity_id] = max(GRAVITY.index(m.severity), gravity.get(m.entity_id, 0))
        bars.setdefault(m.entity_id, []).append(Bar(m.started_at, m.ended_at, m.kind, m.severity, m.name))
    for q in quiet:
        if q.entity_id in began:
            words = f"{q.alert_name} kept quiet: {q.kind.replace('_', ' ')}"
            bars.setdefault(q.entity_id, []).append(Bar(q.started_at, q.ended_at, "quiet", "info", words))
    marks: dict[str, list[Change]] = {}
    for c in changes:
        marks.setdefault(c.entity_id, []).append(c)
    order = sorted(began, key=lambda e: (e != cause, -gravity.get(e, -1), began[e], e))
    return [
        Lane(
            label=name(entity),
            bars=tuple(bars.get(entity, ())),
            marks=tuple(Mark(c.started_at, f"{c.change_type} {c.change_id}: {c.title}") for c in marks.get(entity, ())),
            is_cause=entity == cause,
            stretches=tuple(
                Stretch(c.planned[0], c.planned[1], f"planned: {c.change_id}")
                for c in marks.get(entity, ())
                if c.planned is not None
            ),
        )
        for entity in order
    ]


def _legible(bars: Iterable[Bar], gap: timedelta) -> list[Bar]:
    """Return the bars of a lane; more than `MOST_BARS` of a kind become one for each stretch without a longer gap."""
    kinds: dict[str, list[Bar]] = {}
    for bar in bars:
        kinds.setdefault(bar.kind, []).append(bar)
    told: list[Bar] = []
    for _, own in sorted(kinds.items()):
        told += own if len(own) <= MOST_BARS else _merged(own, gap)
    return told


def _merged(bars: Sequence[Bar], gap: timedelta) -> list[Bar]:
    runs: list[list[Bar]] = []
    reach: datetime | None = None
    for bar in sorted(bars, key=lambda b: (b.start, b.words)):
        if runs and (reach is None or bar.start <= reach + gap):
            runs[-1].append(bar)
        else:
            runs.append([bar])
            reach = bar.end
        reach = None if reach is None or bar.end is None else max(reach, bar.end)
    return [_one(run) for run in runs]


def _one(run: Sequence[Bar]) -> Bar:
    ends = [bar.end for bar in run]
    amount = sum(bar.count for bar in run)
    return Bar(
        start=run[0].start,
        end=None if None in ends else max(end for end in ends if end is not None),
        kind=run[0].kind,
        severity=max((bar.severity for bar in run), key=GRAVITY.index),
        words=run[0].words if len(run) == 1 else f"{amount} × {run[0].kind}",
        count=amount,
    )


def _rest(lanes: Sequence[Lane]) -> Lane:
    """Return one lane for all that have no room of their own."""
    return Lane(
        label=count(len(lanes), "more item"),
        bars=tuple(bar for lane in lanes for bar in lane.bars),
        marks=tuple(mark for lane in lanes for mark in lane.marks),
    )
