"""Series that stopped reporting: missing data is a finding, never health.

A silence is told once for the entity, or once for the source where nearly everything of it fell silent together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.core.features.grid import INSTANT, Floats, Grid, Ints, micros
from aiops_jobs.core.findings.anomalies import unstamped
from aiops_jobs.core.findings.wording import clock, fitted, moment, name_of
from aiops_jobs.core.policies import AnomalyPolicy
from aiops_jobs.identity import fingerprint

Present = npt.NDArray[np.bool_]
DAY_US = 86_400_000_000
USUALLY = 0.8
"""Share of the days before on which a series must have reported at that time of day for its silence to mean anything:
weekend, night and occasional reporters are not silent, they are as usual."""
KNOWN_DAYS = 7
"""A series younger than this has no habits yet."""
SOURCE_SHARE = 0.8
"""When so many series of a source fall silent together, it is the source."""
SOURCE_SERIES = 10
"""A source with fewer series is not told from its entities."""
ABOUT = ("series_id", "entity_id", "service_name", "host_name", "source")


def silent_series(grid: Grid, policy: AnomalyPolicy, *, since: datetime, alive_at: datetime | None = None) -> pa.Table:
    """Return the silences of single series that begin at or after ``since``, long enough to be known.

    Args:
        grid: Counts of the stretch to look at and of the look-back before it.
        alive_at: Leave out what was over by then.

    Returns:
        What the series is of, ``started_at``, ``ended_at`` (null: still silent), ``detected_at``.
    """
    length = int(np.ceil(policy.silence_s / grid.step_s))
    present = grid.counts > 0
    series, first, after = _gaps(present, length)
    shape = max(1, int(policy.lookback_s * 1_000_000) // DAY_US), DAY_US // grid.step_us
    known = _presence(present, series, first, length, shape) >= USUALLY
    known &= micros(grid.start) + first * grid.step_us >= micros(since)
    known &= micros(grid.start) + after * grid.step_us >= micros(alive_at or since)
    series, first, after = series[known], first[known], after[known]
    begin, end = (micros(grid.start) + places * grid.step_us for places in (first, after))
    rows = grid.series.select(ABOUT).take(pa.array(series))
    rows = rows.append_column("started_at", pa.array(begin, INSTANT))
    rows = rows.append_column("ended_at", pa.array(end, INSTANT, mask=after == present.shape[1]))
    return rows.append_column("detected_at", pa.array(begin + length * grid.step_us, INSTANT))


def to_silences(
    silent: pa.Table, series: pa.Table, policy: AnomalyPolicy, *, until: datetime, policy_version: str
) -> pa.Table:
    """Return one ``data_quality`` finding for each entity, or source, that fell silent; lineage columns aside.

    Args:
        silent: As `silent_series` returns them.
        series: All series that were looked at, a row each.
        until: End of what is known.
    """
    totals = {name: _counts(series[name]) for name in ("source", "entity_id")}
    gap = timedelta(seconds=policy.merge_gap_s)
    rows = sorted(silent.to_pylist(), key=lambda row: (row["started_at"], row["series_id"]))
    told, rest = [], []
    for source, group in _groups(rows, "source", gap):
        total = totals["source"].get(source, 0)
        if total >= SOURCE_SERIES and len(_members(group)) >= SOURCE_SHARE * total:
            told.append(_finding(f"source/{source}", group, total, policy, until))
        else:
            rest.extend(group)
    rest.sort(key=lambda row: (row["started_at"], row["series_id"]))
    for entity, group in _groups(rest, "entity_id", gap):
        told.append(_finding(entity, group, totals["entity_id"].get(entity, 0), policy, until))
    told.sort(key=lambda row: (row["started_at"], row["finding_id"]))
    return pa.Table.from_pylist([row | {"policy_version": policy_version} for row in told], unstamped(FINDINGS))


def _gaps(present: Present, length: int) -> tuple[Ints, Ints, Ints]:
    """Return series, first bucket and bucket after it of each gap of at least ``length`` buckets behind a value."""
    fence = np.concatenate([present, np.ones((len(present), 1), dtype=bool)], axis=1)
    rows, places = np.nonzero(fence)
    wide = np.flatnonzero((rows[1:] == rows[:-1]) & (places[1:] - places[:-1] > length))
    return rows[wide], places[wide] + 1, places[wide + 1]


def _presence(present: Present, series: Ints, first: Ints, length: int, shape: tuple[int, int]) -> Floats:
    """Return how often each series reported in this part of the day, over ``shape``: days, buckets a day.

    Days before its first sample do not count, once it has been known for a week.
    """
    days, per_day = shape
    age = (first - present.argmax(axis=1)[series]) // per_day
    counted = np.clip(age, min(KNOWN_DAYS, days), days)
    total = np.concatenate([np.zeros((len(present), 1), dtype=np.int64), np.cumsum(present, axis=1)], axis=1)
    begin = first[:, None] - per_day * np.arange(1, days + 1)[None, :]
    low, high = np.maximum(begin, 0), np.maximum(begin + length, 0)
    seen = total[series[:, None], high] - total[series[:, None], low]
    return np.asarray(seen.sum(axis=1) / (counted * length), dtype=np.float64)


def _groups(rows: Sequence[dict[str, Any]], column: str, gap: timedelta) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the rows of the same ``column`` whose begins follow each other within ``gap``; input sorted by begin."""
    current: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        group = current.get(row[column])
        if group and row["started_at"] - group[-1]["started_at"] <= gap:
            group.append(row)
            continue
        if group:
            yield row[column], group
        current[row[column]] = [row]
    yield from current.items()


def _finding(
    entity_id: str, group: Sequence[Mapping[str, Any]], total: int, policy: AnomalyPolicy, until: datetime
) -> dict[str, Any]:
    begin = group[0]["started_at"]
    ends = [row["ended_at"] for row in group]
    end = None if None in ends else max(ends)
    silent = len(_members(group))
    lasted = ((end or until) - begin).total_seconds()
    over = f"until {moment(end)}" if end else "still silent"
    return {
        "finding_id": fingerprint("fnd", kind="data_quality", entity_id=entity_id, started_at=begin),
        "finding_kind": "data_quality",
        "entity_id": entity_id,
        "service_name": _shared(group, "service_name"),
        "host_name": _shared(group, "host_name"),
        "subject_series_id": group[0]["series_id"] if silent == 1 else None,
        "severity": "warning" if silent >= total else "info",
        "score": max(1.0, lasted / policy.silence_s),
        "started_at": begin,
        "ended_at": end,
        "detected_at": group[0]["detected_at"],
        "title": fitted(
            f"{name_of(entity_id)} stopped reporting: {silent} of {total} series, since {clock(begin)}", 250
        ),
        "summary": f"{silent} of {total} series of {fitted(entity_id, 200)} that usually report at this time of day "
        f"were missing from {moment(begin)}, {over}. What is not measured is not known to be well.",
        "dq_status": "no_data",
        "coverage_ratio": 0.0,
        "confidence_ratio": None,
    }


def _members(group: Sequence[Mapping[str, Any]]) -> set[str]:
    return {row["series_id"] for row in group}


def _shared(group: Sequence[Mapping[str, Any]], column: str) -> str | None:
    """Return the value all rows have in common, if they have."""
    values = {row[column] for row in group}
    return values.pop() if len(values) == 1 else None


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(column).to_pylist()}
