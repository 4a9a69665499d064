"""Simple forecasts of many series at once, from which the capacity model blends one.

All of them are levels, slopes and seasons estimated by medians, so that single outliers, restarts and gaps do not
steer them. Everything is computed for all series together, in double precision (a slope is a small difference of
large numbers); ``nan`` is a missing sample.

Reference: Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950; Sen, JASA 1968,
doi:10.1080/01621459.1968.10480934 (median of pairwise slopes, here between block medians).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY_S, WEEK_S = 86400, 604800
SPANS_D = (2.0, 7.0, 28.0)
"""Spans, in days, a trend is estimated on: a new leak shows in the shortest, a slow fill in the longest."""
NAMES = ("last", "day_level", "week_level", "trend_2d", "trend_7d", "trend_28d", "naive_day", "naive_week")
NEWS = NAMES.index("trend_2d")
"""The candidate that speaks for a trend that has just begun."""
BLOCKS = 14
"""Blocks a span is cut into before slopes are taken: 91 pairs, enough for a median, few enough for many series."""
MIN_BLOCKS = 3
BREAK = 8.0
"""A step between blocks this many robust deviations from the usual step starts a new regime (restart, clean-up)."""
MIN_PAST = 4
"""Past slopes needed to know what is usual."""
JUMP = 10.0
"""A change from one step to the next this many times the usual one is a jump."""
BEFORE_JUMP = 12
"""Steps before a jump that tell where the series came from."""
SURPRISE = 3.0
"""A slope this many robust deviations from a series' past slopes begins to be news; at twice as many it is."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How many steps make a day and a week."""

    step_s: float

    @property
    def day(self) -> int:
        """Steps in a day."""
        return max(1, round(DAY_S / self.step_s))

    @property
    def week(self) -> int:
        """Steps in a week."""
        return max(1, round(WEEK_S / self.step_s))


