"""What comes in is in the lake, in the quarantine or counted; what does not come in is seen."""

from datetime import timedelta

import pyarrow as pa
import pytest
from scripted import Scripted, scripted_context

from aiops_jobs.contracts.operations import QUALITY_RESULTS, RUNS, SOURCE_HEALTH
from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.contracts.telemetry import CHANGES, METRIC_POINTS, QUARANTINE
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable, ContractError, NotFoundError
from aiops_jobs.jobs.ingest import ingest
from aiops_jobs.ports import Batch, Filter, Reject
from aiops_jobs.window import Window

WINDOW = Window.parse("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z")


@pytest.fixture
def source():
    return Scripted("prom", (METRIC_POINTS, CHANGES))


@pytest.fixture
def context(tmp_path, source):
    return scripted_context(tmp_path, {"prom": source})


def points(minutes=range(0, 60, 5), *, values=None):
    minutes = list(minutes)
    times = [WINDOW.start + timedelta(minutes=m) for m in minutes]
    return pa.table(
        {
            "observed_at": pa.array(times, pa.timestamp("us", tz="UTC")),
            "series_id": ["s1"] * len(minutes),
            "metric_name": ["latency_s"] * len(minutes),
            "entity_id": ["service/checkout"] * len(minutes),
            "value": values or [0.2] * len(minutes),
        }
    )


def run(context, table="metric_points", *, as_of=WINDOW.end):
    return ingest(context, "prom", table, WINDOW, as_of)


def health(context, table="metric_points"):
    rows = context.warehouse.read(SOURCE_HEALTH, where=[Filter("table_name", table)]).to_pylist()
    assert len(rows) == 1
    row = rows[0]
    parts = ("rows_published", "rows_quarantined", "rows_duplicate", "rows_late")
    assert row["rows_in"] == sum(row[name] for name in parts)
    return row


def findings(context):
    return context.warehouse.read(FINDINGS).to_pylist()


def test_a_sound_window_is_published_and_its_source_is_ok(context, source):
    source.says["metric_points"] = [Batch(points(range(0, 30, 5))), Batch(points(range(30, 60, 5)))]
    report = run(context)
    assert context.lake.read(METRIC_POINTS, WINDOW).rows.num_rows == report.rows_published == 12
    row = health(context)
    assert (row["source_state"], row["rows_in"], row["freshness_lag_s"]) == ("ok", 12, 300.0)
    assert (row["first_event_at"], row["last_error"]) == (WINDOW.start, None)
    assert findings(context) == []
    assert context.lake.read(QUARANTINE, WINDOW).rows.num_rows == 0
    verdicts = context.warehouse.read(QUALITY_RESULTS).to_pylist()
    assert {v["run_id"] for v in verdicts} == {report.run_id}
    assert all(v["is_success"] for v in verdicts)
    assert report.details["state"] == "ok"


def test_bad_rows_go_to_the_quarantine_and_the_rest_is_published(context, source):
    rows = points(range(0, 60, 2), values=[0.2] * 29 + [float("inf")])
    reject = Reject(locator="page 2/7", reason_code="NOT_JSON", detail="cut off", raw="{")
    source.says["metric_points"] = [Batch(rows, rejects=(reject,))]
    run(context)
    row = health(context)
    assert (row["source_state"], row["rows_in"], row["rows_published"], row["rows_quarantined"]) == (
        "partial",
        31,
        29,
        2,
    )
    aside = context.lake.read(QUARANTINE, WINDOW).rows.to_pylist()
    assert sorted(r["reason_code"] for r in aside) == ["NOT_FINITE", "NOT_JSON"]
    (finding,) = findings(context)
    assert (finding["dq_status"], finding["entity_id"]) == ("partial", "source/prom:metric_points")


def test_too_many_bad_rows_publish_nothing_and_what_was_known_stays(context, source):
    source.says["metric_points"] = [Batch(points())]
    run(context)
    before = context.lake.read(METRIC_POINTS, WINDOW).rows
    source.says["metric_points"] = [Batch(points(range(60), values=[float("nan")] * 30 + [0.3] * 30))]
    with pytest.raises(ContractError, match=r"30 of 60 rows were put aside \(NOT_FINITE 30\)"):
        run(context, as_of=WINDOW.end + timedelta(hours=1))
    assert context.lake.read(METRIC_POINTS, WINDOW).rows.equals(before)
    row = health(context)
    assert (row["source_state"], row["rows_published"], row["rows_quarantined"]) == ("partial", 0, 60)
    assert context.lake.read(QUARANTINE, WINDOW).rows.num_rows == 30
    (finding,) = findings(context)
    assert (finding["severity"], finding["dq_status"]) == ("critical", "partial")


def test_a_few_bad_rows_of_a_small_window_hold_nothing_back_unless_nothing_is_left(context, source):
    source.says["metric_points"] = [Batch(points(values=[float("nan")] * 6 + [0.3] * 6))]
    assert run(context).rows_published == 6
    assert health(context)["source_state"] == "partial"
    source.says["metric_points"] = [Batch(points(values=[float("nan")] * 12))]
    with pytest.raises(ContractError, match="12 of 12 rows"):
        run(context, as_of=WINDOW.end + timedelta(hours=1))
    assert context.lake.read(METRIC_POINTS, WINDOW).rows.num_rows == 6


def test_pages_delivered_over_and_over_are_refused(context, source):
    source.says["metric_points"] = [Batch(points())] * 3
    with pytest.raises(ContractError, match="24 of 36 rows repeat others"):
        run(context)
    assert health(context)["rows_duplicate"] == 24


