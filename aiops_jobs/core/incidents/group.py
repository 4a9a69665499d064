"""Members become incidents: sessions that are related, directly or through others, within limits.

Relation is transitive (A-B and B-C make one incident), with three guards against chaining: an incident takes no member
later than ``max_duration_s`` after its first; two roots of trouble that share nothing but those who suffer from both
stay apart; and what names neither an entity nor a service nor a host is never grouped with strangers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import itemgetter

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.sparse import csgraph

from aiops_jobs.core.columns import SECOND, Ints, combined, micros_of, stable_order, texts_of
from aiops_jobs.core.incidents.apart import keep_apart
from aiops_jobs.core.incidents.links import Linker
from aiops_jobs.core.incidents.members import Members
from aiops_jobs.core.incidents.relations import Links, no_links
from aiops_jobs.core.incidents.rules import Ruled
from aiops_jobs.core.incidents.sessions import Sessions, split_by_duration, to_sessions
from aiops_jobs.core.incidents.topology import TopologyHistory
from aiops_jobs.core.policies import CorrelationPolicy
from aiops_jobs.identity import fingerprint, fingerprints


@dataclass(frozen=True)
class Group:
    """One incident in the making.

    Args:
        incident_id: Deterministic; never re-numbered.
        anchor: The first member that is more than context; the incident begins with it.
        member_places: Positions in `Members`, by begin.
        session_places: Positions in `Sessions`; empty where the members name no node.
        links: The links among them.
    """

    incident_id: str
    anchor: int
    member_places: Ints
    session_places: Ints
    links: Links

    @cached_property
    def members(self) -> list[int]:
        """Positions in `Members`, by begin."""
        places: list[int] = self.member_places.tolist()
        return places

    @cached_property
    def sessions(self) -> list[int]:
        """Positions in `Sessions`."""
        places: list[int] = self.session_places.tolist()
        return places


@dataclass(frozen=True)
class Grouping:
    """All incidents of a context, by begin of their first member."""

    members: Members
    sessions: Sessions
    history: TopologyHistory
    groups: list[Group]
    ruled: Ruled | None = None
    """What correlation rules have added, if there are any."""


def group_members(
    members: Members, history: TopologyHistory, *, policy: CorrelationPolicy, known: pa.Table | None = None
) -> Grouping:
    """Group members into incidents.

    Args:
        members: Alert episodes and anomalies.
        history: Topology at any instant; it must hold the nodes of the members.
        policy: How close is close.
        known: ``incident_alerts`` published before: an incident that shares a member with a known one keeps the id
            of the earliest.
    """
    sessions = to_sessions(members, policy)
    links = Linker(sessions, _starts(members, sessions), _services(members, history), history, policy).links()
    component = _components(len(sessions), links)
    component, links = _limit_duration(sessions, component, links, policy)
    component, links = keep_apart(sessions, component, links)
    pools = _pools(members, sessions, component)
    ids = incident_ids(members, pools, known)
    by_component = _links_by_component(component, links)
    none = no_links()
    groups = [
        Group(incident_id, anchor, pool, own, by_component.get(int(component[own[0]]) if len(own) else -1, none))
        for incident_id, (anchor, pool, own) in zip(ids, pools, strict=True)
        if len(pool) >= policy.min_members
    ]
    return Grouping(members, sessions, history, groups)


_NONE = np.zeros(0, np.int64)


def _starts(members: Members, sessions: Sessions) -> tuple[Ints, Ints]:
    placed = np.flatnonzero(sessions.of_member >= 0)
    order = placed[stable_order(sessions.of_member[placed])]
    return sessions.of_member[order], members.start[order]


def _services(members: Members, history: TopologyHistory) -> dict[str, set[str]]:
    """Return the services each node belongs to: those its members and the catalogue name."""
    found: dict[str, set[str]] = {}
    for node, service in combined(members.nodes, members.service).values:
        if node and service:
            found.setdefault(node, set()).add(service)
    catalogue = zip(texts_of(history.items["entity_id"]), texts_of(history.items["service_name"]), strict=True)
    for node, service in set(catalogue):
        if node and service and node in found:
            found[node].add(service)
    return found


def _components(size: int, links: Links) -> Ints:
    ones = np.ones(len(links), np.int8)
    graph = sparse.csr_array((ones, (links.child, links.parent)), shape=(size, size))
    return csgraph.connected_components(graph, directed=False)[1].astype(np.int64) if size else _NONE


def _limit_duration(sessions: Sessions, component: Ints, links: Links, policy: CorrelationPolicy) -> tuple[Ints, Links]:
    """Cut incidents that would grow too long, and forget the links across the cuts."""
    limit = int(policy.max_duration_s * SECOND)
    stretch = np.zeros(len(sessions), np.int64)
    order = np.lexsort((sessions.start, component))
    heads = np.flatnonzero(np.diff(component[order], prepend=-1))
    if not len(heads):
        return component, links
    lengths = np.maximum.reduceat(sessions.last_start[order], heads) - sessions.start[order[heads]]
    stops = np.append(heads[1:], len(order))
    for place in np.flatnonzero(lengths >= limit):
        own = order[heads[place] : stops[place]]
        stretch[own] = split_by_duration(sessions.start[own], limit)
    if not stretch.any():
        return component, links
    links = links.taken(np.flatnonzero(stretch[links.child] == stretch[links.parent]))
    return _components(len(sessions), links), links


Pool = tuple[int, Ints, Ints]
"""Anchor, members and sessions of an incident."""


def _pools(members: Members, sessions: Sessions, component: Ints) -> list[Pool]:
    """Return the incidents in the order of their anchors; a member without a node is one by itself."""
    placed = np.flatnonzero(sessions.of_member >= 0)
    alone = np.flatnonzero(sessions.of_member < 0)
    number = component[sessions.of_member[placed]]
    ranked = stable_order(number)
    order = placed[ranked]
    heads = np.flatnonzero(np.diff(number[ranked], prepend=-1))
    pools = [(member, alone[i : i + 1], _NONE) for i, member in enumerate(alone.tolist())]
    if len(order):
        never = len(members)
        loudest = np.minimum.reduceat(np.where(members.is_faint[order], never, order), heads)
        anchors = np.where(loudest < never, loudest, order[heads]).tolist()
        pools += zip(anchors, _cut(order, heads), _by_number(component), strict=True)
    return sorted(pools, key=itemgetter(0))


def _by_number(component: Ints) -> list[Ints]:
    """Return the sessions of each component, by its number."""
    order = np.argsort(component, kind="stable")
    return _cut(order, np.flatnonzero(np.diff(component[order], prepend=-1)))


def _cut(values: Ints, heads: Ints) -> list[Ints]:
    """Return the parts of an array, without a copy."""
    edges = [*heads.tolist(), len(values)]
    return [values[start:stop] for start, stop in pairwise(edges)]


def _links_by_component(component: Ints, links: Links) -> dict[int, Links]:
    order = np.argsort(component[links.child], kind="stable") if len(links) else _NONE
    numbers = component[links.child][order]
    heads = np.flatnonzero(np.diff(numbers, prepend=-1))
    edges = [*heads.tolist(), len(order)]
    ordered = links.taken(order)
    return {n: ordered.cut(h, t) for n, (h, t) in zip(numbers[heads].tolist(), pairwise(edges), strict=True)}


def incident_ids(members: Members, pools: list[Pool], known: pa.Table | None) -> list[str]:
    """Return an id for each pool: the earliest known one that shares a member, else one made from the anchor.

    Context does not count: it may sit now here, now there.
    """
    claims = _claims(known)
    loud = ~members.is_faint
    fresh_ids = fingerprints("inc", {"anchor": [members.ids[first] for first, _, _ in pools]})
    if not claims:
        return fresh_ids  # anchors differ, so do ids made from them
    taken: set[str] = set()
    ids: list[str] = []
    for (first, pool, _), fresh in zip(pools, fresh_ids, strict=True):
        shared = (claim for i in pool.tolist() if loud[i] for claim in claims.get(members.ids[i], ()))
        found = sorted({claim for claim in shared if claim[1] not in taken})
        choice = found[0][1] if found else fresh
        if choice in taken:
            choice = fingerprint("inc", anchor=members.ids[first], apart_from=fresh)
        taken.add(choice)
        ids.append(choice)
    return ids


def _claims(known: pa.Table | None) -> dict[str, list[tuple[int, str]]]:
    """Return, for each member, the known incidents it is in, as (begin of the incident, id)."""
    if known is None or not known.num_rows:
        return {}
    incidents = [i or "" for i in texts_of(known["incident_id"])]
    roles, starts = texts_of(known["role"]), micros_of(known["started_at"]).tolist()
    begun = {i: at for i, role, at in zip(incidents, roles, starts, strict=True) if role == "primary"}
    claims: dict[str, list[tuple[int, str]]] = {}
    for member, incident, at in zip(texts_of(known["member_id"]), incidents, starts, strict=True):
        claims.setdefault(member or "", []).append((begun.get(incident, at), incident))
    return claims
