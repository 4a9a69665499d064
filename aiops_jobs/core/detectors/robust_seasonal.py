"""Robust seasonal bands: what this time of day and week usually is, and how far this series usually strays from it.

The expected value is a level (median of the last three daily levels, drift followed where that predicts better) plus
the shape of the day, chosen for each series among flat, daily, working days and weekly by how well each would have
predicted every day of the history. The half-width is calibrated on those same errors: see ``calibration``.

Reference: Hyndman and Athanasopoulos (2021), Forecasting: Principles and Practice, sections 3.6 and 5.10 (robust
decomposition, evaluation by prediction); Gumbel (1958) for the width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.detectors import calibration
from aiops_jobs.core.detectors.base import Bands, SeriesState
from aiops_jobs.core.features import robust, seasons
from aiops_jobs.core.features.grid import Floats, Grid, micros
from aiops_jobs.core.features.robust import Singles
from aiops_jobs.core.features.roles import roles_of
from aiops_jobs.core.policies import OTHER, AnomalyPolicy, MetricRole
from aiops_jobs.errors import ConfigurationError, NotTrainedError

DAY_US = 86_400_000_000
BLOCK = 64
"""Series worked on at a time: their history stays in the processor's cache."""
COST_OF_RICHNESS = 0.03
"""A richer shape must predict so much better for each step of richness."""
GRAINS = 1.5
"""The band is at least so many of the smallest steps the values are seen to make."""
MIN_STEPS = 3
"""Fewer different steps are events, not a grain."""
UNMEASURED = 1.5
"""Largest score where nothing tells how large a deviation is large: a warning, never more."""
TINY = 1e-9
NOISE = 1e-6
"""Smaller steps between values, as a share of their usual extent, are rounding."""
FURTHEST = 1e9
"""Units from the centre beyond which a value of the history is only *far*: single precision has an end."""
SMALLEST = 1e-30
MONDAY = 3
"""1 January 1970 was a Thursday."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What was learned of S series, and in a last row more what is known of any other: nothing.

    Args:
        ends_on: Day after the history, in days since 1970.
        shape: By day of the week and time of day, [S + 1, 7, K], in the metric's unit.
        above: Half-width of the band upwards, likewise.
        below: Half-width downwards.
        level: Level of the first day after the history, [S + 1].
        slope: Its change per day.
        ceiling: Largest score that can be told.
    """

    series_id: pa.Array
    ends_on: int
    shape: Floats
    above: Floats
    below: Floats
    level: Floats
    slope: Floats
    ceiling: Floats
    states: Floats


