"""The shape of a day: what each time of day usually adds to the level of a series.

Days are compared with days of their own class (all days, working days and weekends, days of the week). Each shape comes
with what it would have predicted for every day of the history had that day been unknown, so shapes are compared, and
bands calibrated, on errors of prediction and not on a fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.features import robust
from aiops_jobs.core.features.robust import Singles

DAY_S = 86400.0
WEEK_S = 7 * DAY_S
LEVEL_DAYS = 3
"""Days whose median is the level: one bad day cannot move it, a lasting change is accepted after two or three."""
Medians = tuple[Singles, Singles]
TREND_REACH = 3
"""Days on either side of the slow level that is taken off before shapes are measured: together one week."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to compare days.

    Args:
        classes: Class of each day of the week, Monday first; empty: no shape at all.
        period_s: History must hold two of these.
        weights: How neighbouring buckets are averaged: centre, next, next but one.
    """

    name: str
    classes: tuple[int, ...]
    period_s: float
    weights: tuple[float, ...]


FLAT = Shape("flat", (), 0.0, (1.0,))
SHAPES = (
    FLAT,
    Shape("daily", (0, 0, 0, 0, 0, 0, 0), DAY_S, (3.0, 2.0, 1.0)),
    Shape("daily_sharp", (0, 0, 0, 0, 0, 0, 0), DAY_S, (1.0,)),
    Shape("working_days", (0, 0, 0, 0, 0, 1, 1), WEEK_S, (3.0, 2.0, 1.0)),
    Shape("weekly", (0, 1, 2, 3, 4, 5, 6), WEEK_S, (4.0, 3.0, 2.0, 1.0)),
)
"""From simple to rich; a richer one must earn its place on the history."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one shape says about a history of n days of K buckets, for S series.

    Args:
        profile: Shape of each class of days, [S, classes, K].
        level: Level it predicts for the day after the history, [S].
        slope: Daily change of the level, [S]; zero where the level does not drift.
        residuals: Errors of its predictions for the days of the history, [S, n, K].
    """

    profile: Singles
    level: Singles
    slope: Singles
    residuals: Singles


def slow_level(days: Singles) -> Singles:
    """Return a week's running median of daily medians around each day, [S, n] from [S, n, K].

    A whole week holds each day of the week once, so the rhythm of the week stays in the series.
    """
    daily = robust.median(days)
    n = daily.shape[1]
    padded = np.pad(daily, ((0, 0), (TREND_REACH, TREND_REACH)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * TREND_REACH + 1, axis=1)
    return robust.median(np.ascontiguousarray(windows[:, :n]))


def class_medians(days: Singles, slow: Singles, weekdays: Sequence[int], classes: Sequence[int]) -> Medians:
    """Return the median day of each class, and for each day the median of the *other* days of its class.

    Args:
        days: Values, [S, n, K], oldest day first; NaN where missing.
        slow: `slow_level` of them, [S, n].
        weekdays: Day of the week of each day, Monday is 0.
        classes: Class of each day of the week.
    """
    class_of_day = np.asarray([classes[weekday] for weekday in weekdays])
    flat = days - slow[:, :, None]
    profile = np.full((len(days), max(classes) + 1, days.shape[2]), np.nan, dtype=np.float32)
    without = np.full(days.shape, np.nan, dtype=np.float32)
    for number in np.unique(class_of_day).tolist():
        members = np.flatnonzero(class_of_day == number)
        lists = np.ascontiguousarray(flat[:, members].transpose(0, 2, 1))
        profile[:, number], others = robust.medians_without_each(lists)
        without[:, members] = others.transpose(0, 2, 1)
    return profile, without


def outlook(days: Singles, shape: Shape, medians: Medians | None = None) -> Outlook:
    """Return what ``shape`` predicts for ``days``, [S, n, K], and how wrong it would have been.

    Args:
        medians: `class_medians` for the classes of the shape; none for a shape without classes.
    """
    if medians is None:
        profile = np.zeros((len(days), 1, days.shape[2]), dtype=np.float32)
        left = days
    else:
        profile, without = (robust.smoothed(part, shape.weights) for part in medians)
        left = days - without
    levels, slope = day_ahead_levels(robust.median(left))
    return Outlook(profile, levels[:, -1], slope, left - levels[:, :-1, None])


def day_ahead_levels(daily: Singles) -> tuple[Singles, Singles]:
    """Return the level each day could be given before it began, and the drift in force at the end.

    The level is the median of the last days; where following the drift of the last week would have predicted the
    history clearly better, the drift is followed.

    Args:
        daily: Level of each day, seasons removed, [S, n]; NaN for a day without samples.

    Returns:
        Levels for the n days and the day after, [S, n + 1], NaN before the first sample; slope per day, [S].
    """
    known = _carried(daily)
    steps = np.diff(known, axis=1, prepend=np.float32(np.nan))
    slopes = np.nan_to_num(robust.median(_trailing(steps, 7)))
    recent = _trailing(known, LEVEL_DAYS)
    plain = robust.median(recent)
    ages = np.arange(LEVEL_DAYS, 0, -1, dtype=np.float32)
    drifting = robust.median(recent + ages * slopes[:, :, None])
    late = slice(LEVEL_DAYS, daily.shape[1])
    errors = [_mean(np.abs(daily[:, late] - guess[:, :-1][:, late])) for guess in (plain, drifting)]
    follows = errors[1] < np.float32(0.8) * errors[0]
    slope = np.where(follows, slopes[:, -1], 0).astype(np.float32)
    return np.where(follows[:, None], drifting, plain).astype(np.float32), slope


def mean_error(residuals: Singles) -> Singles:
    """Return the mean size of the errors of each series, [S] from [S, n, K]; infinite where there is none."""
    error = _mean(np.abs(residuals).reshape(len(residuals), -1))
    return np.where(np.isfinite(error), error, np.inf).astype(np.float32)


def _mean(values: Singles) -> npt.NDArray[np.float32]:
    there = np.isfinite(values)
    count = there.sum(axis=1)
    total = np.where(there, values, 0).sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _carried(daily: Singles) -> Singles:
    """Return ``daily`` with the last known level in place of missing days."""
    out = daily.copy()
    for day in range(1, daily.shape[1]):
        out[:, day] = np.where(np.isfinite(out[:, day]), out[:, day], out[:, day - 1])
    return out


def _trailing(values: Singles, length: int) -> Singles:
    """Return the ``length`` values before each day and before the day after the last, [S, n + 1, length]."""
    padded = np.pad(values, ((0, 0), (length, 0)), constant_values=np.nan)
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(padded, length, axis=1))
