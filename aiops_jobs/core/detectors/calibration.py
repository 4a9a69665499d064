"""How wide a band must be so that a series' own noise stays inside it.

The spread is measured for each time of day and each side. The width comes from the largest *confirmed* deviation of
each day of the history: Gumbel's law through their median and their 80 % quantile is read at the wanted return period.
Both are order statistics of days, so the incidents of a few days cannot widen a band.

Reference: Gumbel (1958), Statistics of Extremes; Coles (2001), An Introduction to Statistical Modeling of Extreme
Values, section 3.3.
"""

from __future__ import annotations

import math

import numpy as np

from aiops_jobs.core.features import robust
from aiops_jobs.core.features.robust import Singles

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation of a normal distribution to its standard deviation."""
TAIL_TO_SIGMA = 1 / 1.96
"""The same for the 95 % quantile of absolute deviations."""
MIN_SIDE = 5
"""With fewer deviations on one side the other side speaks for it."""
MIN_BLOCK = 100
"""Deviations a block of the day should hold before its spread is believed."""
QUIETEST = 0.3
"""No time of day is believed to be quieter than this share of the whole day's spread."""
REACH = 3.0
"""The law is not read beyond this multiple of the 90 % quantile of the history's days."""


def spread(residuals: Singles) -> tuple[Singles, Singles]:
    """Return the robust standard deviation above and below, by time of day: two arrays [S, K] from [S, n, K]."""
    series, days, buckets = residuals.shape
    blocks = _blocks(days, buckets)
    width = buckets // blocks
    lists = residuals.reshape(series, days, blocks, width).transpose(0, 2, 1, 3).reshape(series, blocks, days * width)
    whole = _sides(residuals.reshape(series, 1, days * buckets))
    parts = _sides(lists)
    up, down = (
        _over_the_day(np.maximum(part, np.float32(QUIETEST) * total), buckets)
        for part, total in zip(parts, whole, strict=True)
    )
    return up, down


def return_width(deviations: Singles, *, points: int, reach: int, return_days: float) -> Singles:
    """Return the deviation each series exceeds, confirmed, about once in ``return_days``, [S].

    Args:
        deviations: In standard deviations and positive on the bad side, [S, n, K]; NaN where missing.
        points: Deviations needed to confirm.
        reach: Buckets from one of them to the next, at most.
        return_days: Wanted return period.
    """
    series, days, buckets = deviations.shape
    there = np.isfinite(deviations)
    flat = np.where(there, deviations, np.float32(0)).reshape(series, days * buckets)
    largest = confirmed(flat, points=points, reach=reach).reshape(series, days, buckets).max(axis=2)
    largest[there.sum(axis=2) < buckets / 2] = np.nan
    lists, counts = robust.ordered(largest)
    middle, high, top = (robust.quantile(lists, counts, q) for q in (0.5, 0.8, 0.9))
    share = (_reduced(1 - 1 / return_days) - _reduced(0.5)) / (_reduced(0.8) - _reduced(0.5))
    width: Singles = np.minimum(middle + np.float32(share) * (high - middle), np.float32(REACH) * top)
    width[np.isnan(width)] = 0
    return width


def confirmed(values: Singles, *, points: int, reach: int) -> Singles:
    """Return the value that the latest ``points`` within reach of each other all have, along time.

    That is the ``points``-th largest of the last ``(points - 1) * reach + 1`` values: an alarm at this height would
    have been confirmed here.
    """
    tops = [values.copy()] + [np.full_like(values, -np.inf) for _ in range(points - 1)]
    for shift in range(1, (points - 1) * reach + 1):
        entering = values[:, :-shift]
        for top in tops:
            here = top[:, shift:]
            smaller = np.minimum(here, entering)
            np.maximum(here, entering, out=here)
            entering = smaller
    return tops[-1]


def _sides(lists: Singles) -> tuple[Singles, Singles]:
    """Return the spread above and below zero of [..., n] lists: two arrays [...]."""
    ordered, counts = robust.ordered(lists)
    below = (lists <= 0).sum(axis=-1)
    above = (lists >= 0).sum(axis=-1)
    up = _spread_of(ordered, counts - above, above, upwards=True)
    down = _spread_of(ordered, np.zeros_like(below), below, upwards=False)
    few_up, few_down = above < MIN_SIDE, below < MIN_SIDE
    return np.where(few_up, down, up), np.where(few_down, up, down)


def _spread_of(ordered: Singles, first: robust.Counts, count: robust.Counts, *, upwards: bool) -> Singles:
    """Return the spread of ``count`` deviations from place ``first`` on, all of one side."""
    last = np.maximum(count - 1, 0)
    middle, far = (last * q if upwards else last * (1 - q) for q in (0.5, 0.95))
    top = ordered.shape[-1] - 1
    typical, extreme = (
        np.abs(robust.pick(ordered, np.minimum(first + np.rint(place).astype(np.int64), top)))
        for place in (middle, far)
    )
    return np.nan_to_num(
        np.where(typical > 0, typical * np.float32(MAD_TO_SIGMA), extreme * np.float32(TAIL_TO_SIGMA))
    ).astype(np.float32)


def _blocks(days: int, buckets: int) -> int:
    """Return into how many parts a day is cut: hours, or longer where these would hold too few deviations."""
    fitting = [b for b in range(1, 25) if buckets % b == 0 and days * buckets // b >= MIN_BLOCK]
    return max(fitting, default=1)


def _over_the_day(parts: Singles, buckets: int) -> Singles:
    """Return a value for each bucket, [S, K], from one for each block of the day, [S, B], without steps."""
    blocks = parts.shape[1]
    soft = (np.roll(parts, 1, axis=1) + 2 * parts + np.roll(parts, -1, axis=1)) * np.float32(0.25)
    place = (np.arange(buckets) + 0.5) * blocks / buckets - 0.5
    low = np.floor(place).astype(np.int64)
    share = (place - low).astype(np.float32)
    mixed: Singles = soft[:, low % blocks] * (1 - share) + soft[:, (low + 1) % blocks] * share
    return mixed


def _reduced(probability: float) -> float:
    """Return Gumbel's reduced variate."""
    return -math.log(-math.log(probability))