class RobustSeasonal:
    """Bands from the median day; see the module.

    Args:
        policy: Widths, seasons, step.
        roles: What metrics stand for: on which side a deviation is bad, and how small is too small to matter.
    """

    name = "robust_seasonal"

    def __init__(self, policy: AnomalyPolicy, roles: Sequence[MetricRole]) -> None:
        self.policy = policy
        self.roles = tuple(roles)
        self.model_: Model | None = None

    def fit(self, history: Grid) -> Self:
        """Learn from the whole UTC days of ``history``; what it holds of other days is left out.

        Raises:
            ConfigurationError: The step does not divide a day.
        """
        if DAY_US % history.step_us:
            raise ConfigurationError(
                "policies.anomaly.step_s", f"is {history.step_s:g}, which does not divide a day", remedy="Use 300."
            )
        first, values = _whole_days(history)
        weekdays = [(first + day + MONDAY) % 7 for day in range(values.shape[1])]
        roles = self._roles(history)
        parts = [
            self._learned(values[low : low + BLOCK], roles[low : low + BLOCK], weekdays)
            for low in range(0, len(values) if weekdays else 0, BLOCK)
        ]
        known = _strings(history.series["series_id"]) if parts else pa.array([], pa.string())
        parts.append(_nothing(values.shape[2]))
        learned = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        self.model_ = Model(known, first + values.shape[1], *learned)
        return self

    def anomaly_scores(self, grid: Grid) -> Floats:
        """Score each bucket; a series that was not in the history is not judged."""
        return self.bands(grid).scores

    def bands(self, grid: Grid) -> Bands:
        """Return expected values, edges and scores of each bucket of ``grid``."""
        model = self.model_
        if model is None:
            raise NotTrainedError(self.name)
        found = pc.index_in(_strings(grid.series["series_id"]), value_set=model.series_id)
        rows = np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)[:, None]
        day, bucket = grid.times_us // DAY_US, grid.times_us % DAY_US // grid.step_us
        place = rows, (day + MONDAY) % 7, bucket
        expected = model.level[rows] + model.slope[rows] * (day - model.ends_on) + model.shape[place]
        above, below = model.above[place], model.below[place]
        scores = np.minimum(self._scores(grid, expected, above, below), model.ceiling[rows])
        return Bands(expected, expected - below, expected + above, scores, model.states[rows[:, 0]].astype(np.int8))

    def _roles(self, grid: Grid) -> list[MetricRole]:
        return [role or OTHER for role in roles_of(grid.series["metric_name"].to_pylist(), self.roles)]

    def _scores(self, grid: Grid, expected: Floats, above: Floats, below: Floats) -> Floats:
        directions = [role.direction for role in self._roles(grid)]
        up_is_bad = np.asarray([d != "down" for d in directions], dtype=bool)[:, None]
        down_is_bad = np.asarray([d != "up" for d in directions], dtype=bool)[:, None]
        off = grid.values - expected
        worst = np.maximum(np.where(up_is_bad, off / above, 0.0), np.where(down_is_bad, -off / below, 0.0))
        return np.maximum(worst, 0.0)

    def _learned(self, values: Floats, roles: Sequence[MetricRole], weekdays: Sequence[int]) -> tuple[Floats, ...]:
        """Return the arrays of a `Model`, in its order, for the history [S, n, K] of some series."""
        centre, unit, extent, grain = _units(values)
        with np.errstate(over="ignore"):
            days = np.clip((values - centre) / unit, -FURTHEST, FURTHEST).astype(np.float32)
        best, shape, rise, fall = self._chosen(days, weekdays)
        expected = centre + unit * (best.level[:, None, None] + shape)
        floor = _floors(expected, grain, roles)
        floors_in_units = np.maximum(floor / unit, TINY).astype(np.float32)
        sides = self._half_widths(best.residuals, floors_in_units, weekdays)
        up, down = (unit * (side + jitter) for side, jitter in zip(sides, (rise, fall), strict=True))
        present = np.isfinite(values).sum(axis=(1, 2)) / (self.policy.lookback_s / seasons.DAY_S * values.shape[2])
        varies = extent[:, 0, 0] > 0
        states = np.where(varies, SeriesState.JUDGED, SeriesState.NO_VARIANCE)
        states = np.where(present >= self.policy.min_history_ratio, states, SeriesState.INSUFFICIENT)
        level = np.where(states == SeriesState.INSUFFICIENT, np.nan, centre[:, 0, 0] + unit[:, 0, 0] * best.level)
        measured = varies | (np.nan_to_num(floor).max(axis=(1, 2)) > 0)
        ceiling = np.where(measured, np.inf, UNMEASURED)
        return unit * shape, up, down, level, unit[:, 0, 0] * best.slope, ceiling, states.astype(np.float64)

    def _chosen(self, days: Singles, weekdays: Sequence[int]) -> tuple[seasons.Outlook, Singles, Singles, Singles]:
        """Return for each series the outlook of the shape that predicts its history best, and that shape [S, 7, K].

        Also how much higher and lower the shape is a few buckets earlier or later: what comes every day does not come
        to the minute.
        """
        slow = seasons.slow_level(days)
        present = np.any(np.isfinite(days), axis=2)
        held: Floats = np.where(present.any(axis=1), days.shape[1] - present.argmax(axis=1), 0.0)
        best = seasons.outlook(days, seasons.FLAT)
        shape, rise, fall = np.zeros((3, len(days), 7, days.shape[2]), dtype=np.float32)
        least = seasons.mean_error(best.residuals)
        medians: dict[tuple[int, ...], seasons.Medians] = {}
        for richness, candidate in enumerate(seasons.SHAPES[1:], start=1):
            eligible = np.asarray(held * seasons.DAY_S >= 2 * candidate.period_s)
            if candidate.period_s not in self.policy.season_s or not eligible.any():
                continue
            if candidate.classes not in medians:
                medians = {candidate.classes: seasons.class_medians(days, slow, weekdays, candidate.classes)}
            other = seasons.outlook(days, candidate, medians[candidate.classes])
            error = seasons.mean_error(other.residuals) * np.float32(1 + COST_OF_RICHNESS * richness)
            better = np.flatnonzero(eligible & (error < least))
            least[better] = error[better]
            profile = other.profile[better]
            above, below = robust.room(profile, len(candidate.weights))
            weekday = list(candidate.classes)
            shape[better], rise[better], fall[better] = profile[:, weekday], above[:, weekday], below[:, weekday]
            best.level[better], best.slope[better] = other.level[better], other.slope[better]
            best.residuals[better] = other.residuals[better]
        return best, shape, rise, fall

    def _half_widths(self, residuals: Singles, floors: Singles, weekdays: Sequence[int]) -> tuple[Singles, Singles]:
        """Return the half-width of the band upwards and downwards, [S, 7, K], in units of the series."""
        policy = self.policy
        reach = int(policy.merge_gap_s * residuals.shape[2] / seasons.DAY_S) + 1
        sides = []
        for sign, side in zip((1, -1), calibration.spread(residuals), strict=True):
            sigma = np.maximum(side[:, None, :], floors / np.float32(policy.width))
            deviations = residuals * np.float32(sign) / sigma[:, list(weekdays)]
            own = calibration.return_width(
                deviations, points=policy.confirm_points, reach=reach, return_days=policy.return_days
            )
            sides.append(sigma * np.maximum(own, np.float32(policy.width))[:, None, None])
        return sides[0], sides[1]


