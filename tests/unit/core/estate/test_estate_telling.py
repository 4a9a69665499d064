"""What the sources tell: alerts with their defects, logs, spans, tickets."""

import json
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from aiops_jobs.core.estate.alerts import NOISE, RULES
from aiops_jobs.core.estate.nuisances import FAN_HOURS

SEEDS = (1, 2, 3)
RULE_NAMES = {rule.name for rule in RULES}
NOISE_NAMES = {name for name, *_ in NOISE}
POWERLESS = {"HostUnreachable", "MonitoringAgentDown"}
NUISANCE_NAMES = POWERLESS | {"SyntheticCheckUnstable", "HealthCheckTimeout", "FanSpeedHigh"}


def alerts_of(estate):
    return [r for r in estate.tables["raw_alerts"].to_pylist() if r["observed_at"] >= estate.spec.window.start]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quiet_week_has_only_noise(seed, estate):
    told = alerts_of(estate("quiet_week", seed))
    assert told
    assert {row["alert_name"] for row in told} <= NOISE_NAMES | NUISANCE_NAMES
    assert {row["alert_name"] for row in told if row["severity"] == "critical"} == {"HostUnreachable"}


@pytest.mark.parametrize("scenario", ["demo", "black_friday", "card_payments", "quiet_week"])
def test_hosts_without_power_alert_only_within_their_planned_maintenance(scenario, estate):
    found = estate(scenario)
    planned = [
        (r["entity_id"], r["planned_start_at"], r["planned_end_at"])
        for r in found.tables["changes"].to_pylist()
        if r["title"].startswith("Replace the power supply")
    ]
    told = [r for r in alerts_of(found) if r["alert_name"] in POWERLESS]
    assert {r["alert_status"] for r in told} == {"firing", "resolved"}
    for row in told:
        assert any(row["entity_id"] == e and a <= row["observed_at"] < b for e, a, b in planned), row
    roots = {fault.root_entity_id for fault in found.ledger}
    assert roots.isdisjoint(entity for entity, *_ in planned)


def test_there_are_nuisances_of_every_kind_and_none_of_them_is_a_fault(estate):
    found = estate("demo")
    told = alerts_of(found)
    assert {r["alert_name"] for r in told} >= NUISANCE_NAMES
    days = (found.spec.window.end - found.spec.window.start).days
    fans = [r for r in told if r["alert_name"] == "FanSpeedHigh" and r["alert_status"] == "firing"]
    assert len({r["observed_at"].replace(second=0, microsecond=0) for r in fans}) >= len(FAN_HOURS) * days
    unstable = [r for r in told if r["alert_name"] == "SyntheticCheckUnstable"]
    assert Counter(r["alert_status"] for r in unstable)["resolved"] >= 5 * days


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", ["black_friday", "card_payments", "demo"])
def test_rules_fire_on_what_the_faults_affect_and_only_then(scenario, seed, estate):
    found = estate(scenario, seed)
    for row in alerts_of(found):
        if row["alert_name"] in RULE_NAMES and row["alert_status"] == "firing":
            at = row["observed_at"]
            assert any(
                row["entity_id"] in fault.affected_entities
                and fault.started_at <= at <= fault.ended_at + timedelta(hours=3)
                for fault in found.ledger
            ), row


@pytest.mark.parametrize("scenario", ["black_friday", "card_payments"])
def test_symptoms_alert_most(scenario, estate):
    found = estate(scenario, 2)
    root = found.ledger[0].root_entity_id
    firing = Counter(r["entity_id"] for r in alerts_of(found) if r["alert_name"] in RULE_NAMES)
    assert firing.total() > 5
    assert firing[root] < 0.3 * firing.total()


def test_alerting_has_the_defects_of_the_real_thing(estate):
    told = estate("demo", 1).tables["raw_alerts"].to_pylist() + estate("demo", 2).tables["raw_alerts"].to_pylist()
    stories = defaultdict(list)
    for row in told:
        stories[row["alert_fingerprint"]].append(row)
    by_replica = Counter(json.loads(row["labels"])["replica"] for row in told)
    assert 0.05 < by_replica["b"] / len(told) < 0.5
    repeated = [s for s in stories.values() if sum(r["alert_status"] == "firing" for r in s) >= 3]
    assert repeated
    unresolved = [s for s in stories.values() if all(r["alert_status"] == "firing" for r in s)]
    assert unresolved
    flapping = [s for s in stories.values() if sum(a["alert_status"] != b["alert_status"] for a, b in pairwise(s)) >= 4]
    assert flapping


def test_a_resolved_notification_never_comes_before_a_firing_one(estate):
    first = {}
    for row in estate("demo").tables["raw_alerts"].to_pylist():
        first.setdefault(row["alert_fingerprint"], row["alert_status"])
    assert set(first.values()) == {"firing"}


