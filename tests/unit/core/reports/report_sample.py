"""One night with something of everything a page can show, written down by hand."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.contracts.feedback import INCIDENT_OUTCOMES
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.reports import Facts, build_pages, build_view
from aiops_jobs.window import Window

DAY = datetime(2026, 11, 27, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
LINEAGE = {
    "run_id": "run-detect",
    "as_of": WINDOW.end,
    "code_version": "0.1.0+4f2a91c0de11",
    "config_hash": "9b1c77d2a4e06f35",
    "input_manifest_id": "man-31fb09",
}
METRICS = {
    "pool": ("db_connections_utilization_ratio", "1", "database/orders-db", 0.42, 0.03),
    "latency": ("http_request_duration_seconds", "s", "service/web-shop", 0.18, 0.02),
    "errors": ("http_request_error_ratio", "1", "service/web-shop", 0.004, 0.001),
    "checkout": ("http_request_duration_seconds", "s", "service/checkout", 0.24, 0.02),
    "traffic": ("http_requests_per_second", "{request}/s", "service/web-shop", 310.0, 12.0),
    "queue": ("queue_depth", "{message}", "queue/mail", 40.0, 8.0),
}


def tree(markup):
    """Return our own markup as a tree: it is well-formed or this fails."""
    return ET.fromstring(markup.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own text


def at(hours, minutes=0):
    return DAY + timedelta(hours=hours, minutes=minutes)


def table(contract, rows, **more):
    """Return rows of a contract; lineage and what is the same in all of them is filled in."""
    names = set(contract.names)
    base = {key: value for key, value in {**LINEAGE, "policy_version": "policy-1", **more}.items() if key in names}
    full = [{**base, **row} for row in rows]
    schema = pa.schema([field.with_nullable(True) for field in contract.to_arrow()])
    return contract.conform(pa.Table.from_pylist(full, schema=schema)) if full else contract.empty()


def band(key, start, end, *, burst=None, factor=1.0, gap=None):
    """Return a believable series with its band: a daily rhythm, noise, a burst and perhaps a gap."""
    _, _, _, level, noise = METRICS[key]
    steps = int((end - start).total_seconds() // 300)
    times = [start + timedelta(seconds=300 * i) for i in range(steps)]
    hour = np.array([m.hour + m.minute / 60 for m in times])
    expected = level * (1 + 0.35 * np.sin((hour - 9) / 24 * 2 * np.pi))
    value = expected + np.random.default_rng(7).normal(0, noise / 2, steps)
    if burst:
        begin, stop = burst
        share = np.array([(m - begin) / (stop - begin) if begin <= m < stop else 0.0 for m in times])
        value = value * (1 + (factor - 1) * np.sin(np.clip(share, 0, 1) * np.pi) ** 0.5 * (share > 0))
    if gap:
        value = np.where([gap[0] <= m < gap[1] for m in times], np.nan, value)
    return pa.table(
        {
            "observed_at": pa.array(times, pa.timestamp("us", tz="UTC")),
            "value": pa.array(value, from_pandas=True),
            "expected": expected,
            "lower": np.maximum(expected - 5 * noise, 0),
            "upper": expected + 5 * noise,
        }
    )


def anomaly(key, start, end, *, observed, score, direction="up"):
    metric, unit, entity, level, noise = METRICS[key]
    return {
        "finding_id": f"fnd-{key}",
        "series_id": f"series-{key}",
        "metric_name": metric,
        "unit": unit,
        "entity_id": entity,
        "service_name": entity.split("/")[1] if entity.startswith("service/") else None,
        "direction": direction,
        "started_at": start,
        "ended_at": end,
        "peak_at": start + ((end or WINDOW.end) - start) / 2,
        "detected_at": start + timedelta(minutes=5),
        "detection_delay_s": 300.0,
        "score_at_detection": 1.4,
        "peak_score": score,
        "expected": level,
        "lower": max(level - 5 * noise, 0.0),
        "upper": level + 5 * noise,
        "observed": observed,
        "abs_deviation": abs(observed - level),
        "rel_deviation": abs(observed - level) / level,
        "point_count": 24,
        "coverage_ratio": 1.0,
        "detector": "robust_seasonal",
        "threshold": 1.0,
    }


ANOMALIES = [
    anomaly("pool", at(19, 5), at(21, 40), observed=0.985, score=6.2),
    anomaly("latency", at(19, 15), at(21, 35), observed=1.42, score=9.8),
    anomaly("errors", at(19, 25), at(21, 30), observed=0.081, score=11.4),
    anomaly("checkout", at(19, 20), at(21, 35), observed=0.91, score=5.1),
    anomaly("traffic", at(18, 0), at(22, 0), observed=905.0, score=3.3),
    anomaly("queue", at(4, 10), at(5, 0), observed=420.0, score=2.4),
]


def finding(row):
    return {
        "finding_id": row["finding_id"],
        "finding_kind": "anomaly",
        "entity_id": row["entity_id"],
        "service_name": row["service_name"],
        "subject_series_id": row["series_id"],
        "severity": "critical" if row["peak_score"] >= 2 else "warning",
        "score": row["peak_score"],
        "started_at": row["started_at"],
        "ended_at": row["ended_at"],
        "detected_at": row["detected_at"],
        "title": f"{row['metric_name']} of {row['entity_id'].split('/')[1]} is unusually high",
        "summary": "seen",
        "dq_status": "ok",
    }


DISK_FINDING = {
    "finding_id": "fnd-disk",
    "finding_kind": "capacity_risk",
    "entity_id": "disk/orders-db-1:data",
    "severity": "warning",
    "score": 1.4,
    "started_at": WINDOW.end,
    "detected_at": WINDOW.end,
    "title": "orders-db-1:data fills up",
    "summary": "seen",
    "dq_status": "ok",
}


def alert(key, name, entity, start, end, severity="critical"):
    return {
        "alert_id": f"alr-{key}",
        "alert_fingerprint": f"fp-{key}",
        "alert_name": name,
        "entity_id": entity,
        "service_name": entity.split("/")[1] if entity.startswith("service/") else None,
        "severity": severity,
        "alert_state": "resolved" if end else "open",
        "started_at": start,
        "last_event_at": end or WINDOW.end,
        "resolved_at": end,
        "event_count": 9,
        "full_duplicate_count": 3,
        "flap_count": 0,
        "is_flapping": False,
        "summary": name,
        "source": "alertmanager",
    }


def incident(key, title, priority, start, end, **more):
    return {
        "incident_id": key,
        "title": title,
        "summary": title,
        "incident_state": "resolved" if end else "open",
        "started_at": start,
        "ended_at": end,
        "detected_at": start + timedelta(minutes=5),
        "severity": "critical",
        "impact": "high",
        "urgency": "high",
        "priority": priority,
        "entity_id": "service/web-shop",
        "service_name": "web-shop",
        "services_affected": json.dumps(["checkout", "web-shop"]),
        "alert_count": 3,
        "finding_count": 4,
        "source_count": 2,
        "cause_kind": "capacity",
        "cause_entity_id": "database/orders-db",
        "confidence_ratio": 0.84,
        **more,
    }


def member(incident_id, member_id, kind, start, role="member", reason="shares the topology and began within 15 min"):
    return {
        "incident_id": incident_id,
        "member_id": member_id,
        "member_kind": kind,
        "started_at": start,
        "role": role,
        "reason": reason,
        "hops": 1,
        "gap_s": 300.0,
    }


def cause(incident_id, rank, start, statement, confidence, **more):
    return {
        "incident_id": incident_id,
        "cause_rank": rank,
        "started_at": start,
        "cause_kind": "capacity",
        "score": confidence,
        "confidence_ratio": confidence,
        "margin": 0.4,
        "cause_status": "suspect",
        "statement": statement,
        "method": "topology_walk",
        **more,
    }


def proof(incident_id, rank, number, start, kind, *said):
    statement, value, about = *said, *(None, "metric_points")[len(said) - 1 :]
    return {
        "evidence_id": f"evd-{incident_id}-{rank}-{number}",
        "incident_id": incident_id,
        "cause_rank": rank,
        "started_at": start,
        "evidence_kind": kind,
        "statement": statement,
        "query": json.dumps({"table": about, "filter": {"series_id": "series-pool"} if kind == "metric" else {}}),
        "window_start": start,
        "window_end": start + timedelta(hours=1),
        "evidence_value": value,
    }


def change(key, kind, title, start, entity, **more):
    return {
        "started_at": start,
        "change_id": key,
        "change_type": kind,
        "title": title,
        "entity_id": entity,
        "service_name": entity.split("/")[1] if entity and entity.startswith("service/") else None,
        "outcome": "success",
        "source": "itsm",
        **more,
    }


def health(source, name, state, *, rows=1000, aside=0, start=WINDOW.start, end=WINDOW.end, error=None):
    there = rows if state != "unreachable" else 0
    return {
        "source": source,
        "table_name": name,
        "window_start": start,
        "window_end": end,
        "source_state": state,
        "rows_in": there,
        "rows_published": there - aside,
        "rows_quarantined": aside,
        "rows_duplicate": 0,
        "rows_late": 0,
        "first_event_at": start if there else None,
        "latest_event_at": end - timedelta(seconds=300) if there else None,
        "freshness_lag_s": 300.0 if there else None,
        "last_error": error,
        "run_id": "run-ingest",
        "as_of": WINDOW.end,
    }


def forecasts():
    rows = []
    for step in range(0, 14 * 24, 4):
        base = 0.78 + 0.0016 * step / 4 * 2 + 0.012 * np.sin(step / 24 * 2 * np.pi)
        spread = 0.004 + 0.0011 * step / 4
        rows.append(
            {
                "series_id": "series-disk",
                "issued_at": WINDOW.end,
                "target_at": WINDOW.end + timedelta(hours=step + 1),
                "p10": base - spread,
                "p50": base,
                "p90": base + spread * 1.2,
                "model_version": "capacity-3",
            }
        )
    return rows


def disk_history():
    hours = 14 * 24
    times = [WINDOW.end - timedelta(hours=hours - i) for i in range(hours)]
    value = 0.78 - 0.0007 * np.arange(hours, 0, -1) + 0.012 * np.sin(np.arange(hours) / 24 * 2 * np.pi)
    noise = np.random.default_rng(3).normal(0, 0.003, hours)
    return pa.table({"observed_at": pa.array(times, pa.timestamp("us", tz="UTC")), "value": value + noise})


def risk(entity, probability, decision):
    return {
        "finding_id": f"fnd-{entity}",
        "entity_id": entity,
        "host_name": entity.split("/")[1].split(":")[0],
        "issued_at": WINDOW.end,
        "horizon_s": 14 * 86400.0,
        "probability_ratio": probability,
        "raw_probability_ratio": probability,
        "threshold": 0.2,
        "decision": decision,
        "top_features": json.dumps(
            [
                {"feature": "smart_197_pending_sector_slope_7d", "value": 4.2},
                {"feature": "smart_5_reallocated_last", "value": 118.0},
                {"feature": "age_d", "value": 1912},
            ]
        ),
        "model_version": "failure_risk-7",
    }


INCIDENTS = [
    incident(
        "inc-black",
        "web-shop: latency and error rate, 1 more service affected",
        "P1",
        at(19, 5),
        None,
        summary="3 alerts and 4 findings on 3 components since 2026-11-27 19:05 UTC. Likely cause (84%): the connection"
        " pool of `orders-db` is exhausted (98.5 %, usually 42 %).",
        causal_chain=json.dumps(
            [
                "connection pool of `orders-db` at 98.5 %",
                "latency of checkout and web-shop",
                "error rate of web-shop",
            ]
        ),
    ),
    incident(
        "inc-mail",
        "mail: queue",
        "P3",
        at(4, 10),
        at(5, 0),
        summary="1 alert and 1 finding on 1 component. The cause is not known.",
        entity_id="queue/mail",
        service_name="mailer",
        services_affected=json.dumps(["mailer"]),
        alert_count=1,
        finding_count=1,
        source_count=1,
        cause_kind="unknown",
        cause_entity_id=None,
        confidence_ratio=0.12,
        causal_chain=json.dumps(["cause unknown"]),
    ),
]
MEMBERS = [
    member(
        "inc-black",
        "fnd-pool",
        "finding",
        at(19, 5),
        "primary",
        "the first to suffer; `web-shop` calls it over `checkout`",
    ),
    member("inc-black", "fnd-latency", "finding", at(19, 15)),
    member("inc-black", "fnd-errors", "finding", at(19, 25)),
    member("inc-black", "fnd-checkout", "finding", at(19, 20)),
    member("inc-black", "alr-latency", "alert", at(19, 18)),
    member("inc-black", "alr-errors", "alert", at(19, 28)),
    member("inc-black", "alr-pool", "alert", at(19, 12)),
    member("inc-mail", "fnd-queue", "finding", at(4, 10), "primary"),
    member("inc-mail", "alr-queue", "alert", at(4, 15)),
]
CAUSES = [
    cause(
        "inc-black",
        1,
        at(19, 5),
        "the connection pool of `orders-db` is exhausted",
        0.84,
        entity_id="database/orders-db",
    ),
    cause(
        "inc-black",
        2,
        at(19, 5),
        "deploy CHG-4811 on `checkout` 40 min before the first symptom",
        0.11,
        cause_kind="change",
        entity_id="service/checkout",
        change_id="CHG-4811",
    ),
    cause(
        "inc-black",
        3,
        at(19, 5),
        "more traffic on `web-shop`, as announced",
        0.05,
        cause_kind="traffic",
        entity_id="service/web-shop",
    ),
    cause(
        "inc-mail",
        1,
        at(4, 10),
        "no candidate explains the queue of `mail`",
        0.12,
        cause_kind="unknown",
        cause_status="abstained",
    ),
]
PROOFS = [
    proof(
        "inc-black",
        1,
        1,
        at(19, 5),
        "metric",
        "Connection pool of `orders-db`: 98.5 % (usually 42 %) from 19:05 on, 10 min before the first symptom.",
        0.985,
    ),
    proof(
        "inc-black",
        1,
        2,
        at(19, 5),
        "topology",
        "`web-shop` calls `checkout`, and `checkout` stores on `orders-db`.",
        2,
        "topology_edges",
    ),
    proof(
        "inc-black",
        1,
        3,
        at(19, 5),
        "log",
        "412 records `too many connections` by `checkout`, none in the week before.",
        412,
        "log_records",
    ),
    proof(
        "inc-black",
        2,
        1,
        at(19, 5),
        "change",
        "deploy CHG-4811 on `checkout` (on what suffers), 40 min before the first symptom; 6 changes there in the look-back.",
        6,
        "changes",
    ),
]
CHANGES = [
    change("EVT-12", "event", "Black Friday sale begins", at(18, 0), "service/web-shop"),
    change("CHG-4811", "deploy", "checkout 2.31.0", at(18, 25), "service/checkout", service_version="2.31.0"),
    change("CHG-4790", "standard", "Rotate certificates of search", at(15, 0), "service/search"),
]
ALERTS = [
    alert("latency", "WebLatencyHigh", "service/web-shop", at(19, 18), None),
    alert("errors", "HTTPErrorsHigh", "service/web-shop", at(19, 28), at(21, 40)),
    alert("pool", "ConnectionsNearLimit", "database/orders-db", at(19, 12), at(21, 50), "warning"),
    alert("queue", "QueueLong", "queue/mail", at(4, 15), at(5, 5), "warning"),
]
QUIET = [
    {
        "alert_id": "alr-latency",
        "suppression_kind": "transient",
        "rule_id": "hold",
        "started_at": at(19, 18),
        "ended_at": at(19, 24),
        "reason": "`WebLatencyHigh` ends by itself in 71 % of cases; held for 6 min.",
        "suppressed_by": None,
        "delay_s": 360.0,
        "later_incident_id": "inc-black",
        "is_harm": True,
    },
    {
        "alert_id": "alr-pool",
        "suppression_kind": "maintenance",
        "rule_id": "by_change",
        "started_at": at(19, 12),
        "ended_at": at(19, 30),
        "reason": "Planned work on `orders-db`.",
        "suppressed_by": "CHG-4790",
        "delay_s": None,
        "later_incident_id": None,
        "is_harm": False,
    },
    {
        "alert_id": "alr-elsewhere",
        "suppression_kind": "transient",
        "rule_id": "hold",
        "started_at": at(2),
        "ended_at": at(2, 5),
        "reason": "It ended by itself.",
        "suppressed_by": None,
        "delay_s": None,
        "later_incident_id": None,
        "is_harm": False,
    },
]
SIMILAR = [
    {
        "incident_id": "inc-black",
        "similar_rank": rank,
        "started_at": at(19, 5),
        "similar_id": key,
        "similar_kind": kind,
        "similarity_ratio": ratio,
        "matched_on": json.dumps(["orders-db", "connection pool"]),
        "title": title,
        "opened_at": DAY - timedelta(days=21 * rank),
        "resolution_code": code,
        "resolution": resolution,
        "cause_entity_id": "database/orders-db",
    }
    for rank, key, kind, ratio, title, code, resolution in (
        (
            1,
            "OPS-3310",
            "ticket",
            0.82,
            "Shop slow, pool of orders-db full",
            "config_changed",
            "Raised `max_connections` to 400 and restarted the pool of checkout.",
        ),
        (2, "inc-old", "incident", 0.55, "orders-db: connection pool", None, None),
    )
]
RUNBOOKS = [
    {
        "incident_id": "inc-black",
        "runbook_rank": rank,
        "started_at": at(19, 5),
        "runbook_id": key,
        "runbook_version": "rbv-1",
        "title": title,
        "score": score,
        "matched_on": json.dumps(["capacity", "database"]),
        "parameters": json.dumps({"entity": "database/orders-db", "limit": 400}),
        "risk_tier": risk,
        "reason": "the cause is a connection pool at its limit, on a database",
    }
    for rank, key, title, score, risk in (
        (1, "db-pool-exhausted", "Connection pool exhausted", 0.9, "medium"),
        (2, "shed-load", "Shed load at the gateway", 0.4, "high"),
    )
]
CALLS = [
    ("service/web-shop", "service/checkout", "calls"),
    ("service/web-shop", "service/search", "calls"),
    ("service/web-shop", "service/cart", "calls"),
    ("service/cart", "database/orders-db", "stores_on"),
    ("service/checkout", "database/orders-db", "stores_on"),
    ("gateway/front", "service/web-shop", "calls"),
    ("service/web-shop", "host/web-01", "runs_on"),
    ("service/checkout", "service/web-shop", "calls"),
]
"""With a cycle, as real estates have; `cart` lies silent between `web-shop` and `orders-db`."""


def edge(a, b, kind, valid_from=DAY - timedelta(days=90), valid_to=None):
    return {
        "from_entity_id": a,
        "to_entity_id": b,
        "edge_type": kind,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "source": "cmdb",
    }


EDGES = [edge(*call) for call in CALLS] + [
    edge("service/web-shop", "service/retired", "calls", valid_to=DAY - timedelta(days=1)),
    edge("service/web-shop", "service/later", "calls", valid_from=WINDOW.end),
]


def facts(**more):
    """Return the night; ``more`` replaces tables by name."""
    start = WINDOW.start - timedelta(days=1)
    tables = {
        "incidents": table(r.INCIDENTS, INCIDENTS),
        "incident_alerts": table(r.INCIDENT_ALERTS, MEMBERS),
        "root_causes": table(r.ROOT_CAUSES, CAUSES),
        "evidence": table(r.EVIDENCE, PROOFS),
        "priority_factors": table(
            r.PRIORITY_FACTORS,
            [
                {"incident_id": "inc-black", "factor": f, "started_at": at(19, 5), "raw_value": v, "weight": 1.0, "contribution": c}
                for f, v, c in (("impact", "critical service", 1.0), ("urgency", "errors felt", 1.0))
            ],
        ),
        "alerts": table(r.ALERTS, ALERTS),
        "alert_suppressions": table(k.ALERT_SUPPRESSIONS, QUIET),
        "similar_incidents": table(k.SIMILAR_INCIDENTS, SIMILAR),
        "runbook_recommendations": table(k.RUNBOOK_RECOMMENDATIONS, RUNBOOKS),
        "topology_edges": table(t.TOPOLOGY_EDGES, EDGES),
        "findings": table(r.FINDINGS, [*(finding(row) for row in ANOMALIES), DISK_FINDING]),
        "anomalies": table(r.ANOMALIES, ANOMALIES),
        "changes": table(t.CHANGES, CHANGES),
        "capacity_forecasts": table(r.CAPACITY_FORECASTS, forecasts()),
        "capacity_risks": table(
            r.CAPACITY_RISKS,
            [
                {
                    "finding_id": "fnd-disk",
                    "series_id": "series-disk",
                    "metric_name": "filesystem_utilization_ratio",
                    "entity_id": "disk/orders-db-1:data",
                    "issued_at": WINDOW.end,
                    "observed": 0.78,
                    "limit_value": 1.0,
                    "breach_probability_ratio": 0.83,
                    "breach_p10_at": WINDOW.end + timedelta(days=7, hours=3),
                    "breach_p50_at": WINDOW.end + timedelta(days=9, hours=2),
                    "breach_p90_at": WINDOW.end + timedelta(days=12, hours=20),
                    "horizon_s": 14 * 86400.0,
                    "recommendation": "Extend `/data` of `orders-db-1` by 200 GiB, or archive orders of 2023, before 4 Dec.",
                    "model_version": "capacity-3",
                }
            ],
        ),
        "failure_risks": table(
            r.FAILURE_RISKS,
            [risk("disk/store-07:sdc", 0.41, "act"), risk("disk/store-02:sda", 0.13, "watch")]
            + [risk(f"disk/store-{n}:sdb", 0.002, "none") for n in range(10, 16)],
        ),
        "source_health": table(
            o.SOURCE_HEALTH,
            [
                health("prom_eu", "metric_points", "ok", rows=3_456_000),
                health("prom_eu", "raw_alerts", "ok", rows=31),
                health("logs", "log_records", "partial", rows=812_000, aside=1630, error="1630 of 812000 rows were put aside"),
                health("logs", "spans", "ok", rows=120_500),
                health("itsm", "changes", "ok", rows=3),
                health("itsm", "ticket_history", "unreachable", error="`itsm`: the server does not answer (HTTP 503)"),
            ],
        ),
        "quality_results": table(
            o.QUALITY_RESULTS,
            [
                {
                    "table_name": "log_records", "source": "logs", "stage": "ingest",
                    "expectation": "null_ratio(service_name) is at most 0.5", "window_start": WINDOW.start,
                    "window_end": WINDOW.end, "expectation_severity": "warning", "is_success": False,
                    "observed_text": "0.62", "expected_text": "at most 0.5", "verdict": "violated",
                    "owner_team": "observability", "reason": "A log line without its service cannot be evidence for a cause.",
                },
                {
                    "table_name": "metric_points", "source": "prom_eu", "stage": "ingest",
                    "expectation": "row_count is at least 1", "window_start": WINDOW.start,
                    "window_end": WINDOW.end, "expectation_severity": "warning", "is_success": True,
                    "observed_text": "3456000", "expected_text": "at least 1", "verdict": "held",
                    "owner_team": "observability", "reason": "x",
                },
            ],
        ),
        "quarantine": table(
            t.QUARANTINE,
            [
                {
                    "window_start": WINDOW.start, "window_end": WINDOW.end, "table_name": "log_records", "source": "logs",
                    "locator": f"app.jsonl:{line}", "reason_code": code, "column_name": column, "detail": detail,
                    "raw": "{}", "raw_sha256": f"{line}",
                }
                for line, (code, column, detail) in enumerate(
                    12 * [("WRONG_TYPE", "observed_at", "column `observed_at` must be a timestamp")]
                    + 5 * [("NOT_IN_SET", "severity_text", "column `severity_text` must be one of `TRACE`, `DEBUG`, `INFO`")]
                )
            ],
        ),
        "model_versions": table(
            o.MODEL_VERSIONS,
            [
                {
                    "model_name": "failure_risk", "model_version": "failure_risk-7", "model_stage": "champion",
                    "artifact_path": "a", "sha256": "s", "train_from": DAY - timedelta(days=120),
                    "train_to": DAY - timedelta(days=28), "features_hash": "f",
                }
            ],
        ),
        "model_evaluations": table(
            o.MODEL_EVALUATIONS,
            [
                {
                    "model_name": "failure_risk", "model_version": "failure_risk-7", "metric": metric,
                    "window_start": DAY - timedelta(days=28), "window_end": DAY, "metric_value": value,
                    "baseline_value": baseline, "sample_count": 6720,
                }
                for metric, value, baseline in (("average_precision", 0.43, 0.011), ("brier", 0.0081, 0.0109))
            ],
        ),
        "tickets": table(
            o.TICKETS,
            [
                {
                    "endpoint": "desk", "external_key": "k1", "remote_key": "DESK-1042", "remote_url": None,
                    "subject_id": "inc-black", "ticket_state": "new", "title": "web-shop: latency", "priority": "P1",
                    "opened_at": at(19, 30), "updated_at": at(19, 30), "content_sha256": "x",
                }
            ],
        ),
        "incident_outcomes": table(
            INCIDENT_OUTCOMES,
            [
                {
                    "incident_id": "inc-mail", "known_at": at(known), "started_at": at(4, 10), "outcome_state": state,
                    "label_verdict": verdict, "verdict_number": 2 if verdict else None, "is_self_generated": False,
                    "cause_text": "the queue's <b>consumer</b> hung", "cause_entity_id": "queue/mail",
                    "assignee": "kim", "acknowledged_at": at(4, 40), "time_to_detect_s": 300.0,
                    "time_to_acknowledge_s": 1500.0, "time_to_resolve_s": resolve,
                }
                for known, state, verdict, resolve in (
                    (5, "open", None, None), (8, "resolved", "true", 7200.0), (30, "resolved", "false", 7200.0)
                )
            ],
        ),
        "ticket_outbox": table(
            o.TICKET_OUTBOX,
            [
                {
                    "outbox_id": "out-1", "endpoint": "desk", "external_key": "k2", "sequence": 0,
                    "subject_id": "inc-mail", "started_at": at(4, 10), "ticket_action": "create", "delivery_mode": "live",
                    "payload": json.dumps({"title": "mail: queue"}), "content_sha256": "x", "outbox_state": "dead",
                    "attempt_count": 5, "last_error": "`desk`: title is too long (HTTP 400)",
                }
            ],
        ),
        "runs": table(
            o.RUNS,
            [
                {
                    "run_id": f"run-{job}", "job": job, "window_start": WINDOW.start, "window_end": WINDOW.end,
                    "span_start": WINDOW.start, "span_end": WINDOW.end, "run_status": "completed",
                    "parameters": "{}", "rows_in": 3_456_000, "rows_published": 6,
                }
                for job in ("detect", "forecast", "score_failures", "correlate")
            ],
        ),
    }  # fmt: skip
    bands = {
        "series-pool": band("pool", start, WINDOW.end, burst=(at(19, 5), at(21, 40)), factor=1.9),
        "series-latency": band("latency", start, WINDOW.end, burst=(at(19, 15), at(21, 35)), factor=7.0),
        "series-errors": band("errors", start, WINDOW.end, burst=(at(19, 25), at(21, 30)), factor=19.0),
        "series-checkout": band(
            "checkout", start, WINDOW.end, burst=(at(19, 20), at(21, 35)), factor=3.4, gap=(at(9), at(10))
        ),
        "series-traffic": band("traffic", start, WINDOW.end, burst=(at(18), at(22)), factor=2.6),
        "series-queue": band("queue", start, WINDOW.end, burst=(at(4, 10), at(5)), factor=11.0),
    }
    return Facts(
        tables={**tables, **more},
        bands=bands,
        histories={"series-disk": disk_history()},
        units={"series-disk": "1"},
        asked=[("prom_eu", "metric_points"), ("prom_eu", "raw_alerts"), ("itsm", "configuration_items")],
    )


def view(given=None, **more):
    given = given or facts()
    settings = {
        "window": WINDOW,
        "as_of": WINDOW.end,
        "estate": "shop estate",
        "run_id": "run-report",
        "code_version": "0.1.0+4f2a",
    }
    return build_view(given, Policies(), **{**settings, **more})


def pages(given=None, **more):
    """Return the pages of the night's incidents, by id."""
    given = given or facts()
    settings = {"window": WINDOW, "as_of": WINDOW.end, "estate": "shop estate", "most": 200}
    return {page.incident.incident_id: page for page in build_pages(given, Policies(), **{**settings, **more})}


def quiet(*, state="ok", asked=(("prom_eu", "metric_points"),), **more):
    """Return a night in which nothing happened, and the source stood as said."""
    rows = [health(source, name, state) for source, name in asked] if state else []
    tables = {"source_health": table(o.SOURCE_HEALTH, rows), "runs": facts()[o.RUNS], **more}
    return view(replace(facts(), tables=tables, bands={}, asked=list(asked)))
