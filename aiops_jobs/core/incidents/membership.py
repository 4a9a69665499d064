"""Why each member belongs to its incident: one row with a sentence, the distance in the topology and in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.results import INCIDENT_ALERTS
from aiops_jobs.core.columns import SECOND, Bools, Floats, Ints, instants, rows_from, worded
from aiops_jobs.core.incidents.group import Group, Grouping
from aiops_jobs.core.incidents.members import Members
from aiops_jobs.core.incidents.relations import BURST, DEPENDS, SERVICE, SHARED, STAND_IN
from aiops_jobs.core.incidents.rules import Ruled
from aiops_jobs.core.incidents.sessions import Sessions
from aiops_jobs.core.incidents.words import duration

UNGROUPABLE = "It names neither an entity nor a service nor a host, so it is never grouped with others."
ANCHOR = "It began first."
TOPOLOGY = "topology"
"""What stands where no rule of the policy, but nearness in the topology made a member belong."""


Told = tuple[str, int | None, int | None]
"""Reason, hops and gap (microseconds)."""


def to_incident_alerts(grouping: Grouping, groups: Sequence[Group], *, policy_version: str) -> pa.Table:
    """Return ``incident_alerts`` (without lineage) of some groups, sorted by incident and member."""
    members, sessions, ruled = grouping.members, grouping.sessions, grouping.ruled
    sizes = [len(group.members) for group in groups]
    number = np.repeat(np.arange(len(groups)), sizes)
    own = np.fromiter((m for group in groups for m in group.members), np.int64, sum(sizes))
    is_anchor = own == np.repeat(np.array([group.anchor for group in groups], np.int64), sizes)
    reasons, hops, gap = _by_topology(grouping, groups, own, is_anchor, number)
    rule = np.full(len(own), None, dtype=object)
    rule[(sessions.of_member[own] >= 0) & ~is_anchor] = TOPOLOGY
    if ruled is not None:
        for place in np.flatnonzero(ruled.lacking[own] >= 0).tolist():
            if sessions.of_member[own[place]] < 0:
                reasons[place], hops[place], gap[place] = ruled.excuse(int(own[place])), np.nan, np.nan
        for place in np.flatnonzero(ruled.rule[own] >= 0).tolist():
            reasons[place], gap[place] = _by_rule(ruled, members, int(own[place]))
            hops[place], rule[place] = np.nan, ruled.name(int(own[place]))
    alike = ruled.similarity[own] if ruled is not None else np.full(len(own), np.nan)
    table = rows_from(
        INCIDENT_ALERTS,
        {
            "incident_id": pa.array([group.incident_id for group in groups], pa.string()).take(pa.array(number)),
            "member_id": pa.array([members.ids[m] for m in own.tolist()], pa.string()),
            "member_kind": worded(members.is_alert[own], "alert", "finding"),
            "started_at": instants(members.start[own]),
            "role": worded(is_anchor, "primary", "member"),
            "reason": pa.array(reasons, pa.string()),
            "hops": pa.array(hops, mask=np.isnan(hops)).cast(pa.int64()),
            "gap_s": pa.array(gap / SECOND, mask=np.isnan(gap)),
            "policy_version": pa.repeat(policy_version, len(own)),
            "correlation_rule": pa.array(rule, pa.string()),
            "similarity_ratio": pa.array(alike, mask=np.isnan(alike)),
        },
    )
    return table.sort_by([("incident_id", "ascending"), ("member_id", "ascending")])


def _by_topology(
    grouping: Grouping, groups: Sequence[Group], own: Ints, is_anchor: Bools, number: Ints
) -> tuple[Any, Floats, Floats]:
    """Return reasons, hops and gaps (microseconds) of members by where and when they were; NaN: not known."""
    members, sessions = grouping.members, grouping.sessions
    session = sessions.of_member[own]
    first = sessions.first_member[session] if len(sessions) else own
    anchor = np.repeat(np.array([g.anchor for g in groups], np.int64), [len(g.members) for g in groups])
    with_anchor = session == sessions.of_member[anchor]
    follows = (session >= 0) & ~is_anchor & (with_anchor | (own != first))
    gap = np.where(follows, members.start[own] - members.start[first], 0).astype(np.float64)
    hops = np.zeros(len(own))
    reasons = np.full(len(own), ANCHOR, dtype=object)
    reasons[follows] = _following(sessions, session[follows], gap[follows].astype(np.int64))
    alone = (session < 0) & (np.bincount(number, minlength=len(groups))[number] == 1)
    reasons[alone], hops[alone], gap[alone] = UNGROUPABLE, np.nan, np.nan
    rest = np.flatnonzero(~follows & (session >= 0) & ~is_anchor)
    told = _related(grouping, groups, number[rest], session[rest])
    for place, (reason, distance, later) in zip(rest.tolist(), told, strict=True):
        reasons[place] = reason
        hops[place], gap[place] = (np.nan if n is None else n for n in (distance, later))
    return reasons, hops, gap


def _following(sessions: Sessions, session: Ints, gap: Ints) -> list[str]:
    """Return the reasons of members that only continue their session."""
    places = zip(sessions.node[session].tolist(), gap.tolist(), strict=True)
    return [f"At `{sessions.names[node]}`, {duration(later)} after the first sign there." for node, later in places]


def _related(grouping: Grouping, groups: Sequence[Group], group: Ints, session: Ints) -> list[Told]:
    """Return why sessions belong to their incidents."""
    best: dict[int, dict[int, int]] = {}
    told = []
    for number, own in zip(group.tolist(), session.tolist(), strict=True):
        if number not in best:
            best[number] = _closest(groups[number])
        told.append(_relation(grouping, groups[number], own, best[number].get(own)))
    return told


def _by_rule(ruled: Ruled, members: Members, member: int) -> tuple[str, int]:
    """Return what a rule says in words, and the distance in time to the member it was grouped with (microseconds)."""
    partner = int(ruled.partner[member])
    gap = int(members.start[member] - members.start[partner])
    when = f"{duration(gap)} {'after' if gap >= 0 else 'before'} `{members.name[partner]}`"
    return f"{ruled.sentence(member)}, and began {when}.", abs(gap)


def _closest(group: Group) -> dict[int, int]:
    """Return the link that tells best why each session belongs: what explains it, else what it explains."""
    links = group.links
    order = np.lexsort((links.parent, links.child, links.gap, links.kind, links.hops)).tolist()
    best: dict[int, int] = {}
    for ends in (links.child, links.parent):
        for i in order:
            best.setdefault(int(ends[i]), i)
    return best


def _relation(grouping: Grouping, group: Group, session: int, link: int | None) -> tuple[str, int | None, int | None]:
    """Return a link of a session in words, with its hops and its gap."""
    if link is None:
        return "Related through others of the incident.", None, None
    links, sessions = group.links, grouping.sessions
    child, parent = int(links.child[link]), int(links.parent[link])
    other = parent if session == child else child
    later = int(sessions.start[session] - sessions.start[other])
    when = f"{duration(later)} {'after' if later >= 0 else 'before'} it"
    names = sessions.name(child), sessions.name(parent)
    text = _sentence(int(links.kind[link]), links.via[link], *names, is_child=session == child)
    return f"{text}, and began {when}.", int(links.hops[link]), int(links.gap[link])


def _sentence(kind: int, via: str, child: str, parent: str, *, is_child: bool) -> str:
    own, other = (child, parent) if is_child else (parent, child)
    if kind == DEPENDS:
        return f"`{own}` depends on `{other}`" if is_child else f"`{own}` is what `{other}` depends on"
    if kind == SERVICE:
        return f"`{own}` belongs to the same service as `{other}`"
    if kind == SHARED:
        return f"`{own}` and `{other}` both depend on `{via}`, as does nearly all else that suffers"
    if kind == STAND_IN:
        return f"`{own}` and `{other}` stand in for each other ({via}), and nearly all of them suffer"
    if kind == BURST:
        return f"`{own}` stands out from the noise together with `{other}`, and no topology tells them apart"
    if own == other:
        return f"Context of `{own}` itself (load, or for information)"
    return f"Context: `{own}` is next to `{other}`" if is_child else f"`{own}` is next to `{other}`, which is context"
