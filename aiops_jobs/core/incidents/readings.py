"""Raw metrics near the incidents: what moved at an entity, whether or not a detector called it an anomaly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.causes.deviation import MEASURE, deviations
from aiops_jobs.core.columns import Floats, Ints, codes_of, floats_of, micros_of, plain
from aiops_jobs.core.features.roles import label_of, roles_of
from aiops_jobs.core.policies import OTHER, MetricRole

METRIC_COLUMNS = (
    "observed_at",
    "series_id",
    "metric_name",
    "unit",
    "entity_id",
    "service_name",
    "host_name",
    "value",
)
NO_CAUSES = frozenset({"unknown", "traffic"})
MIN_ROWS = 6
"""With fewer samples before, it is not known how far a series strays."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A series that moved.

    Args:
        by: How far, in units of how far it usually strays; 1 is the edge of the usual.
        value: A sample it reached in the window asked about.
        usual: Its median before.
    """

    series_id: str
    metric_name: str
    unit: str | None
    label: str
    by: float
    value: float
    usual: float


@dataclass(frozen=True)
class Readings:
    """Samples of metrics near the incidents; no latencies, errors or load: these are symptoms and never causes."""

    points: pa.Table
    """``metric_points``, columns `METRIC_COLUMNS`."""
    roles: tuple[MetricRole, ...]

    def moved(self, entity: str, calm: tuple[int, int], sick: tuple[int, int]) -> Moved | None:
        """Return the series of an entity that moved farthest between two windows; none without samples in both."""
        best: Moved | None = None
        for name in self._series_of.get(entity, ()):
            found = self._moved(name, calm, sick)
            if found and (best is None or found.by > best.by):
                best = found
        return best

    def _moved(self, place: int, calm: tuple[int, int], sick: tuple[int, int]) -> Moved | None:
        low, high = self._bounds[place], self._bounds[place + 1]
        at, values = self._at[low:high], self._values[low:high]
        edges = np.searchsorted(at, [*calm, *sick], side="left")
        before, after = values[edges[0] : edges[1]], values[edges[2] : edges[3]]
        if len(before) < MIN_ROWS or not len(after):
            return None
        by = float(deviations(before[:, None], after[:, None])[0])
        usual = float(np.median(before))
        rises = float(np.median(after)) >= usual
        share, method = (MEASURE.reached, "lower") if rises else (1 - MEASURE.reached, "higher")
        value = float(np.quantile(after, share, method=method))  # type: ignore[call-overload]
        series, role = self._names[place], self._meaning[place]
        if role.direction not in {"both", "up" if rises else "down"} or abs(value - usual) < role.min_deviation:
            return None
        name = series["metric_name"]
        return Moved(series["series_id"], name, series["unit"], label_of(name, role), by, value, usual)

    @cached_property
    def _rows(self) -> pa.Table:
        """Samples of metrics that may be causes, by series and time."""
        codes, words = codes_of(self.points["metric_name"])
        meaning = roles_of([word or "" for word in words], self.roles)
        good = np.array([role is not None and role.cause not in NO_CAUSES for role in meaning], dtype=bool)
        kept = self.points.filter(pa.array(good[codes] if len(good) else np.zeros(0, bool)))
        series, at = plain(kept["series_id"]), micros_of(kept["observed_at"])
        order = pc.sort_indices(pa.table({"series": series, "at": at}), [("series", "ascending"), ("at", "ascending")])
        return kept.take(order)

    @cached_property
    def _at(self) -> Ints:
        return micros_of(self._rows["observed_at"])

    @cached_property
    def _values(self) -> Floats:
        return floats_of(self._rows["value"])

    @cached_property
    def _bounds(self) -> Ints:
        """First row of each series, and the end."""
        series = plain(self._rows["series_id"]).dictionary_encode().indices.to_numpy(zero_copy_only=False)
        steps = np.flatnonzero(np.diff(series)) + 1 if len(series) else np.zeros(0, np.int64)
        return np.concatenate([[0], steps, [len(series)]]).astype(np.int64)

    @cached_property
    def _names(self) -> list[dict[str, str]]:
        firsts = pa.array(self._bounds[:-1] if self._rows.num_rows else np.zeros(0, np.int64))
        names: list[dict[str, str]] = self._rows.take(firsts).drop_columns(["observed_at", "value"]).to_pylist()
        return names

    @cached_property
    def _meaning(self) -> list[MetricRole]:
        return [role or OTHER for role in roles_of([row["metric_name"] for row in self._names], self.roles)]

    @cached_property
    def _series_of(self) -> Mapping[str, list[int]]:
        found: dict[str, list[int]] = {}
        for place, row in enumerate(self._names):
            for node in sorted(_nodes(row)):
                found.setdefault(node, []).append(place)
        return found


def _nodes(row: Mapping[str, str | None]) -> set[str]:
    """Return where a series speaks: its entity, or else its service and host."""
    if row["entity_id"]:
        return {row["entity_id"]}
    return {f"{kind}/{row[f'{kind}_name']}" for kind in ("service", "host") if row[f"{kind}_name"]}


def of_nodes(points: pa.Table, nodes: frozenset[str]) -> pa.Table:
    """Return the samples of some nodes of the topology."""
    known = pa.array(sorted(nodes), pa.string())
    entity = plain(points["entity_id"])
    by_name = [
        pc.is_in(pc.binary_join_element_wise(pa.scalar(kind), plain(points[f"{kind}_name"]), "/"), known)
        for kind in ("service", "host")
    ]
    elsewhere = pc.and_(pc.is_null(entity), pc.or_(pc.fill_null(by_name[0], False), pc.fill_null(by_name[1], False)))
    return points.filter(pc.or_(pc.is_in(entity, known), elsewhere))
