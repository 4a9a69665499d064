"""Samples of many series as one matrix on absolute time: the form in which metrics are judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.window import Window

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ATTRIBUTES = ("metric_name", "unit", "entity_id", "service_name", "host_name", "source")
POINT_COLUMNS = ("observed_at", "series_id", *ATTRIBUTES, "value")
"""Columns of ``metric_points`` a grid is made of; only time, series and value are indispensable."""
INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Values of S series in T buckets of equal length.

    Args:
        series: One row a series, sorted by ``series_id``: what it measures, and of what.
        start: Begin of the first bucket, a whole multiple of ``step_s`` since 1970 in UTC.
        values: Mean of the samples of each bucket, [S, T]; NaN where there are none.
        counts: How many samples that were, [S, T].
    """

    series: pa.Table
    start: datetime
    step_s: float
    values: Floats
    counts: npt.NDArray[np.int32]

    @property
    def end(self) -> datetime:
        """End of the last bucket, exclusive."""
        return self.start + timedelta(seconds=self.step_s * self.values.shape[1])

    @property
    def step_us(self) -> int:
        """Length of a bucket in microseconds."""
        return step_us(self.step_s)

    @property
    def times_us(self) -> Ints:
        """Begin of each bucket in microseconds since 1970, [T]."""
        return micros(self.start) + np.arange(self.values.shape[1], dtype=np.int64) * self.step_us

    def between(self, start: datetime, end: datetime) -> Grid:
        """Return the whole buckets inside ``[start, end)``; a view, no copy."""
        origin, step = micros(self.start), self.step_us
        low = max(0, -((origin - micros(start)) // step))
        high = max(low, min(self.values.shape[1], (micros(end) - origin) // step))
        begin = self.start + timedelta(microseconds=low * step)
        return Grid(self.series, begin, self.step_s, self.values[:, low:high], self.counts[:, low:high])

    def take(self, rows: npt.NDArray[np.bool_]) -> Grid:
        """Return some of the series."""
        series = self.series.filter(pa.array(rows))
        return Grid(series, self.start, self.step_s, self.values[rows], self.counts[rows])


def micros(instant: datetime) -> int:
    """Return microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def step_us(step_s: float) -> int:
    """Return a step in whole microseconds.

    Raises:
        ValueError: It is not positive.
    """
    step = round(step_s * 1_000_000)
    if step <= 0:
        raise ValueError(f"The step of a grid must be positive, got {step_s:g} s.")
    return step


def to_grid(points: pa.Table, window: Window, *, step_s: float) -> Grid:
    """Average samples into buckets of absolute time, ``floor(t / step)``.

    Only buckets that lie wholly inside the window count: a half-filled one would change with the next run. Samples
    may come in any order and repeat; what is not a finite number is no sample. A series without a sample in the
    window is not in the grid.

    Args:
        points: ``metric_points`` or the part of its columns listed in `POINT_COLUMNS`.
        window: Time to cover.
        step_s: Length of a bucket in seconds.
    """
    step = step_us(step_s)
    first = -(-micros(window.start) // step)
    length = max(0, micros(window.end) // step - first)
    begin = EPOCH + timedelta(microseconds=first * step)
    times = _int64(points["observed_at"].cast(INSTANT))
    values = _float64(points["value"])
    bucket = times // step - first
    good = np.isfinite(values) & (bucket >= 0) & (bucket < length)
    if not good.all():
        points = points.filter(pa.array(good))
        times, values, bucket = times[good], values[good], bucket[good]
    codes, names = series_codes(points)
    shape = (len(names), length)
    cells = codes * length + bucket
    matrix, counts = _filled(cells, times, values, shape)
    return Grid(_series_of(points, codes, names, times), begin, step_s, matrix, counts)


def series_codes(points: pa.Table) -> tuple[Ints, list[str]]:
    """Return the rank of each row's ``series_id`` among the ids present, and these ids in order."""
    raw, names = encoded(points["series_id"])
    present = np.flatnonzero(np.bincount(raw, minlength=len(names)))
    order = sorted(present.tolist(), key=lambda code: names[code])
    rank = np.zeros(max(len(names), 1), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[raw], [names[code] for code in order]


def encoded(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Return the code of each row of a column of labels, and the label of each code; no label may be null."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    joined = column.unify_dictionaries().combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        joined = joined.chunk(0)
    return joined.indices.to_numpy(zero_copy_only=False), joined.dictionary.to_pylist()


def series_blocks(points: pa.Table, *, size: int) -> Iterator[pa.Table]:
    """Yield the rows of ``size`` series at a time, in the order of ``series_id``, so that memory stays bounded."""
    codes, names = series_codes(points)
    if len(names) <= size:
        yield points
        return
    if np.any(codes[1:] < codes[:-1]):
        order = np.argsort(codes, kind="stable")
        points, codes = points.take(pa.array(order)), codes[order]
    cuts = np.searchsorted(codes, np.arange(0, len(names) + size, size)).tolist()
    for low, high in pairwise(cuts):
        if high > low:
            yield points.slice(low, high - low)


def _filled(cells: Ints, times: Ints, values: Floats, shape: tuple[int, int]) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Put values into cells; where several share one, their mean, summed in an order the input cannot change."""
    matrix = np.full(shape[0] * shape[1], np.nan)
    counts = np.bincount(cells, minlength=len(matrix)).astype(np.int32)
    if counts.max(initial=0) > 1:
        rising = np.diff(cells)
        if np.any(rising < 0) or not _ordered(rising == 0, times, values):
            order = np.lexsort((values, times, cells))
            cells, values = cells[order], values[order]
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        cells = cells[starts]
        values = np.add.reduceat(values, starts) / counts[cells]
    matrix[cells] = values
    return matrix.reshape(shape), counts.reshape(shape)


def _ordered(same: npt.NDArray[np.bool_], times: Ints, values: Floats) -> bool:
    """Whether neighbours in the same cell come in the order of time, and of value at the same instant."""
    earlier = times[:-1] < times[1:]
    tied = (times[:-1] == times[1:]) & (values[:-1] <= values[1:])
    return bool(np.all(earlier | tied | ~same))


def _series_of(points: pa.Table, codes: Ints, names: Sequence[str], times: Ints) -> pa.Table:
    """Return one row a series, as its latest sample describes it."""
    latest = np.full(len(names), np.iinfo(np.int64).min)
    np.maximum.at(latest, codes, times)
    rows = np.flatnonzero(times == latest[codes]) if len(names) else np.zeros(0, dtype=np.int64)
    picked = points.take(pa.array(rows))
    columns: dict[str, pa.ChunkedArray] = {"series_id": pa.array([names[c] for c in codes[rows]], pa.string())}
    for name in ATTRIBUTES:
        known = name in points.column_names
        columns[name] = picked[name].cast(pa.string()) if known else pa.nulls(len(rows), pa.string())
    columns["entity_id"] = pc.coalesce(
        columns["entity_id"],
        pc.binary_join_element_wise("service", columns["service_name"], "/"),
        pc.binary_join_element_wise("host", columns["host_name"], "/"),
        pc.binary_join_element_wise("unknown", columns["metric_name"], "/"),
    )
    table = pa.table(columns)
    if table.num_rows > len(names):  # several samples at a series' last instant: any order must give the same row
        table = table.sort_by([(name, "ascending") for name in table.column_names])
        ids = table["series_id"].to_pylist()
        table = table.take([i for i, s in enumerate(ids) if i == 0 or ids[i - 1] != s])
    return table.take(pc.sort_indices(table["series_id"]))


def _int64(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)


def _float64(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.to_numpy(), dtype=np.float64)
