"""Why each member belongs to its incident: one row with a sentence, the distance in the topology and in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.results import INCIDENT_ALERTS
from aiops_jobs.core.columns import SECOND, rows_from_records, to_instant
from aiops_jobs.core.incidents.group import Group, Grouping
from aiops_jobs.core.incidents.links import DEPENDS, SERVICE, SHARED, STAND_IN
from aiops_jobs.core.incidents.words import duration

UNGROUPABLE = "It names neither an entity nor a service nor a host, so it is never grouped with others."
ANCHOR = "It began first."
TOPOLOGY = "topology"
"""What stands where no rule of the policy, but nearness in the topology made a member belong."""


def to_incident_alerts(grouping: Grouping, groups: Sequence[Group], *, policy_version: str) -> pa.Table:
    """Return ``incident_alerts`` (without lineage) of some groups, sorted by incident and member."""
    records = [row for group in groups for row in _rows(grouping, group)]
    for row in records:
        row["policy_version"] = policy_version
    records.sort(key=lambda row: (row["incident_id"], row["member_id"]))
    return rows_from_records(INCIDENT_ALERTS, records)


def _rows(grouping: Grouping, group: Group) -> list[dict[str, Any]]:
    members, sessions = grouping.members, grouping.sessions
    anchor = group.anchor
    best = _closest(group)
    related = {session: _relation(grouping, group, session, best.get(session)) for session in group.sessions}
    rows = []
    for member in group.members:
        session = int(sessions.of_member[member])
        rule, alike = (grouping.ruled.name(member), grouping.ruled.alike(member)) if grouping.ruled else (None, None)
        if rule is not None:
            reason, hops, gap = _by_rule(grouping, member)
        elif session < 0:
            reason, hops, gap = _alone(grouping, group, member)
        elif member == anchor:
            reason, hops, gap = ANCHOR, 0, 0
        elif session == int(sessions.of_member[anchor]) or member != int(sessions.first_member[session]):
            gap = int(members.start[member] - members.start[sessions.first_member[session]])
            reason, hops = f"At `{sessions.name(session)}`, {duration(gap)} after the first sign there.", 0
        else:
            reason, hops, gap = related[session]
        rows.append(
            {
                "incident_id": group.incident_id,
                "member_id": members.ids[member],
                "member_kind": "alert" if members.is_alert[member] else "finding",
                "started_at": to_instant(int(members.start[member])),
                "role": "primary" if member == anchor else "member",
                "reason": reason,
                "hops": hops,
                "gap_s": None if gap is None else gap / SECOND,
                "correlation_rule": rule or (TOPOLOGY if session >= 0 and member != anchor else None),
                "similarity_ratio": alike,
            }
        )
    return rows


def _by_rule(grouping: Grouping, member: int) -> tuple[str, int | None, int | None]:
    """Return what a rule says in words, and the distance in time to the member it was grouped with."""
    ruled, start = grouping.ruled, grouping.members.start
    if ruled is None:
        raise ValueError("no rule")
    gap = int(start[member] - start[int(ruled.partner[member])])
    when = f"{duration(gap)} {'after' if gap >= 0 else 'before'} `{grouping.members.name[int(ruled.partner[member])]}`"
    return f"{ruled.sentence(member)}, and began {when}.", None, abs(gap)


def _alone(grouping: Grouping, group: Group, member: int) -> tuple[str, int | None, int | None]:
    ruled = grouping.ruled
    if ruled is not None and ruled.lacking[member] >= 0:
        return ruled.excuse(member), None, None
    return (ANCHOR, 0, 0) if len(group.members) > 1 else (UNGROUPABLE, None, None)


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
    if own == other:
        return f"Context of `{own}` itself (load, or for information)"
    return f"Context: `{own}` is next to `{other}`" if is_child else f"`{own}` is next to `{other}`, which is context"
