"""Labelled series of any origin become the grids our detector judges, and its verdicts become scores of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from aiops_jobs.core.detectors.judging import judge
from aiops_jobs.core.features.grid import EPOCH, INSTANT, to_grid
from aiops_jobs.core.policies import Policies
from aiops_jobs.window import Window

METRIC = "value"
"""Name of every metric: no role fits it, so both directions count and nothing is known of its unit."""
SYNTHETIC_START_S = int(pd.Timestamp("2026-01-05", tz="UTC").timestamp())
"""A Monday: where series begin that have no times of their own."""
MOST_EMPTY = 1.25
"""Series share a grid while it is at most this much longer than the shortest of them."""
MOST_SERIES = 64

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """How rows get their times.

    Args:
        column: Column with times; none: rows are evenly spaced from an invented Monday on.
        step_s: Distance of rows; none: the median of what the column tells, series by series.
        is_even: The first time counts, the others are counted on by the step.
    """

    column: str | None = "timestamp"
    step_s: int | None = None
    is_even: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One series: times in seconds since 1970, values, and the step between them."""

    series_id: str
    seconds: Ints
    values: Floats
    step_s: int


def times_of(frame: pd.DataFrame, axis: Axis) -> tuple[Ints, int]:
    """Return the time of each row in seconds since 1970, and the step."""
    if axis.column is None:
        if axis.step_s is None:
            raise ValueError("Rows without times need a declared step.")
        return SYNTHETIC_START_S + axis.step_s * np.arange(len(frame), dtype=np.int64), axis.step_s
    seconds = frame[axis.column].to_numpy().astype("datetime64[s]").astype(np.int64)
    change = np.diff(seconds)
    step = axis.step_s or int(np.median(change[change > 0]))
    if axis.is_even:
        seconds = seconds[0] + step * np.arange(len(frame), dtype=np.int64)
    return seconds, step


def tracks_of(frame: pd.DataFrame, axis: Axis, values: Sequence[str]) -> list[tuple[str, list[Track]]]:
    """Return, for each ``series_id`` in order, one track a value column."""
    found = []
    for name, rows in frame.groupby("series_id", observed=True, sort=True):
        seconds, step = times_of(rows, axis)
        tracks = [Track(f"{name}|{c}", seconds, rows[c].to_numpy(dtype=np.float64), step) for c in values]
        found.append((str(name), tracks))
    return found


def scores_of(tracks: Sequence[Track]) -> dict[str, Floats]:
    """Return the score of each row of each track: what the detector says of its bucket, 0 where it says nothing."""
    scores: dict[str, Floats] = {}
    for group in _groups(tracks):
        scores |= _judged(group)
    return scores


def _groups(tracks: Sequence[Track]) -> Iterator[list[Track]]:
    """Yield tracks of one step that cover about the same time: they are judged together."""
    group: list[Track] = []
    for track in sorted(tracks, key=lambda t: (t.step_s, int(t.seconds[0]), t.series_id)):
        if group and not _fits(group, track):
            yield group
            group = []
        group.append(track)
    if group:
        yield group


def _fits(group: Sequence[Track], track: Track) -> bool:
    together = [*group, track]
    begin = min(int(t.seconds.min()) for t in together)
    end = max(int(t.seconds.max()) for t in together)
    shortest = min(int(t.seconds.max() - t.seconds.min()) for t in together)
    return track.step_s == group[0].step_s and len(group) < MOST_SERIES and end - begin <= MOST_EMPTY * shortest


def _judged(group: Sequence[Track]) -> dict[str, Floats]:
    step = group[0].step_s
    policies = Policies()
    policies = replace(policies, anomaly=replace(policies.anomaly, step_s=float(step)))
    first = min(int(t.seconds.min()) for t in group) // step * step
    stop = (max(int(t.seconds.max()) for t in group) // step + 1) * step
    region = Window(EPOCH + timedelta(seconds=first), EPOCH + timedelta(seconds=stop))
    points = pa.table(
        {
            "observed_at": pa.array(np.concatenate([t.seconds for t in group]) * 1_000_000).cast(INSTANT),
            "series_id": np.repeat([t.series_id for t in group], [len(t.values) for t in group]),
            "metric_name": pa.repeat(METRIC, sum(len(t.values) for t in group)),
            "value": np.concatenate([t.values for t in group]),
        }
    )
    grid = to_grid(points, region, step_s=step)
    said = np.nan_to_num(judge(grid, region, policies).bands.scores)
    row = {name: place for place, name in enumerate(grid.series["series_id"].to_pylist())}
    return {
        t.series_id: said[row[t.series_id], t.seconds // step - first // step]
        if t.series_id in row
        else np.zeros(len(t.values))
        for t in group
    }
