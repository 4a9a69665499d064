"""How urgent an incident is: impact by urgency, as ITIL has it, with one row per factor.

Impact is who suffers: the criticality of the services with symptoms, and how many they are. Urgency is how badly and
for how long. Both only grow while an incident lasts, so a priority is never lowered behind anybody's back; announced
events and maintenance windows are noted as factors that add nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.core.columns import SECOND
from aiops_jobs.core.incidents.announcements import announced, covers
from aiops_jobs.core.incidents.case import Case
from aiops_jobs.core.incidents.words import duration, listed, quantity
from aiops_jobs.core.policies import PriorityPolicy

IMPACT_OF = {"critical": 3.0, "high": 2.0, "medium": 2.0, "low": 1.0}
UNSTATED = "medium"
"""Criticality of a service the catalogue says nothing about."""
LOST_RATIO, SLOWED, LASTING_S = 0.03, 3.0, 1800
"""From these on errors, slowness and length raise the urgency: 3 % of the requests, three times, half an hour."""
LEVEL_OF = {3: "high", 2: "medium", 1: "low"}


@dataclass(frozen=True, slots=True)
class Factor:
    """One thing that was taken into account."""

    name: str
    raw_value: str
    weight: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Priority:
    """Impact, urgency, their product, and why."""

    impact: str
    urgency: str
    priority: str
    factors: tuple[Factor, ...]


def affected_services(case: Case) -> list[str]:
    """Return the services with symptoms, the most critical first, then by name."""
    found = {s for node in case.suffering for s in _services_of(case, node)}
    return sorted(found, key=lambda name: (-IMPACT_OF[criticality(case, name)], _grade(case, name), name))


def criticality(case: Case, service: str) -> str:
    """Return what the catalogue says about a service, or the assumption where it says nothing."""
    return case.topology.said(f"service/{service}", "service_criticality") or UNSTATED


def prioritise(case: Case, *, policy: PriorityPolicy) -> Priority:
    """Return the priority of an incident."""
    impact_factors = _impact_factors(case, policy)
    urgency_factors = _urgency_factors(case)
    impact = LEVEL_OF[int(max(1.0, *(f.contribution for f in impact_factors)))]
    points = sum(f.contribution for f in urgency_factors)
    urgency = "high" if points >= 3 else "medium" if points >= 2 else "low"
    matrix = {(i, u): p for i, u, p in policy.matrix}
    priority = matrix[impact, urgency]
    combined = Factor("matrix", f"impact {impact} x urgency {urgency} = {priority}", 1.0, 0.0)
    return Priority(impact, urgency, priority, (*impact_factors, *urgency_factors, *_notes(case), combined))


def _grade(case: Case, service: str) -> int:
    return ("critical", "high", "medium", "low").index(criticality(case, service))


def _services_of(case: Case, node: str) -> set[str]:
    kind, _, name = node.partition("/")
    if kind == "service":
        return {name}
    said = case.topology.said(node, "service_name")
    named = {case.members.service[m] for m in case.by_node[node]}
    return {service for service in (said, *named) if service}


def _impact_factors(case: Case, policy: PriorityPolicy) -> list[Factor]:
    services = affected_services(case)
    if not services:
        return [Factor("affected_services", "0: nobody is known to feel it", 1.0, 1.0)]
    most = criticality(case, services[0])
    alike = [s for s in services if criticality(case, s) == most]
    many = 3.0 if len(services) >= policy.high_impact_services else 0.0
    return [
        Factor("criticality", f"{most}: {listed(alike)}", IMPACT_OF[most], IMPACT_OF[most]),
        Factor("affected_services", f"{len(services)}: {listed(services)}", 3.0, many),
    ]


def _urgency_factors(case: Case) -> list[Factor]:
    members = case.members
    severity = max(int(members.severity[m]) for m in case.own)
    lost = max((_lost(members.details[m]) for m in case.own if members.role[m] == "errors"), default=0.0)
    slowed = max((_slowed(members.details[m]) for m in case.own if members.role[m] == "latency"), default=1.0)
    lasted = min(case.ended, case.world.until) - case.felt
    return [
        Factor("severity", SEVERITIES[severity], 1.0, float(severity)),
        Factor("error_share", quantity(lost, "1", "lost_ratio"), 1.0, float(lost >= LOST_RATIO)),
        Factor("slowdown", f"{slowed:.3g} times as slow as usual", 1.0, float(slowed >= SLOWED)),
        Factor("persistence", duration(lasted), 1.0, float(lasted >= LASTING_S * SECOND)),
    ]


def _lost(details: Mapping[str, Any] | None) -> float:
    """Return the share of requests that an error or success ratio says were lost."""
    if not details or details.get("unit") not in {"1", None, ""}:
        return 0.0
    return min(1.0, max(0.0, abs(float(details["observed"]) - float(details["expected"]))))


def _slowed(details: Mapping[str, Any] | None) -> float:
    if not details or float(details["expected"]) <= 0:
        return 1.0
    return max(1.0, float(details["observed"]) / float(details["expected"]))


def _notes(case: Case) -> list[Factor]:
    """Return what people announced, as factors that add nothing: known work explains, it does not excuse."""
    notes = []
    event = announced(case)
    if event:
        notes.append(Factor("announced_event", f"{event['change_id']}: {event['title']}"[:200], 0.0, 0.0))
    planned = maintenance(case)
    if planned:
        text = listed([f"{row['change_id']} on {row['entity_id'] or row['service_name']}" for row in planned])
        notes.append(Factor("maintenance", text, 0.0, 0.0))
    return notes


def maintenance(case: Case) -> Sequence[Mapping[str, Any]]:
    """Return planned changes under way, on what is affected or what it depends on, when the incident began."""
    changes = case.world.changes
    places = sorted({p for node in (*case.by_node, *case.upstream) for p in changes.by_node.get(node, ())})
    rows = [changes.rows[p] for p in places]
    return [r for r in rows if r["change_type"] != "event" and r["planned_end_at"] and covers(r, case.began)]
