"""Train, forecast and score on a simulated estate, with the real lake, warehouse and model store."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from aiops_jobs.adapters.lake import DeltaLake
from aiops_jobs.adapters.model_store import SkopsModelStore
from aiops_jobs.adapters.pages import FolderPages
from aiops_jobs.adapters.quality import ExpectationsGate
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts import LAKE_TABLES, WAREHOUSE_TABLES
from aiops_jobs.contracts.operations import MODEL_EVALUATIONS, MODEL_VERSIONS
from aiops_jobs.contracts.results import CAPACITY_FORECASTS, CAPACITY_RISKS, FAILURE_RISKS, FINDINGS
from aiops_jobs.core.estate import EstateSpec, simulate
from aiops_jobs.core.policies import Policies
from aiops_jobs.jobs.forecast import DEFAULT_VERSION, forecast
from aiops_jobs.jobs.score_failures import score_failures
from aiops_jobs.jobs.train import train
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window, parse_instant

EXPECTATIONS = Path(__file__).resolve().parents[2] / "expectations"
BEGIN = parse_instant("2026-11-09T00:00:00Z")
DAY = timedelta(days=1)
NIGHTS = [Window(BEGIN + n * DAY, BEGIN + (n + 1) * DAY) for n in range(5)]
JOBS = (train, forecast, score_failures)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def estate():
    window = Window(BEGIN, NIGHTS[-1].end)
    spec = EstateSpec("demo", 1, window, app_hosts=6, storage_hosts=10, logs_per_day=100, traces_per_day=50)
    return simulate(spec)


@pytest.fixture(scope="module")
def lake(estate, tmp_path_factory):
    """Return the folder of a lake that learned the history at the begin and then night by night."""
    folder = tmp_path_factory.mktemp("lake")
    lake = DeltaLake(folder)
    whole = estate.spec.window.extended(before=timedelta(days=121))
    for window in [Window(whole.start, BEGIN), *NIGHTS]:
        for name in ("metric_points", "ticket_history"):
            table = LAKE_TABLES[name]
            times = estate.tables[name][table.time]
            bounds = [pa.scalar(edge, times.type) for edge in (window.start, window.end)]
            inside = pc.and_(pc.greater_equal(times, bounds[0]), pc.less(times, bounds[1]))
            rows = table.conform(estate.tables[name].filter(inside))
            lake.write(table, rows, source="estate", window=window, as_of=window.end)
    return folder


def house(home, lake, policies=None):
    policies = policies or Policies()
    warehouse = SqlWarehouse(f"sqlite:///{home}/warehouse.sqlite")
    warehouse.migrate()
    return Context(
        lake=DeltaLake(lake),
        warehouse=warehouse,
        quality=ExpectationsGate(EXPECTATIONS),
        models=SkopsModelStore(home / "models"),
        pages=FolderPages(home / "pages"),
        sources={},
        sinks={},
        policies=policies,
        code_version="test",
        config_hash=policies.config_hash,
        source_hashes={},
    )


@pytest.fixture(scope="module")
def lived(lake, tmp_path_factory):
    """Return a house that has lived through the third to the fifth night, and the reports of its jobs."""
    context = house(tmp_path_factory.mktemp("home"), lake)
    reports = {(job.__name__, night): job(context, night, night.end) for night in NIGHTS[2:] for job in JOBS}
    return context, reports


def said(context):
    hidden = {"run_attempts", "leases"}
    return {name: context.warehouse.read(t).to_pylist() for name, t in WAREHOUSE_TABLES.items() if name not in hidden}


def findings(context, kind, night):
    rows = context.warehouse.read(FINDINGS, where=[Filter("finding_kind", kind)]).to_pylist()
    return {row["entity_id"]: row for row in rows if row["started_at"] == night.end}


def test_both_models_are_trained_judged_and_promoted(lived):
    context, reports = lived
    for name, details in reports["train", NIGHTS[-1]].details.items():
        assert details["state"] == "promoted", (name, details)
    versions = context.warehouse.read(MODEL_VERSIONS).to_pylist()
    assert len(versions) == 6
    champions = {v["model_name"]: v for v in versions if v["model_stage"] == "champion"}
    assert {v["as_of"] for v in champions.values()} == {NIGHTS[-1].end}
    measures = context.warehouse.read(MODEL_EVALUATIONS).to_pylist()
    for name, champion in champions.items():
        own = [m for m in measures if m["model_version"] == champion["model_version"]]
        assert {m["model_name"] for m in own} == {name}
        assert all(m["window_end"] <= champion["as_of"] for m in own)


def test_the_filling_file_system_is_told_days_before_it_is_full(lived, estate):
    context, _ = lived
    fault = next(f for f in estate.ledger if f.kind == "filesystem_full" and f.breaches_at < estate.spec.window.end)
    found = findings(context, "capacity_risk", NIGHTS[2])[fault.root_entity_id]
    risk = context.warehouse.read(CAPACITY_RISKS, where=[Filter("finding_id", found["finding_id"])]).to_pylist()[0]
    assert abs(risk["breach_p50_at"] - fault.breaches_at) < timedelta(hours=24)
    assert risk["breach_p10_at"] <= risk["breach_p50_at"] <= risk["breach_p90_at"]
    assert risk["limit_value"] == 1.0


def test_only_what_fills_is_a_capacity_finding(lived, estate):
    context, _ = lived
    filling = {f.root_entity_id for f in estate.ledger if f.kind == "filesystem_full"}
    for night in NIGHTS[2:]:
        assert set(findings(context, "capacity_risk", night)) <= filling


def test_disks_that_will_fail_are_told_and_few_others(lived, estate):
    context, _ = lived
    night = NIGHTS[2]
    doomed = {
        f.root_entity_id
        for f in estate.ledger
        if f.kind == "disk_failure" and f.symptoms and f.breaches_at > night.end and f.started_at < night.end - 7 * DAY
    }
    found = set(findings(context, "failure_risk", night))
    assert doomed
    assert doomed <= found
    assert len(found - {f.root_entity_id for f in estate.ledger}) <= 2
    risks = context.warehouse.read(FAILURE_RISKS).to_pylist()
    assert len({r["entity_id"] for r in risks if r["issued_at"] == night.end}) >= 0.95 * 240


def test_every_forecast_names_its_model_and_its_fan_is_in_order(lived):
    context, reports = lived
    rows = context.warehouse.read(CAPACITY_FORECASTS).to_pandas()
    assert (rows.p10 <= rows.p50).all()
    assert (rows.p50 <= rows.p90).all()
    assert rows.p10.min() >= 0.0
    assert rows.p90.max() <= 1.0
    versions = set(context.warehouse.read(MODEL_VERSIONS)["model_version"].to_pylist())
    assert set(rows.model_version.astype(str)) <= versions
    assert reports["forecast", NIGHTS[2]].details["model_state"] == "ok"


def test_findings_are_handed_on_through_the_lake(lived):
    context, _ = lived
    end = NIGHTS[2].end
    moment = Window(end, end + timedelta(microseconds=1))
    handed = context.lake.read(FINDINGS, moment, as_of=end, sources=["forecast", "score_failures"]).rows
    expected = [*findings(context, "capacity_risk", NIGHTS[2]), *findings(context, "failure_risk", NIGHTS[2])]
    assert sorted(handed["entity_id"].to_pylist()) == sorted(expected)


def test_asking_again_changes_nothing(lived):
    context, _ = lived
    before = said(context)
    for night in (NIGHTS[4], NIGHTS[2]):
        for job in JOBS:
            job(context, night, night.end)
    after = said(context)
    assert {name for name in before if before[name] != after[name]} == set()


def test_an_old_window_is_asked_of_the_model_of_its_time(lived, lake, tmp_path):
    context, reports = lived
    backwards = house(tmp_path, lake)
    for night in (NIGHTS[4], NIGHTS[3]):
        train(backwards, night, night.end)
    late = forecast(backwards, NIGHTS[3], NIGHTS[3].end)
    assert late.details["model_version"] == reports["train", NIGHTS[3]].details["capacity"]["model_version"]
    versions = backwards.warehouse.read(MODEL_VERSIONS).to_pylist()
    assert {v["as_of"] for v in versions if v["model_stage"] == "champion"} == {NIGHTS[4].end}
    forward = {v["model_version"]: v["sha256"] for v in context.warehouse.read(MODEL_VERSIONS).to_pylist()}
    assert all(forward[v["model_version"]] == v["sha256"] for v in versions)


def test_before_any_training_forecasts_speak_by_default_and_failures_are_unknown(lake, tmp_path):
    context = house(tmp_path, lake)
    night = NIGHTS[2]
    told = forecast(context, night, night.end)
    assert (told.details["model_version"], told.details["model_state"]) == (DEFAULT_VERSION, "MODEL_STALE")
    assert set(context.warehouse.read(CAPACITY_RISKS)["model_version"].to_pylist()) == {DEFAULT_VERSION}
    unknown = score_failures(context, night, night.end)
    assert unknown.details["state"] == "no_model"
    assert "aiops run train" in unknown.details["reason"]
    assert unknown.rows_published == 0
    assert context.warehouse.read(FAILURE_RISKS).num_rows == 0


def test_a_window_may_end_at_any_minute(lake, tmp_path):
    context = house(tmp_path, lake)
    odd = Window(NIGHTS[2].start, NIGHTS[2].end + timedelta(hours=2, minutes=15))
    forecast(context, odd, NIGHTS[3].end)
    rows = context.warehouse.read(CAPACITY_FORECASTS).to_pylist()
    assert {row["issued_at"] for row in rows} == {odd.end}
    targets = sorted({row["target_at"] for row in rows})
    assert odd.end <= targets[0] <= odd.end + timedelta(hours=3)
    assert {b - a for a, b in zip(targets, targets[1:], strict=False)} == {timedelta(hours=3)}


def test_a_rejected_model_is_recorded_with_its_reason_and_the_champion_stays(lake, tmp_path):
    context = house(tmp_path, lake)
    train(context, NIGHTS[2], NIGHTS[2].end)
    strict = replace(Policies(), failure=replace(Policies().failure, min_failures=10_000))
    again = train(house(tmp_path, lake, strict), NIGHTS[3], NIGHTS[3].end)
    told = again.details["failure_risk"]
    assert told["state"] == "rejected"
    assert "needed 1e+04" in told["reason"]
    rows = context.warehouse.read(MODEL_VERSIONS, where=[Filter("model_name", "failure_risk")]).to_pylist()
    assert [(r["model_stage"], r["as_of"]) for r in rows] == [("champion", NIGHTS[2].end)]
    assert told["champion"] == rows[0]["model_version"]
    refused = context.warehouse.read(MODEL_EVALUATIONS, where=[Filter("model_version", told["model_version"])])
    assert [m for m in refused["metric"].to_pylist() if m.startswith("refused")] == [
        "refused: number of failures to learn from"
    ]
    assert score_failures(context, NIGHTS[3], NIGHTS[3].end).details["model_version"] == told["champion"]


def test_an_empty_lake_is_no_error_and_no_health(tmp_path):
    context = house(tmp_path, tmp_path / "lake")
    night = NIGHTS[0]
    assert {name: d["state"] for name, d in train(context, night, night.end).details.items()} == {
        "capacity": "rejected",
        "failure_risk": "rejected",
    }
    assert forecast(context, night, night.end).details["series"] == 0
    assert score_failures(context, night, night.end).details["state"] == "no_model"
