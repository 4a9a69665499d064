import io
import time
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from aiops_jobs.contracts.telemetry import INGESTED
from aiops_jobs.core.estate import SCENARIOS, EstateSpec, simulate
from aiops_jobs.window import Window

WEEK = Window.parse("2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z")


def bytes_of(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return sink.getvalue()


def matrix(estate, metric, prefix):
    """Return time x entity of one metric."""
    points = estate.tables["metric_points"]
    keep = pc.and_(
        pc.equal(points["metric_name"].cast(pa.string()), metric),
        pc.starts_with(points["entity_id"].cast(pa.string()), prefix),
    )
    rows = points.filter(keep).to_pandas()
    return rows.pivot_table(index="observed_at", columns="entity_id", values="value", observed=True)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_table_keeps_its_contract(scenario, estate):
    tables = estate(scenario).tables
    assert set(tables) == {table.name for table in INGESTED}
    for contract in INGESTED:
        assert contract.conform(tables[contract.name]).num_rows > 0


def test_equal_specs_give_equal_bytes(small_spec, estate):
    again = simulate(small_spec("demo", 1))
    first = estate("demo", 1)
    assert again.ledger == first.ledger
    for name, table in first.tables.items():
        assert bytes_of(table) == bytes_of(again.tables[name]), name


def test_another_seed_is_another_estate(estate):
    one, two = estate("demo", 1), estate("demo", 2)
    assert one.ledger != two.ledger
    assert not one.tables["metric_points"].equals(two.tables["metric_points"])


def test_times_lie_where_the_spec_says(estate):
    found = estate("demo")
    spec = found.spec
    begins = {
        "metric_points": spec.window.start - spec.wear_history,
        "log_records": spec.window.start - spec.text_history,
        "spans": spec.window.start - spec.text_history,
        "raw_alerts": spec.window.start - spec.history,
        "changes": spec.window.start - spec.history,
        "configuration_items": spec.window.start - spec.wear_history,
        "topology_edges": spec.window.start - spec.wear_history,
        "ticket_history": spec.window.start - spec.wear_history,
    }
    for contract in INGESTED:
        extent = pc.min_max(found.tables[contract.name][contract.time])
        assert extent["min"].as_py() >= begins[contract.name], contract.name
        assert extent["max"].as_py() < spec.window.end, contract.name


def test_healthy_metrics_do_not_depend_on_the_scenario_so_a_fault_is_a_difference(estate):
    """Before the first fault begins, and on entities no fault affects, the demo and the quiet week are equal."""
    demo, quiet = estate("demo", 4), estate("quiet_week", 4)
    keys = ["entity_id", "metric_name", "observed_at"]
    frames = []
    for found in (demo, quiet):
        rows = found.tables["metric_points"].select([*keys, "value"]).to_pandas()
        name = rows.metric_name.astype(str)
        frames.append(rows[~name.str.startswith("smart_") & ~name.str.endswith("restarts")])
    both = frames[0].merge(frames[1], on=keys, suffixes=("_demo", "_quiet"))
    assert 0.99 * len(frames[1]) < len(both) <= len(frames[1])
    gap = (both.value_demo - both.value_quiet).abs()
    affected = {entity for fault in demo.ledger for entity in fault.affected_entities}
    assert set(both[gap > 0.05].entity_id) <= affected
    assert both[gap > 0].observed_at.min() >= min(f.started_at for f in demo.ledger if f.kind != "disk_failure")
    assert (gap > 0).any()


def test_metrics_follow_day_and_week(estate):
    rate = matrix(estate("quiet_week"), "http_requests_per_second", "service/web")["service/web"]
    by_hour = rate.groupby(rate.index.hour).median()
    assert by_hour.idxmax() in range(11, 15)
    assert by_hour.idxmin() in range(6)
    assert by_hour.max() > 2.5 * by_hour.min()
    by_day = rate.groupby(rate.index.weekday).median()
    assert by_day[[5, 6]].max() < by_day[[0, 1, 2, 3, 4]].min()


def test_backups_busy_the_databases_at_the_same_hour_every_night(estate):
    cpu = matrix(estate("quiet_week"), "node_cpu_utilization_ratio", "host/db-01")["host/db-01"]
    nightly = cpu[(cpu.index.hour == 2) & (cpu.index.minute < 35)].groupby(lambda t: t.date()).mean()
    around = cpu[cpu.index.hour.isin([1, 3])].groupby(lambda t: t.date()).mean()
    assert len(nightly) == 15
    assert (nightly - around > 0.2).all()


def test_services_are_correlated_through_the_front_door(estate):
    rate = matrix(estate("quiet_week"), "http_requests_per_second", "service/")
    assert rate.corr()["service/web"].min() > 0.9


def test_shares_are_shares_and_nothing_is_negative(estate):
    points = estate("demo").tables["metric_points"]
    ratios = points.filter(pc.ends_with(points["metric_name"].cast(pa.string()), "_ratio"))["value"]
    assert pc.min(points["value"]).as_py() >= 0
    assert pc.max(ratios).as_py() <= 1


def test_deployments_happen_all_the_time_and_most_are_no_cause(estate):
    found = estate("demo")
    changes = found.tables["changes"].to_pylist()
    deployed = [row["change_id"] for row in changes if row["change_type"] == "deploy"]
    culprits = {fault.change_id for fault in found.ledger} - {None}
    assert len(deployed) > 15
    assert len(culprits) == 1
    assert culprits < set(deployed)


def test_the_newsletter_is_announced(estate):
    events = [r for r in estate("quiet_week").tables["changes"].to_pylist() if r["change_type"] == "event"]
    assert events
    assert all(r["planned_start_at"] and r["planned_end_at"] and r["started_at"].weekday() == 1 for r in events)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("days", [1, 3, 10])
def test_any_number_of_days_can_be_simulated(scenario, days, small_spec):
    window = Window(WEEK.start, WEEK.start + timedelta(days=days))
    found = simulate(small_spec(scenario, 2, window, history=timedelta(days=3), logs_per_day=200, traces_per_day=100))
    shown = [fault for fault in found.ledger if "incident" in fault.found_by]
    assert bool(shown) == (scenario != "quiet_week")
    assert all(fault.started_at < window.end for fault in found.ledger)
    sudden = [f for f in shown if f.kind not in ("disk_failure", "filesystem_full")]
    assert all(window.start <= f.started_at and f.ended_at <= window.end for f in sudden)


def test_the_full_demo_is_of_the_promised_size_and_quick_to_make():
    begin = time.process_time()
    found = simulate(EstateSpec("demo", 1, WEEK))
    assert time.process_time() - begin < 10
    assert 2_000_000 < found.tables["metric_points"].num_rows <= 3_500_000
    assert 50_000 <= found.tables["log_records"].num_rows <= 150_000
    assert 50_000 <= found.tables["spans"].num_rows <= 100_000
    assert 100 <= found.tables["ticket_history"].num_rows <= 300
    codes = found.tables["ticket_history"]["resolution_code"].cast(pa.string())
    assert pc.sum(pc.equal(codes, "disk_replaced")).as_py() >= 60
    entities = found.tables["configuration_items"]["entity_kind"].cast(pa.string())
    assert 400 <= pc.sum(pc.equal(entities, "disk")).as_py() <= 600