def _whole_days(history: Grid) -> tuple[int, Floats]:
    """Return the first whole UTC day, in days since 1970, and the values of the whole days, [S, n, K]."""
    buckets = DAY_US // history.step_us
    start, step = micros(history.start), history.step_us
    first = -(-start // DAY_US)
    skipped = (first * DAY_US - start) // step
    count = max(0, (history.values.shape[1] - skipped) // buckets)
    values = history.values[:, skipped : skipped + count * buckets]
    return first, values.reshape(len(values), count, buckets)


def _units(values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return centre, unit, extent and grain of each series' history, [S, 1, 1].

    In units from the centre any series fits single precision. The grain is the smallest step between its values.
    """
    flat = np.sort(values.reshape(len(values), -1), axis=1)
    last = np.maximum(np.isfinite(flat).sum(axis=1) - 1, 0)

    def at(q: float) -> Floats:
        return np.nan_to_num(np.take_along_axis(flat, np.rint(last * q).astype(np.int64)[:, None], axis=1))

    low, middle, high = at(0.1), at(0.5), at(0.9)
    extent = at(1.0) - at(0.0)
    typical = np.where(high > low, high - low, extent)
    unit = np.maximum(np.where(typical > 0, typical, 1.0), SMALLEST)
    steps = np.diff(flat, axis=1)
    real = steps > NOISE * typical
    smallest = np.where(real, steps, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    grain = np.where(real.sum(axis=1, keepdims=True) >= MIN_STEPS, smallest, 0.0)
    return middle[:, None], unit[:, None], extent[:, None], grain[:, None]


def _floors(expected: Floats, grain: Floats, roles: Sequence[MetricRole]) -> Floats:
    """Return the smallest half-width that makes sense, [S, 7, K]: for people, and for the grain of the values."""
    least = np.asarray([role.min_deviation for role in roles])[:, None, None]
    share = np.asarray([role.min_rel_deviation for role in roles])[:, None, None]
    for_people: Floats = np.maximum(least, share * np.abs(expected))
    return np.maximum(for_people, GRAINS * grain)


def _nothing(buckets: int) -> tuple[Floats, ...]:
    """Return the row of a `Model` for series that are not known."""
    by_day, one = np.full((1, 7, buckets), np.nan), np.full(1, np.nan)
    return by_day, by_day, by_day, one, one, one, np.full(1, float(SeriesState.INSUFFICIENT))


def _strings(column: pa.ChunkedArray) -> pa.Array:
    return pa.array(column.to_pylist(), pa.string())
