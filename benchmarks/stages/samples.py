"""Made-up samples of an ordinary estate: gauges with a daily rhythm, rounded as exporters round, with gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.window import Window

SOURCE = "prom"
START = datetime(2026, 11, 20, tzinfo=UTC)
INSTANT = pa.timestamp("us", tz="UTC")
METRICS = ("cpu_utilization_ratio", "memory_utilization_ratio", "request_duration_s", "requests_per_second", "load_1m")


def window(days: float = 1.0) -> Window:
    """Return the days from `START` on."""
    return Window(START, START + timedelta(days=days))


def values(series: int, steps: int, *, seed: int = 7, per_day: int = 288) -> np.ndarray:
    """Return gauges with a daily rhythm, ``(series, steps)``."""
    rng = np.random.default_rng(seed)
    day = np.sin(np.arange(steps) / per_day * 2 * np.pi)
    level, swing = rng.uniform(0.1, 5, (series, 1)), rng.uniform(0, 1, (series, 1))
    return np.round(level + swing * day + 0.1 * rng.standard_normal((series, steps)), 3)


def points(series: int, steps: int, *, step_s: int = 300, gaps: float = 0.01, start: datetime = START) -> pa.Table:
    """Return ``metric_points`` of ``series`` series, series after series, a share ``gaps`` of them missing."""
    rng = np.random.default_rng(11)
    number, step = np.divmod(np.arange(series * steps), steps)
    there = rng.random(series * steps) >= gaps
    number, step = number[there], step[there]
    first = int(start.timestamp()) * 1_000_000
    host = [f"web-{i // len(METRICS):04d}" for i in range(series)]
    metric = [METRICS[i % len(METRICS)] for i in range(series)]
    names = {
        "series_id": [f'{m}{{host="{h}",region="eu-1"}}' for m, h in zip(metric, host, strict=True)],
        "metric_name": metric,
        "unit": ["1"] * series,
        "entity_id": [f"host/{h}" for h in host],
        "service_name": [f"service-{i // 50}" for i in range(series)],
        "host_name": host,
        "labels": [f'{{"region":"eu-1","host":"{h}"}}' for h in host],
        "source": [SOURCE] * series,
    }
    columns = {name: _labels(number, words) for name, words in names.items()}
    columns["observed_at"] = pa.array(first + step * step_s * 1_000_000).cast(INSTANT)
    columns["value"] = pa.array(values(series, steps, per_day=86400 // step_s).ravel()[there])
    return METRIC_POINTS.shape(pa.table(columns)).cast(METRIC_POINTS.to_arrow())


def _labels(number: np.ndarray, words: list[str]) -> pa.Array:
    distinct = sorted(set(words))
    place = {word: i for i, word in enumerate(distinct)}
    codes = np.asarray([place[word] for word in words], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes[number]), pa.array(distinct))
