"""What stands out from an estate's everyday noise.

In a large estate some alert begins every minute, and most mean nothing. How far an alert is beyond the limit of its
rule says how seldom it comes: such excesses have exponential tails, roughly, on a logarithmic scale (Hill 1975), so
logarithms of scores add up to the surprise of several that come together. A place counts each kind of trouble once,
by its worst alert, since three percentiles of one latency say the same thing; and an estate is as loud in a minute as
its loudest place.

The bound is learned from the hours before: what the loudness rises from its median to its upper quartile is carried on,
as an exponential tail goes, to the level that noise reaches once in `false_alarm_s`. Quartiles
hardly move while less than a quarter of the minutes belong to real trouble, and many places, or a busy hour, raise the
bound by themselves. In a calm estate it is the floor.

What does not stand out is context: it joins incidents and opens none. So is what fires in the first minute that is
known at all: nobody knows when that began. Alerts whose source tells no score are not touched, nor are findings.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.core.columns import SECOND, Bools, Floats, Ints, combined, compact
from aiops_jobs.core.incidents.members import Members
from aiops_jobs.core.policies import BackgroundPolicy

MINUTE = 60 * SECOND
LOWER, UPPER = 0.5, 0.75
"""Quantiles of the loudness that say where its tail begins and how fast it falls."""
CONTEXT = SEVERITIES.index("info")
CHUNK = 512
"""So many bounds are computed at once."""


def against_background(members: Members, policy: BackgroundPolicy) -> Members:
    """Return the members with what stands out numbered by burst, and what does not made context.

    Args:
        members: Sorted by begin.
        policy: What noise is.
    """
    loud = np.flatnonzero(members.is_scored & ~members.is_faint & members.nodes.where(bool))
    if not policy.is_on or not len(loud):
        return members
    stands = loud[_stands_out(members, loud, policy)]
    severity, burst = members.severity.copy(), members.burst.copy()
    severity[np.setdiff1d(loud, stands, assume_unique=True)] = CONTEXT
    burst[stands] = _bursts(members.start[stands], int(policy.burst_s * SECOND))
    return replace(members, severity=severity, burst=burst)


def _stands_out(members: Members, loud: Ints, policy: BackgroundPolicy) -> Bools:
    """Tell which of some members are at a place, in a minute, that is louder than noise would make it."""
    minute = members.start[loud] // MINUTE
    surprise = np.log(np.maximum(members.strength[loud], 1.0))
    kinds = combined(members.nodes, members.role, members.meaning.mapped(lambda meaning: meaning.label))
    kind, first = compact(minute * len(kinds.values) + kinds.codes[loud])
    worst = np.zeros(len(first))
    np.maximum.at(worst, kind, surprise)
    places = members.nodes.codes[loud]
    place, head = compact(minute * (int(places.max()) + 1) + places)
    loudness = np.bincount(place[first], worst, minlength=len(head))
    estate, begins = compact(minute[head])
    peak = np.zeros(len(begins))
    np.maximum.at(peak, estate, loudness)
    minutes = minute[head][begins]
    bound = _bounds(minutes - minutes.min(), peak, policy)
    begins_now = members.start[loud] - members.start[loud].min() >= MINUTE
    return np.asarray((loudness > bound[estate])[place] & begins_now, dtype=bool)


def _bounds(minutes: Ints, peak: Floats, policy: BackgroundPolicy) -> Floats:
    """Return the loudness that noise alone seldom reaches, at each of some minutes, from the minutes before it."""
    reach = int(policy.lookback_s * SECOND) // MINUTE
    past = np.full(int(minutes.max()) + 1 + reach, np.nan)
    past[reach:] = 0.0
    past[reach + minutes] = peak
    windows = np.lib.stride_tricks.sliding_window_view(past, reach)
    settled = np.flatnonzero(minutes >= max(1, int(policy.settle_s * SECOND) // MINUTE))
    bound = np.full(len(minutes), policy.min_surprise)
    tail = np.log((1 - LOWER) * policy.false_alarm_s * SECOND / MINUTE) / np.log((1 - LOWER) / (1 - UPPER))
    for start in range(0, len(settled), CHUNK):
        own = settled[start : start + CHUNK]
        low, high = np.nanquantile(windows[minutes[own]], [LOWER, UPPER], axis=1)
        bound[own] = np.maximum(policy.min_surprise, low + (high - low) * tail)
    return bound


def _bursts(start: Ints, length: int) -> Ints:
    """Return the burst of each of some begins (sorted): one takes in all that begins within a time of its first."""
    burst = np.zeros(len(start), np.int64)
    begin, number = 0, 0
    while begin < len(start):
        stop = int(np.searchsorted(start, start[begin] + length, side="right"))
        burst[begin:stop] = number
        begin, number = stop, number + 1
    return burst
