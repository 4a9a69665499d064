"""When an alert flaps: a state machine with hysteresis on event time, one for each alert.

It enters at the change of state that is the ``flap_changes``-th within ``flap_window_s``, and leaves when it has not
changed for ``quiet_s``. Repeats of the same state are no changes. With a window and a quiet time of 20 evaluations and
4 changes it is what Kibana does on its last 20 evaluations (enter at 4 changes, leave at none).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops_jobs.core.alerts.stretches import Intervals
from aiops_jobs.core.columns import SECOND, Bools, Ints


@dataclass(frozen=True, slots=True)
class Limits:
    """When it begins and ends, all in microseconds of event time."""

    changes: int
    window: int
    quiet: int

    @classmethod
    def of(cls, changes: int, window_s: float, quiet_s: float) -> Limits:
        """Return limits given in seconds."""
        return cls(changes, int(window_s * SECOND), int(quiet_s * SECOND))


def flapping(key: Ints, at: Ints, firing: Bools, limits: Limits) -> Intervals:
    """Return the intervals in which each alert flaps.

    Args:
        key: Number of the alert of each notification, in any order.
        at: Instants.
        firing: Whether it says that the alert fires; of two at the same instant, the one that fires comes first.
        limits: When it begins and ends.
    """
    order = np.lexsort((~firing, at, key))
    key, at, firing = key[order], at[order], firing[order]
    changed = np.flatnonzero((np.diff(key, prepend=-1) == 0) & np.diff(firing, prepend=False))
    key, at = key[changed], at[changed]
    if not len(at):
        return Intervals(key, at, at)
    many = _recent(key, at, limits.window) >= limits.changes
    fresh = (np.diff(key, prepend=-1) != 0) | (np.diff(at, prepend=at[0]) >= limits.quiet)
    run = np.cumsum(fresh) - 1
    last = np.append(np.flatnonzero(fresh)[1:], len(at)) - 1
    entered, first = np.unique(run[many], return_index=True)
    start = at[many][first]
    return Intervals(key[many][first], start, at[last[entered]] + limits.quiet)


def reminded(found: Intervals, after: int) -> Intervals:
    """Return the intervals with one instant left out in those that are longer than ``after`` (microseconds)."""
    long = found.end - found.start > after + 1
    key = np.concatenate([found.key, found.key[long]])
    start = np.concatenate([found.start, found.start[long] + after + 1])
    end = np.concatenate([np.where(long, found.start + after, found.end), found.end[long]])
    order = np.lexsort((start, key))
    return Intervals(key[order], start[order], end[order])


def _recent(key: Ints, at: Ints, window: int) -> Ints:
    """Count the changes of the same alert in ``(t - window, t]``; rows are sorted by alert and instant."""
    levels = np.unique(np.concatenate([at, at - window]))
    width = len(levels) + 1
    place = key * width + np.searchsorted(levels, at)
    before = np.searchsorted(place, key * width + np.searchsorted(levels, at - window), side="right")
    upto = np.searchsorted(place, place, side="right")
    return np.asarray(upto - before, dtype=np.int64)
