"""One incident as the search for its cause sees it: who suffers since when, and who depends on whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from aiops_jobs.core.columns import SECOND, Ints, to_micros
from aiops_jobs.core.incidents.calibration import IDENTITY, CauseCalibration
from aiops_jobs.core.incidents.group import Group, Grouping
from aiops_jobs.core.incidents.members import Members, node_of
from aiops_jobs.core.incidents.signals import Signals
from aiops_jobs.core.incidents.topology import Topology
from aiops_jobs.core.policies import CorrelationPolicy

FAR = 8
"""Trouble is followed over at most so many dependencies."""
TOLERANCE_S = 600.0
"""Begins are known so well: what seems to start so little after its symptom may have started before."""
BEFORE_S, AFTER_S, CALM_S = 3600, 1800, 300
"""Logs and traces are compared: an hour before the first sign, and half an hour from the first symptom on; the last
minutes before either are left out of the calm part and counted to the other, since begins are never exact."""


@dataclass(frozen=True)
class Changes:
    """Changes with the node each touches, sorted by begin."""

    rows: list[dict[str, Any]]
    nodes: list[str | None]
    start: Ints

    @cached_property
    def by_node(self) -> Mapping[str, list[int]]:
        """Positions of the changes of each node."""
        found: dict[str, list[int]] = {}
        for place, node in enumerate(self.nodes):
            if node:
                found.setdefault(node, []).append(place)
        return found


def to_changes(changes: pa.Table) -> Changes:
    """Return changes, each at the node it names: entity, else service, else host."""
    rows = sorted(changes.to_pylist(), key=lambda row: (row["started_at"], row["change_id"], row["source"]))
    nodes = [node_of(row["entity_id"], row["service_name"], row["host_name"]) for row in rows]
    return Changes(rows, nodes, np.array([to_micros(row["started_at"]) for row in rows], np.int64))


@dataclass(frozen=True)
class World:
    """All that the causes of all incidents are searched in."""

    grouping: Grouping
    changes: Changes
    signals: Signals
    policy: CorrelationPolicy
    until: int
    """End of event time, microseconds."""
    calibration: CauseCalibration = IDENTITY
    """What outcomes have taught about confidence."""
    quality: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Findings about data, by node."""

    @cached_property
    def members_at(self) -> Mapping[str, list[int]]:
        """Positions of all members of each node, in incidents or not."""
        found: dict[str, list[int]] = {}
        for place, node in enumerate(self.grouping.members.nodes):
            if node:
                found.setdefault(node, []).append(place)
        return found


@dataclass(frozen=True)
class Case:
    """One incident."""

    world: World
    group: Group

    @property
    def members(self) -> Members:
        """All members of the context; `own` are those of this incident."""
        return self.world.grouping.members

    @property
    def own(self) -> list[int]:
        """Positions of the incident's members, by begin."""
        return self.group.members

    @property
    def loud(self) -> list[int]:
        """The incident's members that are more than context; all of them where there is only context."""
        return [m for m in self.own if not self.members.is_faint[m]] or self.own

    @cached_property
    def ended(self) -> int:
        """When it was over, ``OPEN`` if it is not: when nobody suffers any more and no alert is left.

        Findings about resources do not hold it open: a file system may stay full for days after the last complaint.
        """
        holding = [m for m in self.own if self.members.is_alert[m] or self.members.is_symptom[m]] or self.loud
        return max(int(self.members.end[m]) for m in holding)

    @cached_property
    def began(self) -> int:
        """Begin of the anchor, microseconds."""
        return int(self.members.start[self.group.anchor])

    @cached_property
    def topology(self) -> Topology:
        """Dependencies when it began."""
        return self.world.grouping.history.at(self.began)

    @cached_property
    def by_node(self) -> Mapping[str, list[int]]:
        """The incident's members at each node, by begin."""
        nodes = self.world.grouping.members.nodes if not self.group.sessions else None
        found: dict[str, list[int]] = {}
        for member in self.own:
            node = nodes[member] if nodes else self._node(member)
            if node:
                found.setdefault(node, []).append(member)
        return found

    def _node(self, member: int) -> str | None:
        sessions = self.world.grouping.sessions
        session = int(sessions.of_member[member])
        return sessions.name(session) if session >= 0 else None

    @cached_property
    def suffering(self) -> Mapping[str, int]:
        """Nodes with symptoms, and the begin of the first at each."""
        found: dict[str, int] = {}
        for node, places in self.by_node.items():
            begins = [int(self.members.start[m]) for m in places if self.members.is_symptom[m]]
            if begins:
                found[node] = min(begins)
        return found

    @cached_property
    def felt(self) -> int:
        """Begin of the first symptom, or of the incident where there is none."""
        return min(self.suffering.values(), default=self.began)

    @cached_property
    def calm_window(self) -> tuple[int, int]:
        """The hour before the first sign."""
        return self.began - BEFORE_S * SECOND, self.began - CALM_S * SECOND

    @cached_property
    def sick_window(self) -> tuple[int, int]:
        """The half hour from the first symptom on, as far as event time goes."""
        start = self.felt - CALM_S * SECOND
        return start, max(start + SECOND, min(self.felt + AFTER_S * SECOND, self.world.until))

    @cached_property
    def upstream(self) -> Mapping[str, int]:
        """What the suffering nodes depend on, within the policy's hops, with the smallest distance."""
        return self.topology.distances(*sorted(self.suffering), max_hops=self.world.policy.max_hops)

    def coverage(self, entity: str, *, either_way: bool = False) -> float:
        """Return the share of the suffering that can come from an entity: what depends on it, and it itself.

        Args:
            entity: The candidate.
            either_way: Count also what the entity depends on, for causes that travel with the load.
        """
        reached = {entity, *self.topology.distances(entity, max_hops=FAR, upwards=True)}
        if either_way:
            reached |= set(self.topology.distances(entity, max_hops=FAR))
        felt, everything = self._to_explain
        if not felt:
            return 0.0
        return 0.8 * len(felt & reached) / len(felt) + 0.2 * len(everything & reached) / len(everything)

    @cached_property
    def _to_explain(self) -> tuple[set[str], set[str]]:
        """Return the nodes that suffer, and all that are more than context."""
        loud = {n for n, places in self.by_node.items() if not all(self.members.is_faint[m] for m in places)}
        everything = loud or set(self.by_node)
        return set(self.suffering) or everything, everything

    def ill_stand_ins(self, entity: str) -> tuple[int, int]:
        """Return how many of the nodes that can stand in for an entity suffer too, and how many there are."""
        others = self.topology.stand_ins(entity)
        window = self.began - CALM_S * SECOND, self.felt + AFTER_S * SECOND
        ill = [n for n in others if any(self._counts(m, *window) for m in self.world.members_at.get(n, ()))]
        return len(ill), len(others)

    def _counts(self, member: int, start: int, end: int) -> bool:
        begun = int(self.members.start[member])
        return not self.members.is_faint[member] and begun < end and int(self.members.end[member]) > start


def evidence_windows(cases: list[Case]) -> list[tuple[int, int]]:
    """Return the windows, merged and sorted, whose logs and spans the cases ask for."""
    wanted = sorted((c.calm_window[0], max(c.sick_window[1], c.calm_window[1])) for c in cases)
    merged: list[tuple[int, int]] = []
    for start, end in wanted:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def lead(case: Case, micros: int) -> float:
    """Return how many seconds something began before the first symptom; negative: after it."""
    return float(np.float64(case.felt - micros) / SECOND)
