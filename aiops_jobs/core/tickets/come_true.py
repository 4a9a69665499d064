"""A risk and the incident that comes of it are one story, and have one ticket.

An incident comes of a risk if it is about the risk's entity (as its cause, or as what it is told about), not brought by
a change or by load, and began within the horizon of the forecast, while or before the risk was told. Whichever got a
ticket first keeps it: a risk's ticket goes on as the incident's, and a risk told after its incident opens none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aiops_jobs.core.tickets.subjects import Subject, risk_key

OTHER_STORIES = ("change", "config", "traffic")
"""Causes that a forecast does not foresee."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Stories:
    """Which incidents came of which risks."""

    risks_of: Mapping[str, Collection[str]]
    """Keys of the risks that an incident came of, by incident."""
    now: Mapping[str, str]
    """The incident that a risk has become and that was not over when the risk was last told, by the risk's key."""


def stories(incidents: Sequence[Row], risks: Sequence[Row], horizon_s: float) -> Stories:
    """Return which incidents came of which risks.

    Args:
        incidents: Rows of ``incidents``.
        risks: Rows of ``findings`` about risks, all that are remembered.
        horizon_s: How far a risk looks ahead, in seconds.
    """
    horizon = timedelta(seconds=horizon_s)
    told: dict[str, list[tuple[datetime, str]]] = {}
    for risk in risks:
        told.setdefault(risk["entity_id"], []).append((risk["started_at"], risk_key(risk)))
    risks_of: dict[str, set[str]] = {}
    now: dict[str, tuple[datetime, str]] = {}
    for row in incidents:
        if row["cause_kind"] in OTHER_STORIES:
            continue
        for entity in {row["cause_entity_id"], row["entity_id"]} & set(told):
            newest = {key: max(at for at, k in told[entity] if k == key) for _, key in told[entity]}
            for at, key in told[entity]:
                if row["started_at"] - horizon <= at and (row["ended_at"] is None or at <= row["ended_at"]):
                    risks_of.setdefault(row["incident_id"], set()).add(key)
                    if row["ended_at"] is None or newest[key] <= row["ended_at"]:
                        now[key] = max(now.get(key, (row["started_at"], "")), (row["started_at"], row["incident_id"]))
    return Stories(risks_of, {key: incident_id for key, (_, incident_id) in now.items()})


def one_ticket_each(subjects: Sequence[Subject], told: Stories, last_action: Mapping[str, str]) -> list[Subject]:
    """Return the subjects so that no story has two tickets at one sink.

    Args:
        subjects: Incidents and risks.
        told: Which belong together.
        last_action: Of the calls made about each external key at the sink; those without a ticket are left out.
    """
    by_key = {subject.external_key: subject for subject in subjects}
    open_keys = {key for key, action in last_action.items() if action != "resolve"}
    found = []
    for subject in subjects:
        if subject.kind == "incident":
            found.append(_incident(subject, told, last_action, open_keys))
        else:
            found.append(_risk(subject, by_key.get(told.now.get(subject.external_key, "")), last_action))
    return found


def _incident(subject: Subject, told: Stories, last_action: Mapping[str, str], open_keys: Collection[str]) -> Subject:
    had = [key for key in told.risks_of.get(subject.external_key, ()) if key in last_action]
    if subject.external_key in last_action or not had:
        return subject
    if subject.closing is None and not any(key in open_keys for key in had):
        return subject  # the risk's ticket is closed, and the trouble goes on: it needs one
    return replace(subject, against="It was foreseen: the ticket about the risk is the ticket about it.")


def _risk(subject: Subject, incident: Subject | None, last_action: Mapping[str, str]) -> Subject:
    if incident is None:
        return subject
    if subject.external_key not in last_action:
        return replace(subject, against=f"It has happened: {incident.subject_id} speaks of it.")
    if incident.external_key in last_action:
        return subject
    return replace(
        subject,
        title=incident.title,
        text=incident.text,
        closing=incident.closing,
        priority=min(subject.priority, incident.priority),
        meaning={**subject.meaning, "incident": dict(incident.meaning), "incident_id": incident.subject_id},
        fields={**subject.fields, **incident.fields},
    )
