"""Which conclusion speaks of which fault: the definitions the scoreboard rests on.

* An **incident** speaks of a fault if it begins within ``[fault.started_at - 10 min, fault.ended_at + 1 h]`` and
  touches an entity the fault affects: the root at any time of that interval, any other entity only from 10 minutes
  before its own first symptom on (a file system may fill for days before anybody feels it). An incident touches its own
  entity, its service, the services it says are affected, and the entities and services of its members.
* A **prediction** (finding of kind ``capacity_risk`` or ``failure_risk``; a failure risk with the decision ``act``)
  speaks of a fault if it is about the root and was issued between the begin of the fault and its breach.
* A finding of kind ``data_quality`` speaks of a fault if it is about the root, began no earlier than 10 minutes before
  it, and was known no later than 1 hour after its end.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from aiops_jobs.core.estate.ledger import Fault
from aiops_jobs.core.estate.spec import Row

BEFORE = timedelta(minutes=10)
AFTER = timedelta(hours=1)
PREDICTIONS = ("capacity_risk", "failure_risk")


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One thing the house has said, reduced to what matching needs."""

    subject_id: str
    kind: str
    """incident | capacity_risk | failure_risk | data_quality"""
    entities: frozenset[str]
    started_at: datetime
    known_at: datetime
    priority: str | None = None


def speaks_of(conclusion: Conclusion, fault: Fault) -> bool:
    """Tell whether a conclusion is about a fault, by the definitions of this module."""
    if conclusion.kind == "incident":
        return _incident_speaks_of(conclusion, fault)
    if fault.root_entity_id not in conclusion.entities:
        return False
    if conclusion.kind in PREDICTIONS:
        until = fault.breaches_at or fault.ended_at
        return fault.started_at <= conclusion.known_at < until
    return fault.started_at - BEFORE <= conclusion.started_at and conclusion.known_at <= fault.ended_at + AFTER


def is_excusable(conclusion: Conclusion, fault: Fault) -> bool:
    """Tell whether a conclusion that does not find a fault is at least caused by it: no false alarm, no merit."""
    if speaks_of(conclusion, fault):
        return True
    if conclusion.kind not in PREDICTIONS:
        return False
    is_near = fault.started_at <= conclusion.known_at <= fault.ended_at + AFTER
    return is_near and bool(conclusion.entities & fault.affected_entities)


def _incident_speaks_of(incident: Conclusion, fault: Fault) -> bool:
    begin = incident.started_at
    if not fault.started_at - BEFORE <= begin <= fault.ended_at + AFTER:
        return False
    if fault.root_entity_id in incident.entities:
        return True
    return any(s.entity_id in incident.entities and s.started_at - BEFORE <= begin for s in fault.symptoms)


def incidents_of(tables: Mapping[str, pa.Table]) -> list[Conclusion]:
    """Return the incidents with the entities they touch, by begin."""
    touched = _touched_by_members(tables)
    found = [
        Conclusion(
            row["incident_id"],
            "incident",
            frozenset({*_own(row), *touched[row["incident_id"]]}),
            row["started_at"],
            row["detected_at"],
            row["priority"],
        )
        for row in rows_of(tables, "incidents")
    ]
    return sorted(found, key=lambda c: (c.started_at, c.subject_id))


def findings_of(tables: Mapping[str, pa.Table]) -> list[Conclusion]:
    """Return predictions and data-quality findings, by the time they were known."""
    kinds = (*PREDICTIONS, "data_quality")
    findings = {row["finding_id"]: row for row in rows_of(tables, "findings") if row["finding_kind"] in kinds}
    found = [
        Conclusion(name, row["finding_kind"], frozenset([row["entity_id"]]), row["started_at"], row["detected_at"])
        for name, row in findings.items()
    ]
    for table, kind in (("capacity_risks", "capacity_risk"), ("failure_risks", "failure_risk")):
        for row in rows_of(tables, table):
            if row["finding_id"] in findings or row.get("decision") == "act":
                issued, entities = row["issued_at"], frozenset([row["entity_id"]])
                found.append(Conclusion(row["finding_id"], kind, entities, issued, issued))
    return sorted(set(found), key=lambda c: (c.known_at, c.subject_id, c.kind))


def rows_of(tables: Mapping[str, pa.Table], name: str) -> list[Row]:
    """Return the rows of a table, none where it is not there."""
    rows: list[Row] = tables[name].to_pylist() if name in tables else []
    return rows


def _own(row: Row) -> Iterable[str]:
    yield from _about(row)
    for name in json.loads(row.get("services_affected") or "[]"):
        yield f"service/{name}"


def _about(row: Row) -> Iterable[str]:
    if row.get("entity_id"):
        yield row["entity_id"]
    if row.get("service_name"):
        yield f"service/{row['service_name']}"


def _touched_by_members(tables: Mapping[str, pa.Table]) -> dict[str, set[str]]:
    about = {row["alert_id"]: set(_about(row)) for row in rows_of(tables, "alerts")}
    about |= {row["finding_id"]: set(_about(row)) for row in rows_of(tables, "findings")}
    touched: dict[str, set[str]] = defaultdict(set)
    for row in rows_of(tables, "incident_alerts"):
        touched[row["incident_id"]] |= about.get(row["member_id"], set())
    return touched
