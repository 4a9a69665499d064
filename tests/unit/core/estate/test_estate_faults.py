from datetime import timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate import ledger_from_json, ledger_table, ledger_to_json
from aiops_jobs.core.estate.physics import lag, propagate

SEEDS = (1, 2, 3, 4, 5)
SILENT = ("disk_failure", "source_gap")


def series(estate, entity, metric):
    points = estate.tables["metric_points"]
    keep = pc.and_(
        pc.equal(points["metric_name"].cast(pa.string()), metric),
        pc.equal(points["entity_id"].cast(pa.string()), entity),
    )
    rows = points.filter(keep).select(["observed_at", "value"]).to_pandas()
    return rows.set_index("observed_at")["value"].sort_index()


def only(estate, kind):
    return next(fault for fault in estate.ledger if fault.kind == kind)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_demo_has_faults_of_many_kinds(seed, estate):
    kinds = {fault.kind for fault in estate("demo", seed).ledger}
    assert kinds == {
        "pool_exhausted",
        "bad_deployment",
        "queue_backlog",
        "cpu_saturation",
        "gateway_node",
        "memory_leak",
        "network_loss",
        "filesystem_full",
        "disk_failure",
        "source_gap",
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", ["demo", "black_friday", "card_payments"])
def test_no_symptom_comes_before_its_root(scenario, seed, estate):
    for fault in estate(scenario, seed).ledger:
        if fault.kind in SILENT:
            continue
        first = fault.symptoms[0]
        assert first.started_at >= fault.started_at
        at_root = min(s.started_at for s in fault.symptoms if s.entity_id == fault.root_entity_id)
        assert at_root == first.started_at
        others = [s.started_at for s in fault.symptoms if s.entity_id != fault.root_entity_id]
        assert all(at_root < at for at in others), fault.kind


@pytest.mark.parametrize("seed", SEEDS)
def test_every_victim_suffers_after_something_it_depends_on(seed, estate):
    found = estate("demo", seed)
    edges = found.tables["topology_edges"].to_pylist()
    needs = {(e["from_entity_id"], e["to_entity_id"]) for e in edges if e["valid_to"] is None}
    for fault in found.ledger:
        begin = {}
        for symptom in fault.symptoms:
            begin.setdefault(symptom.entity_id, symptom.started_at)
        for entity, at in begin.items():
            if entity != fault.root_entity_id:
                assert any(begin[below] < at for below in begin if (entity, below) in needs), (fault.kind, entity)


@pytest.mark.parametrize("seed", SEEDS)
def test_sudden_faults_do_not_overlap(seed, estate):
    lasting = ("disk_failure", "filesystem_full", "source_gap")
    sudden = sorted((f for f in estate("demo", seed).ledger if f.kind not in lasting), key=lambda f: f.started_at)
    assert len(sudden) == 7
    assert all(a.ended_at + timedelta(hours=2) < b.started_at for a, b in pairwise(sudden))


@pytest.mark.parametrize("seed", SEEDS)
def test_black_friday_has_one_cause_the_pool_and_the_surge_is_announced(seed, estate):
    found = estate("black_friday", seed)
    fault = only(found, "pool_exhausted")
    assert len(found.ledger) == 1
    assert (fault.root_entity_id, fault.cause_kind, fault.priority) == ("database/orders-db", "capacity", "P1")
    assert fault.started_at.weekday() == 4
    sale = next(r for r in found.tables["changes"].to_pylist() if "Black Friday" in r["title"])
    assert sale["change_type"] == "event"
    assert sale["planned_start_at"] <= fault.started_at < fault.ended_at < sale["planned_end_at"]

    rate = series(found, "service/web", "http_requests_per_second")
    during = rate[fault.started_at + timedelta(minutes=30) : fault.ended_at].mean()
    day_before = timedelta(days=1)
    usual = rate[fault.started_at - day_before + timedelta(minutes=30) : fault.ended_at - day_before].mean()
    assert during == pytest.approx(4 * usual, rel=0.15)

    pool = series(found, "database/orders-db", "db_connection_pool_utilization_ratio")
    full_at = pool[pool >= 0.999].index[0]
    wait = series(found, "database/orders-db", "db_connection_wait_seconds")
    waits_at = wait[wait > 0.1].index[0]
    slow = series(found, "service/web", "http_request_duration_p99_seconds")
    slow_at = slow[(slow > 1.5) & (slow.shift(-1) > 1.5)].index[0]
    failed = series(found, "service/checkout", "http_request_error_ratio")
    assert fault.started_at <= full_at <= waits_at < slow_at < fault.ended_at
    assert failed[slow_at : fault.ended_at].max() > 0.02
    others = [d for d in cat.DATABASES if d.name != "orders-db"]
    assert all(series(found, f"database/{d.name}", "db_connection_pool_utilization_ratio").max() < 0.8 for d in others)


@pytest.mark.parametrize("seed", SEEDS)
def test_card_payments_fail_through_one_node_only(seed, estate):
    found = estate("card_payments", seed)
    fault = only(found, "gateway_node")
    assert len(found.ledger) == 1
    assert (fault.root_entity_id, fault.cause_kind, fault.priority) == ("gateway/gw-2", "infra", "P1")
    inner = slice(fault.started_at + timedelta(minutes=20), fault.ended_at)
    approved = {n: series(found, f"gateway/{n}", "card_approval_ratio")[inner].median() for n in cat.GATEWAYS}
    assert approved["gw-2"] < 0.7
    assert min(approved["gw-1"], approved["gw-3"]) > 0.9
    errors = series(found, "service/card-auth", "http_request_error_ratio")[inner].median()
    node = series(found, "gateway/gw-2", "http_request_error_ratio")[inner].median()
    assert 0.05 < errors < node


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_wrong_in_a_quiet_week(seed, estate):
    found = estate("quiet_week", seed)
    assert found.ledger == ()
    points = found.tables["metric_points"]
    name, value = points["metric_name"].cast(pa.string()), points["value"]
    assert pc.max(value.filter(pc.equal(name, "db_connection_pool_utilization_ratio"))).as_py() < 0.7
    assert pc.max(value.filter(pc.equal(name, "node_filesystem_utilization_ratio"))).as_py() < 0.7
    assert pc.max(value.filter(pc.equal(name, "http_request_error_ratio"))).as_py() < 0.03
    late = found.tables["ticket_history"].filter(
        pc.greater_equal(
            found.tables["ticket_history"]["opened_at"],
            pa.scalar(found.spec.window.start, pa.timestamp("us", tz="UTC")),
        )
    )
    assert late.num_rows == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_filling_file_system_can_be_foreseen_for_days_and_is_full_when_the_ledger_says(seed, estate):
    found = estate("demo", seed)
    filling = [fault for fault in found.ledger if fault.kind == "filesystem_full"]
    assert len(filling) == 2
    inside = next(fault for fault in filling if fault.breaches_at < found.spec.window.end)
    later = next(fault for fault in filling if fault.breaches_at >= found.spec.window.end)
    used = series(found, inside.root_entity_id, "node_filesystem_utilization_ratio")
    assert used[: inside.breaches_at - timedelta(hours=12)].max() < 0.95
    assert used[inside.breaches_at - timedelta(minutes=30) : inside.ended_at - timedelta(minutes=5)].min() > 0.98
    assert used[inside.ended_at + timedelta(hours=1) :].max() < 0.7
    assert inside.breaches_at - inside.started_at > timedelta(days=3)
    used = series(found, later.root_entity_id, "node_filesystem_utilization_ratio")
    hours = (used.index - used.index[0]).total_seconds() / 3600
    grown = used[later.started_at :]
    slope, level = np.polyfit(hours[-len(grown) :], grown.to_numpy(), 1)
    full_at = used.index[0] + timedelta(hours=(1 - level) / slope)
    assert abs(full_at - later.breaches_at) < timedelta(hours=12)
    assert used.max() < 0.95


def test_a_silent_host_loses_its_metrics_for_the_time_of_the_gap_and_nothing_else(estate):
    found = estate("demo")
    gap = only(found, "source_gap")
    cpu = series(found, gap.root_entity_id, "node_cpu_utilization_ratio")
    assert cpu[gap.started_at : gap.ended_at - timedelta(seconds=1)].empty
    assert len(cpu[: gap.started_at]) > 100
    assert len(cpu[gap.ended_at :]) > 100
    assert gap.symptoms == ()
    assert gap.found_by == ("data_quality",)


@pytest.mark.parametrize("seed", SEEDS)
def test_leaking_memory_ends_in_restarts_again_and_again(seed, estate):
    found = estate("demo", seed)
    leak = only(found, "memory_leak")
    used = series(found, leak.root_entity_id, "container_memory_utilization_ratio")[leak.started_at : leak.ended_at]
    killed = series(found, leak.root_entity_id, "container_restarts")[leak.started_at : leak.ended_at]
    assert used.max() > 0.95
    assert (killed > 0).sum() >= 2
    at = killed[killed > 0].index[0]
    assert used[at] < used[at - timedelta(minutes=5)] - 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bad_deployment_is_in_the_changes_and_was_rolled_back(seed, estate):
    found = estate("demo", seed)
    fault = only(found, "bad_deployment")
    changes = found.tables["changes"].to_pylist()
    culprit = next(row for row in changes if row["change_id"] == fault.change_id)
    assert (culprit["change_type"], culprit["entity_id"]) == ("deploy", fault.root_entity_id)
    assert culprit["started_at"] == fault.started_at
    assert culprit["outcome"] == "rolled_back"
    assert any(row["started_at"] == fault.ended_at and "Roll back" in row["title"] for row in changes)


@pytest.mark.parametrize("seed", SEEDS)
def test_roots_of_other_faults_were_not_deployed_shortly_before(seed, estate):
    found = estate("demo", seed)
    deployed = [row for row in found.tables["changes"].to_pylist() if row["change_type"] == "deploy"]
    for fault in found.ledger:
        near = [
            row
            for row in deployed
            if row["entity_id"] == fault.root_entity_id
            and fault.started_at - timedelta(hours=8) <= row["started_at"] < fault.ended_at
        ]
        assert [row["change_id"] for row in near] == ([fault.change_id] if fault.change_id else [])


@pytest.mark.parametrize("seed", SEEDS)
def test_most_disks_that_fail_show_it_before(seed, estate):
    found = estate("demo", seed)
    failing = [fault for fault in found.ledger if fault.kind == "disk_failure"]
    assert len(failing) == 5
    visible = [fault for fault in failing if "failure_risk" in fault.found_by]
    assert len(visible) == 4
    assert sum(fault.breaches_at >= found.spec.window.end for fault in visible) == 2
    for fault in visible:
        worn = series(found, fault.root_entity_id, "smart_reallocated_sectors_count")
        last = worn[: fault.breaches_at - timedelta(seconds=1)]
        assert last.iloc[-1] > last[: fault.started_at].max() + 5
    sudden = next(fault for fault in failing if "failure_risk" not in fault.found_by)
    worn = series(found, sudden.root_entity_id, "smart_reallocated_sectors_count")
    assert worn[sudden.breaches_at : sudden.ended_at].empty


def test_past_failures_of_disks_have_tickets_that_say_so(estate):
    found = estate("demo")
    tickets = [r for r in found.tables["ticket_history"].to_pylist() if r["resolution_code"] == "disk_replaced"]
    assert len(tickets) >= 5
    for row in tickets:
        hours = series(found, row["entity_id"], "smart_power_on_hours")
        before = hours[: row["opened_at"] - timedelta(hours=1)]
        after = hours[row["resolved_at"] :]
        assert before.empty or after.empty or after.iloc[0] < before.iloc[-1]
        assert hours[row["opened_at"] : row["resolved_at"]].empty


def test_no_disk_of_a_quiet_week_shows_wear(estate):
    found = estate("quiet_week")
    points = found.tables["metric_points"].to_pandas()
    worn = points[(points.metric_name == "smart_reallocated_sectors_count") & (points.observed_at >= "2026-11-08")]
    grown = worn.groupby("entity_id", observed=True)["value"].agg(lambda v: v.iloc[-1] - v.iloc[0])
    assert grown.max() <= 5


def test_the_ledger_survives_its_journey_through_json(estate):
    ledger = estate("demo").ledger
    assert ledger_from_json(ledger_to_json(ledger)) == ledger
    table = ledger_table(ledger)
    assert table["fault_id"].to_pylist() == [fault.fault_id for fault in ledger]
    assert len(set(table["fault_id"].to_pylist())) == len(ledger)


def test_trouble_reaches_callers_one_step_later_and_weaker():
    names = [service.name for service in cat.SERVICES]
    latency = np.zeros((len(names), 8))
    errors = np.zeros_like(latency)
    latency[names.index("orders"), 2:] = 1.0
    errors[names.index("orders"), 2:] = 0.1
    felt_latency, felt_errors = propagate(latency, errors)
    first = {name: int(np.argmax(felt_latency[row] > 0)) for row, name in enumerate(names) if felt_latency[row].any()}
    assert first == {"orders": 2, "checkout": 3, "web": 4}
    assert 0 < felt_errors[names.index("web")].max() < felt_errors[names.index("checkout")].max() < 0.1
    assert latency[names.index("web")].max() == 0


def test_a_lag_drops_the_last_sample_and_begins_with_nothing():
    np.testing.assert_array_equal(lag(np.array([[1.0, 2.0, 3.0]])), [[0.0, 1.0, 2.0]])
