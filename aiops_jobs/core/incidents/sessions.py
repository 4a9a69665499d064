"""What happens at one node without a long pause is one session: incidents are made of sessions, not of rows.

So a storm of a hundred thousand alerts costs as much as the entities it comes from. Unusual load, and alerts for
information, have sessions of their own: they are the weather in which trouble happens, not its begin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops_jobs.core.columns import SECOND, Bools, Ints, stable_order
from aiops_jobs.core.incidents.members import Members
from aiops_jobs.core.policies import CorrelationPolicy


@dataclass(frozen=True)
class Sessions:
    """Members of one node that belong together by time alone; arrays have one entry a session, sorted by begin.

    Args:
        names: Nodes, sorted; ``node`` counts in it.
        of_member: Session of each member; -1 for a member that names no node.
        last_start: Begin of the latest member.
        first_member: Position of the earliest member.
        has_symptom, has_cause, has_load: What kinds of members there are.
        is_faint: Whether it is context, and nothing else.
        burst: That of its first member; -1: none.
    """

    names: list[str]
    of_member: Ints
    node: Ints
    start: Ints
    last_start: Ints
    end: Ints
    first_member: Ints
    has_symptom: Bools
    has_cause: Bools
    has_load: Bools
    is_faint: Bools
    burst: Ints

    def __len__(self) -> int:
        return len(self.node)

    def name(self, session: int) -> str:
        """Return the node of a session."""
        return self.names[int(self.node[session])]


def to_sessions(members: Members, policy: CorrelationPolicy) -> Sessions:
    """Return the sessions of all members that name a node.

    A member continues the session of its node if it begins while another member of it still goes on or within ``gap_s``
    after that, or as the return of a resource's trouble within ``reopen_s``; no session takes members longer than
    ``max_duration_s`` after its first. What stands out from noise keeps a session open only while it goes on, and for
    ``gap_s`` from its begin: what stands out anew after that is news, however long the old trouble drags on.
    """
    nodes = members.nodes
    names = sorted({node for node in nodes.values if node})
    place = {name: i for i, name in enumerate(names)}
    node = np.array([place.get(n or "", -1) for n in nodes.values], np.int64)[nodes.codes]
    placed = np.flatnonzero(node >= 0)
    lane = 2 * node + members.is_faint
    order = placed[stable_order(lane[placed])]
    stands = members.burst >= 0
    recurs = _recurs(members, node, policy) & ~stands
    gap = int(policy.gap_s * SECOND)
    until = np.where(stands, np.minimum(members.end, members.start + gap), members.end + gap)
    breaks = _breaks(lane[order], members.start[order], until[order], recurs[order], policy)
    heads = np.flatnonzero(breaks)
    ranks = _rank(members.start[order[heads]], order[heads])
    of_member = np.full(len(nodes), -1, np.int64)
    of_member[order] = ranks[np.cumsum(breaks) - 1]
    return _sessions(names, node, of_member, members)


def split_by_duration(start: Ints, limit: int) -> Ints:
    """Return the number of the stretch each start (sorted) lies in: one begins ``limit`` after the one before began."""
    stretch = np.zeros(len(start), np.int64)
    begin, number = 0, 0
    while begin < len(start):
        stop = int(np.searchsorted(start, start[begin] + limit, side="left"))
        stretch[begin:stop] = number
        begin, number = max(stop, begin + 1), number + 1
    return stretch


def _recurs(members: Members, node: Ints, policy: CorrelationPolicy) -> Bools:
    """Tell which members are the return of a resource's trouble: the same thing at the same node, soon after it ended.

    Symptoms do not count: a front door is slow again for any reason.
    """
    found = np.zeros(len(members), bool)
    causes = np.flatnonzero((node >= 0) & members.points_to_cause)
    if not len(causes):
        return found
    names = members.name.codes[causes]
    what = node[causes] * (int(names.max()) + 1) + names
    order = stable_order(what)
    picked, what = causes[order], what[order]
    fresh = np.diff(what, prepend=-1) != 0
    before = np.concatenate([[0], _running_max(members.end[picked], fresh)[:-1]])
    found[picked] = ~fresh & (members.start[picked] - before <= int(policy.reopen_s * SECOND))
    return found


def _breaks(node: Ints, start: Ints, open_until: Ints, recurs: Bools, policy: CorrelationPolicy) -> Bools:
    """Tell which members (sorted by node, context apart, and begin) begin a session.

    A session takes in what begins while one of its members keeps it open.
    """
    if not len(node):
        return np.zeros(0, bool)
    fresh = np.diff(node, prepend=-1) != 0
    latest = _running_max(open_until, fresh)
    idle = np.concatenate([[True], start[1:] > latest[:-1]])
    breaks = np.asarray(fresh | (idle & ~recurs), dtype=bool)
    limit = int(policy.max_duration_s * SECOND)
    heads = np.flatnonzero(breaks)
    tails = np.append(heads[1:], len(node)) - 1
    for place in np.flatnonzero(start[tails] - start[heads] >= limit):
        head, tail = heads[place], tails[place]
        stretch = split_by_duration(start[head : tail + 1], limit)
        breaks[head : tail + 1] |= np.diff(stretch, prepend=0) > 0
    return breaks


def _running_max(values: Ints, fresh: Bools) -> Ints:
    """Return the running maximum, begun anew at each fresh node (groups are lifted apart, so one pass suffices)."""
    group = np.cumsum(fresh) - 1
    distinct, ranks = np.unique(values, return_inverse=True)
    lifted = group * (len(values) + 1) + ranks
    best = np.maximum.accumulate(lifted) - group * (len(values) + 1)
    return np.asarray(distinct[best], dtype=np.int64)


def _rank(start: Ints, first: Ints) -> Ints:
    """Return the position of each session when all are sorted by begin and first member."""
    ranks = np.empty(len(start), np.int64)
    ranks[np.lexsort((first, start))] = np.arange(len(start))
    return ranks


def _sessions(names: list[str], node: Ints, of_member: Ints, members: Members) -> Sessions:
    placed = np.flatnonzero(of_member >= 0)
    order = placed[stable_order(of_member[placed])]
    edges = np.flatnonzero(np.diff(of_member[order], prepend=-1))
    causes = members.points_to_cause
    if not len(order):
        none, never = np.zeros(0, np.int64), np.zeros(0, bool)
        return Sessions(names, of_member, none, none, none, none, none, never, never, never, never, none)
    return Sessions(
        names=names,
        of_member=of_member,
        node=node[order[edges]],
        start=np.minimum.reduceat(members.start[order], edges),
        last_start=np.maximum.reduceat(members.start[order], edges),
        end=np.maximum.reduceat(members.end[order], edges),
        first_member=np.minimum.reduceat(order, edges),
        has_symptom=np.logical_or.reduceat(members.is_symptom[order], edges),
        has_cause=np.logical_or.reduceat(causes[order], edges),
        has_load=np.logical_or.reduceat(members.is_load[order], edges),
        is_faint=np.logical_and.reduceat(members.is_faint[order], edges),
        burst=members.burst[order[edges]],
    )
