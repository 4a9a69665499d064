"""When a filling resource reaches its limit, from quantile forecasts.

A path is where a series goes if it goes as at one level throughout. It has breached from the first step at which it
lies at the limit; the share of paths that have breached is the probability, which never falls again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops_jobs.core.models.candidates import Clock, Floats, Ints
from aiops_jobs.core.models.capacity import LEVELS, Paths

NEVER = -1
RECENT_D = 2
"""Days before the forecast that do not count as habit."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a forecast means for a limit.

    Args:
        observed: Last known value of each series, ``(S,)``.
        limits: Value at which it counts as full, ``(S,)``.
        probability: Of having breached by each step, ``(S, F)``, rising.
        breach: Steps after the history, from 1, at which the early (10 %), median and late (90 %) path breaches,
            ``(S, 3)``; `NEVER` beyond the horizon.
        needed: Limit at which the 90 % path would just not breach, ``(S,)``.
        habit: Share of past days on which the limit was reached, ``(S,)``: a resource that lives there is no news.
        coverage: Share of steps of the history that have a value, ``(S,)``.
    """

    observed: Floats
    limits: Floats
    probability: Floats
    breach: Ints
    needed: Floats
    habit: Floats
    coverage: Floats


def look_out(values: Floats, paths: Paths, limits: Floats, clock: Clock) -> Outlook:
    """Compare forecasts with limits.

    Args:
        values: History the forecasts were made from, ``(S, T)``.
        paths: Forecasts of the same series.
        limits: Value at which each series counts as full, ``(S,)``.
        clock: Steps in a day.
    """
    probability = breach_probability(paths.quantiles, limits)
    return Outlook(
        observed=_last_known(values),
        limits=limits,
        probability=probability,
        breach=np.stack([first_step(probability, level) for level in (0.1, 0.5, 0.9)], axis=1),
        needed=paths.at(0.9).max(axis=1),
        habit=_habit(values, limits, clock),
        coverage=np.isfinite(values).mean(axis=1),
    )


def breach_probability(quantiles: Floats, limits: Floats) -> Floats:
    """Return the probability of having breached by each step, ``(S, F)``, from quantiles ``(S, P, F)`` at `LEVELS`.

    Between two quantiles it is linear; beyond the outermost it is 0 below and the outermost level above.
    """
    below = (quantiles < limits[:, None, None]).sum(axis=1)
    place = np.clip(below, 1, len(LEVELS) - 1)
    lower = np.take_along_axis(quantiles, (place - 1)[:, None], 1)[:, 0]
    upper = np.take_along_axis(quantiles, place[:, None], 1)[:, 0]
    share = np.clip((limits[:, None] - lower) / np.maximum(upper - lower, 1e-300), 0.0, 1.0)
    level = LEVELS[place - 1] + share * (LEVELS[place] - LEVELS[place - 1])
    level = np.where(below == 0, LEVELS[0], np.where(below == len(LEVELS), 1.0, level))
    return np.asarray(np.maximum.accumulate(1.0 - level, axis=1))


def first_step(probability: Floats, level: float) -> Ints:
    """Return the first step, from 1, at which the probability reaches ``level``; `NEVER` where it does not."""
    # The sum 1 - level of a level met exactly may miss it by a rounding error.
    reached = probability >= level - 1e-12
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, NEVER)


def _last_known(values: Floats) -> Floats:
    place = np.where(np.isfinite(values), np.arange(values.shape[1]), 0).max(axis=1)
    return np.asarray(np.take_along_axis(values, place[:, None], 1)[:, 0])


def _habit(values: Floats, limits: Floats, clock: Clock) -> Floats:
    days = values.shape[1] // clock.day
    if days <= RECENT_D:
        return np.zeros(len(values))
    blocks = values[:, values.shape[1] - days * clock.day :].reshape(len(values), days, clock.day)[:, :-RECENT_D]
    known = np.isfinite(blocks).any(axis=2)
    reached = (np.where(np.isfinite(blocks), blocks, -np.inf) >= limits[:, None, None]).any(axis=2)
    return np.asarray(reached.sum(axis=1) / np.maximum(known.sum(axis=1), 1))