def test_personal_data_in_rows_put_aside_is_redacted(context, source):
    rows = points(values=[0.2] * 11 + [float("inf")]).append_column(
        "labels", pa.array(['{"user":"kim@example.com","password":"hunter2"}'] * 12)
    )
    source.says["metric_points"] = [Batch(rows)]
    run(context)
    (row,) = context.lake.read(QUARANTINE, WINDOW).rows.to_pylist()
    assert "kim@example.com" not in row["raw"]
    assert "latency_s" in row["raw"]


def test_a_source_that_changes_its_columns_is_refused_and_seen(context, source):
    source.says["metric_points"] = [Batch(points().rename_columns({"value": "val"}))]
    with pytest.raises(ContractError, match="did you mean `value`"):
        run(context)
    row = health(context)
    assert (row["source_state"], row["rows_in"]) == ("partial", 0)
    assert "`value` is missing" in row["last_error"]


def test_an_unreachable_source_is_missing_data_until_it_answers(context, source):
    source.says["metric_points"] = ConnectorUnavailable("prom", "connection refused")
    for _ in range(2):
        with pytest.raises(ConnectorUnavailable):
            run(context)
    row = health(context)
    assert (row["source_state"], row["rows_in"], row["latest_event_at"]) == ("unreachable", 0, None)
    assert "connection refused" in row["last_error"]
    (finding,) = findings(context)
    assert (finding["finding_kind"], finding["dq_status"], finding["severity"]) == (
        "data_quality",
        "no_data",
        "critical",
    )
    assert context.lake.windows(METRIC_POINTS, source="prom") == []

    source.says["metric_points"] = [Batch(points())]
    run(context)
    assert health(context)["source_state"] == "ok"
    assert findings(context) == []


def test_a_window_that_was_delivered_is_not_called_missing_because_the_source_is_away(context, source):
    source.says["metric_points"] = [Batch(points())]
    run(context)
    source.says["metric_points"] = ConnectorError("prom", "forbidden", status=403)
    with pytest.raises(ConnectorError):
        run(context, as_of=WINDOW.end + timedelta(hours=1))
    assert health(context)["source_state"] == "ok"
    assert findings(context) == []


def test_no_rows_is_no_data_and_never_overwrites_what_was_known(context, source):
    source.says["metric_points"] = [Batch(points())]
    run(context)
    source.says["metric_points"] = []
    report = run(context, as_of=WINDOW.end + timedelta(hours=1))
    assert report.details["state"] == "silent"
    assert context.lake.read(METRIC_POINTS, WINDOW).rows.num_rows == 12
    assert health(context)["source_state"] == "silent"
    (finding,) = findings(context)
    assert (finding["dq_status"], finding["started_at"], finding["ended_at"]) == ("no_data", WINDOW.start, WINDOW.end)
    verdicts = context.warehouse.read(QUALITY_RESULTS, where=[Filter("run_id", report.run_id)]).to_pylist()
    no_data = [v for v in verdicts if v["verdict"] == "no_data"]
    assert [v["table_name"] for v in no_data] == ["metric_points"]


def test_rows_that_stop_too_early_are_stale(context, source):
    source.says["metric_points"] = [Batch(points(range(0, 30, 5)))]
    run(context)
    assert health(context)["source_state"] == "late"
    (finding,) = findings(context)
    assert (finding["dq_status"], finding["severity"]) == ("stale", "warning")
    assert finding["started_at"] == WINDOW.start + timedelta(minutes=25)
    assert context.lake.read(METRIC_POINTS, WINDOW).rows.num_rows == 6


def test_a_table_that_may_be_empty_is_ok_without_rows_and_its_window_is_covered(context):
    run(context, "changes")
    assert health(context, "changes")["source_state"] == "ok"
    assert context.lake.windows(CHANGES, source="prom") == [WINDOW]
    assert findings(context) == []


def test_tables_of_one_source_do_not_disturb_each_other(context, source):
    source.says["metric_points"] = []
    bad = pa.table({"started_at": [WINDOW.start] * 2, "change_id": ["C1", None], "change_type": ["deploy"] * 2})
    source.says["changes"] = [Batch(bad.append_column("title", pa.array(["a", "b"])))]
    run(context)
    run(context, "changes")
    assert {f["entity_id"] for f in findings(context)} == {"source/prom:metric_points", "source/prom:changes"}
    source.says["metric_points"] = [Batch(points(values=[0.2] * 11 + [0.1]))]
    run(context)
    assert {f["entity_id"] for f in findings(context)} == {"source/prom:changes"}
    assert context.lake.read(QUARANTINE, WINDOW).rows["table_name"].to_pylist() == ["changes"]


def test_the_same_window_twice_changes_nothing(context, source):
    source.says["metric_points"] = [Batch(points(range(0, 30, 5)))]
    first = run(context)
    tables = (SOURCE_HEALTH, FINDINGS, RUNS, QUALITY_RESULTS)
    rows = [context.warehouse.read(t) for t in tables]
    second = run(context)
    assert first == second
    assert all(a.equals(b) for a, b in zip(rows, [context.warehouse.read(t) for t in tables], strict=True))


def test_a_wrong_name_is_told_with_the_right_ones(context):
    with pytest.raises(NotFoundError, match="Configured sources: prom"):
        ingest(context, "promm", "metric_points", WINDOW, WINDOW.end)
    with pytest.raises(NotFoundError, match="delivers: changes, metric_points"):
        ingest(context, "prom", "spans", WINDOW, WINDOW.end)
