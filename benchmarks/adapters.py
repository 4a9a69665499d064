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
from aiops_jobs.core.columns import codes_of, compact, micros_of, names_without_lineage
from aiops_jobs.core.features.grid import EPOCH, INSTANT
from aiops_jobs.core.incidents.correlation import CorrelationResult, Facts, correlate_members
from aiops_jobs.core.incidents.signals import Signals
from aiops_jobs.core.incidents.standing import standings
from aiops_jobs.core.policies import Policies
from aiops_jobs.window import Window
from benchmarks.root_causes import rca_nezha, rca_petshop, rca_sockshop

__all__ = ["alerts_ait", "alerts_nezha", "correlated", "raw_alerts", "rca_nezha", "rca_petshop", "rca_sockshop"]

Incident = tuple[float, float, list[str]]
"""Begin, end, services: the most suspect first."""
SUPPRESSED = -1
Z_LIMIT = 3.5
"""The rule that made these alerts fires from so many standard deviations on (README of `alerts_nezha_derived`)."""
SUSPECT = "service/"


def alerts_nezha(alerts: pd.DataFrame) -> list[Incident]:
    """Return the incidents in the alerts of one system: ``time, service, pod, metric, severity``."""
    raw = raw_alerts(
        alerts["time"],
        alerts[["metric", "pod"]],
        entity=joined_texts([coded(alerts["service"])], "", "service/"),
        known=alerts,
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
    raw = raw_alerts(
        alerts["time"], alerts[["name", "ip", "host"]], entity=joined_texts([coded(alerts["host"])], "", "host/")
    )
    result = correlated(raw)
    number = {name: place for place, name in enumerate(result.incidents["incident_id"].to_pylist())}
    incident_of = dict(
        zip(
            result.incident_alerts["member_id"].to_pylist(),
            (number[name] for name in result.incident_alerts["incident_id"].to_pylist()),
            strict=True,
        )
    )
    return _ids_of_rows(raw, result.alerts, incident_of), _priorities(result)


def raw_alerts(
    seconds: pd.Series, identity: pd.DataFrame, *, entity: pa.DictionaryArray, known: pd.DataFrame | None = None
) -> pa.Table:
    """Return ``raw_alerts`` of alerts that only ever fire.

    Args:
        seconds: Time of each, in seconds since 1970.
        identity: What tells one alert from another; its first column is the name.
        entity: ``kind/name`` of each.
        known: A table with ``service``, ``severity`` and ``z``, where they are told; otherwise all are warnings.
    """
    count = len(seconds)
    columns = [coded(identity[column]) for column in identity.columns]
    names = columns[0]
    severity = pa.array(["warning"]).dictionary_encode().take(pa.array(np.zeros(count, np.int32)))
    if known is not None:
        told = known["severity"].astype(str)
        severity = coded(told.where(told.isin(SEVERITIES), "warning"))
    micros = np.round(seconds.to_numpy(dtype=np.float64) * 1e6).astype(np.int64)
    same = pa.array(np.zeros(count, np.int32))
    made = {
        "observed_at": pa.array(micros).cast(INSTANT),
        "event_id": pc.utf8_lpad(pc.cast(pa.array(np.arange(count)), pa.string()), 9, "0"),
        "alert_fingerprint": joined_texts(columns, "|"),
        "alert_name": names,
        "alert_status": pa.DictionaryArray.from_arrays(same, ["firing"]),
        "severity": severity,
        "entity_id": entity,
        "summary": names,
        "source": pa.DictionaryArray.from_arrays(same, ["alerts"]),
    }
    if known is not None:
        made["service_name"] = coded(known["service"])
    if known is not None and "z" in known:
        made["alert_score"] = pa.array(known["z"].to_numpy(dtype=np.float64) / Z_LIMIT)
    return RAW_ALERTS.shape(pa.table(made))


def coded(column: pd.Series) -> pa.DictionaryArray:
    """Return a column of texts with each text once."""
    values = column.cat.remove_unused_categories() if isinstance(column.dtype, pd.CategoricalDtype) else column
    codes, words = pd.factorize(values)
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array([str(w) for w in words], pa.string()))


def joined_texts(columns: Sequence[pa.DictionaryArray], between: str, prefix: str = "") -> pa.DictionaryArray:
    """Return the texts of several columns put together, row by row, each combination written once."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        code = compact(code * len(column.dictionary) + column.indices.to_numpy())[0]
    _, first = compact(code)
    heads = [column.take(pa.array(first)).to_pylist() for column in columns]
    words = [prefix + between.join(parts) for parts in zip(*heads, strict=True)]
    return pa.DictionaryArray.from_arrays(pa.array(code, pa.int32()), pa.array(words, pa.string()))


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
    keys, words = codes_of(raw["alert_fingerprint"])
    known = pc.index_in(episodes["alert_fingerprint"].cast(pa.string()), pa.array(words, pa.string()))
    begun, at = micros_of(episodes["started_at"]), micros_of(raw["observed_at"])
    base = min(begun.min(), at.min()) if len(begun) else 0
    width = max(begun.max(initial=0), at.max(initial=0)) - base + 1
    places = known.to_numpy().astype(np.int64) * width + (begun - base)
    order = np.argsort(places, kind="stable")
    numbers = np.array([incident_of.get(name, SUPPRESSED) for name in episodes["alert_id"].to_pylist()], np.int64)
    latest = np.searchsorted(places[order], keys * width + (at - base), side="right") - 1
    return numbers[order][latest] if len(order) else np.full(len(keys), SUPPRESSED, np.int64)


def _priorities(result: CorrelationResult) -> dict[int, float]:
    """Return a number that sorts incidents as the page does: by priority, then by how they stand out."""
    rows = result.incidents.select(["incident_id", "priority", "started_at", "ended_at"]).to_pylist()
    stands = standings(rows, result.priority_factors.to_pylist())
    most = max(stands.values(), default=0.0) + 1.0
    return {
        i: 6 - int(row["priority"].removeprefix("P")) + stands[row["incident_id"]] / most for i, row in enumerate(rows)
    }


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
