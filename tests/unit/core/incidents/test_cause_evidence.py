"""Raw metrics and bad data as evidence, wrong begins, planned work, and what must never be named."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from incident_world import DAY, POLICIES, anomaly, at, change, correlated, edges, facts, signals, table

from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.core.incidents.readings import METRIC_COLUMNS, Readings, of_nodes

LATENCY, ERRORS = "http_request_duration_p99_seconds", "http_request_error_ratio"
POOL, CPU = "db_connection_pool_utilization_ratio", "node_cpu_utilization_ratio"
SHOP = edges("service/web > service/checkout > service/orders > database/orders-db", "service/web > service/search")


def slow(minutes, entity, **more):
    return anomaly(minutes, entity, LATENCY, unit="s", **more)


def verdict(seen, heard=None):
    result = correlated(seen, heard)
    (incident,) = result.incidents.to_pylist()
    causes = sorted(result.root_causes.to_pylist(), key=lambda row: row["cause_rank"])
    return incident, causes, result.evidence.to_pylist()


def points(entity, metric, jump, *, seed=0, unit="1"):
    """A sample a minute from two hours before until one after; it moves by ``jump`` at minute 0."""
    noise = np.random.default_rng(seed).normal(0.3, 0.01, 180)
    return [
        {
            "observed_at": at(minute),
            "series_id": f"{entity}-{metric}",
            "metric_name": metric,
            "unit": unit,
            "entity_id": entity,
            "value": float(value + (jump if minute >= 0 else 0)),
            "source": "prometheus",
        }
        for minute, value in zip(range(-120, 60), noise, strict=True)
    ]


def heard(*series):
    rows = table(METRIC_POINTS, [row for one in series for row in one]).select(METRIC_COLUMNS)
    return replace(signals(), readings=Readings(rows, POLICIES.roles))


def suffering(**more):
    return facts(
        anomalies=[slow(0, "service/orders"), slow(3, "service/checkout"), slow(5, "service/web")], links=SHOP, **more
    )


def test_a_change_whose_component_uses_more_since_is_more_suspect_and_shows_it():
    seen = suffering(changes=[change(-25, "service/orders")])
    quiet = verdict(seen, heard(points("service/orders", CPU, 0.0)))[1]
    _, causes, evidence = verdict(seen, heard(points("service/orders", CPU, 0.5)))
    scores = [next(c["score"] for c in found if c["change_id"]) for found in (quiet, causes)]
    assert scores[1] > scores[0]
    rank = next(c["cause_rank"] for c in causes if c["change_id"])
    (shown,) = [e for e in evidence if e["cause_rank"] == rank and e["evidence_kind"] == "metric"]
    query = json.loads(shown["query"])
    assert query["table"] == "metric_points"
    inside = [
        row["value"]
        for row in points("service/orders", CPU, 0.5)
        if query["filter"] == {"series_id": row["series_id"]}
        and shown["window_start"] <= row["observed_at"] < shown["window_end"]
    ]
    assert shown["evidence_value"] in inside


def test_symptoms_and_falls_of_what_only_hurts_when_full_move_nothing():
    readings = Readings(
        table(METRIC_POINTS, points("service/orders", LATENCY, 5.0, unit="s") + points("service/orders", CPU, -0.25)),
        POLICIES.roles,
    )
    calm, sick = ((-3600, -300), (0, 1800))
    zero = int(at(0).timestamp()) * 1_000_000
    windows = [tuple(zero + second * 1_000_000 for second in window) for window in (calm, sick)]
    assert readings.moved("service/orders", *windows) is None
    assert readings.moved("service/unheard-of", *windows) is None


def test_only_samples_of_asked_nodes_are_kept():
    rows = table(
        METRIC_POINTS,
        [
            *points("service/orders", CPU, 0)[:2],
            *points("host/h1", CPU, 0)[:1],
            {**points("x", CPU, 0)[0], "entity_id": None, "host_name": "h2", "series_id": "h2"},
        ],
    ).select(METRIC_COLUMNS)
    assert of_nodes(rows, frozenset({"host/h2"}))["series_id"].to_pylist() == ["h2"]
    assert of_nodes(rows, frozenset({"service/orders"})).num_rows == 2
    assert of_nodes(rows, frozenset()).num_rows == 0


def silent(minutes, entity, *, lasts=None, severity="warning"):
    row = {name: anomaly(minutes, entity, CPU).get(name) for name in FINDINGS.names}
    return {
        **row,
        "finding_id": f"fnd-{entity}-{minutes}",
        "finding_kind": "data_quality",
        "severity": severity,
        "ended_at": None if lasts is None else at(minutes + lasts),
        "title": f"{entity} stopped reporting",
        "dq_status": "no_data",
    }


def with_findings(seen, *rows):
    return replace(seen, findings=table(FINDINGS, [*seen.findings.to_pylist(), *rows]))


def test_bad_data_upstream_are_a_cause():
    seen = facts(anomalies=[slow(0, "service/web")], links=edges("service/web > service/prices"))
    incident, causes, evidence = verdict(with_findings(seen, silent(-20, "service/prices")))
    assert (incident["cause_kind"], incident["cause_entity_id"]) == ("data", "service/prices")
    assert json.loads(incident["causal_chain"])[0] == "bad data of prices"
    assert {json.loads(e["query"])["table"] for e in evidence if e["cause_rank"] == causes[0]["cause_rank"]} == {
        "findings"
    }


@pytest.mark.parametrize(
    "row",
    [
        silent(-20, "service/elsewhere"),
        silent(30, "service/prices"),
        silent(-200, "service/prices", lasts=60),
        silent(-20, "service/web"),
    ],
)
def test_bad_data_elsewhere_later_over_or_of_the_victim_itself_are_not(row):
    seen = facts(anomalies=[slow(0, "service/web")], links=edges("service/web > service/prices"))
    _, causes, _ = verdict(with_findings(seen, row))
    assert not [c for c in causes if c["cause_kind"] == "data"]


@pytest.mark.parametrize("shift", [-10, -7, -3, 3, 7, 10])
@pytest.mark.parametrize("moved", ["cause", "symptoms"])
def test_a_begin_wrong_by_ten_minutes_keeps_the_first_cause(shift, moved):
    first, later = (shift, 0) if moved == "cause" else (0, shift)
    seen = facts(
        anomalies=[
            anomaly(first, "database/orders-db", POOL, observed=1.0, expected=0.35),
            slow(later + 1, "service/orders"),
            slow(later + 4, "service/web"),
        ],
        links=SHOP,
        changes=[change(-600, "service/search")],
    )
    assert verdict(seen)[0]["cause_entity_id"] == "database/orders-db"


def test_a_deployment_inside_planned_maintenance_is_still_a_candidate():
    planned = {"planned_start_at": at(-30), "planned_end_at": at(60)}
    window = change(-30, "service/checkout", "standard", **planned)
    deploy = change(-6, "service/orders", **planned)
    _, causes, _ = verdict(suffering(changes=[window, deploy]))
    assert deploy["change_id"] in {c["change_id"] for c in causes}
    assert causes[0]["change_id"] == deploy["change_id"]


def test_trouble_over_several_hops_is_told_in_the_order_in_which_it_travels():
    seen = facts(
        anomalies=[
            anomaly(0, "database/orders-db", POOL, observed=1.0, expected=0.35),
            slow(4, "service/orders"),
            slow(2, "service/checkout"),
            slow(3, "service/web"),
            anomaly(6, "service/web", ERRORS, observed=0.2, expected=0.001),
        ],
        links=SHOP,
    )
    incident, _, _ = verdict(seen)
    chain = json.loads(incident["causal_chain"])
    assert chain[0].startswith("connection pool of orders-db exhausted")
    assert chain[1:] == ["latency of orders, checkout and web", "error rate of web"]


def test_a_lone_symptom_is_not_explained():
    incident, causes, _ = verdict(facts(anomalies=[slow(0, "service/web")], links=SHOP))
    assert incident["cause_kind"] == "unknown"
    assert causes[0]["cause_status"] == "abstained"


@pytest.mark.parametrize("seed", range(12))
def test_random_changes_far_away_are_never_named(seed):
    rng = np.random.default_rng(seed)
    noise = [
        change(
            float(rng.uniform(-240, 0)), f"service/far-{rng.integers(9)}", str(rng.choice(["deploy", "config", "flag"]))
        )
        for _ in range(60)
    ]
    result = correlated(suffering(changes=noise))
    assert not [c for c in result.root_causes.to_pylist() if c["change_id"]]
    (incident,) = result.incidents.to_pylist()
    assert incident["cause_kind"] in {"unknown", "dependency"}
    assert incident["started_at"] - DAY.start < timedelta(days=1)
