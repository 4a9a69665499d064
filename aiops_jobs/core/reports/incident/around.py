"""Chooses what the map of an incident shows: what is ill, what stands between, and what is next to it and calm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.reports.incident.placing import Map, Node, place
from aiops_jobs.core.reports.incident_model import Incident

MOST_NODES, MOST_CALM = 40, 10
LEAVES = ("host/", "disk/")
"""Drawn only where they are part of the incident: a service has many, and they say little."""


class Surroundings:
    """The dependencies of the estate, asked incident by incident.

    Args:
        edges: ``topology_edges``, all versions.
        blind: Entities whose data is missing.
    """

    def __init__(self, edges: pa.Table, blind: Iterable[str] = ()) -> None:
        names = ["from_entity_id", "to_entity_id", "valid_from", "valid_to"]
        self._edges = edges.select(names)
        self._blind = frozenset(blind)
        self._then: dict[datetime, pa.Table] = {}

    def map(self, incident: Incident) -> Map:
        """Return the map of one incident, with the dependencies that were true when it began."""
        seen = {"alert": Counter[str](), "finding": Counter[str]()}
        for member in incident.members:
            seen[member.kind][member.entity_id] += 1
        known = incident.cause_entity_id
        ill = {m.entity_id for m in incident.members if m.entity_id != "unknown"}
        ill |= {f"service/{service}" for service in incident.services}
        first = sorted(ill - {known}, key=lambda e: (e.startswith(LEAVES), -seen["alert"][e] - seen["finding"][e], e))
        drawn = ([known] if known else []) + first
        hidden = max(0, len(drawn) - MOST_NODES)
        drawn = drawn[:MOST_NODES]
        edges = self._near(drawn, incident.started_at)
        state = dict.fromkeys(drawn, "ill")
        if known:
            state[known] = "cause"
        state |= _beside(state, edges, MOST_NODES - len(drawn), self._blind)
        nodes = [Node(e, s, seen["alert"][e], seen["finding"][e]) for e, s in sorted(state.items())]
        if len(nodes) > len(drawn):  # dependencies among the neighbours, too
            edges = self._near(sorted(state), incident.started_at)
        return place(nodes, edges, hidden=hidden)

    def _near(self, entities: Iterable[str], at: datetime) -> list[tuple[str, str]]:
        """Return the edges that touch any of some entities."""
        if at not in self._then:
            begun = pc.less_equal(self._edges["valid_from"], pa.scalar(at, self._edges["valid_from"].type))
            valid = pc.greater(self._edges["valid_to"], pa.scalar(at, self._edges["valid_to"].type))
            self._then[at] = self._edges.filter(pc.and_(begun, pc.fill_null(valid, fill_value=True)))
        rows = self._then[at]
        wanted = pa.array(sorted(entities), pa.string())
        ends = [rows[name].cast(pa.string()) for name in ("from_entity_id", "to_entity_id")]
        rows = rows.filter(pc.or_(*(pc.is_in(end, wanted) for end in ends)))
        return sorted({(row["from_entity_id"], row["to_entity_id"]) for row in rows.to_pylist()})


def _beside(
    state: Mapping[str, str], edges: Iterable[tuple[str, str]], room: int, blind: frozenset[str]
) -> dict[str, str]:
    """Return what is next to the ill and may be drawn: what lies between them first, then what has most ties."""
    calls, called = Counter[str](), Counter[str]()
    for a, b in edges:
        if b in state and a not in state:
            calls[a] += 1
        if a in state and b not in state:
            called[b] += 1
    near = sorted({*calls, *called})
    between = [e for e in near if calls[e] and called[e]]
    others = [e for e in near if not (calls[e] and called[e]) and not e.startswith(LEAVES)]
    others.sort(key=lambda e: (-calls[e] - called[e], e))
    told = {e: "blind" if e in blind else "silent" for e in between[:room]}
    left = min(MOST_CALM, room - len(told))
    return told | {e: "blind" if e in blind else "calm" for e in others[:left]}
