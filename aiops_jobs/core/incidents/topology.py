"""Who depends on whom at one instant, how far away, and who can stand in for whom.

An edge points from what depends to what it depends on. Trouble travels the other way: from a database to its callers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from aiops_jobs.core.columns import OPEN, Ints, micros_of, texts_of, to_instant

UNREACHABLE = 255
ITEM_COLUMNS = (
    "entity_id",
    "entity_kind",
    "service_name",
    "host_name",
    "service_criticality",
    "owner_team",
    "assignment_group",
    "redundancy_group",
)


@dataclass(frozen=True)
class Topology:
    """Dependencies and items as they were at one instant.

    Args:
        names: All entities, sorted; positions in it are what the methods speak of.
        edges: (depending, depended-on) pairs of positions, [E, 2].
        items: What the catalogue says of each entity, by name.
    """

    names: list[str]
    edges: Ints
    items: Mapping[str, Mapping[str, Any]]

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each entity."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def depends(self) -> Any:
        """Adjacency [N, N], sparse: 1 where the row depends on the column."""
        size = len(self.names)
        ones = np.ones(len(self.edges), np.int32)
        matrix = sparse.csr_array((ones, (self.edges[:, 0], self.edges[:, 1])), shape=(size, size))
        matrix.data[:] = 1
        return matrix

    @cached_property
    def dependent_counts(self) -> Ints:
        """How many entities depend directly on each."""
        return np.bincount(self.edges[:, 1], minlength=len(self.names)).astype(np.int64)

    def direct(self, entity: str) -> list[tuple[str, int]]:
        """Return what an entity directly depends on, each with the number of its direct dependents."""
        places = self._callees.get(self.index.get(entity, -1), [])
        return [(self.names[i], int(self.dependent_counts[i])) for i in places]

    def hops(self, sources: Sequence[int] | Ints, max_hops: int) -> Any:
        """Return the distances from many entities to all they depend on, [S, N], sparse; the source itself is absent.

        Args:
            sources: Positions.
            max_hops: Farther entities are left out.
        """
        rows = np.arange(len(sources))
        size = (len(sources), len(self.names))
        reached = sparse.csr_array((np.ones(len(sources), np.int32), (rows, np.asarray(sources, np.int64))), shape=size)
        seen, front = reached.copy(), reached
        total = sparse.csr_array(size, dtype=np.int32)
        for distance in range(1, max_hops + 1):
            front = front @ self.depends
            front = _ones(front - front.multiply(seen > 0))
            if not front.nnz:
                break
            total = total + front * distance
            seen = seen + front
        return total.tocsr()

    def distances(self, *sources: str, max_hops: int, upwards: bool = False) -> Mapping[str, int]:
        """Return how far everything is that some entities depend on, they themselves left out.

        ``upwards``: how far everything is that depends on them. Entities that the topology does not know
        have nothing around them.
        """
        key = (sources, max_hops, upwards)
        if key not in self._walked:
            self._walked[key] = self._walk([self.index[s] for s in sources if s in self.index], max_hops, upwards)
        return self._walked[key]

    @cached_property
    def _walked(self) -> dict[tuple[tuple[str, ...], int, bool], dict[str, int]]:
        return {}

    def _walk(self, front: list[int], max_hops: int, upwards: bool) -> dict[str, int]:
        beside = self._callers if upwards else self._callees
        seen = set(front)
        found: dict[str, int] = {}
        for distance in range(1, max_hops + 1):
            front = sorted({n for place in front for n in beside.get(place, ())} - seen)
            seen.update(front)
            found.update((self.names[n], distance) for n in front)
        return found

    @cached_property
    def _callees(self) -> dict[int, list[int]]:
        return _lists(self.edges[:, 0], self.edges[:, 1])

    @cached_property
    def _callers(self) -> dict[int, list[int]]:
        return _lists(self.edges[:, 1], self.edges[:, 0])

    def stand_ins(self, entity: str) -> list[str]:
        """Return the other members of the entity's redundancy group of its kind, sorted."""
        item = self.items.get(entity)
        group = item.get("redundancy_group") if item else None
        if item is None or not group:
            return []
        return [n for n in self._groups[(group, item.get("entity_kind"))] if n != entity]

    @cached_property
    def _groups(self) -> dict[tuple[Any, Any], list[str]]:
        groups: dict[tuple[Any, Any], list[str]] = {}
        for name in sorted(self.items):
            item = self.items[name]
            groups.setdefault((item.get("redundancy_group"), item.get("entity_kind")), []).append(name)
        return groups

    def said(self, entity: str | None, column: str) -> str | None:
        """Return what the catalogue says about an entity, if anything."""
        item = self.items.get(entity) if entity else None
        return item.get(column) if item else None


