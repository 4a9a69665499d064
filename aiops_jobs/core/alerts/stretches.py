"""Stretches of time in which an alert is kept quiet, and what remains to be heard of it.

All of it is arithmetic on half-open intervals of microseconds; a stretch that has not ended ends at ``OPEN``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aiops_jobs.core.columns import OPEN, Bools, Ints

_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Stretches:
    """One entry for each stretch in which one rule keeps one alert quiet.

    Args:
        alert: Position of the alert.
        start, end: Half-open, microseconds.
        rule: Rule within its kind.
        reason: A sentence.
        by: Change or alert that does it, if any.
    """

    alert: Ints = field(default_factory=lambda: _NONE)
    start: Ints = field(default_factory=lambda: _NONE)
    end: Ints = field(default_factory=lambda: _NONE)
    rule: list[str] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)
    by: list[str | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.alert)


def joined(parts: Sequence[Stretches]) -> Stretches:
    """Return the stretches of all parts, one after the other."""
    if not parts:
        return Stretches()
    return Stretches(
        np.concatenate([p.alert for p in parts]),
        np.concatenate([p.start for p in parts]),
        np.concatenate([p.end for p in parts]),
        [rule for p in parts for rule in p.rule],
        [reason for p in parts for reason in p.reason],
        [by for p in parts for by in p.by],
    )


@dataclass(frozen=True)
class Intervals:
    """Intervals by key, sorted by key and begin; those of one key never overlap."""

    key: Ints
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.key)


def merged(key: Ints, start: Ints, end: Ints) -> tuple[Intervals, Ints]:
    """Return the union of intervals by key, and for each of it the position of the interval it begins with."""
    if not len(key):
        return Intervals(_NONE, _NONE, _NONE), _NONE
    order = np.lexsort((end, start, key))
    key, start, end = key[order], start[order], end[order]
    fresh = np.diff(key, prepend=key[0] - 1) != 0
    latest = running_max(end, fresh)
    begins = fresh | (start > np.concatenate([[0], latest[:-1]]))
    heads = np.flatnonzero(begins)
    tails = np.append(heads[1:], len(key)) - 1
    return Intervals(key[heads], start[heads], latest[tails]), order[heads]


def running_max(values: Ints, fresh: Bools) -> Ints:
    """Return the running maximum, begun anew at each fresh entry (groups are lifted apart, so one pass suffices)."""
    levels, ranks = np.unique(values, return_inverse=True)
    lift = (np.cumsum(fresh) - 1) * len(levels)
    return np.asarray(levels[np.maximum.accumulate(lift + ranks) - lift], dtype=np.int64)


def overlaps(intervals: Intervals, key: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Return the pairs (position of a question, position of an interval) that share a key and an instant.

    Args:
        intervals: By key, not overlapping.
        key, start, end: The questions; one of no length asks about its instant.
    """
    if not len(intervals) or not len(key):
        return _NONE, _NONE
    stop = np.maximum(end, start + 1)
    levels = np.unique(np.concatenate([intervals.start, intervals.end, start, stop]))
    width = len(levels) + 1

    def place(keys: Ints, instants: Ints) -> Ints:
        return np.asarray(keys * width + np.searchsorted(levels, instants), dtype=np.int64)

    first = np.searchsorted(place(intervals.key, intervals.end), place(key, start), side="right")
    last = np.searchsorted(place(intervals.key, intervals.start), place(key, stop), side="left")
    count = np.maximum(last - first, 0)
    question = np.repeat(np.arange(len(key)), count)
    offset = np.arange(len(question)) - np.repeat(np.cumsum(count) - count, count)
    return question, np.repeat(first, count) + offset


@dataclass(frozen=True)
class Audible:
    """What can be heard of each alert in its life.

    Args:
        since: First instant at which nothing keeps it quiet; ``OPEN`` if there is none.
        until: End of the last stretch in which nothing does; as its life ends where that is open.
        now: Whether it can be heard at the end of what is known of its life.
    """

    since: Ints
    until: Ints
    now: Bools

    @property
    def never(self) -> Bools:
        """Whether nothing can be heard of it at all."""
        return np.asarray(self.since >= OPEN, dtype=bool)


def audible(begin: Ints, end: Ints, quiet: Stretches) -> Audible:
    """Return what remains of the lives ``[begin, end)`` of alerts, which end where knowledge ends at the latest."""
    end = np.maximum(end, begin + 1)
    since, until = begin.copy(), end.copy()
    whole, _ = merged(quiet.alert, quiet.start, quiet.end)
    covers = (whole.start <= begin[whole.key]) & (whole.end > begin[whole.key])
    since[whole.key[covers]] = whole.end[covers]
    ends = (whole.start < end[whole.key]) & (whole.end >= end[whole.key])
    until[whole.key[ends]] = np.maximum(whole.start[ends], begin[whole.key[ends]])
    now = np.ones(len(begin), bool)
    now[whole.key[ends]] = False
    since[since >= end] = OPEN
    return Audible(since, until, now)
