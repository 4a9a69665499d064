"""Metrics made by hand, for tests: regular series whose every oddity was put there by the test."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from aiops_jobs.core.detectors.judging import judge
from aiops_jobs.core.features.grid import INSTANT, micros, to_grid
from aiops_jobs.core.policies import Policies
from aiops_jobs.window import Window

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
STEP_S = 300
PER_DAY = 288
POLICIES = Policies()
LATENCY = "http_server_duration_s"


def days(count):
    return timedelta(days=count)


def place(day, hour=0, minute=0):
    """Return the number of the bucket at a time of a day, counted from `MONDAY`."""
    return day * PER_DAY + (hour * 60 + minute) * 60 // STEP_S


def at(day, hour=0, minute=0):
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def calm(count, *, level=0.2, noise=0.01, seed=0, series=1):
    """Return ``series`` x buckets of normal noise around a level."""
    return level + noise * np.random.default_rng(seed).standard_normal((series, count * PER_DAY))


def daily(count, height=1.0):
    """Return a rise and fall every day."""
    return height * np.sin(2 * np.pi * np.arange(count * PER_DAY) / PER_DAY)


def points_of(values, *, metric=LATENCY, unit="s", start=MONDAY, step_s=STEP_S, entity=None, source="prom"):
    """Return ``metric_points`` of an [S, T] matrix; NaN is no sample. ``metric`` may be one for each series."""
    values = np.atleast_2d(np.asarray(values, dtype=float))
    series = len(values)
    metrics = [metric] * series if isinstance(metric, str) else list(metric)
    entities = entity or [f"service/svc-{i}" for i in range(series)]
    rows, places = np.nonzero(np.isfinite(values))
    names = [f"series-{i:04d}" for i in range(series)]

    def label(texts):
        return pa.DictionaryArray.from_arrays(pa.array(rows.astype(np.int32)), pa.array(texts, pa.string()))

    return pa.table(
        {
            "observed_at": pa.array(micros(start) + places * step_s * 1_000_000, INSTANT),
            "series_id": label(names),
            "metric_name": label(metrics),
            "unit": label([unit] * series),
            "entity_id": label(entities),
            "service_name": label([e.split("/")[-1] if e.startswith("service/") else None for e in entities]),
            "host_name": label([e.split("/")[-1] if e.startswith("host/") else None for e in entities]),
            "value": pa.array(values[rows, places]),
            "source": label([source] * series),
        }
    )


def grid_of(values, **about):
    length = np.atleast_2d(values).shape[1]
    start, step_s = about.get("start", MONDAY), about.get("step_s", STEP_S)
    window = Window(start, start + timedelta(seconds=step_s * length))
    return to_grid(points_of(values, **about), window, step_s=step_s)


def judged(values, first, last, *, policies=POLICIES, **about):
    """Return the judgement of the days from ``first`` to ``last`` (exclusive, both may be fractions)."""
    return judge(grid_of(values, **about), Window(MONDAY + days(first), MONDAY + days(last)), policies)
