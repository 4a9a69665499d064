"""Daily readings of hardware as features: what a disk or a host said of itself, at the end of each UTC day.

Metric names are data: every hardware metric that exists becomes the same few columns. A feature at the end of a day
uses that day and earlier ones, and never reaches back beyond a replacement: a new disk has no past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.features.failures import EPOCH, Events

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DAY_S = 86400
LAGS_D = (1, 7, 28)
MEMORY_D = 28
"""No feature looks further back."""
FRESH_D = 7
"""A value is carried over gaps of less than so many days; an entity silent for longer is not there."""
PER_METRIC = ("last", "delta_1d", "delta_7d", "delta_28d", "rate_28d", "max_28d", "days_since_change")
PER_ENTITY = ("missing_7d_ratio", "age_28d")


@dataclass(frozen=True, slots=True)
class Readings:
    """One value a day of every entity and metric.

    Args:
        entities: Entity ids, sorted.
        hosts: Machine of each entity, where known.
        metrics: Metric names, sorted.
        first_day: Days since 1970 of the first column.
        values: Largest value of each UTC day, ``(E, M, D)``; ``nan`` where there was none.
    """

    entities: tuple[str, ...]
    hosts: tuple[str | None, ...]
    metrics: tuple[str, ...]
    first_day: int
    values: Floats

    @property
    def day_ends_s(self) -> Floats:
        """Seconds since 1970 of the end of each day, ``(D,)``: the instants features speak from."""
        return np.asarray((self.first_day + 1.0 + np.arange(self.values.shape[2])) * DAY_S, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Features:
    """Features of every entity at the end of every day.

    Args:
        names: Feature names, in order: ``metric:feature``, then those of the entity.
        values: ``(F, E, D)``, single precision: differences are taken before they are rounded.
        is_present: Whether the entity has been heard of lately, ``(E, D)``.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]
    is_present: Bools


