"""Incidents that began before a run's span and were not over: they take no new members, but they end.

An incident takes members for at most ``max_duration_s``, and a span reaches back at least that far. So what began
before the span is complete; only the ends of its members can still change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.results import INCIDENTS
from aiops_jobs.core.columns import OPEN, rows_from_records, to_instant_or_none
from aiops_jobs.core.incidents.members import Members


def carry_on(
    incidents: pa.Table, memberships: pa.Table, members: Members, *, told: Collection[str], taken: Collection[str]
) -> pa.Table:
    """Return the incidents (without lineage) with state and end brought up to date, sorted by id.

    Args:
        incidents: ``incidents`` as published before.
        memberships: Their ``incident_alerts``.
        members: Their members as they are known now.
        told: Incidents that this run speaks about anyway; left out.
        taken: Members that belong to one of those now; an incident that lost one to them is left as it was.
    """
    place = {member: i for i, member in enumerate(members.ids)}
    of_incident: dict[str, list[str]] = {}
    for row in memberships.select(["incident_id", "member_id"]).to_pylist():
        of_incident.setdefault(row["incident_id"], []).append(row["member_id"])
    rows = []
    for row in incidents.to_pylist():
        own = of_incident.get(row["incident_id"], [])
        if row["incident_id"] in told or not own or any(m in taken for m in own):
            continue
        rows.append({**row, **_state(members, [place[m] for m in own if m in place], row)})
    return rows_from_records(INCIDENTS, sorted(rows, key=lambda row: row["incident_id"]))


def _state(members: Members, own: list[int], before: Mapping[str, Any]) -> dict[str, Any]:
    if not own:
        return {name: before[name] for name in ("incident_state", "ended_at")}
    holding = [m for m in own if members.is_alert[m] or members.is_symptom[m]] or own
    ended = max(int(members.end[m]) for m in holding)
    return {"incident_state": "open" if ended >= OPEN else "resolved", "ended_at": to_instant_or_none(ended)}
