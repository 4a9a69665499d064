"""Quantile forecasts of filling resources: a blend of robust candidates with intervals calibrated on its own past.

The point forecast blends simple candidates by the errors they made on this series at rolling origins. The interval
is the expected absolute error of the blend (its own recent errors, and how much the candidates disagree now) times
quantiles of the same ratio over all series and origins: split conformal prediction with a local scale. A learned
model of the residual takes the place of `CapacityModel.offsets`.

Reference: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman, "Distribution-free predictive inference for regression",
JASA 2018, doi:10.1080/01621459.2017.1307116 (section 5.2, locally weighted conformal inference).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiops_jobs.core.models.backtest import (
    Backtest,
    Prior,
    blended,
    horizon_steps,
    losses_of,
    mixed,
    past_blends,
    past_errors,
    pooled_prior,
    run_backtest,
    spread_at,
    weights_at,
)
from aiops_jobs.core.models.candidates import NAMES, Clock, Floats, Ints, forecast_candidates
from aiops_jobs.core.models.evaluation import Measure

LEVELS = np.array([0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99])
INNER = (0.1, 0.9)
"""The band that is published and judged."""
MIN_RESIDUALS = 100
"""Fewer residuals at a distance do not make quantiles: those of the next shorter distance are used."""
FARTHEST = 50.0
"""Errors beyond this many times the expected one are all the same: a series that was dead and woke up."""
FALLBACK_OFFSETS = np.array([-3.6, -2.8, -2.2, -1.6, -0.9, -0.5, -0.2, 0.0, 0.2, 0.5, 0.9, 1.6, 2.2, 2.8, 3.6])
"""Quantiles of error over expected absolute error, close to Laplace: for the first days of an installation."""


@dataclass(frozen=True, slots=True)
class CapacityModel:
    """What many series taught about the errors of the blend.

    Args:
        step_s: Step of the series it was fitted on.
        steps: Distances in steps, ``(H,)``.
        prior: Errors to expect before a series has shown its own.
        offsets: Quantiles of the error in units of the expected absolute error, ``(P, H)``, at `LEVELS`.
    """

    step_s: float
    steps: Ints
    prior: Prior
    offsets: Floats

    @property
    def clock(self) -> Clock:
        """Steps in a day and a week."""
        return Clock(self.step_s)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain data and arrays."""
        return {
            "step_s": self.step_s,
            "steps": self.steps,
            "losses": self.prior.losses,
            "errors": self.prior.errors,
            "offsets": self.offsets,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CapacityModel:
        """Return the model that `to_dict` wrote."""
        steps = np.asarray(data["steps"], dtype=np.int64)
        prior = Prior(np.asarray(data["losses"], dtype=float), np.asarray(data["errors"], dtype=float))
        return cls(float(data["step_s"]), steps, prior, np.asarray(data["offsets"], dtype=float))


@dataclass(frozen=True, slots=True)
class Paths:
    """Quantile forecasts: path ``p`` of a series is where it goes if it goes as at level ``p`` throughout.

    Args:
        steps: Steps after the history, from 1, ``(F,)``.
        quantiles: In the unit of each series, rising along the second axis, ``(S, P, F)``, at `LEVELS`.
    """

    steps: Ints
    quantiles: Floats

    def at(self, level: float) -> Floats:
        """Return one quantile, ``(S, F)``."""
        return np.asarray(self.quantiles[:, int(np.argmin(np.abs(LEVELS - level)))])


def untrained(clock: Clock, horizon_s: float) -> CapacityModel:
    """Return the model of the first days: equal candidates, errors that grow with the root of the distance."""
    steps = horizon_steps(clock, horizon_s)
    errors = 0.5 * np.sqrt(np.maximum(steps / clock.day, 0.1))
    losses = np.tile(errors, (len(NAMES), 1))
    return CapacityModel(clock.step_s, steps, Prior(losses, errors), np.tile(FALLBACK_OFFSETS[:, None], len(steps)))


def fit_capacity(values: Floats, clock: Clock, horizon_s: float) -> CapacityModel:
    """Learn priors and calibrated offsets from many series, ``(S, T)`` with ``nan`` where nothing was measured.

    Series that never vary are left out: that they are foreseen without any error says nothing about the others.
    """
    start = untrained(clock, horizon_s)
    return _calibrated(run_backtest(_lively(values), clock, start.steps), start)


def _calibrated(test: Backtest, start: CapacityModel) -> CapacityModel:
    known = np.isfinite(test.actual).sum(axis=(0, 1)) >= MIN_RESIDUALS
    if not known.any():
        return start
    pooled = pooled_prior(test, start.prior)
    last = int(np.flatnonzero(known)[-1])
    prior = Prior(_extended(pooled.losses, last, test.steps), _extended(pooled.errors, last, test.steps))
    errors, spread = past_errors(test, prior)
    rest = np.clip(errors / spread, -FARTHEST, FARTHEST).reshape(-1, len(test.steps))
    # what came is known farther ahead than what could have been said about it from a short history
    known &= np.isfinite(rest).sum(axis=0) >= MIN_RESIDUALS
    if not known.any():
        return start
    offsets = start.offsets.copy()
    for place in np.flatnonzero(known):
        column = rest[:, place]
        offsets[:, place] = np.quantile(column[np.isfinite(column)], LEVELS)
    nearest = np.maximum.accumulate(np.where(known, np.arange(len(known)), 0))
    return CapacityModel(start.step_s, test.steps, prior, offsets[:, nearest])


def _lively(values: Floats) -> Floats:
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=1, initial=np.inf)
    high = np.where(known, values, -np.inf).max(axis=1, initial=-np.inf)
    return np.asarray(values[high > low])


