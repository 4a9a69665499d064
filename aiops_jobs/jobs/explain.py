"""Tell what an incident, finding or run says, why, and from which files and versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiops_jobs.contracts import Table
from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.errors import NotFoundError
from aiops_jobs.ports import Context, Filter

Sections = dict[str, list[dict[str, Any]]]

DETAILS: Mapping[str, Table] = {
    "anomaly": r.ANOMALIES,
    "capacity_risk": r.CAPACITY_RISKS,
    "failure_risk": r.FAILURE_RISKS,
}
HIDDEN = frozenset({"run_id", "as_of", "code_version", "config_hash", "input_manifest_id", "body", "payload", "spec"})


def explain(context: Context, subject: str) -> Sections:
    """Return what is known about ``subject``, section by section; empty sections are left out.

    Args:
        context: Only the warehouse is asked.
        subject: Id of an incident (``inc-``), a finding (``fnd-``) or a run (``run-``).

    Raises:
        NotFoundError: No such thing was ever published.
    """
    if subject.startswith("inc-"):
        sections = _incident(context, subject)
    elif subject.startswith("run-"):
        sections = {}
        run_ids = [subject]
    else:
        sections = _finding(context, subject)
    if not subject.startswith("run-"):
        run_ids = sorted({str(row["run_id"]) for rows in sections.values() for row in rows if row.get("run_id")})
        sections = {name: [_shown(row) for row in rows] for name, rows in sections.items()}
    return {name: rows for name, rows in {**sections, **_lineage(context, subject, run_ids)}.items() if rows}


def _incident(context: Context, incident_id: str) -> Sections:
    by_id = [Filter("incident_id", incident_id)]
    what = _rows(context, r.INCIDENTS, by_id)
    if not what:
        raise NotFoundError("incident", incident_id, remedy="`aiops tickets` and the report list them.")
    members = _rows(context, r.INCIDENT_ALERTS, by_id)
    ids = [row["member_id"] for row in members]
    return {
        "What": what,
        "Why this priority": _rows(context, r.PRIORITY_FACTORS, by_id),
        "Likely causes": _rows(context, r.ROOT_CAUSES, by_id),
        "Evidence": _rows(context, r.EVIDENCE, by_id),
        "Members": members,
        "Findings in it": _rows(context, r.FINDINGS, [Filter("finding_id", ids)]),
        "Alerts in it": _rows(context, r.ALERTS, [Filter("alert_id", ids)]),
        "Runbooks that fit": _rows(context, k.RUNBOOK_RECOMMENDATIONS, by_id),
        "Ticket": _rows(context, r.TICKET_SUGGESTIONS, [Filter("subject_id", incident_id)]),
        "Deliveries": _rows(context, o.TICKET_OUTBOX, [Filter("subject_id", incident_id)]),
    }


def _finding(context: Context, finding_id: str) -> Sections:
    by_id = [Filter("finding_id", finding_id)]
    what = _rows(context, r.FINDINGS, by_id)
    if not what:
        raise NotFoundError("incident, finding or run", finding_id, remedy="Ids begin with inc-, fnd- or run-.")
    details = DETAILS.get(what[0]["finding_kind"])
    return {
        "What": what,
        "Details": _rows(context, details, by_id) if details else [],
        "Incident": _rows(context, r.INCIDENT_ALERTS, [Filter("member_id", finding_id)]),
        "Ticket": _rows(context, r.TICKET_SUGGESTIONS, [Filter("subject_id", finding_id)]),
    }


def _lineage(context: Context, subject: str, run_ids: list[str]) -> Sections:
    runs = _rows(context, o.RUNS, [Filter("run_id", run_ids)])
    if not runs:
        raise NotFoundError("run", subject, remedy="`aiops explain` needs the id of a completed run.")
    hashes = sorted({row["config_hash"] for row in runs})
    policies = [
        {"policy_name": row["policy_name"], "policy_version": row["policy_version"]}
        for row in _rows(context, o.POLICIES, [Filter("config_hash", hashes)])
    ]
    inputs = [
        {key: row[key] for key in ("table_name", "path", "sha256", "rows", "first_event_at", "latest_event_at")}
        for row in _rows(context, o.RUN_INPUTS, [Filter("run_id", run_ids)])
    ]
    quality = [
        _shown(row)
        for row in _rows(context, o.QUALITY_RESULTS, [Filter("run_id", run_ids), Filter("is_success", value=False)])
    ]
    return {"Said by": runs, "Policies in force": policies, "From these files": inputs, "Quality complaints": quality}


def _rows(context: Context, table: Table, where: list[Filter]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = context.warehouse.read(table, where=where).to_pylist()
    return rows


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in HIDDEN}
