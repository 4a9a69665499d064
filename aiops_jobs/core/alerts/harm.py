"""What suppression cost: alerts kept quiet that belonged to a real incident, and by how much it was delayed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.columns import SEVERITIES, SUPPRESSION_KINDS
from aiops_jobs.contracts.knowledge import ALERT_SUPPRESSIONS
from aiops_jobs.core.columns import rows_from_records
from aiops_jobs.core.policies import Policies


def with_harm(
    rows: pa.Table, alerts: pa.Table, incident_alerts: pa.Table, incidents: pa.Table, *, min_severity: str
) -> pa.Table:
    """Return ``alert_suppressions`` with the incident each alert became part of, and whether that is harm.

    It is harm where the alert was kept quiet from its begin, is severe enough to open an incident, and people could
    have known of the incident earlier by it. ``delay_s`` then is how much earlier. That counts too much rather than too
    little: an alert that is only context of its incident is counted as well.

    Args:
        rows: ``alert_suppressions`` without lineage.
        alerts: ``alerts``.
        incident_alerts: Members of incidents.
        incidents: ``incidents``, those of the members at least.
        min_severity: Least severity of what opens an incident.
    """
    known = {row["incident_id"]: row["detected_at"] for row in _records(incidents, "incident_id", "detected_at")}
    belongs: dict[str, str] = {}
    for row in _records(incident_alerts, "incident_id", "member_id"):
        if row["incident_id"] in known:
            first = belongs.get(row["member_id"], row["incident_id"])
            belongs[row["member_id"]] = min(first, row["incident_id"], key=lambda i: (known[i], i))
    wanted = SEVERITIES.index(min_severity)
    quiet = alerts.filter(pc.is_in(alerts["alert_id"], value_set=pc.unique(rows["alert_id"])))
    life = {
        row["alert_id"]: (row["started_at"], SEVERITIES.index(row["severity"]) >= wanted)
        for row in _records(quiet, "alert_id", "started_at", "severity")
    }
    judged = []
    for row in rows.to_pylist():
        incident = belongs.get(row["alert_id"])
        judged.append({**row, **_harm(row, life.get(row["alert_id"]), incident, known.get(incident or ""))})
    return rows_from_records(ALERT_SUPPRESSIONS, judged)


def _harm(
    row: dict[str, Any], life: tuple[datetime, bool] | None, incident: str | None, detected_at: datetime | None
) -> dict[str, Any]:
    if life is None or incident is None or detected_at is None:
        return {"later_incident_id": incident}
    begin, is_severe = life
    late = (detected_at - begin).total_seconds()
    is_harm = is_severe and row["started_at"] <= begin and late > 0
    return {
        "later_incident_id": incident,
        "is_harm": is_harm,
        "delay_s": (late if row["delay_s"] is None else min(late, row["delay_s"])) if is_harm else row["delay_s"],
    }


def rule_health(rows: pa.Table, policies: Policies) -> list[dict[str, Any]]:
    """Return what each rule in force has done: one that matched nothing is there with zeros, so that it is seen.

    Each has ``suppression_kind``, ``rule_id``, ``matched_rows``, ``alerts``, ``notifications_avoided``, ``harm`` and
    ``delay_s`` (the sum over what was harmed).
    """
    found = {key: _nothing(key) for key in rules_in_force(policies)}
    seen: dict[tuple[str, str], set[str]] = {}
    for row in rows.to_pylist():
        key = (row["suppression_kind"], row["rule_id"])
        entry = found.setdefault(key, _nothing(key))
        seen.setdefault(key, set()).add(row["alert_id"])
        entry["matched_rows"] += 1
        entry["alerts"] = len(seen[key])
        entry["notifications_avoided"] += row["notifications_avoided"] or 0
        entry["harm"] += bool(row["is_harm"])
        entry["delay_s"] += (row["delay_s"] or 0.0) if row["is_harm"] else 0.0
    return [found[key] for key in sorted(found, key=lambda k: (SUPPRESSION_KINDS.index(k[0]), k[1]))]


def rules_in_force(policies: Policies) -> list[tuple[str, str]]:
    """Return kind and name of every suppression rule that is configured and on."""
    policy = policies.suppression
    learned = (
        (policy.changes.is_on, "maintenance", "changes"),
        (policy.flapping.is_on, "flapping", "flap_changes"),
        (policy.transient.is_on, "transient", "learned_hold"),
        (policy.frequent.is_on, "frequent", "not_getting_worse"),
        (policy.low_information.is_on, "low_information", "share_excluded"),
    )
    found = [("maintenance", rule.name) for rule in policy.maintenance]
    found += [("inhibition", rule.name) for rule in policy.inhibition]
    return found + [(kind, rule) for is_on, kind, rule in learned if is_on]


def _nothing(key: tuple[str, str]) -> dict[str, Any]:
    zeros = {"matched_rows": 0, "alerts": 0, "notifications_avoided": 0, "harm": 0, "delay_s": 0.0}
    return {"suppression_kind": key[0], "rule_id": key[1], **zeros}


def _records(rows: pa.Table, *names: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows.select(list(names)).to_pylist()
    return found
