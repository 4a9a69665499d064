"""Small worlds for the tests of incidents: who depends on whom, what was seen, in a few words each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.results import ANOMALIES, FINDINGS, INCIDENT_ALERTS
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import (
    CHANGES,
    CONFIGURATION_ITEMS,
    LOG_RECORDS,
    RAW_ALERTS,
    SPANS,
    TOPOLOGY_EDGES,
)
from aiops_jobs.core.incidents.correlation import CorrelationResult, Facts, correlate_members
from aiops_jobs.core.incidents.signals import Signals
from aiops_jobs.core.policies import Policies
from aiops_jobs.identity import fingerprint
from aiops_jobs.window import Window

T0 = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
POLICIES = Policies()


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def table(contract: Table, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as the lake gives them: all columns of the contract, right types."""
    schema = pa.schema(
        [(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in contract.to_arrow()]
    )
    return contract.shape(pa.Table.from_pylist(rows, schema=schema))


def event(
    minutes: float,
    name: str = "HighLatency",
    entity: str | None = "service/web",
    *,
    status: str = "firing",
    severity: str = "warning",
    summary: str | None = None,
    service: str | None = None,
    host: str | None = None,
    source: str = "alertmanager",
    key: str | None = None,
) -> dict[str, Any]:
    """One notification."""
    identity = key or fingerprint("fp", name=name, entity=entity, service=service, host=host)
    text = summary or f"{name} on {entity}"
    return {
        "observed_at": at(minutes),
        "event_id": fingerprint("evt", at=at(minutes), fp=identity, status=status, summary=text),
        "alert_fingerprint": identity,
        "alert_name": name,
        "alert_status": status,
        "severity": severity,
        "entity_id": entity,
        "service_name": service,
        "host_name": host,
        "summary": text,
        "labels": "{}",
        "source": source,
    }


def anomaly(
    minutes: float,
    entity: str | None,
    metric: str,
    *,
    lasts: float | None = 60,
    score: float = 4.0,
    observed: float = 1.0,
    expected: float = 0.2,
    unit: str = "1",
    severity: str = "critical",
    service: str | None = None,
    host: str | None = None,
    dq_status: str = "ok",
    direction: str = "up",
) -> dict[str, Any]:
    """One anomalous episode; serves as the row of ``findings`` and of ``anomalies``."""
    start = at(minutes)
    end = None if lasts is None else at(minutes + lasts)
    return {
        "finding_id": fingerprint("fnd", series=[entity, service, host, metric], at=start),
        "finding_kind": "anomaly",
        "series_id": fingerprint("ser", entity=entity, metric=metric),
        "subject_series_id": fingerprint("ser", entity=entity, metric=metric),
        "metric_name": metric,
        "unit": unit,
        "entity_id": entity,
        "service_name": service,
        "host_name": host,
        "severity": severity,
        "score": score,
        "started_at": start,
        "ended_at": end,
        "peak_at": start,
        "detected_at": at(minutes + 5),
        "detection_delay_s": 300.0,
        "direction": direction,
        "score_at_detection": score,
        "peak_score": score,
        "expected": expected,
        "lower": 0.0,
        "upper": expected * 1.5,
        "observed": observed,
        "abs_deviation": abs(observed - expected),
        "rel_deviation": abs(observed - expected) / abs(expected) if expected else None,
        "point_count": 3,
        "coverage_ratio": 1.0,
        "detector": "robust_seasonal",
        "threshold": 1.0,
        "title": f"{metric} of {entity}",
        "summary": f"{metric} of {entity} is out of its band",
        "dq_status": dq_status,
        "policy_version": "anomaly-x",
        **dict.fromkeys(("run_id", "code_version", "config_hash", "input_manifest_id"), "x"),
        "as_of": T0,
    }


def item(
    entity: str, *, criticality: str | None = None, group: str | None = None, team: str | None = None, **more: Any
) -> dict[str, Any]:
    kind, _, name = entity.partition("/")
    return {
        "valid_from": LONG_AGO,
        "entity_id": entity,
        "entity_kind": kind,
        "service_name": name if kind == "service" else None,
        "host_name": name if kind == "host" else None,
        "service_criticality": criticality,
        "owner_team": team,
        "assignment_group": team,
        "redundancy_group": group,
        "valid_to": None,
        "source": "cmdb",
        **more,
    }


def edge(
    source: str, target: str, *, valid_from: datetime = LONG_AGO, valid_to: datetime | None = None, kind: str = "calls"
) -> dict[str, Any]:
    return {
        "valid_from": valid_from,
        "from_entity_id": source,
        "to_entity_id": target,
        "edge_type": kind,
        "valid_to": valid_to,
        "source": "cmdb",
    }


def edges(*chains: str) -> list[dict[str, Any]]:
    """``"service/web > service/app > database/db"``: each depends on the next."""
    found = []
    for chain in chains:
        names = [name.strip() for name in chain.split(">")]
        found += [edge(a, b) for a, b in zip(names, names[1:], strict=False)]
    return found


def change(minutes: float, entity: str, kind: str = "deploy", **more: Any) -> dict[str, Any]:
    return {
        "started_at": at(minutes),
        "change_id": fingerprint("chg", entity=entity, at=at(minutes), kind=kind),
        "change_type": kind,
        "title": f"{kind} of {entity}",
        "entity_id": entity,
        "source": "changes",
        **more,
    }


def log(
    minutes: float, body: str, *, service: str | None = None, host: str | None = None, severity: str = "ERROR"
) -> dict[str, Any]:
    return {
        "observed_at": at(minutes),
        "record_id": fingerprint("log", at=at(minutes), body=body, service=service, host=host),
        "service_name": service,
        "host_name": host,
        "severity_text": severity,
        "body": body,
        "source": "logs",
    }


def facts(
    alerts: list[dict[str, Any]] = [],  # noqa: B006 - never changed
    anomalies: list[dict[str, Any]] = [],  # noqa: B006
    *,
    items: list[dict[str, Any]] = [],  # noqa: B006
    links: list[dict[str, Any]] = [],  # noqa: B006
    changes: list[dict[str, Any]] = [],  # noqa: B006
) -> Facts:
    def only(contract: Table) -> list[dict[str, Any]]:
        return [{name: row.get(name) for name in contract.names} for row in anomalies]

    return Facts(
        raw_alerts=table(RAW_ALERTS, alerts),
        findings=table(FINDINGS, only(FINDINGS)),
        anomalies=table(ANOMALIES, only(ANOMALIES)),
        changes=table(CHANGES, changes),
        items=table(CONFIGURATION_ITEMS, items),
        edges=table(TOPOLOGY_EDGES, links),
    )


def signals(logs: list[dict[str, Any]] = [], spans: list[dict[str, Any]] = []) -> Signals:  # noqa: B006
    return Signals(table(LOG_RECORDS, logs), table(SPANS, spans))


def correlated(
    seen: Facts,
    heard: Signals | None = None,
    *,
    span: Window = DAY,
    policies: Policies = POLICIES,
    known: pa.Table | None = None,
) -> CorrelationResult:
    return correlate_members(seen, heard or signals(), policies=policies, span=span, known=known)


def groups_of(result: CorrelationResult) -> dict[str, list[str]]:
    """Members of each incident."""
    found: dict[str, list[str]] = {}
    for row in result.incident_alerts.to_pylist():
        found.setdefault(row["incident_id"], []).append(row["member_id"])
    return {incident: sorted(ids) for incident, ids in found.items()}


def entities_of(result: CorrelationResult, seen: Facts) -> list[set[str]]:
    """Entities of each incident, largest first."""
    where = {row["finding_id"]: row["entity_id"] for row in seen.findings.to_pylist()}
    where |= {
        row["alert_id"]: row["entity_id"] or row["service_name"] or row["host_name"]
        for row in result.alerts.to_pylist()
    }
    found = [{where[m] for m in ids} for ids in groups_of(result).values()]
    return sorted(found, key=lambda names: (-len(names), sorted(map(str, names))))


def no_known() -> pa.Table:
    return table(INCIDENT_ALERTS, [])
