"""A day of metrics is judged by the three weeks before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from aiops_jobs.core.detectors.judging import history_of, judge
from aiops_jobs.core.features.grid import Grid
from aiops_jobs.core.policies import Policies
from benchmarks.measure import Case, Side
from benchmarks.stages import samples

SERIES, DAYS, PER_DAY = 500, 21, 288
ROLLING = 144


def build(_folder: Path, scale: float) -> Case:
    """Return the case: one UTC day of many series; the peer scores as many points of the same series."""
    series = max(2, round(SERIES * scale))
    policies = Policies()
    day = samples.window()
    history = history_of(day, policies)
    values = samples.values(series, (DAYS + 1) * PER_DAY)
    ids = [f"s{i:05d}" for i in range(series)]
    described = pa.table({"series_id": ids, "metric_name": ["load_1m"] * series})
    grid = Grid(described, history.start, 300.0, values, np.ones(values.shape, np.int32))
    recent = values[:, -2 * PER_DAY :]
    frame = pd.DataFrame({"series_id": np.repeat(ids, 2 * PER_DAY), "value": recent.ravel()})
    all_days = pd.DataFrame({"series_id": np.repeat(ids, values.shape[1]), "value": values.ravel()})
    return Case(
        size=f"{series * PER_DAY:,} points of {series} series, {DAYS} days of history",
        ours=Side(
            "judge",
            lambda _: judge(grid, day, policies).bands.scores,
            units=series * PER_DAY,
            note="Ours includes learning from the history, once a day.",
        ),
        peers=(
            Side(
                f"pandas rolling z ({ROLLING} points)",
                lambda _: _rolling_z(frame),
                units=series * 2 * PER_DAY,
                goal=4.0,
                note="statsmodels (STL, goal ≥ 1,000×) is not installed: not measured.",
            ),
            Side(
                "the same over all the history, per turn",
                lambda _: _rolling_z(all_days),
                units=series * PER_DAY,
                note="As many values read as ours reads; for judging the line above.",
            ),
        ),
        check=lambda results: _check(results[0], series),
    )


def _rolling_z(frame: pd.DataFrame) -> np.ndarray:
    rolling = frame.groupby("series_id", sort=False)["value"].rolling(ROLLING, min_periods=ROLLING // 2)
    mean, deviation = rolling.mean().to_numpy(), rolling.std().to_numpy()
    return np.abs(frame["value"].to_numpy() - mean) / deviation


def _check(scores: np.ndarray, series: int) -> None:
    assert scores.shape == (series, PER_DAY)
    assert np.isfinite(scores).all()
