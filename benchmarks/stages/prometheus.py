"""The answer of a Prometheus range query becomes columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from aiops_jobs.adapters.sources.prometheus_json import parse_matrix
from benchmarks.measure import Case, Side
from benchmarks.stages import samples

SERIES, STEPS = 400, 1440


def build(_folder: Path, scale: float) -> Case:
    """Return the case: one-minute samples of a day."""
    series = max(2, round(SERIES * scale))
    body = _body(series, STEPS)
    return Case(
        size=f"{series * STEPS:,} samples, {len(body) / 1e6:.1f} MB",
        ours=Side("parse_matrix", lambda _: parse_matrix(body)),
        peers=(
            Side("json + row loop + DataFrame", lambda _: _by_rows(body), goal=12.0),
            Side("orjson + NumPy a series", lambda _: _by_series(body), goal=10.0),
        ),
        check=_check,
    )


def _body(series: int, steps: int) -> bytes:
    start = int(samples.START.timestamp())
    table = samples.values(series, steps, per_day=1440)
    rows = [
        {
            "metric": {"__name__": "cpu_utilization_ratio", "instance": f"web-{i:04d}:9100", "job": "node"},
            "values": [[start + 60 * t, repr(float(v))] for t, v in enumerate(row)],
        }
        for i, row in enumerate(table)
    ]
    return orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": rows}})


def _by_rows(body: bytes) -> pd.DataFrame:
    rows = []
    for series in json.loads(body)["data"]["result"]:
        labels = series["metric"]
        for at, value in series["values"]:
            rows.append((labels["__name__"], labels["instance"], at, float(value)))
    return pd.DataFrame(rows, columns=["metric", "instance", "at", "value"])


def _by_series(body: bytes) -> tuple[np.ndarray, np.ndarray]:
    times, values = [], []
    for series in orjson.loads(body)["data"]["result"]:
        pairs = series["values"]
        times.append(np.fromiter((at for at, _ in pairs), np.float64, len(pairs)))
        values.append(np.fromiter((float(value) for _, value in pairs), np.float64, len(pairs)))
    return np.concatenate(times), np.concatenate(values)


def _check(results: Sequence[Any]) -> None:
    ours, frame, (times, values) = results
    assert np.array_equal(ours.values, frame["value"].to_numpy())
    assert np.array_equal(ours.values, values)
    assert np.array_equal(ours.timestamps_ms, times * 1000)
