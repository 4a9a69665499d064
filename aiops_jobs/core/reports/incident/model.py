"""What the page of one incident shows beyond what the page of its window tells, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiops_jobs.core.reports.incident.placing import Map
from aiops_jobs.core.reports.incident_model import Change, Incident
from aiops_jobs.core.reports.model import RunLine


@dataclass(frozen=True, slots=True)
class Runbook:
    """A runbook that fits."""

    runbook_id: str
    title: str
    reason: str
    risk_tier: str
    score: float
    parameters: tuple[tuple[str, str], ...]
    matched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Similar:
    """An incident or a ticket of the past."""

    similar_id: str
    kind: str
    title: str
    opened_at: datetime | None
    similarity: float
    resolution: str
    resolution_code: str
    cause: str | None
    matched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of the priority."""

    name: str
    value: str
    weight: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the incident, as known then; null where nobody knows."""

    known_at: datetime
    state: str | None
    verdict: str | None
    is_ours: bool
    """Our own call resolved the ticket: no person has said it."""
    cause: str | None
    words: str | None
    assignee: str | None
    closed_by: str | None
    reopened: int | None
    detect_s: float | None
    acknowledge_s: float | None
    resolve_s: float | None


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the page of one incident shows."""

    estate: str
    known_at: datetime
    """The page knows what was known then; what is not over is told up to then."""
    incident: Incident
    impact: str
    urgency: str
    confidence: float | None
    abstained: bool
    least_confidence: float
    """Below it no cause is named."""
    policy_version: str
    next_step: str
    runbooks: tuple[Runbook, ...]
    rollbacks: tuple[Change, ...]
    similar: tuple[Similar, ...]
    factors: tuple[Factor, ...]
    expected_cost: float | None
    actionable: float | None
    map: Map
    runs: tuple[RunLine, ...]
    gaps: tuple[str, ...]
    outcome: Outcome | None = None
    """Null before anything was read back."""
