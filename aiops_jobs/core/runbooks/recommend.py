"""From incidents with causes and evidence to rows of ``runbook_recommendations``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.knowledge import RUNBOOK_RECOMMENDATIONS
from aiops_jobs.core.columns import rows_from_records
from aiops_jobs.core.incidents.correlation import CorrelationResult
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.runbooks.matching import IncidentView, Signal, parameters_of, rank
from aiops_jobs.core.runbooks.runbook import Runbook
from aiops_jobs.identity import canonical_json

Rows = Mapping[str, Any]
MOST_LOGS = 30
"""Log statements looked at for one incident."""


def recommend(
    result: CorrelationResult,
    findings: pa.Table,
    anomalies: pa.Table,
    changes: pa.Table,
    *,
    runbooks: Sequence[Runbook],
    policies: Policies,
) -> pa.Table:
    """Return which runbooks fit which incident, ranked, each with score, reason and the parameters it would get.

    Args:
        result: Incidents with members, causes and evidence.
        findings: ``findings`` that may be members.
        anomalies: ``anomalies`` of these findings.
        changes: ``changes`` that may be causes.
        runbooks: What there is to recommend.
        policies: `RunbookPolicy` is followed.
    """
    records = []
    for view in views_of(result, findings, anomalies, changes):
        for place, fit in enumerate(rank(view, runbooks, policies.runbooks), start=1):
            records.append(
                {
                    "incident_id": view.incident_id,
                    "runbook_rank": place,
                    "started_at": view.started_at,
                    "runbook_id": fit.runbook.id,
                    "runbook_version": fit.runbook.version,
                    "title": fit.runbook.title,
                    "score": fit.score,
                    "matched_on": canonical_json(list(fit.matched_on)),
                    "parameters": canonical_json(parameters_of(view, fit.runbook)),
                    "risk_tier": fit.runbook.risk_tier,
                    "reason": fit.reason,
                    "policy_version": policies.version("runbooks"),
                }
            )
    return rows_from_records(RUNBOOK_RECOMMENDATIONS, records)


def first_lines(rows: Sequence[Rows]) -> dict[str, str]:
    """Return, by incident, what a ticket says about the runbook that fits best."""
    return {
        row["incident_id"]: f"{row['title']} ({row['runbook_id']}). {row['reason']}"
        for row in rows
        if row["runbook_rank"] == 1
    }


def views_of(
    result: CorrelationResult, findings: pa.Table, anomalies: pa.Table, changes: pa.Table
) -> list[IncidentView]:
    """Return every incident of ``result`` as the choice of a runbook sees it."""
    alerts = {row["alert_id"]: row for row in result.alerts.to_pylist()}
    known = {row["finding_id"]: row for row in findings.to_pylist()}
    metric = dict(zip(*(anomalies[n].to_pylist() for n in ("finding_id", "metric_name")), strict=True))
    change_type = dict(zip(*(changes[n].to_pylist() for n in ("change_id", "change_type")), strict=True))
    members, logs = _by_incident(result.incident_alerts), _by_incident(result.evidence)
    causes = _by_incident(result.root_causes)
    views = []
    for row in result.incidents.to_pylist():
        key = row["incident_id"]
        entity = row["cause_entity_id"] or row["entity_id"]
        signals: list[Signal] = []
        labels: dict[str, str] = {}
        hosts: list[str] = []
        for member in members[key]:
            member_row = alerts.get(member["member_id"]) or known.get(member["member_id"]) or {}
            is_near = member_row.get("entity_id") == entity
            signals += _signals(member, member_row, metric, is_near=is_near)
            if is_near:
                labels |= _labels(member_row.get("labels"))
                hosts += [member_row["host_name"]] if member_row.get("host_name") else []
        signals += _logs(logs[key])
        first: Rows = next((c for c in causes[key] if c["cause_rank"] == 1), {})
        is_named = row["cause_kind"] != "unknown"
        views.append(
            IncidentView(
                incident_id=key,
                started_at=row["started_at"],
                cause_kind=row["cause_kind"],
                cause_entity_id=entity,
                service_name=row["service_name"],
                host_name=min(hosts, default=None),
                change_id=first.get("change_id") if is_named else None,
                change_type=change_type.get(first.get("change_id")) if is_named else None,
                signals=tuple(sorted(set(signals), key=lambda s: (s.kind, s.text, s.is_at_cause))),
                labels=labels,
            )
        )
    return views


def _signals(member: Rows, row: Rows, metric: Mapping[str, str], *, is_near: bool) -> list[Signal]:
    if member["member_kind"] == "alert":
        return [Signal("alert", row["alert_name"], is_near)] if row else []
    name = metric.get(member["member_id"])
    found = [Signal("metric", name, is_near)] if name else []
    return found + ([Signal("finding", row["finding_kind"], is_near)] if row and not name else [])


def _logs(evidence: Sequence[Rows]) -> list[Signal]:
    rows = [row for row in evidence if row["evidence_kind"] == "log"]
    rows.sort(key=lambda row: (row["cause_rank"], row["evidence_id"]))
    return [Signal("log", row["statement"], row["cause_rank"] == 1) for row in rows[:MOST_LOGS]]


def _labels(text: str | None) -> dict[str, str]:
    said = json.loads(text) if text else {}
    return {str(name): str(value) for name, value in said.items()}


def _by_incident(rows: pa.Table) -> defaultdict[str, list[Rows]]:
    found: defaultdict[str, list[Rows]] = defaultdict(list)
    for row in rows.to_pylist():
        found[row["incident_id"]].append(row)
    return found
