"""What is told about one incident, as plain values: on the page of a window, and on its own page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiops_jobs.core.reports.plots import Series, Spot
from aiops_jobs.core.reports.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Proof:
    """One piece of evidence."""

    kind: str
    statement: str
    source: str
    """Where it can be seen again."""
    series_id: str = ""
    """Series it speaks of, if it is about one."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One ranked cause."""

    rank: int
    statement: str
    kind: str
    entity_id: str | None
    change_id: str | None
    confidence: float
    status: str
    score: float
    """Odds against not knowing; 1.0 is the boundary."""
    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """An anomaly in its expected band."""

    finding_id: str
    title: str
    told: str
    """What the picture shows, in one sentence."""
    severity: str
    score: float
    metric_name: str
    unit: str | None
    series: Series
    spot: Spot
    entity_id: str = ""
    series_id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was changed near an incident."""

    change_id: str
    change_type: str
    title: str
    entity_id: str
    started_at: datetime
    outcome: str
    rank: int | None
    """Its rank among the probable causes; null: it is not among them."""
    planned: tuple[datetime, datetime] | None = None
    """When it was to be done, where that is a stretch of time."""


@dataclass(frozen=True, slots=True)
class Member:
    """An alert or a finding of an incident."""

    member_id: str
    kind: str
    name: str
    entity_id: str
    severity: str
    started_at: datetime
    ended_at: datetime | None
    role: str
    reason: str
    is_symptom: bool = False
    """Whether people feel it: latency or errors."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """A stretch in which an alert was kept from people."""

    alert_id: str
    alert_name: str
    entity_id: str
    kind: str
    rule: str
    reason: str
    started_at: datetime
    ended_at: datetime | None
    by: str | None
    """The change or alert that did so."""
    delay_s: float | None
    is_harm: bool


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket, or the intent to open one, about an incident or a finding."""

    subject_id: str
    endpoint: str
    key: str | None
    url: str | None
    state: str
    """State of the ticket where it exists, else of its delivery."""
    title: str
    priority: str
    error: str | None = None
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident, as far as a page tells it."""

    anchor: str
    incident_id: str
    title: str
    summary: str
    priority: str
    severity: str
    is_open: bool
    started_at: datetime
    detected_at: datetime
    ended_at: datetime | None
    service: str | None
    services: tuple[str, ...]
    alert_count: int
    finding_count: int
    source_count: int
    cause_entity_id: str | None
    chain: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    members: tuple[Member, ...]
    changes: tuple[Change, ...]
    tickets: tuple[Ticket, ...]
    plots: tuple[Plot, ...]
    timeline: Timeline
    factors: tuple[str, ...]
    """Why it has its priority."""
    quiet: tuple[Quiet, ...] = ()
    """Alerts of it that were kept from people for a while."""
