"""How usual an alert is: its class for its service, and whether it is so frequent that only its getting worse is news.

The classes are PagerDuty's (share of the service's episodes), the rule about the frequent is Dynatrace's: seen several
times within a day and on most days of a week, and not getting worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops_jobs.core.alerts.past import ALERT, DAY, SERVICE, Past
from aiops_jobs.core.alerts.stretches import Stretches
from aiops_jobs.core.columns import OPEN, Bools, Ints
from aiops_jobs.core.policies.suppression import FrequentPolicy

RULE_ID = "not_getting_worse"
WEEK = 7 * DAY


def recurrence_classes(past: Past, policy: FrequentPolicy) -> list[str]:
    """Return the recurrence class of each alert, from what was known before its day."""
    own, total = np.zeros(len(past.now), np.int64), np.zeros(len(past.now), np.int64)
    for _, picked, known in past.days():
        for level, counts in ((past.levels[ALERT], own), (past.levels[SERVICE], total)):
            counts[picked] = np.bincount(level.then[known], minlength=level.count)[level.now[picked]]
    share = own / np.maximum(total, 1)
    words = np.select(
        [own == 0, share >= policy.frequent_share, share <= policy.rare_share],
        ["novel", "frequent", "rare"],
        default="regular",
    )
    return [str(word) for word in words.tolist()]


@dataclass(frozen=True)
class _Week:
    """What the seven days before say of each alert.

    Args:
        days: On how many of them it was seen.
        busiest: Episodes on the busiest of them.
        longest: Length of the longest episode that has ended, microseconds.
        worst: Largest severity.
    """

    days: Ints
    busiest: Ints
    longest: Ints
    worst: Ints


def frequent(past: Past, may_be_quiet: Bools, policy: FrequentPolicy) -> Stretches:
    """Return the stretches in which alerts are too usual to be told: until they last longer than they ever did."""
    week = _week(past)
    today = _within_a_day(past)
    usual = (today >= policy.min_per_day) & (week.days >= policy.min_days) & (week.longest > 0)
    worse = (past.now.severity > week.worst) | (today + 1 > policy.worse_ratio * np.maximum(week.busiest, 1))
    alert = np.flatnonzero(usual & ~worse & may_be_quiet)
    start = past.now.start[alert]
    limit = (week.longest[alert] * policy.worse_ratio).astype(np.int64)
    return Stretches(
        alert,
        start,
        np.minimum(start + limit, OPEN),
        [RULE_ID] * len(alert),
        [
            f"Seen {n} times in the 24 hours before and on {d} of the 7 days before; not worse than usual (up to "
            f"{length / 60e6:.0f} min)."
            for n, d, length in zip(
                today[alert].tolist(), week.days[alert].tolist(), week.longest[alert].tolist(), strict=True
            )
        ],
        [None] * len(alert),
    )


def _week(past: Past) -> _Week:
    level, then = past.levels[ALERT], past.then
    found = _Week(*(np.zeros(len(past.now), np.int64) for _ in range(4)))
    for first, picked, known in past.days():
        use = np.flatnonzero(known & (then.start >= first - WEEK))
        if not len(use):
            continue
        code, own = level.then[use], level.now[picked]
        slots, counts = np.unique(code * 7 + (first - 1 - then.start[use]) // DAY, return_counts=True)
        found.days[picked] = np.bincount(slots // 7, minlength=level.count)[own]
        found.busiest[picked] = _largest(slots // 7, counts, level.count)[own]
        over = then.resolved[use] < first
        found.longest[picked] = _largest(code[over], (then.resolved - then.start)[use][over], level.count)[own]
        found.worst[picked] = _largest(code, then.severity[use], level.count)[own]
    return found


def _largest(code: Ints, values: Ints, count: int) -> Ints:
    best = np.zeros(count, np.int64)
    np.maximum.at(best, code, values)
    return best


def _within_a_day(past: Past) -> Ints:
    """Count the episodes of each alert that began in the 24 hours before it."""
    level, then, now = past.levels[ALERT], past.then, past.now
    instants = np.unique(np.concatenate([then.start, now.start, now.start - DAY]))
    width = len(instants) + 1
    place = np.sort(level.then * width + np.searchsorted(instants, then.start))
    since = np.searchsorted(place, level.now * width + np.searchsorted(instants, now.start - DAY), side="left")
    upto = np.searchsorted(place, level.now * width + np.searchsorted(instants, now.start), side="left")
    return np.asarray(upto - since, dtype=np.int64)