@dataclass(frozen=True)
class TopologyHistory:
    """All versions of items and edges, from which the state at any instant follows."""

    items: pa.Table
    edges: pa.Table
    extra_edges: tuple[tuple[str, str], ...] = ()
    """Dependencies that members imply: a service on the host its alerts name."""
    extra_names: tuple[str, ...] = ()
    """Entities that members name, known to the catalogue or not."""

    @cached_property
    def connected(self) -> frozenset[str]:
        """Entities of which a dependency has ever been told."""
        ends = (texts_of(self.edges[name]) for name in ("from_entity_id", "to_entity_id"))
        return frozenset(name for column in ends for name in column if name)

    @cached_property
    def changes(self) -> Ints:
        """Instants at which the topology changed, sorted, in microseconds."""
        parts = [micros_of(t[c]) for t in (self.items, self.edges) for c in ("valid_from", "valid_to")]
        moments = np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
        return np.asarray(moments[moments < OPEN], dtype=np.int64)

    def epoch(self, micros: int) -> int:
        """Return the number of the stretch without changes in which an instant lies."""
        return int(np.searchsorted(self.changes, micros, side="right"))

    def at(self, micros: int) -> Topology:
        """Return the topology at an instant: what was valid then, later versions before earlier ones."""
        known = self._cache.get(self.epoch(micros))
        if known is None:
            known = self._cache[self.epoch(micros)] = self._build(micros)
        return known

    @cached_property
    def _cache(self) -> dict[int, Topology]:
        return {}

    def _build(self, micros: int) -> Topology:
        items = valid_at(self.items, micros).select([*ITEM_COLUMNS, "valid_from", "source"]).to_pylist()
        by_name = {row["entity_id"]: row for row in sorted(items, key=lambda r: (r["valid_from"], r["source"]))}
        edges = valid_at(self.edges, micros)
        pairs = set(zip(texts_of(edges["from_entity_id"]), texts_of(edges["to_entity_id"]), strict=True))
        links = sorted((a, b) for a, b in pairs | set(self.extra_edges) if a and b and a != b)
        names = sorted({*by_name, *self.extra_names, *(n for pair in links for n in pair)})
        place = {name: i for i, name in enumerate(names)}
        array = np.array([(place[a], place[b]) for a, b in links], np.int64).reshape(-1, 2)
        return Topology(names, array, by_name)


def valid_at(rows: pa.Table, micros: int) -> pa.Table:
    """Return the versions that were true at an instant."""
    kind = rows.schema.field("valid_from").type
    moment = pa.scalar(to_instant(micros), kind)
    begun = pc.less_equal(rows["valid_from"], moment)
    going = pc.fill_null(pc.greater(rows["valid_to"], moment), True)
    return rows.filter(pc.and_(begun, going))


def implied_edges(
    entities: Iterable[str | None], services: Iterable[str | None], hosts: Iterable[str | None]
) -> tuple[tuple[str, str], ...]:
    """Return the dependencies that rows imply by naming an entity together with a service or a host.

    A service depends on its databases, queues, gateways and hosts; a host on its disks; the others on their host.
    """
    found: set[tuple[str, str]] = set()
    for entity, service, host in set(zip(entities, services, hosts, strict=True)):
        kind = entity.partition("/")[0] if entity else None
        if entity and service and kind != "service":
            found.add((f"service/{service}", entity))
        if entity and host and kind == "disk":
            found.add((f"host/{host}", entity))
        elif host and kind != "host" and (entity or service):
            found.add((entity or f"service/{service}", f"host/{host}"))
    return tuple(sorted((a, b) for a, b in found if a != b))


def _lists(keys: Ints, values: Ints) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for key, value in zip(keys.tolist(), values.tolist(), strict=True):
        found.setdefault(key, []).append(value)
    return found


def _ones(matrix: Any) -> Any:
    matrix = matrix.tocsr()
    matrix.eliminate_zeros()
    matrix.data[:] = 1
    return matrix
