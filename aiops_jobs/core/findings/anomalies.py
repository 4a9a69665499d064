"""Anomalous episodes as rows: one in ``anomalies`` with every number, one in ``findings`` with a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.results import ANOMALIES, FINDINGS, LINEAGE
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.detectors.judging import Judgement
from aiops_jobs.core.features.grid import INSTANT, Ints
from aiops_jobs.core.features.roles import SYMPTOM_ROLES, label_of, roles_of
from aiops_jobs.core.findings.episodes import Episodes
from aiops_jobs.core.findings.wording import clock, comparison, fitted, moment, name_of, quantity
from aiops_jobs.core.policies import OTHER, MetricRole
from aiops_jobs.identity import fingerprint

THRESHOLD = 1.0
SOUND_COVERAGE = 0.8
"""Below this share of present samples a finding says that its data were partial."""
GRAVE_ROLES = SYMPTOM_ROLES | {"saturation", "availability"}
"""What can be critical by itself; unusual traffic or an unknown metric is a warning at most."""
ABOUT = ("series_id", "metric_name", "unit", "entity_id", "service_name", "host_name")


def to_anomalies(judgement: Judgement, episodes: Episodes, *, policy_version: str) -> pa.Table:
    """Return the rows of ``anomalies``, lineage columns aside, sorted by begin and id."""
    grid, bands = judgement.grid, judgement.bands
    at_peak = episodes.series, episodes.peak
    observed, expected = grid.values[at_peak], bands.expected[at_peak]
    deviation = np.abs(observed - expected)
    begin, end = _instants(grid.times_us, episodes.first), _instants(grid.times_us, episodes.last, grid.step_us)
    known = _instants(grid.times_us, episodes.known, grid.step_us)
    about = grid.series.select(ABOUT).take(pa.array(episodes.series))
    direction = ["up" if sign > 0 else "down" for sign in episodes.direction.tolist()]
    columns = {name: about[name] for name in ABOUT} | {
        "finding_id": _ids(about["series_id"].to_pylist(), direction, pa.array(begin, INSTANT).to_pylist()),
        "direction": pa.array(direction, pa.string()),
        "started_at": pa.array(begin, INSTANT),
        "ended_at": pa.array(end, INSTANT, mask=episodes.is_open),
        "peak_at": pa.array(_instants(grid.times_us, episodes.peak), INSTANT),
        "detected_at": pa.array(known, INSTANT),
        "detection_delay_s": (known - begin) / 1e6,
        "score_at_detection": bands.scores[episodes.series, episodes.known],
        "peak_score": bands.scores[at_peak],
        "expected": expected,
        "lower": bands.lower[at_peak],
        "upper": bands.upper[at_peak],
        "observed": observed,
        "abs_deviation": deviation,
        "rel_deviation": _relative(deviation, expected),
        "point_count": episodes.count,
        "coverage_ratio": _coverage(np.isfinite(grid.values), episodes),
        "detector": _repeated(judgement.detector, len(episodes)),
        "threshold": np.full(len(episodes), THRESHOLD),
        "policy_version": _repeated(policy_version, len(episodes)),
    }
    return _rows(ANOMALIES, columns)


def to_findings(anomalies: pa.Table, roles: Sequence[MetricRole], *, critical_score: float) -> pa.Table:
    """Return one row of ``findings`` for each row of ``anomalies``, lineage columns aside, in the same order.

    Args:
        anomalies: As `to_anomalies` returns them.
        roles: What metrics stand for; decides labels, and whether a finding can be critical.
        critical_score: From this peak score on, it is.
    """
    rows = anomalies.to_pylist()
    known = roles_of([row["metric_name"] for row in rows], roles)
    told = [
        {
            "finding_id": row["finding_id"],
            "finding_kind": "anomaly",
            "entity_id": row["entity_id"],
            "service_name": row["service_name"],
            "host_name": row["host_name"],
            "subject_series_id": row["series_id"],
            "severity": _severity(row, role or OTHER, critical_score),
            "score": row["peak_score"],
            "started_at": row["started_at"],
            "ended_at": row["ended_at"],
            "detected_at": row["detected_at"],
            "title": fitted(_title(row, role), 250),
            "summary": fitted(_summary(row, role), 500),
            "dq_status": "ok" if row["coverage_ratio"] >= SOUND_COVERAGE else "partial",
            "coverage_ratio": row["coverage_ratio"],
            "confidence_ratio": None,
            "policy_version": row["policy_version"],
        }
        for row, role in zip(rows, known, strict=True)
    ]
    return pa.Table.from_pylist(told, schema=unstamped(FINDINGS))


def unstamped(table: Table) -> pa.Schema:
    """Return the schema of a result table before a run stamps its lineage."""
    stamped = {column.name for column in LINEAGE}
    return pa.schema([field.with_nullable(True) for field in table.to_arrow() if field.name not in stamped])


def _title(row: Mapping[str, Any], role: MetricRole | None) -> str:
    seen = comparison(row["observed"], row["expected"], row["unit"])
    return f"{name_of(row['entity_id'])} {label_of(row['metric_name'], role)} {seen} since {clock(row['started_at'])}"


def _summary(row: Mapping[str, Any], role: MetricRole | None) -> str:
    unit = row["unit"]
    over = f"until {moment(row['ended_at'])}" if row["ended_at"] else "still going on"
    return (
        f"{label_of(row['metric_name'], role)} ({row['metric_name']}) of {row['entity_id']} was "
        f"{quantity(row['observed'], unit)} at {moment(row['peak_at'])}; expected {quantity(row['expected'], unit)}, "
        f"usual between {quantity(row['lower'], unit)} and {quantity(row['upper'], unit)}. "
        f"{row['point_count']} unusual samples from {moment(row['started_at'])}, {over}; score {row['peak_score']:.1f}."
    )


def _severity(row: Mapping[str, Any], role: MetricRole, critical_score: float) -> str:
    is_strong = row["peak_score"] >= critical_score
    if role.role in GRAVE_ROLES or (role.role == "traffic" and row["direction"] == "down"):
        return "critical" if is_strong else "warning"
    return "warning" if is_strong or role.role == "traffic" else "info"


def _ids(series: Sequence[str], direction: Sequence[str], begin: Sequence[Any]) -> pa.Array:
    whole = zip(series, direction, begin, strict=True)
    return pa.array([fingerprint("fnd", series_id=s, direction=d, started_at=b) for s, d, b in whole], pa.string())


def _instants(times_us: Ints, places: Ints, later_us: int = 0) -> Ints:
    return times_us[places] + later_us if len(places) else np.zeros(0, dtype=np.int64)


def _relative(deviation: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> pa.Array:
    size = np.abs(expected)
    none = size == 0
    return pa.array(deviation / np.where(none, 1.0, size), pa.float64(), mask=none)


def _coverage(present: npt.NDArray[np.bool_], episodes: Episodes) -> npt.NDArray[np.float64]:
    """Return the share of buckets of each episode that have a value."""
    total = np.concatenate([np.zeros((len(present), 1), dtype=np.int64), np.cumsum(present, axis=1)], axis=1)
    seen = total[episodes.series, episodes.last + 1] - total[episodes.series, episodes.first]
    return np.asarray(seen / (episodes.last - episodes.first + 1), dtype=np.float64)


def _repeated(text: str, count: int) -> pa.Array:
    return pa.array([text] * count, pa.string())


def _rows(table: Table, columns: Mapping[str, Any]) -> pa.Table:
    """Return the columns in the contract's order and types, sorted by time and key."""
    schema = unstamped(table)
    arrays = []
    for field in schema:
        column = columns[field.name]
        column = column if isinstance(column, (pa.Array, pa.ChunkedArray)) else pa.array(column)
        kind = field.type
        is_label = pa.types.is_dictionary(kind)
        arrays.append(column.cast(kind.value_type).dictionary_encode() if is_label else column.cast(kind))
    rows = pa.Table.from_arrays(arrays, schema=schema)
    order = pc.sort_indices(rows, sort_keys=[(table.time, "ascending"), *((key, "ascending") for key in table.key)])
    return rows.take(order)
