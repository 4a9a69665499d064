"""Scores other products give, for those who compare: ServiceNow's priority value of an alert."""

from __future__ import annotations

from dataclasses import dataclass, fields

WEIGHTS = {
    "services": 1_000_000.0,
    "severity": 100_000.0,
    "ci_type": 100.0,
    "role": 10.0,
    "secondary_count": 0.01,
    "state": 0.001,
}


@dataclass(frozen=True, slots=True)
class ServiceNowParts:
    """What the value is made of.

    Args:
        services: Sum of the business criticalities of the impacted services.
        severity, ci_type, role, state: Points of each.
        secondary_count: Further alerts of the group.
    """

    services: float = 0
    severity: float = 0
    ci_type: float = 0
    role: float = 0
    secondary_count: float = 0
    state: float = 0

    def contributions(self) -> list[tuple[str, float, float]]:
        """Return each part's name, weight and what it adds."""
        return [(f.name, WEIGHTS[f.name], WEIGHTS[f.name] * getattr(self, f.name)) for f in fields(self)]


def servicenow_priority_value(parts: ServiceNowParts) -> float:
    """Return the weighted sum of the parts; a part that is too large for its place carries into the next.

    The vendor's documentation (Event Management, "Alert priority") gives several weights for the secondary alerts; the
    one of its formula is used.

    Example:
        >>> round(servicenow_priority_value(ServiceNowParts(services=7, severity=3, ci_type=20, role=2, state=3)), 3)
        7302020.003
    """
    return sum(added for _, _, added in parts.contributions())