def forecast_candidates(values: Floats, steps: Ints, clock: Clock) -> tuple[Floats, Floats]:
    """Forecast with every candidate.

    Args:
        values: History, ``(S, T)``, newest last, at least one sample a series.
        steps: Steps ahead, from 1, ``(F,)``.
        clock: Steps in a day and a week.

    Returns:
        Points ``(K, S, F)`` in the order of `NAMES`, and how sure it is that a new trend has begun, ``(S,)``.
    """
    length = values.shape[1]
    daily, weekly = season(values, clock.day), season(values, clock.week)
    if length < 2 * clock.week:
        weekly = daily
    elif length < 3 * clock.week:
        # The day is known from many days, so that two weeks need to agree on the rest only.
        weekly = np.resize(daily.T, (clock.week, len(values))).T
        weekly = weekly + season(values - _behind(weekly, length), clock.week)
    whole = values - _behind(weekly, length)
    is_old = np.arange(length) < last_jump(whole, clock)[:, None]
    flat_day = np.where(is_old, np.nan, values - _behind(daily, length))
    flat_week = np.where(is_old, np.nan, whole)
    soon_day, soon_week = _ahead(daily, steps), _ahead(weekly, steps)
    trends = [slope_and_level(flat_week, round(days * clock.day)) for days in SPANS_D]
    made = [
        _level(flat_day, max(1, clock.day // 8)) + soon_day,
        _level(flat_day, clock.day) + soon_day,
        _level(flat_week, clock.day) + soon_week,
        *(level[:, None] + slope[:, None] * steps + soon_week for slope, level in trends),
        _naive(values, steps, clock.day),
        _naive(values, steps, clock.week),
    ]
    spare = _level(values, length)
    trust = trust_in_trend(flat_week, whole, trends[0][0], round(SPANS_D[0] * clock.day))
    return np.stack([np.where(np.isfinite(one), one, spare) for one in made]), trust


def season(values: Floats, period: int) -> Floats:
    """Return the typical course over one period, ``(S, period)``; its first element is the step after the history.

    The history is cut into whole periods that end with it; each is freed of its own level and slope, and the median
    over periods is taken at every position; of only two, what both agree on. Fewer than two periods, or a position
    never seen, give zero.
    """
    series, length = values.shape
    cycles = length // period
    if cycles < 2:
        return np.zeros((series, period))
    blocks = values[:, length - cycles * period :].reshape(series, cycles, period)
    level = mean(blocks)
    slope = np.gradient(_filled(level), axis=1) / period
    inside = np.arange(period) - (period - 1) / 2.0
    rest = blocks - level[:, :, None] - slope[:, :, None] * inside
    course = _agreed(rest[:, 0], rest[:, 1]) if cycles == 2 else median(np.swapaxes(rest, 1, 2))
    return np.nan_to_num(course - mean(course)[:, None])


def slope_and_level(values: Floats, span: int) -> tuple[Floats, Floats]:
    """Return slope per step and level at the end of the history, ``(S,)`` each, from the last ``span`` steps.

    Data before the last break of level (a restart, a clean-up) is left out. Where too little is known, the slope
    is zero.
    """
    size = max(1, span // BLOCKS)
    count = min(values.shape[1] // size, BLOCKS)
    if count < MIN_BLOCKS:
        return np.zeros(len(values)), median(values[:, -min(span, values.shape[1]) :])
    blocks = _block_medians(values, size, count)
    blocks = np.where(np.arange(count) >= _last_break(blocks)[:, None], blocks, np.nan)
    first, second = np.triu_indices(count, 1)
    slopes = (blocks[:, second] - blocks[:, first]) / ((second - first) * size)
    known = np.isfinite(blocks).sum(axis=1)
    slope = np.where(known >= MIN_BLOCKS, np.nan_to_num(median(slopes)), 0.0)
    tail = values[:, -min(values.shape[1], max(size, 2)) :]
    age = np.arange(tail.shape[1] - 1, -1, -1.0)
    return slope, median(tail + slope[:, None] * age)


def last_jump(values: Floats, clock: Clock) -> Ints:
    """Return where the newest regime of each series begins, ``(S,)``: 0 where nothing jumped in the last two days.

    A jump dwarfs the week's changes from step to step, and the series has not come back from it. What was before it
    (before a clean-up, a restart, a deployment) tells nothing about level and trend any more, even if that was two
    hours ago.
    """
    length, reach = values.shape[1], 2 * clock.day
    begin = np.zeros(len(values), dtype=np.int64)
    if length < reach + BEFORE_JUMP:
        return begin
    change = np.diff(values[:, -min(clock.week, length) :], axis=1)
    size = np.abs(change - median(change)[:, None])
    usual = np.maximum(JUMP * median(size), 0.5 * JUMP * _quantile(size, 0.95))
    is_large = size[:, -reach:] > usual[:, None]
    rows = np.flatnonzero(is_large.any(axis=1))
    if len(rows):
        around = np.lib.stride_tricks.sliding_window_view(values[rows, -reach - BEFORE_JUMP : -1], BEFORE_JUMP, axis=1)
        before = median(around)
        now = median(values[rows, -3:])[:, None]
        step = change[rows, -reach:]
        is_lasting = (now - before) * np.sign(step) > 0.5 * np.abs(step)
        place = np.where(is_large[rows] & is_lasting, np.arange(length - reach, length), 0)
        begin[rows] = place.max(axis=1)
    return begin


def trust_in_trend(values: Floats, past: Floats, slope: Floats, span: int) -> Floats:
    """Return how sure it is that a new trend has begun within ``span``, 0 to 1, ``(S,)``.

    It must be steeper than the past has ever made plausible, and must have gone on through every quarter of the
    span but the first: a step, a ramp that has ended or an outlier is no trend.

    Args:
        values: The newest regime, without its season.
        past: The whole history, without its season.
        slope: Slope per step over the span.
        span: Steps.
    """
    quarter = max(1, span // 4)
    if values.shape[1] < 4 * quarter:
        return np.zeros(len(values))
    usual, spread = _usual_slope(past, span)
    change = np.diff(_block_medians(values, quarter, 4), axis=1) * np.sign(slope)[:, None]
    is_lasting = change.min(axis=1) > 0.25 * median(change)
    surprise = np.abs(slope - usual) / np.maximum(spread, 1e-300)
    return np.where(is_lasting, np.clip((surprise - SURPRISE) / SURPRISE, 0.0, 1.0), 0.0)


def median(values: Floats) -> Floats:
    """Return the median over the last axis without its ``nan``; ``nan`` where nothing is left."""
    ordered = np.sort(values, axis=-1)
    count = np.isfinite(ordered).sum(axis=-1)
    low = np.maximum((count - 1) // 2, 0)[..., None]
    high = np.minimum(count // 2, values.shape[-1] - 1)[..., None]
    middle = (np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)) / 2.0
    return np.where(count > 0, middle[..., 0], np.nan)


def mean(values: Floats) -> Floats:
    """Return the mean over the last axis without its ``nan``; ``nan`` where nothing is left."""
    present = np.isfinite(values)
    count = present.sum(axis=-1)
    total = np.where(present, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _quantile(values: Floats, level: float) -> Floats:
    """Return the value below which about a share ``level`` of each row lies."""
    ordered = np.sort(values, axis=1)
    place = np.maximum((level * np.isfinite(ordered).sum(axis=1)).astype(np.int64) - 1, 0)
    return np.asarray(np.take_along_axis(ordered, place[:, None], 1)[:, 0])


def _agreed(one: Floats, other: Floats) -> Floats:
    """Return what two witnesses agree on: the smaller of two values of one sign, else nothing."""
    smaller = np.where(np.abs(one) <= np.abs(other), one, other)
    return np.where(np.sign(one) == np.sign(other), smaller, np.where(np.isfinite(one + other), 0.0, np.nan))


def _ahead(course: Floats, steps: Ints) -> Floats:
    """Return a season's values at ``steps`` after the history (1 is the next)."""
    return course[:, (steps - 1) % course.shape[1]]


def _behind(course: Floats, length: int) -> Floats:
    """Return a season's values over the last ``length`` steps of the history."""
    return course[:, np.arange(-length, 0) % course.shape[1]]


def _level(values: Floats, span: int) -> Floats:
    recent = median(values[:, -min(span, values.shape[1]) :])
    return np.where(np.isfinite(recent), recent, median(values))[:, None]


def _naive(values: Floats, steps: Ints, period: int) -> Floats:
    if values.shape[1] < period:
        return np.full((len(values), len(steps)), np.nan)
    return _ahead(values[:, -period:], steps)


def _block_medians(values: Floats, size: int, count: int) -> Floats:
    return median(values[:, values.shape[1] - count * size :].reshape(len(values), count, size))


def _filled(level: Floats) -> Floats:
    """Carry the last known level of each series over gaps, forwards, then backwards."""
    for sign in (1, -1):
        view = level[:, ::sign]
        place = np.maximum.accumulate(np.where(np.isfinite(view), np.arange(view.shape[1]), 0), axis=1)
        level = np.take_along_axis(view, place, 1)[:, ::sign]
    return np.nan_to_num(level)


def _last_break(blocks: Floats) -> Ints:
    """Return the first block of the newest regime of each series.

    A break is a step unlike the steps on both its sides; where only the later side is alike, a trend has begun.
    """
    change = np.diff(blocks, axis=1)
    usual = median(change)[:, None]
    spread = 1.4826 * median(np.abs(change - usual))[:, None]
    padded = np.pad(change, ((0, 0), (1, 1)), constant_values=np.nan)
    alone = np.fmin(np.abs(change - padded[:, :-2]), np.abs(change - padded[:, 2:]))
    is_far = alone > BREAK * np.maximum(spread, 1e-9 + 0.1 * np.abs(usual))
    return np.asarray(np.where(is_far, np.arange(1, blocks.shape[1]), 0).max(axis=1))


def _usual_slope(values: Floats, span: int) -> tuple[Floats, Floats]:
    """Return slope per step as the past knows it and its spread, ``(S,)`` each; infinite where the past is short.

    The spread looks at the tail too: a slope seen every weekend is no news.
    """
    half = max(1, span // 2)
    count = values.shape[1] // half
    if count < MIN_PAST + 3:
        return np.zeros(len(values)), np.full(len(values), np.inf)
    past = np.diff(_block_medians(values, half, count)[:, :-2], axis=1) / half
    usual = np.nan_to_num(median(past))
    away = np.abs(past - usual[:, None])
    known = np.isfinite(past).sum(axis=1)
    spread = np.fmax(1.4826 * median(away), _quantile(away, 0.9) / 1.645)
    return usual, np.where(known >= MIN_PAST, spread, np.inf)
