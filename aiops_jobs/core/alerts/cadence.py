"""How long an alert may be silent before it is over, learned from how its source repeats itself.

Many systems evaluate their rules at a fixed interval and tell at each turn what still fires, without ever telling that
it ended. The times between two notifications of one alert are then multiples of that interval, and many are just one.
An alert of such a source that misses its turns has ended (as Prometheus has it: what it sends expires after a few
intervals). Only what was told before counts, in steps of ten minutes and for a day, so that any window sees the same.
"""

from __future__ import annotations

import numpy as np

from aiops_jobs.core.columns import SECOND, Bools, Ints
from aiops_jobs.core.policies import AlertPolicy

STEP = 600 * SECOND
"""What is learned changes at multiples of this."""
STEPS = 144
"""For so many steps it is remembered."""
JITTER = 2 * SECOND
"""Evaluations are as punctual as this."""
MIN_SINGLE, MIN_SINGLE_RATIO, MIN_MULTIPLE_RATIO = 5, 0.1, 0.95
"""So many gaps, and such a share of all, must be one interval; and such a share any number of them."""


def allowed_silence(source: Ints, at: Ints, repeats: Bools, policy: AlertPolicy) -> Ints:
    """Return how long a silence ends an alert, as known at each notification, microseconds.

    Args:
        source: Number of the source of each notification, sorted by alert and time.
        at: Times, microseconds.
        repeats: Whether it follows another firing notification of the same alert, and fires.
        policy: Intervals to look for, and the silence where none fits.
    """
    longest = int(policy.resolve_timeout_s * SECOND)
    silence = np.full(len(at), longest, np.int64)
    gap = np.diff(at, prepend=at[:1])
    known = np.flatnonzero(repeats & (gap <= longest))
    if not len(known):
        return silence
    step = (at - at.min()) // STEP
    lane = source * (int(step.max()) + 1)
    size = int(lane.max()) + int(step.max()) + 1
    rounds = _Trailing(lane[known] + step[known], size, lane, step)
    total = rounds.count(np.ones(len(known), bool))
    for interval in sorted(policy.intervals_s):
        length = int(interval * SECOND)
        turns = np.round(gap[known] / length)
        fits = (turns >= 1) & (np.abs(gap[known] - turns * length) <= JITTER)
        single, multiple = rounds.count(fits & (turns == 1)), rounds.count(fits)
        keeps = (single >= np.maximum(MIN_SINGLE, MIN_SINGLE_RATIO * total)) & (multiple >= MIN_MULTIPLE_RATIO * total)
        silence[keeps] = min(longest, int(policy.missed_intervals * length))
    return silence


class _Trailing:
    """Counts of gaps in the steps before that of each notification."""

    def __init__(self, place: Ints, size: int, lane: Ints, step: Ints) -> None:
        self.place, self.size = place, size
        self.stop = lane + step
        self.start = lane + np.maximum(step - STEPS, 0)

    def count(self, which: Bools) -> Ints:
        whole = np.concatenate([[0], np.cumsum(np.bincount(self.place[which], minlength=self.size))])
        return np.asarray(whole[self.stop] - whole[self.start], dtype=np.int64)
