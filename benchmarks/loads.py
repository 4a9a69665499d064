"""Rolling-origin quantile forecasts of many series by the capacity model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aiops_jobs.core.models.candidates import Clock
from aiops_jobs.core.models.capacity import fit_capacity, forecast_paths
from aiops_jobs.core.policies import CapacityPolicy

LEVELS = tuple(q / 10 for q in range(1, 10))


@dataclass(frozen=True, slots=True)
class Plan:
    """The last ``windows`` stretches of ``horizon`` steps, each forecast from at least ``least`` steps of history."""

    horizon: int
    windows: int
    least: int
    step_s: int


def forecast(folders: list[Path], out: Path, *, plan: Plan) -> None:
    """Write ``series_id,cut,step,q10…q90``."""
    frame = pd.concat([pd.read_parquet(folder / "series.parquet") for folder in folders], ignore_index=True)
    series = {str(k): g["value"].to_numpy(dtype=np.float64) for k, g in frame.groupby("series_id", observed=True)}
    quantiles(series, plan).to_parquet(out, index=False)


def quantiles(series: dict[str, np.ndarray], plan: Plan) -> pd.DataFrame:
    """Return the forecasts of all series at all their cuts; a model sees what lies before the cut and nothing else."""
    parts = []
    for window in range(plan.windows, 0, -1):
        cuts = {name: len(v) - plan.horizon * window for name, v in series.items()}
        cuts = {name: cut for name, cut in cuts.items() if cut >= max(plan.least, 1)}
        if cuts:
            parts.append(_at(series, cuts, plan))
    return pd.concat(parts, ignore_index=True)


def _at(series: dict[str, np.ndarray], cuts: dict[str, int], plan: Plan) -> pd.DataFrame:
    length = round(CapacityPolicy().lookback_s / plan.step_s)
    history = np.full((len(cuts), length), np.nan)
    for row, (name, cut) in enumerate(cuts.items()):
        known = series[name][max(0, cut - length) : cut]
        history[row, length - len(known) :] = known
    horizon_s = float(plan.horizon * plan.step_s)
    model = fit_capacity(history, Clock(plan.step_s), horizon_s)
    paths = forecast_paths(history, model, horizon_s)
    columns = {f"q{round(level * 100)}": paths.at(level).ravel() for level in LEVELS}
    return pd.DataFrame(
        {
            "series_id": np.repeat(list(cuts), plan.horizon),
            "cut": np.repeat(list(cuts.values()), plan.horizon),
            "step": np.tile(np.arange(plan.horizon), len(cuts)),
            **columns,
        }
    )