def _extended(errors: Floats, last: int, steps: Ints) -> Floats:
    """Let errors grow with the root of the distance beyond the last one that is known."""
    growth = np.sqrt(np.maximum(steps / steps[last], 1.0))
    return np.asarray(np.where(np.arange(len(steps)) <= last, errors, errors[..., last : last + 1] * growth))


def forecast_paths(values: Floats, model: CapacityModel, horizon_s: float) -> Paths:
    """Return quantile paths of every series for every step up to ``horizon_s``; no series touches another.

    Args:
        values: History, ``(S, T)``, newest last, at least one sample a series.
        model: Fitted on series of the same step.
        horizon_s: How far, at most what the model was fitted for.
    """
    test = run_backtest(values, model.clock, model.steps)
    points, _ = past_blends(test, model.prior)
    errors = test.actual - points
    steps = np.arange(1, max(1, round(horizon_s / model.step_s)) + 1)
    between = _interpolation(model.steps, steps)
    weights = mixed(weights_at(test, losses_of(test), model.prior, 0), between)
    point, dissent = blended(weights, *forecast_candidates(values, steps, model.clock))
    spread = dissent + mixed(spread_at(test, errors, model.prior, 0, test.scale), between)
    offsets = np.sort(mixed(model.offsets, between), axis=0)
    return Paths(steps, point[:, None, :] + spread[:, None, :] * offsets)


def _interpolation(steps: Ints, targets: Ints) -> Floats:
    """Return the matrix that takes values at ``steps`` to ``targets``, linear in the logarithm of the distance."""
    place = np.interp(np.log(targets), np.log(steps), np.arange(len(steps)))
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(place - np.arange(len(steps))[:, None])))


def judge_capacity(values: Floats, model: CapacityModel, later: int) -> dict[str, Measure]:
    """Measure a model on the last ``later`` steps, forecast from origins inside them; empty where nothing is known.

    Series that never vary are left out: they would flatter the model. ``wql_ratio`` compares with the same
    hour a day ago; each series counts in units of its own scale.
    """
    test = run_backtest(_lively(values), model.clock, model.steps)
    errors, spread = past_errors(test, model.prior)
    naive = np.abs(test.actual - test.points[:, NAMES.index("naive_day")]) / test.scale[:, None]
    is_late = np.isfinite(errors) & (test.ages <= later)[:, None, None]
    count = int(is_late.sum())
    if not count:
        return {}
    inner = slice(int(np.searchsorted(LEVELS, INNER[0])), int(np.searchsorted(LEVELS, INNER[1])) + 1)
    levels, offsets = LEVELS[inner], model.offsets[inner]
    gap = (errors / spread)[..., None] - offsets.T
    loss = spread / test.scale[:, None] * 2.0 * np.where(gap >= 0, levels * gap, (levels - 1.0) * gap).mean(axis=-1)
    is_below = gap[..., -1] <= 0
    is_covered = is_below & (gap[..., 0] >= 0)
    wql = float(loss[is_late].sum() / max(float(naive[is_late].sum()), 1e-12))
    return {
        "coverage_80_ratio": Measure(float(is_covered[is_late].mean()), None, count),
        "below_p90_ratio": Measure(float(is_below[is_late].mean()), None, count),
        "wql_ratio": Measure(wql, 1.0, count),
    }
