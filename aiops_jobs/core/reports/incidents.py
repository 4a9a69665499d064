"""Tells incidents: what suffered, in which order, what was changed, what probably caused it, and on what evidence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.contracts.columns import EVIDENCE_KINDS
from aiops_jobs.core.features.roles import SYMPTOM_ROLES, roles_of
from aiops_jobs.core.incidents.standing import standings
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.reports.facts import Facts, Row, rows_by
from aiops_jobs.core.reports.incident_model import Candidate, Change, Incident, Member, Plot, Proof, Quiet, Ticket
from aiops_jobs.core.reports.lanes import build_timeline
from aiops_jobs.core.reports.plotting import anomaly_plot, chosen_anomalies, incident_windows
from aiops_jobs.window import Window

MOST_CHANGES, MOST_CANDIDATES = 8, 5
CHANGES_BEFORE = timedelta(days=1)


def build_incidents(facts: Facts, policies: Policies, window: Window) -> tuple[list[Incident], list[Plot]]:
    """Return the incidents, the most urgent first, and the pictures of strong anomalies that belong to none.

    Of equally urgent ones what stands out more comes first (`aiops_jobs.core.incidents.standing`).
    """
    rows = facts[r.INCIDENTS].to_pylist()
    stands = standings(rows, facts[r.PRIORITY_FACTORS].to_pylist())
    rows.sort(key=lambda row: (row["priority"], -stands[row["incident_id"]], row["started_at"], row["incident_id"]))
    shown = incident_windows(facts, policies.report, window)
    plots = {
        row["finding_id"]: anomaly_plot(row, facts, policies, window, shown.get(row["finding_id"]))
        for row in chosen_anomalies(facts, policies.report)
    }
    teller = _Teller(facts, policies, window, {key: plot for key, plot in plots.items() if plot is not None})
    incidents = [teller.incident(row, number) for number, row in enumerate(rows, start=1)]
    members = {member for row in rows for member in teller.member_ids(row["incident_id"])}
    return incidents, [plot for key, plot in plots.items() if plot is not None and key not in members]


class _Teller:
    """Looks rows up by incident; made once for a page."""

    def __init__(self, facts: Facts, policies: Policies, window: Window, plots: dict[str, Plot]) -> None:
        self._window = window
        self._symptoms = _symptoms(facts, policies)
        self._plots = plots
        self._members = rows_by(facts[r.INCIDENT_ALERTS], "incident_id")
        self._causes = rows_by(facts[r.ROOT_CAUSES], "incident_id")
        self._evidence = rows_by(facts[r.EVIDENCE], "incident_id")
        self._factors = rows_by(facts[r.PRIORITY_FACTORS], "incident_id")
        self._tickets = rows_by(facts[o.TICKETS], "subject_id")
        self._outbox = rows_by(facts[o.TICKET_OUTBOX], "subject_id")
        ids = facts[r.INCIDENT_ALERTS]["member_id"].combine_chunks()
        self._alerts = _by_id(facts[r.ALERTS], "alert_id", ids)
        self._findings = _by_id(facts[r.FINDINGS], "finding_id", ids)
        self._quiet = rows_by(facts[k.ALERT_SUPPRESSIONS], "alert_id")
        self._changes = facts[t.CHANGES].to_pylist()

    def member_ids(self, incident_id: str) -> set[str]:
        """Return the alerts and findings of an incident."""
        return {row["member_id"] for row in self._members.get(incident_id, [])}

    def incident(self, row: Row, position: int) -> Incident:
        """Return all there is to say about one incident."""
        key = row["incident_id"]
        members = self._told_members(key)
        candidates = self._candidates(key)
        changes = self._near(row, members, candidates)
        tickets = tickets_about(key, self._tickets.get(key, []), self._outbox.get(key, []))
        own = self.member_ids(key)
        quiet = tuple(self._kept_quiet(q) for member in sorted(own) for q in self._quiet.get(member, ()))
        return Incident(
            anchor=f"incident-{position}",
            incident_id=key,
            title=row["title"],
            summary=row["summary"],
            priority=row["priority"],
            severity=row["severity"],
            is_open=row["incident_state"] == "open",
            started_at=row["started_at"],
            detected_at=row["detected_at"],
            ended_at=row["ended_at"],
            service=row["service_name"],
            services=tuple(str(s) for s in parsed(row["services_affected"])),
            alert_count=row["alert_count"],
            finding_count=row["finding_count"],
            source_count=row["source_count"],
            cause_entity_id=row["cause_entity_id"],
            chain=tuple(str(step) for step in parsed(row["causal_chain"])),
            candidates=candidates,
            members=members,
            changes=changes,
            tickets=tickets,
            plots=tuple(plot for finding, plot in self._plots.items() if finding in own),
            quiet=quiet,
            timeline=build_timeline(row, members, changes, tickets=tickets, quiet=quiet, end=self._window.end),
            factors=tuple(
                f"{f['factor'].replace('_', ' ')}: {f['raw_value']}"
                for f in sorted(self._factors.get(key, []), key=lambda f: f["factor"])
            ),
        )

    def _told_members(self, incident_id: str) -> tuple[Member, ...]:
        members = [self._member(row) for row in self._members.get(incident_id, [])]
        return tuple(sorted(members, key=lambda m: (m.started_at, m.entity_id, m.kind, m.name)))

    def _member(self, row: Row) -> Member:
        is_alert = row["member_kind"] == "alert"
        known = (self._alerts if is_alert else self._findings).get(row["member_id"], {})
        return Member(
            member_id=row["member_id"],
            kind=row["member_kind"],
            name=known.get("alert_name" if is_alert else "title") or row["member_id"],
            entity_id=_entity(known) or "unknown",
            severity=known.get("severity") or "warning",
            started_at=known.get("started_at") or row["started_at"],
            ended_at=known.get("resolved_at" if is_alert else "ended_at"),
            role=row["role"],
            reason=row["reason"],
            is_symptom=row["member_id"] in self._symptoms,
        )

    def _kept_quiet(self, row: Row) -> Quiet:
        alert = self._alerts.get(row["alert_id"], {})
        return Quiet(
            alert_id=row["alert_id"],
            alert_name=alert.get("alert_name") or row["alert_id"],
            entity_id=_entity(alert) or "unknown",
            kind=row["suppression_kind"],
            rule=row["rule_id"],
            reason=row["reason"],
            started_at=row["started_at"],
            ended_at=row["ended_at"],
            by=row["suppressed_by"],
            delay_s=row["delay_s"],
            is_harm=row["is_harm"],
        )

    def _candidates(self, incident_id: str) -> tuple[Candidate, ...]:
        proofs: dict[int, list[Proof]] = {}
        evidence = self._evidence.get(incident_id, [])
        for row in sorted(evidence, key=lambda row: (EVIDENCE_KINDS.index(row["evidence_kind"]), row["evidence_id"])):
            proofs.setdefault(row["cause_rank"], []).append(
                Proof(row["evidence_kind"], row["statement"], *_source_of(row["query"]))
            )
        ranked = sorted(self._causes.get(incident_id, []), key=lambda row: row["cause_rank"])[:MOST_CANDIDATES]
        return tuple(
            Candidate(
                rank=row["cause_rank"],
                statement=row["statement"],
                kind=row["cause_kind"],
                entity_id=row["entity_id"],
                change_id=row["change_id"],
                confidence=row["confidence_ratio"],
                status=row["cause_status"],
                score=row["score"],
                proofs=tuple(proofs.get(row["cause_rank"], [])),
            )
            for row in ranked
        )

    def _near(self, row: Row, members: Sequence[Member], candidates: Sequence[Candidate]) -> tuple[Change, ...]:
        """Return the changes that are suspected, and those before or during the incident on what it touches."""
        ranks = {c.change_id: c.rank for c in reversed(candidates) if c.change_id}
        touched = {m.entity_id for m in members} | {row["cause_entity_id"], row["entity_id"]}
        services = {str(s) for s in parsed(row["services_affected"])}
        ended = row["ended_at"] or self._window.end
        found = []
        for change in self._changes:
            is_near = row["started_at"] - CHANGES_BEFORE <= change["started_at"] <= ended
            concerns = (
                _entity(change) in touched or change["service_name"] in services or change["change_type"] == "event"
            )
            if change["change_id"] in ranks or (is_near and concerns):
                found.append(_change(change, rank=ranks.get(change["change_id"])))
        found.sort(key=lambda c: (c.rank is None, c.rank or 0, abs(c.started_at - row["started_at"]), c.change_id))
        return tuple(sorted(found[:MOST_CHANGES], key=lambda c: (c.started_at, c.change_id)))


def tickets_about(subject: str, tickets: Sequence[Row], outbox: Sequence[Row]) -> tuple[Ticket, ...]:
    """Return the tickets about one subject; where there is none yet, how far its delivery came."""
    told = [
        Ticket(
            subject,
            row["endpoint"],
            row["remote_key"],
            row["remote_url"],
            row["ticket_state"],
            row["title"],
            row["priority"],
            opened_at=row["opened_at"],
        )
        for row in sorted(tickets, key=lambda row: (row["endpoint"], row["external_key"]))
    ]
    reached = {ticket.endpoint for ticket in told}
    latest: dict[str, Row] = {}
    for row in sorted(outbox, key=lambda row: (row["endpoint"], row["sequence"], row["outbox_id"])):
        latest[row["endpoint"]] = row
    for endpoint, row in latest.items():
        if endpoint not in reached or row["outbox_state"] == "dead":
            state = f"delivery {row['outbox_state']}"
            said = parsed(row["payload"])
            title = str(said.get("title", "")) if isinstance(said, dict) else ""
            key, url, error = row["remote_key"], row["remote_url"], row["last_error"]
            told.append(Ticket(subject, endpoint, key, url, state, title, "", error))
    return tuple(told)


def parsed(text: str | None) -> Any:
    """Return JSON of a result row; an empty list where there is none."""
    return [] if not text else json.loads(text)


def _entity(row: Row) -> str | None:
    if row.get("entity_id"):
        return str(row["entity_id"])
    if row.get("service_name"):
        return f"service/{row['service_name']}"
    return f"host/{row['host_name']}" if row.get("host_name") else None


def _source_of(query: str | None) -> tuple[str, str]:
    """Return the table in which a piece of evidence can be seen again, and its series if it is about one."""
    said = parsed(query)
    if not isinstance(said, dict):
        return "", ""
    wanted = said.get("filter")
    series = wanted.get("series_id") if isinstance(wanted, dict) else None
    return str(said.get("table") or ""), series if isinstance(series, str) else ""


def _by_id(rows: pa.Table, column: str, wanted: pa.Array) -> dict[str, Row]:
    return {row[column]: row for row in rows.filter(pc.is_in(rows[column], wanted)).to_pylist()}


def _symptoms(facts: Facts, policies: Policies) -> set[str]:
    """Return the findings that people feel: anomalies of latency and errors."""
    rows = facts[r.ANOMALIES]
    names = rows["metric_name"].cast("string").to_pylist()
    felt = [role is not None and role.role in SYMPTOM_ROLES for role in roles_of(names, policies.roles)]
    return {key for key, is_felt in zip(rows["finding_id"].to_pylist(), felt, strict=True) if is_felt}


def _change(row: Row, *, rank: int | None) -> Change:
    return Change(
        change_id=row["change_id"],
        change_type=row["change_type"],
        title=row["title"],
        entity_id=_entity(row) or "the estate",
        started_at=row["started_at"],
        outcome=row["outcome"] or "unknown",
        rank=rank,
        planned=_planned(row),
    )


def _planned(row: Row) -> tuple[datetime, datetime] | None:
    begin, end = row["planned_start_at"], row["planned_end_at"]
    return (begin, end) if begin is not None and end is not None and end > begin else None
