"""Runs of anomalous buckets: where one begins, when it could be known, where it was worst.

Reference: the merge gap is ThirdEye's; the confirmation rule is Merlion's threshold-and-count post-rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.detectors.judging import Judgement
from aiops_jobs.core.features.grid import Floats, Ints, micros
from aiops_jobs.core.policies import AnomalyPolicy

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """E episodes; places are bucket numbers of the judged grid, all arrays are [E].

    Args:
        series: Row of the grid.
        direction: 1 above the band, -1 below.
        first: First anomalous bucket.
        last: Last one.
        peak: The worst; the earliest of equals.
        known: Bucket with which the confirmation rule was met.
        count: Anomalous buckets.
        is_open: Whether the calm after it is still shorter than the merge gap.
        noise: How many further episodes were left out because their series has too many that day.
    """

    series: Ints
    direction: Ints
    first: Ints
    last: Ints
    peak: Ints
    known: Ints
    count: Ints
    is_open: npt.NDArray[np.bool_]
    noise: int = 0

    def __len__(self) -> int:
        return len(self.series)

    def only(self, chosen: npt.NDArray[np.bool_] | Ints, *, noise: int = 0) -> Episodes:
        """Return some of the episodes, or all in another order."""
        return Episodes(
            series=self.series[chosen],
            direction=self.direction[chosen],
            first=self.first[chosen],
            last=self.last[chosen],
            peak=self.peak[chosen],
            known=self.known[chosen],
            count=self.count[chosen],
            is_open=self.is_open[chosen],
            noise=noise,
        )


def in_progress(judgement: Judgement, policy: AnomalyPolicy) -> npt.NDArray[np.bool_]:
    """Whether each series may have an episode that began before the judged stretch, [S]."""
    first = judgement.bands.scores[:, : _reach(judgement, policy)]
    return np.asarray((first >= 1.0).any(axis=1))


def to_episodes(
    judgement: Judgement, policy: AnomalyPolicy, *, since: datetime, alive_at: datetime | None = None
) -> Episodes:
    """Return the confirmed episodes that begin at or after ``since``.

    An episode is one series on one side of its band; calm stretches up to the merge gap, missing buckets among them,
    do not end it.

    Args:
        judgement: Scores of a stretch that begins with a UTC day. Where something is `in_progress` at its begin,
            ``since`` must lie later.
        alive_at: Leave out what was over by then.
    """
    reach = _reach(judgement, policy)
    scores = np.nan_to_num(judgement.bands.scores)
    above = judgement.grid.values > judgement.bands.expected
    hits = (scores >= 1.0) & np.stack([above, ~above])
    found = _runs(hits, scores, reach, policy.confirm_points)
    found = found.only(np.lexsort((found.direction, found.first, found.series)))
    begun = micros(judgement.grid.start) + found.first * judgement.grid.step_us
    is_quiet = _rank_of_day(found.series, begun) < policy.max_series_findings
    is_wanted = begun >= micros(since)
    if alive_at is not None:
        is_wanted &= micros(judgement.grid.start) + (found.last + reach) * judgement.grid.step_us >= micros(alive_at)
    return found.only(is_quiet & is_wanted, noise=int((is_wanted & ~is_quiet).sum()))


def _runs(hits: npt.NDArray[np.bool_], scores: Floats, reach: int, points: int) -> Episodes:
    """Return the confirmed runs of hits, [2, S, T]: above the band and below it."""
    side, series, places = np.nonzero(hits)
    begins = _changes(side) | _changes(series) | (np.diff(places, prepend=0) > reach)
    starts = np.flatnonzero(begins)
    count = np.diff(np.append(starts, len(places)))
    number = np.cumsum(begins) - 1
    strength = scores[series, places]
    worst = np.lexsort((places, -strength, number))[starts]
    last = places[starts + count - 1]
    found = Episodes(
        series=series[starts],
        direction=1 - 2 * side[starts],
        first=places[starts],
        last=last,
        peak=places[worst],
        known=places[np.minimum(starts + points - 1, len(places) - 1)],
        count=count,
        is_open=scores.shape[1] - 1 - last < reach,
    )
    return found.only(count >= points)


def _reach(judgement: Judgement, policy: AnomalyPolicy) -> int:
    """Return how many buckets may lie from one anomalous bucket to the next of the same episode."""
    return int(policy.merge_gap_s / judgement.grid.step_s) + 1


def _rank_of_day(series: Ints, begun: Ints) -> Ints:
    """Return how many episodes of the same series began earlier on the same UTC day; input sorted by both."""
    fresh = _changes(series) | _changes(begun // DAY_US)
    starts = np.flatnonzero(fresh)
    rank: Ints = np.arange(len(series)) - starts[np.cumsum(fresh) - 1]
    return rank


def _changes(values: Ints) -> npt.NDArray[np.bool_]:
    """Whether each value differs from the one before; the first always does."""
    differs = np.ones(len(values), dtype=bool)
    differs[1:] = values[1:] != values[:-1]
    return differs
