import json
from dataclasses import replace

import pytest
from incident_world import (
    POLICIES,
    anomaly,
    at,
    change,
    correlated,
    edges,
    event,
    facts,
    item,
    log,
    signals,
)

from aiops_jobs.contracts import TABLES
from aiops_jobs.core.incidents.candidates import earliness
from aiops_jobs.identity import fingerprint

LATENCY, ERRORS = "http_request_duration_p99_seconds", "http_request_error_ratio"
POOL, CPU, RATE = "db_connection_pool_utilization_ratio", "node_cpu_utilization_ratio", "http_requests_per_second"
SHOP = edges("service/web > service/checkout > service/orders > database/orders-db", "service/web > service/search")


def slow(minutes, entity, **more):
    return anomaly(minutes, entity, LATENCY, unit="s", **more)


def failing(minutes, entity, **more):
    return anomaly(minutes, entity, ERRORS, observed=0.12, expected=0.001, **more)


def verdict(seen, heard=None, **more):
    """The incident, its causes by rank, and their evidence."""
    result = correlated(seen, heard, **more)
    (incident,) = result.incidents.to_pylist()
    causes = sorted(result.root_causes.to_pylist(), key=lambda row: row["cause_rank"])
    return incident, causes, result.evidence.to_pylist()


def test_pool_exhausted_then_web_latency_then_failed_requests():
    """The golden chain: the pool is the cause, and the chain stands in the order in which trouble travels."""
    sale = change(-60, "service/web", "event", planned_start_at=at(-60), planned_end_at=at(600))
    seen = facts(
        anomalies=[
            anomaly(-60, "service/web", RATE, lasts=600, unit="1/s", observed=400, expected=90, score=20),
            anomaly(0, "database/orders-db", POOL, observed=1.0, expected=0.35),
            slow(10, "service/web"),
            failing(20, "service/web"),
        ],
        links=edges("service/web > service/app > database/orders-db"),
        changes=[sale],
    )
    incident, causes, _ = verdict(seen)
    assert (incident["cause_kind"], incident["cause_entity_id"]) == ("capacity", "database/orders-db")
    assert incident["confidence_ratio"] > 0.5
    chain = json.loads(incident["causal_chain"])
    assert [step.split(" of ")[0] for step in chain] == ["connection pool", "latency", "error rate"]
    assert "orders-db exhausted" in chain[0]
    assert chain[1].endswith("web")
    assert next(c for c in causes if c["cause_kind"] == "traffic")["cause_rank"] > 1


def test_a_symptom_is_never_a_cause_of_another_kind_than_dependency_and_weighs_little():
    seen = facts(
        anomalies=[slow(0, "service/orders"), slow(5, "service/checkout"), failing(8, "service/web")], links=SHOP
    )
    incident, causes, _ = verdict(seen)
    assert {c["cause_kind"] for c in causes} <= {"dependency", "unknown"}
    named = [c for c in causes if c["cause_kind"] == "dependency"]
    assert named[0]["entity_id"] == "service/orders"
    assert named[0]["confidence_ratio"] < 0.5
    assert incident["cause_kind"] in {"dependency", "unknown"}


def test_with_thin_evidence_the_answer_is_unknown():
    incident, causes, evidence = verdict(facts(anomalies=[slow(0, "service/web", score=1.2)]))
    assert (incident["cause_kind"], incident["cause_entity_id"], incident["confidence_ratio"]) == (
        "unknown",
        None,
        None,
    )
    assert (causes[0]["cause_status"], causes[0]["cause_kind"], causes[0]["entity_id"]) == (
        "abstained",
        "unknown",
        None,
    )
    assert {c["cause_status"] for c in causes[1:]} == {"suspect"}
    assert min(row["cause_rank"] for row in evidence) == 2
    assert json.loads(incident["causal_chain"])[0] == "cause unknown"


def test_the_bound_of_abstention_is_the_policys():
    seen = facts(
        anomalies=[anomaly(0, "database/orders-db", POOL, observed=1.0), slow(5, "service/orders")], links=SHOP
    )
    assert verdict(seen)[0]["cause_kind"] == "capacity"
    strict = replace(POLICIES, correlation=replace(POLICIES.correlation, abstain_below=0.999))
    assert verdict(seen, policies=strict)[0]["cause_kind"] == "unknown"


def gateways(ill, *, also=()):
    links = edges(*(f"service/cards > gateway/gw-{n}" for n in (1, 2, 3)), "service/web > service/cards")
    items = [item(f"gateway/gw-{n}", group="card-gateway", criticality="critical") for n in (1, 2, 3)]
    items.append(item("service/cards", criticality="critical"))
    sick = [failing(0, f"gateway/gw-{n}") for n in (ill, *also)]
    approvals = anomaly(4, "service/cards", "card_approval_ratio", observed=0.7, expected=0.97, direction="down")
    return facts(anomalies=[*sick, approvals], links=links, items=items)


