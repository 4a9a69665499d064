"""Functions outside scorers call: ``--method benchmarks.adapters:FUNCTION``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.contracts.results import ANOMALIES, FINDINGS
from aiops_jobs.contracts.telemetry import CHANGES, CONFIGURATION_ITEMS, LOG_RECORDS, RAW_ALERTS, SPANS, TOPOLOGY_EDGES
from aiops_jobs.core.columns import names_without_lineage
from aiops_jobs.core.features.grid import EPOCH, INSTANT
from aiops_jobs.core.incidents.correlation import CorrelationResult, Facts, correlate_members
from aiops_jobs.core.incidents.signals import Signals
from aiops_jobs.core.policies import Policies
from aiops_jobs.window import Window
from benchmarks.root_causes import rca_nezha, rca_petshop, rca_sockshop

__all__ = ["alerts_ait", "alerts_nezha", "correlated", "raw_alerts", "rca_nezha", "rca_petshop", "rca_sockshop"]

Incident = tuple[float, float, list[str]]
"""Begin, end, services: the most suspect first."""
SUPPRESSED = -1
SUSPECT = "service/"


def alerts_nezha(alerts: pd.DataFrame) -> list[Incident]:
    """Return the incidents in the alerts of one system: ``time, service, pod, metric, severity``."""
    raw = raw_alerts(
        alerts["time"], alerts[["metric", "pod"]], entity="service/" + alerts["service"].astype(str), known=alerts
    )
    result = correlated(raw)
    members = _services_by_incident(result)
    suspects = _suspects(result)
    found = []
    for row in result.incidents.to_pylist():
        known = members[row["incident_id"]]
        ranked = [name for name in suspects.get(row["incident_id"], []) if name in known]
        services = list(dict.fromkeys([*ranked, *known]))
        begin, end = row["started_at"].timestamp(), (row["ended_at"] or row["detected_at"]).timestamp()
        found.append((begin, end, services))
    return found


def alerts_ait(alerts: pd.DataFrame) -> tuple[npt.NDArray[np.int64], dict[int, float]]:
    """Return the incident of each alert (−1: none) and the priority of each incident.

    Args:
        alerts: ``time, name, ip, host``, in the order of time.
    """
    raw = raw_alerts(alerts["time"], alerts[["name", "ip", "host"]], entity="host/" + alerts["host"].astype(str))
    result = correlated(raw)
    number = {name: place for place, name in enumerate(result.incidents["incident_id"].to_pylist())}
    incident_of = dict(
        zip(
            result.incident_alerts["member_id"].to_pylist(),
            (number[name] for name in result.incident_alerts["incident_id"].to_pylist()),
            strict=True,
        )
    )
    return _ids_of_rows(raw, result.alerts, incident_of), _priorities(result.incidents)


def raw_alerts(
    seconds: pd.Series, identity: pd.DataFrame, *, entity: pd.Series, known: pd.DataFrame | None = None
) -> pa.Table:
    """Return ``raw_alerts`` of alerts that only ever fire.

    Args:
        seconds: Time of each, in seconds since 1970.
        identity: What tells one alert from another; its first column is the name.
        entity: ``kind/name`` of each.
        known: A table with ``service`` and ``severity``, where they are told; otherwise all are warnings.
    """
    count = len(seconds)
    name, *others = (identity[column].astype(str) for column in identity.columns)
    key = name.str.cat(others, sep="|")
    severity = pd.Series("warning", index=seconds.index) if known is None else known["severity"].astype(str)
    micros = np.round(seconds.to_numpy(dtype=np.float64) * 1e6).astype(np.int64)
    columns = {
        "observed_at": pa.array(micros).cast(INSTANT),
        "event_id": pa.array([f"e{i:09d}" for i in range(count)], pa.string()),
        "alert_fingerprint": pa.array(key.to_numpy(dtype=object), pa.string()),
        "alert_name": pa.array(name.to_numpy(dtype=object), pa.string()),
        "alert_status": pa.array(["firing"] * count, pa.string()),
        "severity": pa.array(severity.where(severity.isin(SEVERITIES), "warning").to_numpy(dtype=object), pa.string()),
        "entity_id": pa.array(entity.to_numpy(dtype=object), pa.string()),
        "summary": pa.array(name.to_numpy(dtype=object), pa.string()),
        "source": pa.array(["alerts"] * count, pa.string()),
    }
    if known is not None:
        columns["service_name"] = pa.array(known["service"].astype(str).to_numpy(dtype=object), pa.string())
    return RAW_ALERTS.conform(pa.table(columns))


def correlated(raw: pa.Table) -> CorrelationResult:
    """Return what our correlation makes of alerts alone: no findings, no changes, no topology."""
    edges = pc.min_max(raw["observed_at"]).as_py()
    first, last = (int(edges[name].timestamp()) for name in ("min", "max"))
    start = first // 86400 * 86400
    span = Window(EPOCH + timedelta(seconds=start), EPOCH + timedelta(seconds=last + 86400))
    findings, anomalies = (table.empty().select(names_without_lineage(table)) for table in (FINDINGS, ANOMALIES))
    facts = Facts(raw, findings, anomalies, CHANGES.empty(), CONFIGURATION_ITEMS.empty(), TOPOLOGY_EDGES.empty())
    silence = Signals(LOG_RECORDS.empty(), SPANS.empty())
    return correlate_members(facts, silence, policies=Policies(), span=span)


def _ids_of_rows(raw: pa.Table, episodes: pa.Table, incident_of: dict[str, int]) -> npt.NDArray[np.int64]:
    """Return the incident of each notification: that of the latest episode of its alert that had begun."""
    rows = pd.DataFrame({"key": raw["alert_fingerprint"].cast(pa.string()), "at": raw["observed_at"].to_numpy()})
    begun = pd.DataFrame(
        {
            "key": episodes["alert_fingerprint"].cast(pa.string()),
            "at": episodes["started_at"].to_numpy(),
            "incident": [incident_of.get(name, SUPPRESSED) for name in episodes["alert_id"].to_pylist()],
        }
    )
    rows["place"] = np.arange(len(rows))
    joined = pd.merge_asof(
        rows.sort_values("at", kind="stable"), begun.sort_values("at", kind="stable"), on="at", by="key"
    )
    ids = np.full(len(rows), SUPPRESSED, dtype=np.int64)
    ids[joined["place"].to_numpy()] = joined["incident"].fillna(SUPPRESSED).to_numpy(dtype=np.int64)
    return ids


def _priorities(incidents: pa.Table) -> dict[int, float]:
    """Return a number that sorts incidents as a page does: by priority, then by how many alerts they hold."""
    urgency = [6 - int(str(p).removeprefix("P")) for p in incidents["priority"].to_pylist()]
    counts: Sequence[int] = incidents["alert_count"].to_pylist()
    most = max(counts, default=0) + 1
    return {i: u + c / most for i, (u, c) in enumerate(zip(urgency, counts, strict=True))}


def _services_by_incident(result: CorrelationResult) -> dict[str, list[str]]:
    """Return the services of the members of each incident, in the order in which they began."""
    service = dict(zip(*(result.alerts[n].to_pylist() for n in ("alert_id", "service_name")), strict=True))
    found: dict[str, list[str]] = {}
    for row in result.incident_alerts.sort_by([("started_at", "ascending"), ("member_id", "ascending")]).to_pylist():
        names = found.setdefault(row["incident_id"], [])
        if service[row["member_id"]] not in names:
            names.append(service[row["member_id"]])
    return found


def _suspects(result: CorrelationResult) -> dict[str, list[str]]:
    """Return the services our search for causes names, the most suspect first."""
    found: dict[str, list[str]] = {}
    for row in result.root_causes.sort_by([("incident_id", "ascending"), ("cause_rank", "ascending")]).to_pylist():
        if row["entity_id"] and row["entity_id"].startswith(SUSPECT):
            found.setdefault(row["incident_id"], []).append(row["entity_id"].removeprefix(SUSPECT))
    return found
