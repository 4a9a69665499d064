"""Which sessions are related, and why: by dependency, service, silent component, redundancy group, or as context.

Trouble travels from a component to what depends on it, so two components that merely use a third are not related: a
host or a gateway that everything touches would merge the world. It links its users only if it suffers itself (then it
has a session), or if it is silent and nearly all that depends on it suffers together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiops_jobs.core.columns import SECOND, Bools, Ints
from aiops_jobs.core.incidents.relations import (
    BURST,
    CONTEXT,
    DEPENDS,
    SERVICE,
    SHARED,
    STAND_IN,
    Links,
    joined,
    no_links,
)
from aiops_jobs.core.incidents.sessions import Sessions
from aiops_jobs.core.incidents.topology import Topology, TopologyHistory
from aiops_jobs.core.policies import CorrelationPolicy


class Linker:
    """Finds the links among sessions.

    Args:
        sessions: What is to be linked.
        starts: Begins of all members, sorted by session and begin, and the session of each.
        services: Services each node belongs to, by node name.
        history: Topology at any instant.
        policy: How close is close.
    """

    def __init__(
        self,
        sessions: Sessions,
        starts: tuple[Ints, Ints],
        services: dict[str, set[str]],
        history: TopologyHistory,
        policy: CorrelationPolicy,
    ) -> None:
        self.sessions = sessions
        self.services = services
        self.history = history
        self.policy = policy
        self.gap = int(policy.gap_s * SECOND)
        self._base = int(sessions.start.min()) if len(sessions) else 0
        self._width = int(sessions.last_start.max()) - self._base + 1 if len(sessions) else 1
        self._places = starts[0] * self._width + (starts[1] - self._base)
        self._owners = starts[0]
        self._by_node = np.lexsort((sessions.start, sessions.node))
        self._node_place = sessions.node[self._by_node] * self._width + (sessions.start[self._by_node] - self._base)

    def links(self) -> Links:
        """Return every link; a session that is only context gets a single one."""
        if not len(self.sessions):
            return no_links()
        depends = self._by_dependency()
        firm = ~self.sessions.is_faint
        solid = depends.taken(np.flatnonzero(firm[depends.child] & firm[depends.parent]))
        service = self._by_service(firm)
        shared = self._by_silent_component(joined([solid, service]), firm)
        burst = self._by_burst(firm)
        return joined([solid, service, shared, self._by_group(firm), burst, self._by_nearness(depends, firm)])

    def nearest(self, session: Ints, micros: Ints) -> Ints:
        """Return how far the nearest begin of a session's members is from an instant, pair by pair."""
        at = np.clip(micros - self._base, -1, self._width)
        place = session * self._width + np.clip(at, 0, self._width - 1)
        right = np.searchsorted(self._places, place, side="left")
        best = np.full(len(session), np.iinfo(np.int64).max)
        for candidate in (right - 1, right):
            known = np.clip(candidate, 0, len(self._places) - 1)
            own = (candidate >= 0) & (candidate < len(self._places)) & (self._owners[known] == session)
            start = self._places[known] - session * self._width + self._base
            best = np.where(own, np.minimum(best, np.abs(start - micros)), best)
        return best

    def _by_dependency(self) -> Links:
        sessions = self.sessions
        epochs = np.searchsorted(self.history.changes, sessions.start, side="right")
        parts = [no_links()]
        for epoch in np.unique(epochs):
            own = np.flatnonzero(epochs == epoch)
            topology = self.history.at(int(sessions.start[own[0]]))
            parts.append(self._in_epoch(own, topology))
        return joined(parts)

    def _in_epoch(self, own: Ints, topology: Topology) -> Links:
        sessions = self.sessions
        place = np.array([topology.index.get(name, -1) for name in sessions.names], np.int64)
        nodes = np.unique(sessions.node[own])
        nodes = nodes[place[nodes] >= 0]
        reach = topology.hops(place[nodes], self.policy.max_hops).tocoo()
        back = np.full(len(topology.names), -1, np.int64)
        back[place[place >= 0]] = np.flatnonzero(place >= 0)
        target = back[reach.coords[1]]
        keep = target >= 0
        source, target, hops = nodes[reach.coords[0][keep]], target[keep], reach.data[keep].astype(np.int64)
        child, pair = self._join(own, source)
        return self._timed(child, target[pair], hops[pair])

    def _join(self, own: Ints, source: Ints) -> tuple[Ints, Ints]:
        """Return (session, position in ``source``) for every session of ``own`` at a node of ``source``."""
        order = np.argsort(source, kind="stable")
        low = np.searchsorted(source[order], self.sessions.node[own], side="left")
        high = np.searchsorted(source[order], self.sessions.node[own], side="right")
        return np.repeat(own, high - low), order[_ranges(low, high)]

    def _timed(self, child: Ints, target_node: Ints, hops: Ints) -> Links:
        """Return the links of sessions to those at a node that are close enough in time."""
        start = self.sessions.start[child] - self._base
        reach = int(self.policy.max_duration_s * SECOND)
        low = np.searchsorted(self._node_place, target_node * self._width + np.maximum(start - reach, 0), side="left")
        latest = np.minimum(start + self._extent(child) + self.gap, self._width - 1)
        high = np.searchsorted(self._node_place, target_node * self._width + latest, side="right")
        high = np.maximum(low, high)
        parent = self._by_node[_ranges(low, high)]
        child, hops = np.repeat(child, high - low), np.repeat(hops, high - low)
        gap = self._gaps(child, parent)
        keep = np.flatnonzero((gap <= self.gap) | self._overlaps(child, parent))
        return _links(child[keep], parent[keep], hops[keep], gap[keep], DEPENDS)

    def _extent(self, session: Ints) -> Ints:
        return self.sessions.last_start[session] - self.sessions.start[session]

    def _gaps(self, one: Ints, other: Ints) -> Ints:
        start = self.sessions.start
        return np.minimum(self.nearest(other, start[one]), self.nearest(one, start[other]))

    def _overlaps(self, child: Ints, parent: Ints) -> Bools:
        """Tell whether the parent fell ill first, not too long before, and still was when the child did."""
        begin, sessions = self.sessions.start[child], self.sessions
        lead = begin - sessions.start[parent]
        going = sessions.end[parent] > begin
        return np.asarray((lead >= 0) & going & (lead <= int(self.policy.overlap_s * SECOND)), dtype=bool)

    def _by_service(self, firm: Bools) -> Links:
        """Link the sessions of one service one after the other, as long as each begins near the one before.

        What stands out from noise is linked with its own burst only.
        """
        rows: dict[tuple[str, int], list[int]] = {}
        for session in np.flatnonzero(firm) if self.services else ():
            for service in self.services.get(self.sessions.name(int(session)), ()):
                rows.setdefault((service, int(self.sessions.burst[session])), []).append(int(session))
        chains = [self._chain(rows[key], SERVICE, hops=1, via="") for key in sorted(rows)]
        return joined([no_links(), *chains])

    def _chain(self, ordered: Sequence[int], kind: int, *, hops: int, via: str) -> Links:
        child, parent = np.array(ordered[1:], np.int64), np.array(ordered[:-1], np.int64)
        gap = self._gaps(child, parent) if len(child) else child
        keep = np.flatnonzero(gap <= self.gap)
        return _links(child[keep], parent[keep], np.full(len(keep), hops), gap[keep], kind, via)

    def _by_silent_component(self, links: Links, firm: Bools) -> Links:
        """Link unexplained sessions that depend directly on a silent component of which nearly all users suffer."""
        sessions = self.sessions
        explained = np.zeros(len(sessions), bool)
        explained[links.child[links.kind == DEPENDS]] = True
        loose = np.flatnonzero(firm & ~explained & ~sessions.has_cause)
        users: dict[str, list[int]] = {}
        sizes: dict[str, int] = {}
        for session in loose:
            topology = self.history.at(int(sessions.start[session]))
            for name, total in topology.direct(sessions.name(int(session))):
                users.setdefault(name, []).append(int(session))
                sizes[name] = total
        speaking = {sessions.names[node] for node in np.unique(sessions.node[firm]).tolist()}
        parts = [no_links()]
        for name in sorted(set(users) - speaking):
            for together in self._bunches(users[name]):
                distinct = {int(sessions.node[s]) for s in together}
                if len(distinct) >= max(2, self.policy.shared_ratio * sizes[name]):
                    parts.append(self._chain(together, SHARED, hops=2, via=name))
        return joined(parts)

    def _by_group(self, firm: Bools) -> Links:
        """Link the members of a redundancy group of which nearly all suffer together: they share their cause."""
        sessions = self.sessions
        rows: dict[str, list[int]] = {}
        sizes: dict[str, int] = {}
        if self.history.items["redundancy_group"].null_count == self.history.items.num_rows:
            return no_links()
        for session in np.flatnonzero(firm):
            name = sessions.name(int(session))
            topology = self.history.at(int(sessions.start[session]))
            others = topology.stand_ins(name)
            if others:
                group = f"{topology.said(name, 'entity_kind')} {topology.said(name, 'redundancy_group')}"
                rows.setdefault(group, []).append(int(session))
                sizes[group] = len(others) + 1
        parts = [no_links()]
        for group in sorted(rows):
            for together in self._bunches(rows[group]):
                distinct = {int(sessions.node[s]) for s in together}
                if len(distinct) >= max(2, self.policy.shared_ratio * sizes[group]):
                    parts.append(self._chain(together, STAND_IN, hops=2, via=group))
        return joined(parts)

    def _by_burst(self, firm: Bools) -> Links:
        """Link what stands out from the noise together, where no topology says whether it is related."""
        sessions = self.sessions
        known = self.history.connected
        strange = np.array([name not in known for name in sessions.names], dtype=bool)
        own = np.flatnonzero(firm & (sessions.burst >= 0) & strange[sessions.node])
        order = own[np.argsort(sessions.burst[own], kind="stable")]
        edges = np.flatnonzero(np.diff(sessions.burst[order], prepend=-1))[1:] if len(order) else order
        parts = [part.tolist() for part in np.split(order, edges)]
        return joined([no_links(), *(self._chain(part, BURST, hops=1, via="") for part in parts if len(part) > 1)])

    def _bunches(self, ordered: Sequence[int]) -> list[list[int]]:
        bunches: list[list[int]] = []
        for session in ordered:
            previous = bunches[-1][-1] if bunches else None
            if previous is None or self.sessions.start[session] - self.sessions.start[previous] > self.gap:
                bunches.append([])
            bunches[-1].append(session)
        return bunches

    def _by_nearness(self, depends: Links, firm: Bools) -> Links:
        """Give each session that is only context one link: to trouble at or next to its node, else to other context."""
        if firm.all():
            return no_links()
        everything = np.arange(len(self.sessions))
        depends = joined([depends, self._timed(everything, self.sessions.node, np.zeros_like(everything))])
        swapped = Links(depends.parent, depends.child, depends.hops, depends.gap, depends.kind, depends.via)
        both = joined([depends, swapped])
        both = both.taken(np.flatnonzero(~firm[both.child] & (both.child != both.parent)))
        order = np.lexsort((both.parent, both.gap, both.hops, ~firm[both.parent], both.child))
        first = order[np.flatnonzero(np.diff(both.child[order], prepend=-1))]
        best = both.taken(first)
        return _links(best.child, best.parent, best.hops, best.gap, CONTEXT)


def _links(child: Ints, parent: Ints, hops: Ints, gap: Ints, kind: int, via: str = "") -> Links:
    return Links(child, parent, hops, gap, np.full(len(child), kind, np.int64), [via] * len(child))


def _ranges(low: Ints, high: Ints) -> Ints:
    """Return all integers of the ranges ``[low, high)``, one range after the other."""
    counts = high - low
    offsets = np.repeat(low - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    return np.asarray(offsets + np.arange(int(counts.sum())), dtype=np.int64)