def test_one_gateway_node_that_fails_alone_is_the_cause_and_it_is_urgent():
    incident, _, evidence = verdict(gateways(2))
    assert (incident["cause_kind"], incident["cause_entity_id"]) == ("infra", "gateway/gw-2")
    assert incident["priority"] == "P1"
    assert any("card-gateway" in row["statement"] for row in evidence if row["cause_rank"] == 1)


def test_where_all_nodes_fail_no_single_one_is_to_blame():
    _, causes, _ = verdict(gateways(2, also=(1, 3)))
    assert not [c for c in causes if c["cause_kind"] == "infra"]


def deployed(minutes, entity="service/orders", kind="deploy", **more):
    symptoms = [
        slow(0, "service/orders"),
        failing(2, "service/orders"),
        slow(5, "service/checkout"),
        slow(6, "service/web"),
    ]
    return facts(anomalies=symptoms, links=SHOP, changes=[change(minutes, entity, kind, **more)])


def test_a_deployment_just_before_on_the_deepest_component_is_the_cause():
    incident, causes, evidence = verdict(deployed(-6))
    assert (incident["cause_kind"], incident["cause_entity_id"]) == ("change", "service/orders")
    assert causes[0]["change_id"] == change(-6, "service/orders")["change_id"]
    assert "change" in {row["evidence_kind"] for row in evidence if row["cause_rank"] == 1}
    assert verdict(deployed(-6, kind="flag"))[0]["cause_kind"] == "config"


@pytest.mark.parametrize("seen", [deployed(30), deployed(-60 * 24 * 6), deployed(-6, entity="service/elsewhere")])
def test_a_change_after_or_long_before_or_elsewhere_is_not(seen):
    assert verdict(seen)[0]["cause_kind"] not in {"change", "config"}


def test_a_change_beyond_the_look_back_is_not_even_a_suspect():
    _, causes, _ = verdict(deployed(-60 * 24 * 8))
    assert not [c for c in causes if c["change_id"]]


def test_a_rolled_back_change_is_more_suspect():
    smooth, rough = (verdict(deployed(-45, outcome=o))[1] for o in ("success", "rolled_back"))
    by_kind = [next(c["score"] for c in causes if c["cause_kind"] == "change") for causes in (smooth, rough)]
    assert by_kind[1] > by_kind[0]


def test_an_announced_event_is_a_cause_only_where_nothing_else_explains():
    sale = change(-30, "service/web", "event", planned_start_at=at(-30), planned_end_at=at(600))
    load = anomaly(-25, "service/web", RATE, unit="1/s", observed=900, expected=90, score=30)
    alone = facts(anomalies=[load, slow(0, "service/web")], changes=[sale], links=SHOP)
    incident, causes, _ = verdict(alone)
    assert incident["cause_kind"] in {"traffic", "unknown"}
    assert next(c for c in causes if c["cause_kind"] == "traffic")["change_id"] == sale["change_id"]
    explained = facts(
        anomalies=[
            load,
            slow(0, "service/web"),
            anomaly(-5, "database/orders-db", POOL, observed=1.0),
            slow(0, "service/orders"),
        ],
        changes=[sale],
        links=SHOP,
    )
    assert verdict(explained)[0]["cause_entity_id"] == "database/orders-db"


@pytest.mark.parametrize("shift", [-9, -5, 0, 5, 9])
def test_a_start_that_is_wrong_by_some_minutes_does_not_change_the_verdict(shift):
    seen = facts(
        anomalies=[
            anomaly(shift, "database/orders-db", POOL, observed=1.0),
            slow(0, "service/orders"),
            slow(4, "service/web"),
        ],
        links=SHOP,
    )
    assert verdict(seen)[0]["cause_entity_id"] == "database/orders-db"


def test_a_resource_that_suffers_later_is_a_victim():
    seen = facts(
        anomalies=[
            anomaly(0, "database/orders-db", POOL, observed=1.0),
            slow(3, "service/orders"),
            slow(5, "service/checkout"),
            anomaly(25, "service/checkout", "container_memory_utilization_ratio", observed=0.97),
        ],
        links=SHOP,
    )
    _, causes, _ = verdict(seen)
    ranks = {c["entity_id"]: c["cause_rank"] for c in causes if c["cause_kind"] == "capacity"}
    assert ranks["database/orders-db"] == 1
    assert ranks["service/checkout"] > 1


def test_a_full_disk_counts_however_long_ago_it_began_to_fill():
    links = edges("service/web > database/db > host/db-1")
    disk = anomaly(-60 * 20, "host/db-1", "node_filesystem_utilization_ratio", lasts=None, observed=0.99, expected=0.6)
    incident, causes, _ = verdict_of(
        "service/web", facts(anomalies=[disk, slow(0, "database/db"), slow(4, "service/web")], links=links)
    )
    assert causes[0]["entity_id"] == "host/db-1"
    assert incident["started_at"] == at(0)


