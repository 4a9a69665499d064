"""Which conclusions deserve a person's time: the reason against a ticket, and the priority of a risk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from aiops_jobs.contracts.columns import PRIORITIES
from aiops_jobs.core.policies import PriorityPolicy, TicketPolicy


def reason_against(incident: Mapping[str, Any], policy: TicketPolicy) -> str | None:
    """Return why an incident gets no ticket, or nothing if it does."""
    if PRIORITIES.index(incident["priority"]) > PRIORITIES.index(policy.min_priority):
        return f"{incident['priority']} is less urgent than {policy.min_priority}."
    services, lone = json.loads(incident["services_affected"] or "[]"), policy.min_lone_finding_s
    members = incident["alert_count"] + incident["finding_count"]
    if not services and not incident["alert_count"] and members < policy.min_members_without_symptom:
        return f"Nobody feels it, no alert speaks of it, and it has only {members} members."
    if incident["severity"] == "warning" and not incident["alert_count"] and len(services) < 2:
        return "Only warnings of ours about one service, and no alert."
    if members == 1 and not incident["alert_count"] and _is_unexplained(incident) and _lasted_s(incident) < lone:
        return f"A single finding of ours, without alert or known cause, that was over within {lone / 60:.0f} min."
    return None


def _is_unexplained(incident: Mapping[str, Any]) -> bool:
    return (incident["cause_kind"] or "unknown") == "unknown"


def _lasted_s(incident: Mapping[str, Any]) -> float:
    """Return how long an incident lasted; one that goes on has lasted long enough."""
    if incident["ended_at"] is None:
        return math.inf
    return float((incident["ended_at"] - incident["started_at"]).total_seconds())


def risk_priority(severity: str, criticality: str | None, policy: PriorityPolicy) -> str:
    """Return the priority of a risk: nothing has happened yet, so the urgency is that of its severity less one."""
    impact = {"critical": "high", "high": "medium", "medium": "medium", "low": "low"}[criticality or "medium"]
    urgency = {"critical": "medium", "warning": "low", "info": "low"}[severity]
    return next(p for i, u, p in policy.matrix if (i, u) == (impact, urgency))
