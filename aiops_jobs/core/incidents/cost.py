"""What an incident is expected to cost if nobody acts, beside its priority: one factor for each part of the product."""

from __future__ import annotations

from dataclasses import dataclass

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.core.columns import OPEN, SECOND
from aiops_jobs.core.incidents.case import Case
from aiops_jobs.core.incidents.past import Past
from aiops_jobs.core.incidents.priority import Factor, affected_services, criticality
from aiops_jobs.core.incidents.scores import ServiceNowParts, servicenow_priority_value
from aiops_jobs.core.incidents.words import duration, listed
from aiops_jobs.core.policies.cost import CostPolicy

HOUR_S = 3600.0
BUSINESS = {"critical": 4, "high": 3, "medium": 2, "low": 1}
"""Points of ServiceNow's value for the criticality of a service; its severities go the same way."""
CI_TYPES = {"service": 50, "gateway": 40, "database": 30, "queue": 20, "host": 10, "disk": 5}
"""Points for what kind of thing the incident is about."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The expected cost, the probability it rests on, and its factors."""

    expected: float
    actionable: float
    factors: tuple[Factor, ...]


def expected_cost(case: Case, past: Past, policy: CostPolicy) -> Cost:
    """Return ``P(actionable) x impact per hour x E[duration]`` of an incident.

    An incident that has lasted longer than expected is expected to have ended now: what it has cost, it has cost.
    """
    services = affected_services(case)
    outlook = past.outlook(services, case.began, policy)
    rates = dict(policy.per_hour)
    rate = sum(rates[criticality(case, name)] for name in services) if services else policy.unfelt_per_hour
    lasted = (min(case.ended, case.world.until) - case.began) / SECOND
    length = lasted if case.ended < OPEN else max(outlook.duration_s, lasted)
    cost = outlook.actionable * rate * length / HOUR_S
    seen = f"{outlook.own} closed tickets of these services, {outlook.all} of all"
    hours = length / HOUR_S
    lasts = duration(int(length * SECOND))
    why = "it is over" if case.ended < OPEN else f"it has lasted {duration(int(lasted * SECOND))}; {seen}"
    factors = (
        Factor("cost_actionable", f"{outlook.actionable:.0%}: {seen}", 1.0, outlook.actionable),
        Factor("cost_per_hour", f"{rate:.4g}: {listed(services) if services else 'nobody feels it'}", 1.0, rate),
        Factor("cost_duration", f"{lasts}: {why}", 1.0, hours),
        Factor("cost_expected", f"{outlook.actionable:.0%} x {rate:.4g} an hour x {lasts} = {cost:.4g}", 1.0, cost),
    )
    told = (*factors, *_servicenow(case, services)) if policy.score == "servicenow" else factors
    return Cost(cost, outlook.actionable, told)


def _servicenow(case: Case, services: list[str]) -> list[Factor]:
    """Return ServiceNow's priority value with its parts, in our terms."""
    members = case.members
    node = case.members.nodes[case.group.anchor] or ""
    parts = ServiceNowParts(
        services=sum(BUSINESS[criticality(case, name)] for name in services),
        severity=max(int(members.severity[m]) for m in case.own) * 2 + 1,
        ci_type=CI_TYPES.get(node.partition("/")[0], 0),
        role=0,
        secondary_count=len(case.own) - 1,
        state=3 if case.ended >= OPEN else 0,
    )
    said = {
        "services": listed(services) or "none",
        "severity": SEVERITIES[max(int(members.severity[m]) for m in case.own)],
        "ci_type": node.partition("/")[0] or "unknown",
        "role": "not known here",
        "secondary_count": f"{len(case.own) - 1} further members",
        "state": "open" if case.ended >= OPEN else "closed",
    }
    rows = [Factor(f"servicenow_{name}", said[name], w, added) for name, w, added in parts.contributions()]
    return [
        *rows,
        Factor("servicenow_value", f"{servicenow_priority_value(parts):,.3f}", 1.0, servicenow_priority_value(parts)),
    ]
