"""What may want a ticket: incidents and risks, each with its key, its text, its owner and what matters about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.columns import PRIORITIES
from aiops_jobs.contracts.knowledge import SIMILAR_INCIDENTS
from aiops_jobs.contracts.results import EVIDENCE, FINDINGS, INCIDENTS, ROOT_CAUSES
from aiops_jobs.core.incidents.correlation import CorrelationResult
from aiops_jobs.core.policies import Policies, RoutingPolicy
from aiops_jobs.core.tickets.desk import NO_HISTORY, Desk, Foreseen
from aiops_jobs.core.tickets.draft import (
    DraftText,
    IncidentFacts,
    Target,
    digest_text,
    incident_text,
    resolution_text,
    risk_gone_text,
    risk_text,
)
from aiops_jobs.core.tickets.gate import reason_against, risk_priority
from aiops_jobs.core.tickets.owners import Assignment, Owners
from aiops_jobs.core.tickets.redact import redact_columns
from aiops_jobs.core.tickets.voices import Voice, voice_of
from aiops_jobs.identity import fingerprint


@dataclass(frozen=True, slots=True)
class Subject:
    """One conclusion that may want a ticket."""

    subject_id: str
    kind: str
    """incident | finding"""
    external_key: str
    started_at: datetime
    title: str
    text: DraftText
    closing: DraftText | None
    """What is said when it is over; null while it is not."""
    priority: str
    assignment_group: str | None
    assignee: str | None
    confidence: float | None
    meaning: Mapping[str, Any]
    """What makes a difference to a reader; counters and wording do not."""
    against: str | None
    """Why it gets no ticket of its own, if it does not."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    """Columns of its suggestions that say who gets it, why, and how likely it misses its target."""


@dataclass(frozen=True)
class Around:
    """What is known around incidents."""

    runbooks: Mapping[str, str] = field(default_factory=dict)
    """By incident, what is said about the runbook that fits best."""
    similar: pa.Table | None = None
    """``similar_incidents`` of the incidents."""
    risks_gone: Collection[str] = ()
    """Keys of the risks that have been looked at again and were not found."""
    desk: Desk = NO_HISTORY
    """What closed tickets teach."""
    report_url: str | None = None
    """Where the pages of incidents are served, if they are."""

    def page_url(self, incident_id: str) -> str | None:
        """Return where the page of an incident is, if pages are served."""
        return f"{self.report_url.rstrip('/')}/{incident_id}.html" if self.report_url is not None else None


NOTHING_KNOWN = Around()


def risk_key(finding: Mapping[str, Any]) -> str:
    """Return the external key of a risk: the same day after day, for one kind, entity and series."""
    return fingerprint(
        "risk", kind=finding["finding_kind"], entity_id=finding["entity_id"], series_id=finding["subject_series_id"]
    )


def incident_subjects(result: CorrelationResult, owners: Owners, policies: Policies, around: Around) -> list[Subject]:
    """Return every incident as a subject; those not worth a ticket with the reason against it."""
    causes = _by_incident(redact_columns(ROOT_CAUSES, result.root_causes))
    evidence = _by_incident(redact_columns(EVIDENCE, result.evidence))
    factors, voice = _by_incident(result.priority_factors), _voice(policies)
    alike = _by_incident(redact_columns(SIMILAR_INCIDENTS, around.similar)) if around.similar is not None else {}
    found = []
    rows = redact_columns(INCIDENTS, result.incidents).to_pylist()
    for row, foreseen in zip(rows, around.desk.foresee(rows), strict=True):
        key = row["incident_id"]
        places = row["cause_entity_id"], row["entity_id"], row["service_name"]
        owner = owners.assign(row, *places, policy=policies.routing, foreseen=foreseen)
        facts = IncidentFacts(
            row,
            causes=causes.get(key, ()),
            evidence=evidence.get(key, ()),
            factors=factors.get(key, ()),
            runbook=around.runbooks.get(key),
            similar=alike.get(key, ()),
            page_url=around.page_url(key),
            assigned=owner,
            target=_target(foreseen, policies.routing),
        )
        told = ("title", "priority", "cause_kind", "cause_entity_id", "services_affected")
        found.append(
            Subject(
                subject_id=key,
                kind="incident",
                external_key=key,
                started_at=row["started_at"],
                title=row["title"],
                text=incident_text(facts, voice),
                closing=resolution_text(row, voice) if row["incident_state"] == "resolved" else None,
                priority=row["priority"],
                assignment_group=owner.group,
                assignee=owner.person,
                confidence=row["confidence_ratio"],
                meaning={
                    **{name: row[name] for name in told},
                    "assignment_group": owner.group if owner.is_known else None,
                    "assignee": owner.person,
                },
                against=reason_against(row, policies.tickets),
                fields=_fields(row, "incident_id", "service_name", "entity_id", "cause_kind", "cause_entity_id")
                | _machine_readable(_told(owner, foreseen)),
                told=_told(owner, foreseen),
            )
        )
    return found


def risk_subjects(risks: pa.Table, owners: Owners, policies: Policies, around: Around) -> list[Subject]:
    """Return every risk that the policy lets ask for a ticket, of each entity and series the latest.

    Those whose key is among ``around.risks_gone`` are over: looked at again, and not found.
    """
    gone = around.risks_gone
    latest: dict[str, dict[str, Any]] = {}
    known = redact_columns(FINDINGS, risks).to_pylist()
    rows = [row for row in known if row["finding_kind"] in policies.tickets.finding_kinds]
    for row in sorted(rows, key=lambda r: (r["started_at"], r["finding_id"])):
        latest[risk_key(row)] = row
    for row in latest.values():
        grade = owners.criticality(row["entity_id"], at=row["started_at"])
        row["priority"] = risk_priority(row["severity"], grade, policies.priority)
    found, voice = [], _voice(policies)
    ordered = sorted(latest.items())
    foreseen_of = around.desk.foresee([row for _, row in ordered])
    for (key, row), foreseen in zip(ordered, foreseen_of, strict=True):
        priority = row["priority"]
        places = row["entity_id"], row["service_name"]
        owner = owners.assign(row, *places, policy=policies.routing, foreseen=foreseen)
        group = owner.group if owner.is_known else None
        meaning = {"kind": row["finding_kind"], "severity": row["severity"], "priority": priority, "group": group}
        meaning["assignee"] = owner.person
        found.append(
            Subject(
                subject_id=row["finding_id"],
                kind="finding",
                external_key=key,
                started_at=row["started_at"],
                title=row["title"],
                text=risk_text(row, voice, owner),
                closing=risk_gone_text(row, voice) if key in gone else None,
                priority=priority,
                assignment_group=owner.group,
                assignee=owner.person,
                confidence=row["confidence_ratio"],
                meaning=meaning,
                against="It is gone, and never had a ticket." if key in gone else None,
                fields=_fields(row, "finding_id", "finding_kind", "service_name", "entity_id")
                | _machine_readable(_told(owner, Foreseen())),
                told=_told(owner, Foreseen()),
            )
        )
    return found


def _told(owner: Assignment, foreseen: Foreseen) -> dict[str, Any]:
    return {
        "assigned_by": owner.step,
        "assignment_reason": owner.reason,
        "routing_model_version": owner.model_version,
        "sla_miss_probability_ratio": foreseen.risk,
        "sla_model_version": foreseen.risk_version,
    }


def _machine_readable(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}


def _target(foreseen: Foreseen, policy: RoutingPolicy) -> Target | None:
    return None if foreseen.risk is None else Target(foreseen.risk, foreseen.risk >= policy.warn_ratio)


def _voice(policies: Policies) -> Voice:
    return voice_of(policies.tickets.language, policies.tickets.time_zone)


def _by_incident(rows: pa.Table) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["incident_id"], []).append(row)
    return found


def _fields(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names if row[name] is not None}


def digest_subject(held: Sequence[Subject], policies: Policies) -> Subject:
    """Return the one subject that speaks for all that were held back."""
    listed = [(s.priority, s.title, s.subject_id) for s in held]
    text = digest_text(listed, policies.tickets.max_per_run, _voice(policies))
    ids = sorted(s.external_key for s in held)
    key = fingerprint("digest", held=ids)
    return Subject(
        subject_id=key,
        kind="incident",
        external_key=key,
        started_at=max(s.started_at for s in held),
        title=text.title,
        text=text,
        closing=None,
        priority=min((s.priority for s in held), key=PRIORITIES.index),
        assignment_group=None,
        assignee=None,
        confidence=None,
        meaning={"held": ids},
        against=None,
    )
