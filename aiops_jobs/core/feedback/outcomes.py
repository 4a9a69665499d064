"""What became of an incident, from its tickets and the verdict that holds; and the figures over many incidents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops_jobs.contracts.feedback import INCIDENT_OUTCOMES
from aiops_jobs.core.feedback.durations import Spread, between, spread
from aiops_jobs.core.feedback.verdicts import DUPLICATE, FINAL_STATES

Row = Mapping[str, Any]


def outcome_row(incident: Row, tickets: Sequence[Row], label: Row | None, known_at: datetime) -> dict[str, Any]:
    """Return a row of ``incident_outcomes``.

    Args:
        incident: ``incident_id, started_at, detected_at``.
        tickets: Rows of ``tickets`` about it, in all sinks.
        label: The label that holds, if any.
        known_at: When we learned it.
    """
    is_over = bool(tickets) and all(row["ticket_state"] in FINAL_STATES for row in tickets)
    ends = [row["resolved_at"] for row in tickets]
    resolved = max(ends) if is_over and None not in ends else None
    taken = min((row["acknowledged_at"] for row in tickets if row["acknowledged_at"]), default=None)
    newest = max(tickets, key=lambda row: (row["opened_at"], row["endpoint"]), default={})
    said = label or {}
    return dict.fromkeys(INCIDENT_OUTCOMES.names) | {
        "incident_id": incident["incident_id"],
        "started_at": incident["started_at"],
        "known_at": known_at,
        "outcome_state": ("resolved" if is_over else "open") if tickets else None,
        **{name: said.get(name) for name in ("label_verdict", "verdict_number", "is_self_generated")},
        **{name: said.get(name) for name in ("cause_entity_id", "cause_text", "resolution_code")},
        **{name: newest.get(name) for name in ("assignee", "closed_by", "reopen_count")},
        "acknowledged_at": taken,
        "resolved_at": resolved,
        "time_to_detect_s": between(incident["started_at"], incident["detected_at"]),
        "time_to_acknowledge_s": between(incident["detected_at"], taken),
        "time_to_resolve_s": between(incident["started_at"], resolved),
    }


def is_news(row: Row, last: Row | None) -> bool:
    """Tell whether an outcome says something else than the last one of the incident."""
    return last is None or any(row[name] != last[name] for name in INCIDENT_OUTCOMES.names if name != "known_at")


def latest(outcomes: Iterable[Row], at: datetime | None = None) -> dict[str, Row]:
    """Return the outcome of each incident as known at an instant."""
    known = (row for row in outcomes if at is None or row["known_at"] <= at)
    return {row["incident_id"]: row for row in sorted(known, key=lambda row: (row["known_at"], row["incident_id"]))}


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of several incidents; a duplicate counts once, with the incident it is a duplicate of.

    Args:
        incidents: How many were looked at.
        verdicts: How many have which verdict; those without one are not in it.
    """

    incidents: int
    detect: Spread
    acknowledge: Spread
    resolve: Spread
    verdicts: Mapping[str, int]


def figures(outcomes: Mapping[str, Row]) -> Figures:
    """Return the figures of the incidents of which an outcome is known, as `latest` returns them."""
    told = list(outcomes.values())
    single = [row for row in told if row["label_verdict"] != DUPLICATE]
    verdicts = Counter(str(row["label_verdict"]) for row in told if row["label_verdict"])
    return Figures(
        incidents=len(told),
        detect=spread(row["time_to_detect_s"] for row in single),
        acknowledge=spread(row["time_to_acknowledge_s"] for row in single),
        resolve=spread(row["time_to_resolve_s"] for row in single),
        verdicts=dict(sorted(verdicts.items())),
    )
