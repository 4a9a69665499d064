"""Detection from the lake to the warehouse: what is unusual is told once, what cannot be judged is counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from metric_world import DAY, MONDAY, PER_DAY, at, calm, place, points_of

from aiops_jobs.adapters.lake import DeltaLake
from aiops_jobs.adapters.model_store import SkopsModelStore
from aiops_jobs.adapters.pages import FolderPages
from aiops_jobs.adapters.quality import ExpectationsGate
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.results import ANOMALIES, FINDINGS, LINEAGE
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.core.policies import Policies
from aiops_jobs.jobs.detect import detect
from aiops_jobs.jobs.running import open_run
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

EXPECTATIONS = Path(__file__).resolve().parents[2] / "expectations"
STAMP = {column.name for column in LINEAGE}
METRICS = ["http_server_duration_s"] * 4 + ["smart_5_reallocated_sectors", "http_server_duration_s"]
HOSTS = [f"host/h{n}" for n in range(6)]


@pytest.fixture(scope="module")
def gate():
    return ExpectationsGate(EXPECTATIONS)


@pytest.fixture
def values(request):
    """Return 28 days: a short fault, one of 50 hours, a silence, a disk that wears, a newcomer."""
    if hasattr(request, "param"):
        return request.param
    made = calm(28, series=6, noise=0.001)
    made[0, place(23, 22, 30) : place(24, 1, 30)] = 1.2
    made[1, place(22, 14) : place(24, 16)] = 1.2
    made[2, place(24, 3) : place(24, 5)] = np.nan
    made[4] = np.arange(28 * PER_DAY) // PER_DAY
    made[5, : place(23)] = np.nan
    return made


@pytest.fixture
def context(tmp_path, gate, values):
    warehouse = SqlWarehouse(f"sqlite:///{tmp_path / 'warehouse.db'}")
    warehouse.migrate()
    policies = Policies()
    lake = DeltaLake(tmp_path / "lake")
    window = Window(MONDAY, MONDAY + 28 * DAY)
    if values is not None:
        rows = METRIC_POINTS.conform(points_of(values, metric=METRICS, entity=HOSTS))
        lake.write(METRIC_POINTS, rows, source="prom", window=window, as_of=at(20))
    return Context(
        lake=lake,
        warehouse=warehouse,
        quality=gate,
        models=SkopsModelStore(tmp_path / "models"),
        pages=FolderPages(tmp_path / "pages"),
        sources={},
        sinks={},
        policies=policies,
        code_version="test",
        config_hash=policies.config_hash,
        source_hashes={},
    )


def stored(context, table):
    rows = context.warehouse.read(table).to_pylist()
    return sorted(({k: v for k, v in row.items() if k not in STAMP} for row in rows), key=lambda r: r["finding_id"])


def everything(context):
    return {table.name: stored(context, table) for table in (ANOMALIES, FINDINGS)}


def run(context, first, last, as_of=None):
    return detect(context, Window(at(0) + first * DAY, at(0) + last * DAY), as_of or at(28))


def test_what_is_unusual_is_published_with_its_numbers_and_its_sentence(context):
    report = run(context, 24, 25)
    anomalies = stored(context, ANOMALIES)
    assert sorted((a["entity_id"], a["started_at"], a["ended_at"]) for a in anomalies) == [
        ("host/h0", at(23, 22, 30), at(24, 1, 30)),
        ("host/h1", at(22, 14), at(24, 16)),
    ]
    findings = stored(context, FINDINGS)
    assert sorted(f["title"] for f in findings) == [
        "h0 latency 6.0x expected: 1.2 s instead of 0.2 s since 22:30Z",
        "h1 latency 6.0x expected: 1.2 s instead of 0.2 s since 14:00Z",
        "h2 stopped reporting: 1 of 1 series, since 03:00Z",
    ]
    assert (report.details["anomalies"], report.details["silences"]) == (2, 1)
    rows = context.warehouse.read(FINDINGS).to_pylist()
    assert {row["run_id"] for row in rows} == {report.run_id}
    assert all(row["input_manifest_id"] for row in rows)


def test_what_cannot_be_judged_is_counted_and_never_called_healthy(context):
    details = run(context, 24, 25).details
    assert (details["series_judged"], details["series_insufficient"]) == (4, 1)
    assert details["points_unscored"] == PER_DAY
    assert details["points_scored"] == 4 * PER_DAY - 24
    assert details["points_missing"] == 24


def test_incidents_can_read_it_as_of_its_time(context):
    run(context, 24, 25)
    window = Window(at(23), at(25))
    anomalies = context.lake.read(ANOMALIES, window, as_of=at(28)).rows
    findings = context.lake.read(FINDINGS, window, as_of=at(28)).rows
    assert anomalies["finding_id"].to_pylist() == findings["finding_id"].to_pylist()
    assert anomalies.num_rows == 1


def test_two_windows_or_one_the_warehouse_says_the_same(context, tmp_path):
    run(context, 22, 26)
    whole = everything(context)
    other = SqlWarehouse(f"sqlite:///{tmp_path / 'other.db'}")
    other.migrate()
    halves = replace(context, warehouse=other)
    for first in (22, 23, 24, 25):
        run(halves, first, first + 1)
    assert everything(halves) == whole
    assert len(whole["anomalies"]) == 2


def test_asking_again_changes_nothing(context):
    run(context, 24, 25)
    before = everything(context)
    run(context, 24, 25)
    assert everything(context) == before


def test_an_episode_that_is_still_going_on_is_closed_by_a_later_run(context):
    run(context, 23, 24)
    ends = {a["entity_id"]: a["ended_at"] for a in stored(context, ANOMALIES)}
    assert ends == {"host/h0": None, "host/h1": None}
    run(context, 24, 25)
    ends = {a["entity_id"]: a["ended_at"] for a in stored(context, ANOMALIES)}
    assert ends == {"host/h0": at(24, 1, 30), "host/h1": at(24, 16)}


def test_what_others_say_about_the_quality_of_data_stays(context):
    window = Window(at(24), at(25))
    row = {name: None for name in FINDINGS.names if name not in STAMP} | {
        "finding_id": "dq-1",
        "finding_kind": "data_quality",
        "entity_id": "source/prom:metric_points",
        "severity": "warning",
        "score": 1.0,
        "started_at": at(24, 1),
        "detected_at": at(25),
        "title": "late",
        "summary": "late",
        "dq_status": "stale",
        "policy_version": context.policies.version("ingest"),
    }
    with open_run(context, "ingest", window, at(28)) as other:
        other.publish(FINDINGS, pa.Table.from_pylist([row]), scope=(Filter("entity_id", row["entity_id"]),))
    run(context, 24, 25)
    assert "dq-1" in {f["finding_id"] for f in stored(context, FINDINGS)}


def test_nothing_later_than_its_knowledge_is_judged(context):
    report = run(context, 24, 25, as_of=at(24, 1))
    assert report.details["points_scored"] == 4 * 12
    assert report.details["points_missing"] == 0
    assert {a["entity_id"]: a["ended_at"] for a in stored(context, ANOMALIES)} == {"host/h0": None, "host/h1": None}
    assert report.details["silences"] == 0


def test_nothing_that_was_learned_later_is_used(context):
    report = run(context, 24, 25, as_of=at(19))
    assert report.rows_in == 0
    assert everything(context) == {"anomalies": [], "findings": []}


@pytest.mark.parametrize("values", [None], indirect=True)
def test_a_lake_without_metrics_gives_a_run_without_findings(context):
    report = run(context, 24, 25)
    assert (report.rows_in, report.rows_published) == (0, 0)
    assert everything(context) == {"anomalies": [], "findings": []}


def test_series_are_judged_alike_in_small_blocks(context, tmp_path, monkeypatch):
    run(context, 24, 25)
    other = SqlWarehouse(f"sqlite:///{tmp_path / 'other.db'}")
    other.migrate()
    monkeypatch.setattr("aiops_jobs.jobs.detect.SERIES_BLOCK", 2)
    report = run(replace(context, warehouse=other), 24, 25)
    assert everything(replace(context, warehouse=other)) == everything(context)
    assert report.details["series_judged"] == 4