def verdict_of(entity, seen):
    result = correlated(seen)
    (incident,) = [row for row in result.incidents.to_pylist() if row["entity_id"] == entity]
    causes = [row for row in result.root_causes.to_pylist() if row["incident_id"] == incident["incident_id"]]
    return incident, sorted(causes, key=lambda row: row["cause_rank"]), result.evidence.to_pylist()


def test_error_records_that_name_a_component_speak_against_it():
    seen = facts(
        anomalies=[slow(0, "service/orders"), slow(4, "service/checkout")],
        links=SHOP,
        changes=[change(-50, "database/orders-db", "config")],
    )
    silent = verdict(seen)
    heard = verdict(
        seen, signals([log(i / 2, "cannot get a connection to orders-db", service="orders") for i in range(40)])
    )
    score = [
        next(c["score"] for c in causes if c["entity_id"] == "database/orders-db") for _, causes, _ in (silent, heard)
    ]
    assert score[1] > score[0]
    told = [row for row in heard[2] if row["evidence_kind"] == "log" and "orders-db" in row["statement"]]
    assert told
    assert told[0]["evidence_value"] == 40


def spans(minutes, service, count, duration_s, *, parent=None, status="ok", host=None):
    rows = []
    for i in range(count):
        trace = fingerprint("t", at=at(minutes), n=i)[2:]
        rows.append(
            {
                "observed_at": at(minutes),
                "trace_id": trace,
                "span_id": fingerprint("s", trace=trace, service=service),
                "parent_span_id": fingerprint("s", trace=trace, service=parent) if parent else None,
                "service_name": service,
                "host_name": host,
                "span_name": "call",
                "duration_s": duration_s,
                "status_code": status,
                "source": "traces",
            }
        )
    return rows


def test_the_service_that_is_slow_by_itself_is_more_suspect_than_those_that_wait_for_it():
    seen = facts(anomalies=[slow(0, "service/orders"), slow(0, "service/checkout")], links=SHOP)
    heard = signals(
        spans=[
            *spans(-30, "checkout", 50, 0.3),
            *spans(-30, "orders", 50, 0.2, parent="checkout"),
            *spans(10, "checkout", 50, 3.1),
            *spans(10, "orders", 50, 3.0, parent="checkout"),
        ]
    )
    incident, causes, evidence = verdict(seen, heard)
    assert incident["cause_entity_id"] == "service/orders"
    told = [row for row in evidence if row["evidence_kind"] == "trace"]
    assert [row["cause_rank"] for row in told] == [
        next(c["cause_rank"] for c in causes if c["entity_id"] == "service/orders")
    ]


def test_shares_and_ranks_are_consistent():
    seen = facts(
        [event(6, "HighErrorRatio", "service/checkout", severity="critical")],
        [anomaly(0, "database/orders-db", POOL, observed=0.8), slow(0, "service/orders"), slow(5, "service/web")],
        links=SHOP,
        changes=[change(-20, "service/orders"), change(-90, "service/web", "config")],
    )
    _, causes, _ = verdict(seen)
    assert [c["cause_rank"] for c in causes] == list(range(1, len(causes) + 1))
    suspects = [c for c in causes if c["cause_status"] == "suspect"]
    assert len(suspects) <= 5
    shares = [c["confidence_ratio"] for c in suspects]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) < 1
    for above, below in zip(suspects, suspects[1:], strict=False):
        assert above["margin"] == pytest.approx(above["confidence_ratio"] - below["confidence_ratio"])
    assert {c["cause_status"] for c in causes} <= {"suspect", "abstained"}


def test_every_piece_of_evidence_can_be_asked_for_again():
    seen = facts(
        [event(6, "HighErrorRatio", "service/checkout", severity="critical")],
        [anomaly(0, "database/orders-db", POOL, observed=1.0), slow(2, "service/orders")],
        links=SHOP,
        changes=[change(-20, "service/orders")],
    )
    heard = signals([log(i / 4, "orders-db refused", service="orders") for i in range(60)])
    _, _, evidence = verdict(seen, heard)
    assert {row["evidence_kind"] for row in evidence} >= {"metric", "change", "log", "alert"}
    assert len({row["evidence_id"] for row in evidence}) == len(evidence)
    for row in evidence:
        query = json.loads(row["query"])
        assert row["window_start"] < row["window_end"]
        assert list(query["window"]) == [
            row["window_start"].isoformat(timespec="microseconds"),
            row["window_end"].isoformat(timespec="microseconds"),
        ]
        names = set(TABLES[query["table"]].names) | {"body_contains"}
        assert query["filter"].keys() <= names


def test_earliness_falls_with_age_and_turns_against_what_comes_after():
    assert earliness(0, fades_s=3600) == earliness(600, fades_s=3600) == 1
    assert 0 < earliness(7200, fades_s=3600) < earliness(3600, fades_s=3600) < 1
    assert earliness(-600, fades_s=3600) == 1
    assert -2 <= earliness(-36000, fades_s=3600) < earliness(-1200, fades_s=3600) < 0