def test_roots_and_victims_of_a_fault_say_so_in_the_logs(estate):
    found = estate("black_friday")
    fault = found.ledger[0]
    rows = found.tables["log_records"].to_pandas()
    loud = rows[rows.severity_text.isin(["ERROR", "FATAL"])]
    during = loud[(loud.observed_at >= fault.started_at) & (loud.observed_at < fault.ended_at)]
    before = loud[(loud.observed_at >= fault.started_at - timedelta(days=1)) & (loud.observed_at < fault.started_at)]
    hours = (fault.ended_at - fault.started_at).total_seconds() / 3600
    assert len(during) / hours > 5 * len(before) / 24
    pool = during[during.body.str.contains("Connection is not available|remaining connection slots")]
    assert set(pool.host_name) == {"db-01"}
    assert {"orders", "checkout"} <= set(during.service_name)


def test_logs_of_card_payments_point_at_one_node(estate):
    found = estate("card_payments")
    fault = found.ledger[0]
    rows = found.tables["log_records"].to_pandas()
    crashed = rows[rows.body.str.contains("worker . exited|TLS handshake failed")]
    assert len(crashed) > 10
    assert set(crashed.host_name) == {"gw-02"}
    assert crashed.observed_at.min() >= fault.started_at


def test_logs_hold_what_must_be_redacted(estate):
    bodies = estate("quiet_week").tables["log_records"]["body"]
    for pattern in ("[a-z.]+@example\\.(com|org|net)", "Bearer [A-Za-z]", "4111 1111|5555-5555", "password="):
        assert pc.any(pc.match_substring_regex(bodies, pattern)).as_py(), pattern
    assert not pc.any(pc.match_substring_regex(bodies, r"\{\w+\}")).as_py()


def test_spans_form_trees_and_children_lie_inside_their_parents(estate):
    spans = estate("card_payments").tables["spans"].to_pandas()
    spans["ended_at"] = spans.observed_at + spans.duration_s.map(lambda s: timedelta(seconds=s))
    both = spans.merge(
        spans, left_on=["trace_id", "parent_span_id"], right_on=["trace_id", "span_id"], suffixes=("", "_parent")
    )
    assert len(both) == spans.parent_span_id.notna().sum()
    slack = timedelta(microseconds=5)
    assert (both.observed_at + slack >= both.observed_at_parent).all()
    assert (both.ended_at <= both.ended_at_parent + slack).all()
    assert set(spans[spans.parent_span_id.isna()].service_name) == {"web"}


def test_spans_through_the_broken_node_fail(estate):
    found = estate("card_payments")
    fault = found.ledger[0]
    spans = found.tables["spans"].to_pandas()
    calls = spans[(spans.span_name == "POST acquirer/authorize") & (spans.observed_at >= fault.started_at)]
    calls = calls[calls.observed_at < fault.ended_at]
    failed = calls[calls.status_code == "error"]
    assert len(failed) > 0
    assert set(failed.attributes) == {'{"gateway":"gw-2"}'}


def test_slow_spans_show_where_the_time_is_spent(estate):
    found = estate("black_friday")
    fault = found.ledger[0]
    spans = found.tables["spans"].to_pandas()
    late = spans[(spans.observed_at >= fault.started_at + timedelta(minutes=40)) & (spans.observed_at < fault.ended_at)]
    median = late.groupby("span_name", observed=True).duration_s.median()
    assert median["INSERT orders"] > 0.5
    assert median["POST /orders"] > median["INSERT orders"]
    assert median["SELECT items"] < 0.05


def test_error_logs_of_requests_carry_their_trace(estate):
    found = estate("card_payments")
    logs = found.tables["log_records"].to_pandas()
    traced = logs[logs.trace_id.notna()]
    spans = found.tables["spans"].to_pandas().set_index(["trace_id", "span_id"])
    assert len(traced) > 10
    matched = spans.loc[list(zip(traced.trace_id, traced.span_id, strict=True))]
    assert (matched.status_code == "error").all()
    assert (matched.service_name.to_numpy() == traced.service_name.to_numpy()).all()


def test_tickets_of_the_past_know_causes_and_resolutions(estate):
    found = estate("demo")
    tickets = found.tables["ticket_history"].to_pylist()
    known = set(found.tables["configuration_items"]["entity_id"].cast(pa.string()).to_pylist())
    solved = [row for row in tickets if row["cause_entity_id"]]
    assert {"capacity_added", "rolled_back", "node_replaced", "cleaned_up", "disk_replaced"} <= {
        row["resolution_code"] for row in solved
    }
    assert all(row["cause_entity_id"] in known for row in solved)
    assert all(row["resolved_at"] is None or row["resolved_at"] > row["opened_at"] for row in tickets)
    assert all((row["resolved_at"] is None) == (row["resolution_code"] is None) for row in tickets)
    window = found.spec.window
    assert all(row["title"].startswith("Disk") for row in tickets if row["opened_at"] >= window.start)
    faults = {fault.root_entity_id for fault in found.ledger if fault.kind == "disk_failure"}
    assert {row["entity_id"] for row in tickets if row["opened_at"] >= window.start} <= faults
