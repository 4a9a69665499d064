"""What an incident is expected to cost if nobody acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CostPolicy:
    """Expected cost: probability that somebody can act, times impact per hour, times expected hours."""

    per_hour: tuple[tuple[str, float], ...] = (("critical", 100.0), ("high", 30.0), ("medium", 10.0), ("low", 3.0))
    """What an hour without a service costs, by its criticality, in any unit you like; the default only ranks."""
    unfelt_per_hour: float = 1.0
    """What an hour costs of what nobody feels yet."""
    lookback_s: float = 180 * 86400.0
    """How far back tickets are looked at."""
    prior_actionable_ratio: float = 0.5
    """Share of incidents that somebody could act on, believed before any ticket is seen."""
    prior_duration_s: float = 3600.0
    """Length of an incident, believed before any ticket is seen."""
    prior_weight: float = 5.0
    """So many tickets weigh as much as what was believed before; those of all services stand behind those of one."""
    longest_s: float = 7 * 86400.0
    """A ticket that was open for longer counts as open for so long: somebody forgot to close it."""
    unactionable_codes: tuple[str, ...] = (
        "false_alarm",
        "no_fault_found",
        "not_reproducible",
        "cannot_reproduce",
        "self_resolved",
        "resolved_by_itself",
        "expected_behaviour",
        "duplicate",
        "no_action",
        "cancelled",
    )
    """Resolution codes of tickets nobody could do anything about; compared in lower case, words joined by `_`."""
    request_codes: tuple[str, ...] = ("fulfilled", "request_fulfilled", "granted", "answered", "done", "delivered")
    """Resolution codes of tickets that were no incidents; left out."""
    score: Literal["none", "servicenow"] = "none"
    """A further score of the priority to be told with its parts: `servicenow` is that product's priority value."""
