"""Daily disk readings through the failure model: features, labels, trees, scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from aiops_jobs.core.features.failures import Events, Failures, seconds
from aiops_jobs.core.features.grid import INSTANT
from aiops_jobs.core.features.smart import DAY_S, Readings, to_features, to_readings
from aiops_jobs.core.models.failure_labels import to_examples
from aiops_jobs.core.models.failure_risk import fit_failure_model
from aiops_jobs.core.policies import FailurePolicy
from aiops_jobs.window import parse_instant

NO_EVENTS = Events((), np.zeros(0), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Plan:
    """Which days teach, and which are scored; dates are inclusive.

    Args:
        train_until: Last day whose label is learned.
        known_until: Last day whose failures are known when learning.
        score_from: First day that is scored.
        score_until: Last day that is scored.
        horizon_d: A failure counts if it comes within so many days.
    """

    train_until: str
    known_until: str
    score_from: str
    score_until: str
    horizon_d: int


def predict(folders: list[Path], out: Path, *, plan: Plan) -> None:
    """Write ``date,serial_number,score`` of every drive-day to be scored."""
    frame = pd.concat([pd.read_parquet(folder / "drive_days.parquet") for folder in folders], ignore_index=True)
    scores(frame, plan).to_csv(out, index=False)


def scores(frame: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return log-odds of failing for each drive and day of the scored period.

    Args:
        frame: ``date``, ``serial_number``, ``failure`` and columns whose names begin with ``smart_``.
        plan: Periods.
    """
    frame = frame.assign(date=pd.to_datetime(frame["date"]))
    readings = _readings(frame[frame["failure"] == 0])
    known = _end_of(plan.known_until)
    failures = Failures(_failures(frame, seconds(known)), NO_EVENTS, seconds(known))
    features = to_features(readings, failures.confirmed)
    horizon_s = plan.horizon_d * float(DAY_S)
    examples = to_examples(features, readings, failures, horizon_s=horizon_s)
    examples = examples.between(-np.inf, seconds(_end_of(plan.train_until)))
    model = fit_failure_model(examples, readings.entities, min_failures=FailurePolicy().min_failures)
    parts = []
    for date in pd.date_range(plan.score_from, plan.score_until):
        day = (date - pd.Timestamp("1970-01-01")).days - readings.first_day
        there = np.flatnonzero(features.is_present[:, day])
        odds = model.log_odds(features.names, np.ascontiguousarray(features.values[:, there, day].T))
        names = [readings.entities[row].removeprefix("disk/") for row in there.tolist()]
        parts.append(pd.DataFrame({"date": date.date().isoformat(), "serial_number": names, "score": odds}))
    return pd.concat(parts, ignore_index=True)


def _readings(frame: pd.DataFrame) -> Readings:
    metrics = [c for c in frame.columns if c.startswith("smart_")]
    long = frame.melt(["date", "serial_number"], metrics, "metric_name", "value").dropna(subset=["value"])
    points = pa.table(
        {
            "observed_at": pa.array(long["date"].to_numpy().astype("datetime64[us]")).cast(INSTANT),
            "entity_id": pa.array("disk/" + long["serial_number"].astype(str)),
            "host_name": pa.nulls(len(long), pa.string()),
            "metric_name": pa.array(long["metric_name"].astype(str)),
            "value": pa.array(long["value"].to_numpy(dtype=np.float64)),
        }
    )
    first, last = (str(day.date()) for day in (frame["date"].min(), frame["date"].max()))
    return to_readings(points, metrics, parse_instant(f"{first}T00:00:00Z"), _end_of(last))


def _failures(frame: pd.DataFrame, known_s: float) -> Events:
    """Return the failures known by then: a drive fails at the end of the day that reports it, for good."""
    failed = frame[frame["failure"] == 1].groupby("serial_number", observed=True)["date"].min().sort_index()
    began = np.asarray([seconds(_end_of(str(day.date()))) for day in failed], dtype=np.float64)
    known = began <= known_s
    names = [f"disk/{serial}" for serial in failed.index[known]]
    return Events(tuple(names), began[known], np.full(int(known.sum()), np.inf))


def _end_of(date: str) -> datetime:
    return parse_instant(f"{date}T00:00:00Z") + timedelta(days=1)
