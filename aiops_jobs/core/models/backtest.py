"""Rolling origins: what each candidate would have said in the past, and the blend that earned trust by it.

Everything is nested: the blend at an origin is weighted by errors that were known at that origin, and by no later
ones. So residuals of the blend are honest, and the quantiles taken from them are calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops_jobs.core.models.candidates import NAMES, NEWS, Clock, Floats, Ints, forecast_candidates

HORIZONS_H = (1.0, 3.0, 6.0, 12.0, 18.0, 24.0, 36.0, 48.0, 72.0, 96.0, 120.0, 168.0, 240.0, 336.0, 504.0, 672.0)
"""Distances, in hours, at which candidates are compared; between them everything is interpolated."""
MAX_ORIGINS = 26
MIN_HISTORY_D = 3.0
HALF_LIFE_D = 2.0
"""An error counts half as much for every so many days that have passed since the forecast was made."""
SHARPNESS = 4.0
"""Weights fall with this power of the error: 0 is the mean of all candidates, infinity the best one alone."""
FLOOR = 0.02
"""Errors far below this share of a day's usual change are all alike."""
SMALLEST = 0.01
"""No expected error is smaller than this share of a day's usual change: nothing is certain."""
PRIOR_COUNT = 1.0
"""The error pooled over all series counts as much as so many fresh errors of the series."""
WIDEST = 20.0
"""No single error counts more than this many days' usual changes: a series of zeros that wakes up is no yardstick."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known about errors before a series has shown its own.

    Args:
        losses: Mean loss of every candidate at every distance, as `losses_of` measures it, ``(K, H)``.
        errors: Mean absolute error of the blend at every distance, in units of a series' scale, ``(H,)``.
    """

    losses: Floats
    errors: Floats


@dataclass(frozen=True, slots=True)
class Backtest:
    """What was forecast in the past, and what came.

    Args:
        clock: Steps in a day and a week.
        steps: Distances in steps, ``(H,)``.
        ages: Steps from each origin to the end of the history, newest origin first, ``(O,)``.
        points: Candidates' forecasts, ``(O, K, S, H)``.
        trust: How sure it was that a new trend had begun, ``(O, S)``.
        actual: What came, ``(O, S, H)``; ``nan`` where it is missing or not yet known.
        scales: Usual change over a day of each series as known at each origin, ``(O, S)``: makes series comparable.
        scale: The same as known now, ``(S,)``.
    """

    clock: Clock
    steps: Ints
    ages: Ints
    points: Floats
    trust: Floats
    actual: Floats
    scales: Floats
    scale: Floats


def horizon_steps(clock: Clock, horizon_s: float) -> Ints:
    """Return the distances at which candidates are compared, in steps, up to ``horizon_s`` and including it."""
    steps = {max(1, round(hours * 3600.0 / clock.step_s)) for hours in HORIZONS_H if hours * 3600.0 <= horizon_s}
    return np.array(sorted(steps | {max(1, round(horizon_s / clock.step_s))}), dtype=np.int64)


def run_backtest(values: Floats, clock: Clock, steps: Ints) -> Backtest:
    """Forecast from one origin a day, at the hour of the day at which the history ends."""
    series, length = values.shape
    first = max(round(MIN_HISTORY_D * clock.day), 1)
    ages = np.arange(clock.day, max(length - first, 0) + 1, clock.day)[:MAX_ORIGINS]
    points = np.empty((len(ages), len(NAMES), series, len(steps)))
    trust = np.empty((len(ages), series))
    for place, age in enumerate(ages):
        points[place], trust[place] = forecast_candidates(values[:, : length - age], steps, clock)
    padded = np.concatenate([values, np.full((series, int(steps[-1])), np.nan)], axis=1)
    actual = np.moveaxis(padded[:, length - ages[:, None] + steps - 1], 0, 1)
    scales = _scales(values, clock, np.concatenate([ages, [0]]))
    return Backtest(clock, steps, ages, points, trust, actual, scales[:-1], scales[-1])


def losses_of(test: Backtest) -> Floats:
    """Return each candidate's absolute error relative to the mean of all candidates, ``(O, K, S, H)``.

    So every past forecast judges the candidates among themselves and counts the same: one that all of them missed
    blames none, however far off it was.
    """
    errors = np.abs(test.actual[:, None] - test.points)
    return np.asarray(errors / (errors.mean(axis=1, keepdims=True) + FLOOR * test.scales[:, None, :, None]))


def weights_at(test: Backtest, losses: Floats, prior: Prior, age: int) -> Floats:
    """Return the weight of every candidate ``age`` steps before the end, ``(K, S, H)``; they add up to one."""
    expected = _expected(test, losses, prior.losses[:, None, :], age)
    weights = (expected + 1e-9) ** -SHARPNESS
    return np.asarray(weights / weights.sum(axis=0))


