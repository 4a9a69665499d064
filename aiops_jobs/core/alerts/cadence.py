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
    shortest = int(min(policy.intervals_s, default=policy.resolve_timeout_s) * SECOND)
    gap = np.diff(at, prepend=at[:1])
    known = np.flatnonzero(repeats & (gap <= longest))
    far = known[gap[known] >= shortest - JITTER]
    if not len(far):
        return silence
    step = (at - at.min()) // STEP
    size = int(step.max()) + 1
    count = _Trailing(int(source.max()) + 1, size)
    place = source * size + step
    total = count(place[known])
    learned = np.full(total.shape, longest, np.int64)
    gap, place_of = gap[far], place[far]
    for interval in sorted(policy.intervals_s):
        length = int(interval * SECOND)
        turns = (gap + length // 2) // length
        fits = (turns >= 1) & (np.abs(gap - turns * length) <= JITTER)
        single, multiple = count(place_of[fits & (turns == 1)]), count(place_of[fits])
        keeps = (single >= np.maximum(MIN_SINGLE, MIN_SINGLE_RATIO * total)) & (multiple >= MIN_MULTIPLE_RATIO * total)
        learned[keeps] = min(longest, int(policy.missed_intervals * length))
    return silence if (learned == longest).all() else learned.ravel()[place]


class _Trailing:
    """Counts of gaps, by source, in the steps before each step: [sources, steps]."""

    def __init__(self, sources: int, steps: int) -> None:
        self.shape = (sources, steps)
        self.start = np.maximum(np.arange(steps) - STEPS, 0)

    def __call__(self, place: Ints) -> Ints:
        counts = np.bincount(place, minlength=self.shape[0] * self.shape[1]).reshape(self.shape)
        whole = np.concatenate([np.zeros((self.shape[0], 1), np.int64), np.cumsum(counts, axis=1)], axis=1)
        return np.asarray(whole[:, :-1] - whole[:, self.start], dtype=np.int64)
