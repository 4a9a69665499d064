"""Judging a stretch of time: each UTC day by a model that knows only the days before it.

So the verdict on an instant never depends on what came later, nor on where a run's window begins or ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.detectors import detector_of
from aiops_jobs.core.detectors.base import Bands
from aiops_jobs.core.features.grid import INSTANT, Grid, to_grid
from aiops_jobs.core.feedback.leniency import Leniency
from aiops_jobs.core.policies import Policies
from aiops_jobs.window import Window

DEFAULT_DETECTOR = "robust_seasonal"
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A grid and what is thought of it; ``bands.states`` are those of its last day."""

    grid: Grid
    bands: Bands
    detector: str

    def take(self, rows: npt.NDArray[np.bool_]) -> Judgement:
        """Return the judgement of some of the series."""
        return Judgement(self.grid.take(rows), self.bands.take(rows), self.detector)


def history_of(region: Window, policies: Policies) -> Window:
    """Return all the time whose samples are needed to judge ``region``: its whole first day, and the look-back."""
    start = next(_days(region)).start - timedelta(seconds=policies.anomaly.lookback_s)
    return Window(min(start, region.start), region.end)


def judge(grid: Grid, region: Window, policies: Policies, *, detector: str = DEFAULT_DETECTOR) -> Judgement:
    """Judge each UTC day of ``region`` by the look-back before it.

    Args:
        grid: Covers `history_of` the region; what it does not cover counts as missing.
        region: Time to judge.
        detector: Name in the registry.
    """
    parts = []
    for day in _days(region):
        history = grid.between(day.start - timedelta(seconds=policies.anomaly.lookback_s), day.start)
        today = grid.between(max(day.start, region.start), min(day.end, region.end))
        parts.append(detector_of(detector, policies).fit(history).bands(today))
    whole = Bands(
        expected=np.concatenate([part.expected for part in parts], axis=1),
        lower=np.concatenate([part.lower for part in parts], axis=1),
        upper=np.concatenate([part.upper for part in parts], axis=1),
        scores=np.concatenate([part.scores for part in parts], axis=1),
        states=parts[-1].states,
    )
    return Judgement(grid.between(region.start, region.end), whole, detector)


def widened(judgement: Judgement, leniency: Leniency | None) -> Judgement:
    """Return the judgement with the bands as wide as people's verdicts make them; a score of 1 stays the edge."""
    grid, bands = judgement.grid, judgement.bands
    names = grid.series["series_id"].cast(pa.string()).to_pylist() if leniency else []
    factor = leniency.widths(names, grid.times_us, judgement.detector) if leniency else None
    if factor is None:
        return judgement
    wide = Bands(
        expected=bands.expected,
        lower=bands.expected - (bands.expected - bands.lower) * factor,
        upper=bands.expected + (bands.upper - bands.expected) * factor,
        scores=bands.scores / factor,
        states=bands.states,
    )
    return Judgement(grid, wide, judgement.detector)


def band_of(
    points: pa.Table, series_id: str, window: Window, policies: Policies, leniency: Leniency | None = None
) -> pa.Table:
    """Return value and band of one series, a row a bucket: what a chart shows.

    Args:
        points: ``metric_points`` of `history_of` the window; rows of other series are ignored.
        series_id: Which series.
        window: What is shown.
        policies: As it was judged.
        leniency: What people's verdicts have widened.

    Returns:
        ``observed_at`` (begin of the bucket), ``value``, ``expected``, ``lower``, ``upper``, ``score``; null where
        not known.
    """
    rows = points.filter(pc.equal(points["series_id"].cast(pa.string()), series_id))
    grid = to_grid(rows, history_of(window, policies), step_s=policies.anomaly.step_s)
    verdict = widened(judge(grid, window, policies), leniency)
    columns = {"observed_at": pa.array(verdict.grid.times_us, INSTANT)}
    bands = verdict.bands
    named = {"value": verdict.grid.values, "expected": bands.expected, "lower": bands.lower, "upper": bands.upper}
    for name, values in (named | {"score": bands.scores}).items():
        row = values[0] if len(values) else np.full(values.shape[1], np.nan)
        columns[name] = pa.array(row, pa.float64(), mask=~np.isfinite(row))
    return pa.table(columns)


def _days(region: Window) -> Iterator[Window]:
    """Yield the UTC days that share time with ``region``, whole."""
    start = region.start.replace(hour=0, minute=0, second=0, microsecond=0)
    while start < region.end:
        yield Window(start, start + ONE_DAY)
        start += ONE_DAY