def blended(weights: Floats, points: Floats, trust: Floats) -> tuple[Floats, Floats]:
    """Return one forecast from all candidates, and how far they disagree with it, ``(S, H)`` each.

    Where a new trend is certain, its candidate is followed: none of them can have a record of it yet. Half of their
    disagreement remains, for what has begun may end.
    """
    point = (weights * points).sum(axis=0)
    point = point + trust[:, None] * (points[NEWS] - point)
    dissent = (weights * np.abs(points - point)).sum(axis=0)
    return point, dissent * (1.0 - 0.5 * trust[:, None])


def past_blends(test: Backtest, prior: Prior) -> tuple[Floats, Floats]:
    """Return the blend each origin would have given and the candidates' disagreement, ``(O, S, H)`` each."""
    losses = losses_of(test)
    points, dissent = np.empty_like(test.actual), np.empty_like(test.actual)
    for place, age in enumerate(test.ages):
        weights = weights_at(test, losses, prior, int(age))
        points[place], dissent[place] = blended(weights, test.points[place], test.trust[place])
    return points, dissent


def past_errors(test: Backtest, prior: Prior) -> tuple[Floats, Floats]:
    """Return actual minus blend, and the absolute error that was to be expected, ``(O, S, H)`` each.

    Both are in the unit of the series; the first is ``nan`` where nothing is known yet.
    """
    points, spread = past_blends(test, prior)
    errors = test.actual - points
    for place, age in enumerate(test.ages):
        spread[place] += spread_at(test, errors, prior, int(age), test.scales[place])
    return errors, spread


def spread_at(test: Backtest, errors: Floats, prior: Prior, age: int, scale: Floats) -> Floats:
    """Return the absolute error to expect of the blend ``age`` steps before the end, ``(S, H)``.

    Args:
        test: The past.
        errors: Errors of past blends, ``(O, S, H)``; only those known at ``age`` are used.
        prior: Errors to expect where the series has shown few.
        age: Steps before the end of the history.
        scale: Usual change over a day as known then, ``(S,)``.
    """
    sizes = np.minimum(np.abs(errors), WIDEST * scale[:, None])
    return _expected(test, sizes, prior.errors * scale[:, None], age)


def pooled_prior(test: Backtest, fallback: Prior) -> Prior:
    """Return losses and errors pooled over all series and origins; where nothing is known, the fallback's."""
    losses = _pooled(losses_of(test), (0, 2), fallback.losses)
    points, _ = past_blends(test, Prior(losses, fallback.errors))
    errors = np.minimum(np.abs(test.actual - points) / test.scales[:, :, None], WIDEST)
    return Prior(losses, np.maximum(_pooled(errors, (0, 1), fallback.errors), SMALLEST))


def mixed(values: Floats, matrix: Floats) -> Floats:
    """Return ``values @ matrix``, computed in one order whatever the number of threads."""
    return np.asarray(np.einsum("...h,hg->...g", values, matrix))


def _scales(values: Floats, clock: Clock, ages: Ints) -> Floats:
    """Return the mean absolute change over a day of each series up to each age, ``(len(ages), S)``, never zero."""
    lag = min(clock.day, max(values.shape[1] - 1, 1))
    change = np.abs(values[:, lag:] - values[:, :-lag])
    end = values.shape[1] - ages
    small = 1e-6 * _mean_until(np.abs(values), end) + 1e-12
    return np.maximum(_mean_until(change, end - lag), small)


def _mean_until(values: Floats, ends: Ints) -> Floats:
    """Return the mean of each row up to each end without its ``nan``; 0 where nothing is there, ``(E, S)``."""
    is_known = np.isfinite(values)
    zero = np.zeros((len(values), 1))
    total = np.concatenate([zero, np.cumsum(np.where(is_known, values, 0.0), axis=1)], axis=1)
    count = np.concatenate([zero, np.cumsum(is_known, axis=1)], axis=1)
    place = np.clip(ends, 0, values.shape[1])
    return np.asarray((total[:, place] / np.maximum(count[:, place], 1.0)).T)


def _pooled(errors: Floats, axes: tuple[int, ...], fallback: Floats) -> Floats:
    is_known = np.isfinite(errors)
    count = is_known.sum(axis=axes)
    total = np.where(is_known, errors, 0.0).sum(axis=axes)
    return np.where(count > 0, total / np.maximum(count, 1), fallback)


def _expected(test: Backtest, errors: Floats, prior: Floats, age: int) -> Floats:
    """Return the mean of the errors known ``age`` steps before the end; the fresh and the near count most.

    Fresh means made lately, not come due lately: a week-old forecast could not know of a leak that began since;
    yesterday's short forecasts could.
    """
    since = test.ages[:, None] - age
    fresh = np.where(since >= test.steps, 0.5 ** (np.maximum(since, 0) / (HALF_LIFE_D * test.clock.day)), 0.0)
    weight = np.isfinite(errors) * fresh.reshape(len(test.ages), *([1] * (errors.ndim - 2)), len(test.steps))
    near = np.sqrt(np.minimum(test.steps[:, None] / test.steps, test.steps / test.steps[:, None]))
    total = mixed((weight * np.nan_to_num(errors)).sum(axis=0), near)
    count = mixed(weight.sum(axis=0), near)
    return np.asarray((total + PRIOR_COUNT * prior) / (count + PRIOR_COUNT))
