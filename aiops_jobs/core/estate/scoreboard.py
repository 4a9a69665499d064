"""The judgement: what the house concluded about an estate, against the ledger of what was really wrong.

What it means that a conclusion *speaks of* a fault is defined in ``matching``. A fault is found if a conclusion of a
kind that counts for it (`Fault.found_by`) speaks of it; it counts once, further incidents about it are split
incidents. An incident that speaks of no fault is a false incident: announced events are no faults.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.columns import SUPPRESSION_KINDS
from aiops_jobs.core.alerts.funnel import Funnel, funnel
from aiops_jobs.core.estate.ledger import Fault
from aiops_jobs.core.estate.matching import (
    PREDICTIONS,
    Conclusion,
    findings_of,
    incidents_of,
    is_excusable,
    rows_of,
    speaks_of,
)
from aiops_jobs.core.estate.spec import Row
from aiops_jobs.window import Window

NOT_SENT = ("skipped",)


@dataclass(frozen=True, slots=True)
class FaultRow:
    """How one fault fared."""

    fault_id: str
    kind: str
    root_entity_id: str
    expected_priority: str
    is_detectable: bool
    found_by: str | None
    """Kind of the first conclusion that found it; ``None``: missed."""
    subject_id: str | None
    """Incident or finding that found it."""
    detection_delay_s: float | None
    """From the begin of the fault to when it could first be known."""
    lead_s: float | None
    """From the prediction to the breach; ``None`` where nothing was predicted."""
    cause_rank: int | None
    """Rank of the true entity or change in the first incident about it; ``None``: not among the candidates."""
    is_cause_kind_right: bool | None
    priority: str | None
    incident_count: int
    ticket_count: int


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """All faults of one estate, and all false alarms."""

    faults_total: int
    """Faults that the telemetry shows."""
    faults_found: int
    incidents_total: int
    false_incident_ids: tuple[str, ...]
    false_predictions: tuple[str, ...]
    """``kind entity`` of predictions about entities with nothing wrong."""
    days: float
    cause_judged: int
    """Faults that an incident speaks of, so that a cause could have been named."""
    cause_first: int
    """Of these: the true entity or change stands first."""
    split_incidents: int
    tickets_opened: int
    duplicate_tickets: int
    """Tickets about a fault that already has one at the same endpoint."""
    false_tickets: int
    """Tickets about nothing that was wrong."""
    noise: Funnel
    """What became of the notifications of the window."""
    faults: tuple[FaultRow, ...]

    @property
    def recall(self) -> float:
        """Share of detectable faults that were found; 1 where there was none."""
        return self.faults_found / self.faults_total if self.faults_total else 1.0

    @property
    def noise_reduction(self) -> float | None:
        """Share of the notifications of monitoring systems that nobody gets: one per ticket remains; null without any.

        Tickets about predictions count as well, though no notification led to them.
        """
        return 1.0 - self.tickets_opened / self.noise.events if self.noise.events else None

    @property
    def false_incidents(self) -> int:
        """Incidents that speak of no fault."""
        return len(self.false_incident_ids)

    @property
    def false_incidents_per_day(self) -> float:
        """The same per day of the window."""
        return self.false_incidents / self.days

    @property
    def cause_ranks(self) -> tuple[int | None, ...]:
        """Rank of the true cause, for each fault that an incident speaks of."""
        return tuple(
            row.cause_rank for row in self.faults if row.incident_count and row.is_cause_kind_right is not None
        )

    @property
    def tickets_per_fault(self) -> float:
        """Tickets per fault that got any; 0 where none did."""
        counts = [row.ticket_count for row in self.faults if row.ticket_count]
        return sum(counts) / len(counts) if counts else 0.0

    def summary(self) -> dict[str, Any]:
        """Return the measures by name, without the faults."""
        return {
            "faults_total": self.faults_total,
            "faults_found": self.faults_found,
            "recall": self.recall,
            "incidents_total": self.incidents_total,
            "false_incidents": self.false_incidents,
            "false_incidents_per_day": self.false_incidents_per_day,
            "false_predictions": len(self.false_predictions),
            "cause_judged": self.cause_judged,
            "cause_first": self.cause_first,
            "split_incidents": self.split_incidents,
            "tickets_opened": self.tickets_opened,
            "tickets_per_fault": self.tickets_per_fault,
            "duplicate_tickets": self.duplicate_tickets,
            "false_tickets": self.false_tickets,
            "notifications": self.noise.events,
            "notifications_avoided": self.noise.notifications_avoided,
            "noise_reduction": self.noise_reduction,
            "alerts": self.noise.alerts,
            "alerts_suppressed": self.noise.suppressed,
            **{f"suppressed_{kind}": 0 for kind in SUPPRESSION_KINDS},
            **{f"suppressed_{kept.kind}": kept.alerts for kept in self.noise.kept},
            "suppression_harm": self.noise.harm,
            "suppression_delay_s": self.noise.harm_delay_s,
        }

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one plain row per fault, for printing."""
        return [asdict(row) for row in self.faults]