def day_floor(instant: datetime) -> datetime:
    """Return the begin of the UTC day of ``instant``."""
    return EPOCH + timedelta(days=(instant.astimezone(UTC) - EPOCH) // timedelta(days=1))


def to_readings(points: pa.Table, metrics: Sequence[str], start: datetime, end: datetime) -> Readings:
    """Pivot metric points to daily readings of the whole UTC days in ``[start, end)``.

    Args:
        points: ``observed_at, entity_id, host_name, metric_name, value`` of ``metric_points``, in any order. A point
            without an entity belongs to its host; one without either is dropped.
        metrics: The hardware metrics to keep.
        start: Begin of the first day.
        end: End of the last day, exclusive.
    """
    names = tuple(sorted(set(metrics)))
    points = points.filter(pc.is_in(points["metric_name"].cast(pa.string()), pa.array(names, pa.string())))
    host = points["host_name"].cast(pa.string())
    entity = pc.coalesce(points["entity_id"].cast(pa.string()), pc.binary_join_element_wise("host", host, "/"))
    first_day, days = (start - EPOCH) // timedelta(days=1), (end - start) // timedelta(days=1)
    micros = points["observed_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    day = micros // (DAY_S * 1_000_000) - first_day
    value = points["value"].to_numpy()
    good = np.isfinite(value) & (day >= 0) & (day < days) & entity.is_valid().to_numpy()
    rows = pa.array(np.flatnonzero(good))
    entities, entity_codes = _codes(entity.take(rows))
    metric_codes = pc.index_in(points["metric_name"].cast(pa.string()).take(rows), pa.array(names, pa.string()))
    cube = np.full((len(entities), len(names), days), -np.inf)
    np.maximum.at(cube, (entity_codes, metric_codes.to_numpy().astype(np.int64), day[good]), value[good])
    cube[np.isneginf(cube)] = np.nan
    return Readings(entities, _hosts(entities, entity_codes, host.take(rows)), names, first_day, cube)


def to_features(readings: Readings, replaced: Events) -> Features:
    """Compute all features at the end of every day.

    Args:
        readings: Daily values.
        replaced: Failures whose end is the replacement; a replacement that lies after a day does not change it.
    """
    life = lives(readings, replaced)
    raw = readings.values
    carried = _carried(raw, life[:, None, :])
    seen = np.asarray(np.isfinite(raw).any(axis=1))
    columns = [_per_metric(carried[:, m], life) for m in range(len(readings.metrics))]
    names = [f"{metric}:{feature}" for metric in readings.metrics for feature in PER_METRIC]
    own = np.stack([_missing_ratio(seen, life), _age(seen, life)])
    stacked = np.concatenate([*columns, own], dtype=np.float32)
    return Features((*names, *PER_ENTITY), stacked, np.asarray(np.isfinite(carried).any(axis=1)))


def lives(readings: Readings, replaced: Events) -> Ints:
    """Return how often each entity had been replaced by each day, ``(E, D)``."""
    place = {entity: row for row, entity in enumerate(readings.entities)}
    count = np.zeros((len(readings.entities), readings.values.shape[2] + 1), dtype=np.int64)
    for entity, ended_s in zip(replaced.entities, replaced.ended_s, strict=True):
        if entity in place and np.isfinite(ended_s):
            day = int(ended_s // DAY_S) - readings.first_day
            count[place[entity], min(max(day, 0), count.shape[1] - 1)] += 1
    return np.cumsum(count, axis=1)[:, :-1]


def _per_metric(value: Floats, life: Ints) -> npt.NDArray[np.float32]:
    """Return the columns of one metric, ``(7, E, D)``, from its carried values ``(E, D)``."""
    deltas = [value - _lagged(value, life, lag) for lag in LAGS_D]
    largest, oldest, span = value, value, np.zeros_like(value)
    for lag in range(1, MEMORY_D + 1):
        before = _lagged(value, life, lag)
        largest = np.fmax(largest, before)
        is_known = np.isfinite(before)
        oldest, span = np.where(is_known, before, oldest), np.where(is_known, lag, span)
    rate = np.where(span > 0, (value - oldest) / np.maximum(span, 1), np.nan)
    largest = np.where(np.isfinite(value), largest, np.nan)
    return np.stack([value, *deltas, rate, largest, _since_change(value, life)], dtype=np.float32)


def _since_change(value: Floats, life: Ints) -> Floats:
    """Return days since the value last changed; at most `MEMORY_D`, ``nan`` where less is known."""
    before = _lagged(value, life, 1)
    both = np.isfinite(value) & np.isfinite(before)
    day = np.arange(value.shape[1])
    last = np.maximum.accumulate(np.where(both & (value != before), day, -1), axis=1)
    begin = _begin(np.isfinite(value), life)
    is_changed = last > begin
    since = np.where(is_changed, day - last, day - begin).astype(np.float64)
    is_vague = ~is_changed & (since < MEMORY_D)
    return np.where(np.isfinite(value) & ~is_vague, np.minimum(since, MEMORY_D), np.nan)


def _age(seen: Bools, life: Ints) -> Floats:
    day = np.arange(seen.shape[1])
    begin = _begin(seen, life)
    age = np.minimum(day - begin, MEMORY_D)
    # What was there on the first day of the history may be of any age.
    is_known = (begin <= day) & ((begin > 0) | (age == MEMORY_D))
    return np.where(is_known, age, np.nan)


def _begin(known: Bools, life: Ints) -> Ints:
    """Return the first day of the present life on which something is known; a day to come where there is none."""
    days = known.shape[1]
    begin = np.full(known.shape, days, dtype=np.int64)
    for number in range(int(life.max(initial=0)) + 1):
        inside = life == number
        hit = known & inside
        first = np.where(hit.any(axis=1), hit.argmax(axis=1), days)[:, None]
        begin = np.where(inside, first, begin)
    return np.where(np.arange(days) >= begin, begin, days)


def _missing_ratio(seen: Bools, life: Ints) -> Floats:
    there = seen.astype(np.float64)
    known = sum(np.nan_to_num(_lagged(there, life, lag)) for lag in range(FRESH_D))
    return np.asarray(1.0 - known / FRESH_D)


def _carried(raw: Floats, life: Ints) -> Floats:
    """Carry values over gaps of less than `FRESH_D` days within one life."""
    value = raw
    for lag in range(1, FRESH_D):
        value = np.where(np.isfinite(value), value, _lagged(raw, life, lag))
    return value


def _lagged(value: Floats, life: Ints, lag: int) -> Floats:
    """Return the value ``lag`` days earlier, ``nan`` where that was before the history or in another life."""
    if lag == 0:
        return value
    before = np.full(value.shape, np.nan)
    if lag < value.shape[-1]:
        is_same = life[..., lag:] == life[..., :-lag]
        before[..., lag:] = np.where(is_same, value[..., :-lag], np.nan)
    return before


def _codes(column: pa.ChunkedArray) -> tuple[tuple[str, ...], Ints]:
    names = tuple(sorted(pc.unique(column).to_pylist()))
    codes = pc.index_in(column, pa.array(names, pa.string())).to_numpy()
    return names, codes.astype(np.int64)


def _hosts(entities: Sequence[str], codes: Ints, host: pa.ChunkedArray) -> tuple[str | None, ...]:
    """Return the alphabetically last host each entity was seen on: any choice, as long as order does not matter."""
    names, ranks = _codes(host.fill_null(""))
    best = np.full(len(entities), -1)
    np.maximum.at(best, codes, ranks)
    return tuple((names[rank] or None) if rank >= 0 else None for rank in best.tolist())
