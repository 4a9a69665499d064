"""How far metrics moved, compared with how far they usually stray, even where the begin is known badly.

Two readings of one idea. The first is robust in the sense of BARO (Pham et al., FSE 2024): median and quantiles
before against quantiles after, no mean, no standard deviation. Beyond BARO, the scale is the distance of an upper
quantile, not the interquartile range: metrics with rare bursts (garbage collection, caches) have a tiny interquartile
range and would always win. And the end of the time before is left out: an incident is mostly noticed late, so the
last rows before its begin may already show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from aiops_jobs.core.columns import Floats


@dataclass(frozen=True, slots=True)
class Measure:
    """How deviations are measured.

    Args:
        left_out: Share of the rows before, at their end, that is not trusted: they may belong to the trouble.
        least_rows: So many rows before are always used.
        tail: Quantile that tells how far a metric usually strays.
        floor: Share of the usual value that no one minds; keeps flat metrics from being infinitely sensitive.
        reached: Quantile of the rows after that a metric must reach: a single odd row is no deviation.
        falling: Weight of a fall against a rise: resources hurt by being used up, and idle ones follow their callers.
    """

    left_out: float = 1 / 3
    least_rows: int = 8
    tail: float = 0.99
    floor: float = 0.02
    reached: float = 0.75
    falling: float = 0.5


MEASURE = Measure()


def deviations(before: Floats, after: Floats, *, measure: Measure = MEASURE) -> Floats:
    """Return how far each metric moved, in units of how far it usually strays; 0 where nothing can be said.

    Args:
        before: Rows by time (first axis) and metric (second), NaN where missing.
        after: Rows from the believed begin on, same metrics.
        measure: How it is measured.

    Returns:
        One number of at least 0 per metric. 1 is the edge of the usual.
    """
    width = before.shape[1]
    if not len(before) or not len(after) or not width:
        return np.zeros(width)
    keep = max(round(len(before) * (1 - measure.left_out)), min(len(before), measure.least_rows))
    edges = [1 - measure.tail, 0.25, 0.5, 0.75, measure.tail]
    low, first, middle, third, high = _quantiles(before[:keep], edges)
    floor, spread = measure.floor * np.abs(middle), third - first
    risen = _quantiles(after, [measure.reached], method="lower")[0]
    fallen = _quantiles(after, [1 - measure.reached], method="higher")[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        up = (risen - middle) / (np.maximum(high - middle, spread) + floor)
        down = measure.falling * (middle - fallen) / (np.maximum(middle - low, spread) + floor)
    return np.asarray(np.nan_to_num(np.fmax(np.fmax(up, down), 0.0), posinf=0.0), dtype=np.float64)


def _quantiles(rows: Floats, shares: list[float], method: Literal["linear", "lower", "higher"] = "linear") -> Floats:
    """Return quantiles of each column, NaN left out; NaN for a column without values."""
    if not np.isnan(rows).any():
        return np.asarray(np.quantile(rows, shares, axis=0, method=method))
    found = np.full((len(shares), rows.shape[1]), np.nan)
    told = ~np.isnan(rows).all(axis=0)
    if told.any():
        found[:, told] = np.nanquantile(rows[:, told], shares, axis=0, method=method)
    return found


def strongest(values: Floats, owner: np.typing.NDArray[np.int64], count: int) -> Floats:
    """Return the largest value of each owner; 0 for one without values.

    Args:
        values: One number per metric, at least 0.
        owner: Position of the owner of each.
        count: Number of owners.
    """
    found = np.zeros(count)
    np.maximum.at(found, owner, values)
    return found