def score(ledger: Sequence[Fault], tables: Mapping[str, pa.Table], window: Window) -> Scoreboard:
    """Compare conclusions with the ledger.

    Args:
        ledger: The faults.
        tables: Result tables by contract name: ``incidents``, ``incident_alerts``, ``alerts``, ``findings``,
            ``root_causes``, ``capacity_risks``, ``failure_risks``, ``alert_suppressions``, and ``tickets`` or
            ``ticket_outbox`` (``tickets`` is used where both are given). A missing table counts as empty.
        window: The judged period; incidents that begin outside it, and findings that were known before it or after
            its end, are left out.
    """
    incidents = [c for c in incidents_of(tables) if window.contains(c.started_at)]
    findings = [c for c in findings_of(tables) if window.start <= c.known_at <= window.end]
    causes: dict[str, list[Row]] = defaultdict(list)
    for row in rows_of(tables, "root_causes"):
        causes[row["incident_id"]].append(row)
    spoken = {fault.fault_id: [c for c in (*incidents, *findings) if speaks_of(c, fault)] for fault in ledger}
    tickets = _tickets(tables)
    owners = _owners(ledger, (*incidents, *findings))
    rows = tuple(
        _judge(fault, spoken[fault.fault_id], causes, sum(owners.get(s) == fault.fault_id for _, s in tickets))
        for fault in ledger
    )
    judged = [row for row in rows if row.is_cause_kind_right is not None]
    detectable = [row for row in rows if row.is_detectable]
    owned = [(endpoint, owners[subject]) for endpoint, subject in tickets if subject in owners]
    false = [c for c in (*incidents, *findings) if not any(is_excusable(c, fault) for fault in ledger)]
    predicted = {f"{c.kind} {entity}" for c in false if c.kind in PREDICTIONS for entity in c.entities}
    return Scoreboard(
        faults_total=len(detectable),
        faults_found=sum(row.found_by is not None for row in detectable),
        incidents_total=len(incidents),
        false_incident_ids=tuple(c.subject_id for c in false if c.kind == "incident"),
        false_predictions=tuple(sorted(predicted)),
        days=window.duration / timedelta(days=1),
        cause_judged=len(judged),
        cause_first=sum(row.cause_rank == 1 for row in judged),
        split_incidents=_split(owners, incidents),
        tickets_opened=len(tickets),
        duplicate_tickets=len(owned) - len(set(owned)),
        false_tickets=len(tickets) - len(owned),
        noise=funnel(tables, window),
        faults=rows,
    )


def _judge(fault: Fault, spoken: Sequence[Conclusion], causes: Mapping[str, list[Row]], tickets: int) -> FaultRow:
    counting = sorted((c for c in spoken if c.kind in fault.found_by), key=lambda c: (c.known_at, c.subject_id))
    first = counting[0] if counting else None
    incidents = [c for c in spoken if c.kind == "incident"]
    rank, is_kind_right = None, None
    if incidents and "incident" in fault.found_by:
        rank, is_kind_right = _cause(fault, causes.get(incidents[0].subject_id, []))
    predictions = [c for c in counting if c.kind in PREDICTIONS]
    lead = (fault.breaches_at - predictions[0].known_at) if predictions and fault.breaches_at else None
    return FaultRow(
        fault_id=fault.fault_id,
        kind=fault.kind,
        root_entity_id=fault.root_entity_id,
        expected_priority=fault.priority,
        is_detectable=fault.is_detectable,
        found_by=first.kind if first else None,
        subject_id=first.subject_id if first else None,
        detection_delay_s=(first.known_at - fault.started_at).total_seconds() if first else None,
        lead_s=lead.total_seconds() if lead is not None else None,
        cause_rank=rank,
        is_cause_kind_right=is_kind_right,
        priority=incidents[0].priority if incidents else None,
        incident_count=len(incidents),
        ticket_count=tickets,
    )


def _cause(fault: Fault, candidates: Sequence[Row]) -> tuple[int | None, bool]:
    """Return the best rank of the true entity or change, and whether that candidate names the right kind of cause."""
    right = [
        row
        for row in candidates
        if row["cause_status"] != "abstained"
        and (row["entity_id"] == fault.root_entity_id or (fault.change_id and row["change_id"] == fault.change_id))
    ]
    if not right:
        return None, False
    best = min(right, key=lambda row: int(row["cause_rank"]))
    return int(best["cause_rank"]), best["cause_kind"] == fault.cause_kind


def _owners(ledger: Sequence[Fault], conclusions: Sequence[Conclusion]) -> dict[str, str]:
    """Return the one fault each conclusion belongs to: whose root it touches, else the one that began nearest."""
    owners = {}
    for conclusion in conclusions:
        faults = [fault for fault in ledger if is_excusable(conclusion, fault)]
        if faults:
            owner = min(
                faults,
                key=lambda fault: (
                    fault.root_entity_id not in conclusion.entities,
                    abs(conclusion.started_at - fault.started_at),
                    fault.fault_id,
                ),
            )
            owners[conclusion.subject_id] = owner.fault_id
    return owners


def _split(owners: Mapping[str, str], incidents: Sequence[Conclusion]) -> int:
    owned = [owners[incident.subject_id] for incident in incidents if incident.subject_id in owners]
    return len(owned) - len(set(owned))


def _tickets(tables: Mapping[str, pa.Table]) -> list[tuple[str, str]]:
    """Return endpoint and subject of every ticket that was opened."""
    tickets = [(row["endpoint"], row["subject_id"]) for row in rows_of(tables, "tickets")]
    if tickets:
        return tickets
    return [
        (row["endpoint"], row["subject_id"])
        for row in rows_of(tables, "ticket_outbox")
        if row["ticket_action"] == "create" and row["outbox_state"] not in NOT_SENT
    ]
