"""Great Expectations really judges, nothing passes because there was nothing to look at, and no value leaves."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from aiops_jobs.adapters.quality import ExpectationsGate
from aiops_jobs.adapters.quality.files import load_expectations
from aiops_jobs.adapters.quality.judge import Judge
from aiops_jobs.contracts import TABLES
from aiops_jobs.contracts.operations import QUALITY_RESULTS
from aiops_jobs.contracts.render import to_expectations, to_profile_expectations
from aiops_jobs.contracts.results import CAPACITY_FORECASTS, FINDINGS
from aiops_jobs.contracts.telemetry import CHANGES, INGESTED, METRIC_POINTS, SPANS
from aiops_jobs.core.profile import contract_profile
from aiops_jobs.errors import ConfigurationError
from aiops_jobs.window import Window

FOLDER = Path(__file__).resolve().parents[3] / "expectations"
WINDOW = Window.parse("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z")


def points(count=13, *, step_s=300, **columns):
    times = [WINDOW.start + timedelta(seconds=step_s * i) for i in range(count)]
    base = {
        "observed_at": pa.array(times, pa.timestamp("us", tz="UTC")),
        "series_id": ["s1"] * count,
        "metric_name": ["latency_s"] * count,
        "entity_id": ["service/checkout"] * count,
        "value": [0.2] * count,
        "source": ["prom"] * count,
    }
    return METRIC_POINTS.shape(pa.table({**base, **columns}))


def changes(*, planned_end):
    return CHANGES.shape(
        pa.table(
            {
                "started_at": pa.array([WINDOW.start], pa.timestamp("us", tz="UTC")),
                "change_id": ["CHG-1"],
                "change_type": ["normal"],
                "title": ["Swap kim@example.com's disk"],
                "planned_start_at": pa.array([WINDOW.start], pa.timestamp("us", tz="UTC")),
                "planned_end_at": pa.array([planned_end], pa.timestamp("us", tz="UTC")),
                "source": ["itsm"],
            }
        )
    )


@pytest.fixture(scope="module")
def gate():
    return ExpectationsGate(FOLDER)


def verdicts(gate, table, rows, *, stage="ingest", source="prom"):
    results = gate.validate(table, rows, stage=stage, window=WINDOW, source=source)
    with_run = results.add_column(0, "run_id", pa.array(["run-1"] * results.num_rows))
    QUALITY_RESULTS.conform(with_run)
    return {row["expectation"]: row for row in results.to_pylist()}


def own_gate(tmp_path, table, *expectations, **top):
    said = {"table": table.name, "expectations": [{"owner": "me", "why": "because", **e} for e in expectations], **top}
    (tmp_path / f"{table.name}.yaml").write_text(yaml.safe_dump(said))
    return ExpectationsGate(tmp_path)


# --- verdicts -------------------------------------------------------------------------------------------------------


def test_sound_rows_hold_everything_and_the_verdicts_say_what_was_seen(gate):
    found = verdicts(gate, METRIC_POINTS, points(12))
    assert all(row["is_success"] and row["verdict"] == "held" for row in found.values())
    assert found["row_count is at least 1"]["observed_text"] == "12"
    assert found["freshness_lag_s is at most 900"]["observed_text"] == "300"
    assert found["the key is unique"]["owner_team"] == "contract"
    assert {row["source"] for row in found.values()} == {"prom"}


def test_volume_freshness_and_completeness_are_told_before_the_rest(gate):
    measures = [name.split(" ")[0].split("(")[0] for name in verdicts(gate, METRIC_POINTS, points(12))]
    assert measures[:4] == ["row_count", "freshness_lag_s", "null_ratio", "largest_gap_s"]


def test_an_empty_window_is_no_data_and_nothing_else(gate):
    (row,) = verdicts(gate, METRIC_POINTS, METRIC_POINTS.empty()).values()
    assert (row["is_success"], row["verdict"], row["expectation_severity"]) == (False, "no_data", "warning")
    assert row["observed_text"] == "0 rows"


@pytest.mark.parametrize("table", INGESTED, ids=lambda t: t.name)
def test_an_empty_window_without_any_file_is_no_data_for_whatever_is_ingested(table):
    (row,) = verdicts(ExpectationsGate(), table, table.empty()).values()
    assert (row["is_success"], row["verdict"]) == (False, "no_data")


def test_a_table_that_may_be_empty_may_be_and_says_so(gate):
    (change,) = verdicts(gate, CHANGES, CHANGES.empty()).values()
    (finding,) = verdicts(gate, FINDINGS, FINDINGS.empty(), stage="publish", source="detect").values()
    for row in (change, finding):
        assert (row["is_success"], row["verdict"], row["expectation_severity"]) == (True, "held", "info")


def test_old_rows_are_stale(gate):
    found = verdicts(gate, METRIC_POINTS, points(2))
    row = found["freshness_lag_s is at most 900"]
    assert (row["is_success"], row["verdict"], row["observed_text"]) == (False, "stale", "3300")


def test_a_hole_in_the_middle_is_found(gate, tmp_path):
    mine = own_gate(tmp_path, METRIC_POINTS, {"measure": "largest_gap_s", "max": 600})
    rows = points(12).filter(pa.array([i not in (4, 5, 6) for i in range(12)]))
    assert verdicts(mine, METRIC_POINTS, rows)["largest_gap_s is at most 600"]["observed_text"] == "1200"
    assert verdicts(mine, METRIC_POINTS, points(12))["largest_gap_s is at most 600"]["is_success"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_break_the_contract(gate, value):
    row = verdicts(gate, METRIC_POINTS, points(12, value=[value] * 12))["every number is finite"]
    assert (row["is_success"], row["verdict"], row["expectation_severity"]) == (False, "violated", "critical")
    assert row["observed_text"] == "`value`: 12 of 12 rows are not"


@pytest.mark.parametrize("measure", ["minimum", "maximum", "mean", "quantile", "not_finite_ratio"])
def test_a_column_without_a_number_in_it_is_never_judged_fine(tmp_path, measure):
    extra = {"at": 0.5} if measure == "quantile" else {}
    bounds = {"measure": measure, "column": "value", "min": -1e9, "max": 1e9, **extra}
    mine = own_gate(tmp_path, METRIC_POINTS, bounds)
    nothing = points(12, value=pa.nulls(12, pa.float64()))
    (row,) = (r for n, r in verdicts(mine, METRIC_POINTS, nothing).items() if n.startswith(measure))
    assert (row["is_success"], row["verdict"]) == (False, "not_evaluated")
    if measure != "not_finite_ratio":
        all_nan = points(12, value=[float("nan")] * 12)
        (row,) = (r for n, r in verdicts(mine, METRIC_POINTS, all_nan).items() if n.startswith(measure))
        assert (row["is_success"], row["verdict"]) == (False, "not_evaluated")


def test_a_null_share_above_its_bound_is_a_violation(gate):
    rows = points(12, entity_id=pa.nulls(12, pa.string()))
    row = verdicts(gate, METRIC_POINTS, rows)["null_ratio(entity_id) is at most 0.5"]
    assert (row["verdict"], row["observed_text"], row["owner_team"]) == ("violated", "1", "observability")


def test_small_tables_are_not_judged_by_shares(tmp_path):
    mine = own_gate(
        tmp_path,
        METRIC_POINTS,
        {"measure": "share", "column": "metric_name", "values": ["x"], "max": 0, "from_rows": 5},
    )
    name = "share(metric_name in x) is at most 0"
    assert name not in verdicts(mine, METRIC_POINTS, points(4))
    assert verdicts(mine, METRIC_POINTS, points(5))[name]["is_success"]


def test_long_windows_are_not_judged_by_what_is_meant_for_short_ones(tmp_path):
    name = "largest_gap_s is at most 60"
    short = {"measure": "largest_gap_s", "max": 60, "up_to_window_s": 3599}
    assert name not in verdicts(own_gate(tmp_path, METRIC_POINTS, short), METRIC_POINTS, points(12))
    just = {**short, "up_to_window_s": 3600}
    assert not verdicts(own_gate(tmp_path, METRIC_POINTS, just), METRIC_POINTS, points(12))[name]["is_success"]


def test_an_expectation_speaks_at_its_stages_only(gate):
    forecasts = CAPACITY_FORECASTS.shape(
        pa.table(
            {
                "series_id": ["s1"],
                "issued_at": pa.array([WINDOW.start], pa.timestamp("us", tz="UTC")),
                "target_at": pa.array([WINDOW.end], pa.timestamp("us", tz="UTC")),
                "p10": [2.0], "p50": [1.0], "p90": [3.0],
                "model_version": ["m"], "run_id": ["r"], "code_version": ["c"], "config_hash": ["h"],
                "as_of": pa.array([WINDOW.end], pa.timestamp("us", tz="UTC")),
            }
        )
    )  # fmt: skip
    crossing = "pair_count(p10 > p50) is at most 0"
    published = verdicts(gate, CAPACITY_FORECASTS, forecasts, stage="publish", source="forecast")
    assert (published[crossing]["is_success"], published[crossing]["expectation_severity"]) == (False, "critical")
    assert crossing not in verdicts(gate, CAPACITY_FORECASTS, forecasts, stage="ingest", source="forecast")


def test_expectations_on_rows_are_judged_and_tell_counts_only(gate):
    good = verdicts(gate, CHANGES, changes(planned_end=WINDOW.end), source="itsm")
    bad = verdicts(gate, CHANGES, changes(planned_end=WINDOW.start - timedelta(hours=1)), source="itsm")
    (name,) = (n for n in good if n.startswith("expect_column_pair"))
    assert good[name]["verdict"] == "held"
    assert (bad[name]["verdict"], bad[name]["observed_text"]) == ("violated", "1 of 1 rows break it")
    assert "kim@example.com" not in json.dumps([good, bad], default=str)


def test_what_could_not_be_evaluated_is_not_called_violated(tmp_path):
    unknown = {"rows": {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "value", "regex": "("}}}
    mine = own_gate(tmp_path, METRIC_POINTS, unknown, {**_pair(), "up_to_rows": 3})
    found = verdicts(mine, METRIC_POINTS, points(12))
    rows = [row for name, row in found.items() if name.startswith("expect_")]
    assert len(rows) == 2
    assert {(row["is_success"], row["verdict"]) for row in rows} == {(False, "not_evaluated")}
    assert any("too many" in row["observed_text"] for row in rows)


def _pair():
    kwargs = {"column_A": "observed_at", "column_B": "observed_at", "or_equal": True}
    return {"rows": {"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": kwargs}}


def test_no_value_of_the_data_reaches_a_verdict(gate):
    poison = "<script>alert('H')</script>"
    count = 30
    rows = SPANS.shape(
        pa.table(
            {
                "observed_at": pa.array([WINDOW.start] * count, pa.timestamp("us", tz="UTC")),
                "trace_id": [poison] * count,
                "span_id": [poison] * count,
                "parent_span_id": [poison] * count,
                "service_name": [poison] * count,
                "span_name": [poison] * count,
                "duration_s": [-1.0] * count,
                "status_code": [poison] * count,
                "source": ["otel"] * count,
            }
        )
    )
    found = verdicts(gate, SPANS, rows, source="otel")
    assert poison not in json.dumps(found, default=str)
    failed = {name for name, row in found.items() if row["verdict"] == "violated"}
    assert {"every label is one of its set", "every number lies in its range", "the key is unique"} <= failed
    assert "pair_count(span_id = parent_span_id) is at most 0" in failed


# --- the profile and the rows agree ---------------------------------------------------------------------------------


def _faulty(seed):
    """Return spans with a random set of faults that pandas can show (a NaN is a null there)."""
    chance = np.random.default_rng(seed)
    count = 20
    spans = {
        "observed_at": [WINDOW.start] * count,
        "trace_id": ["t"] * count,
        "span_id": [f"{i}" for i in range(count)],
        "service_name": ["s"] * count,
        "span_kind": ["server"] * count,
        "span_name": ["GET"] * count,
        "duration_s": [0.1] * count,
        "status_code": ["ok"] * count,
        "source": ["otel"] * count,
    }
    faults = {
        "duration_s": [-1.0, float("inf"), None],
        "status_code": ["odd", None],
        "span_kind": ["odd"],
        "span_id": ["1", None],
        "service_name": [None],
    }
    for column in chance.choice(sorted(faults), size=chance.integers(0, 3), replace=False):
        options = faults[column]
        spans[column][3] = options[chance.integers(len(options))]
    return SPANS.shape(pa.table(spans))


def test_judging_the_profile_gives_the_verdicts_of_judging_the_rows():
    judge = Judge()
    seen = set()
    for seed in range(25):
        rows = _faulty(seed)
        frame = rows.to_pandas()
        on_rows = judge.judge("rows", to_expectations(SPANS), frame)[1:]
        profile = pd.DataFrame([contract_profile(SPANS, rows)])
        on_profile = judge.judge("profile", _plain(to_profile_expectations(SPANS)), profile)
        assert [o.is_success for o in on_rows] == [o.is_success for o in on_profile], seed
        assert not any(o.could_not for o in (*on_rows, *on_profile))
        seen.add(sum(not o.is_success for o in on_profile))
    assert len(seen) >= 3


def _plain(expectations):
    return [{k: e[k] for k in ("type", "kwargs", "severity")} for e in expectations]


def test_a_metric_without_a_rule_for_columns_still_checks_them():
    (columns, *_) = to_expectations(METRIC_POINTS)
    frame = points(3).to_pandas()
    assert Judge().judge("columns", [columns], frame)[0].is_success
    assert not Judge().judge("columns", [columns], frame.drop(columns=["labels"]))[0].is_success
    assert Judge().judge("none", [], frame) == []


# --- the files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_file_loads_names_its_table_and_gives_owner_and_reason(path):
    said = load_expectations(FOLDER, TABLES[path.stem], may_be_empty=False)
    assert said.expectations
    for item in said.expectations:
        assert item.owner
        assert item.why.endswith(".")
    if path.stem not in {t.name for t in INGESTED}:
        assert all(item.stages == ("publish",) for item in said.expectations)


def test_every_ingested_table_says_whether_it_may_be_empty():
    for table in INGESTED:
        text = (FOLDER / f"{table.name}.yaml").read_text()
        assert "may_be_empty:" in text, table.name
    never = {t.name for t in INGESTED if not load_expectations(FOLDER, t, may_be_empty=False).may_be_empty}
    assert never == {"metric_points", "log_records", "spans"}


def test_no_file_means_the_contract_alone(tmp_path):
    said = load_expectations(tmp_path, SPANS, may_be_empty=True)
    assert (said.may_be_empty, said.expectations) == (True, ())
    assert load_expectations(None, SPANS, may_be_empty=False).expectations == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"owner": None}, "expectations[0].owner` in"),
        ({"why": " "}, "expectations[0].why"),
        ({"measure": "row_cuont"}, "Did you mean `row_count`?"),
        ({"severity": "urgent"}, "Use one of: critical, info, warning"),
        ({"stages": ["ingests"]}, "Did you mean `ingest`?"),
        ({"minimum": 3}, "`metric_points.yaml: expectations[0].minimum`"),
        ({"min": "many"}, "is `many`, which is no number"),
        ({"min": None}, "has neither `min` nor `max`"),
        ({"measure": "null_ratio", "column": "entity"}, "Did you mean `entity_id`?"),
        ({"measure": "mean", "column": "labels"}, "which is no number"),
        ({"measure": "quantile", "column": "value", "at": 2}, "must lie between 0 and 1"),
        ({"measure": "share", "column": "labels"}, "expectations[0].values"),
        ({"measure": "pair_count", "column": "value", "relation": "<<", "other": "value"}, "relation"),
        ({"rows": {"type": "x"}}, "either `measure` or `rows`"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place(tmp_path, change, words):
    item = {"measure": "row_count", "min": 1, "owner": "me", "why": "because", **change}
    item = {k: v for k, v in item.items() if v is not None}
    (tmp_path / "metric_points.yaml").write_text(yaml.safe_dump({"table": "metric_points", "expectations": [item]}))
    with pytest.raises(ConfigurationError) as caught:
        load_expectations(tmp_path, METRIC_POINTS, may_be_empty=False)
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("table: [", "is not YAML"),
        ("table: metric_points\ntable: spans\n", "`table` is written twice"),
        ("- 1\n", "must be a mapping"),
        ("table: spans\n", "must be `metric_points`"),
        ("table: metric_points\nexpect: []\n", "Did you mean `expectations`?"),
        (
            "table: metric_points\nexpectations:\n" + 2 * "- {measure: row_count, min: 1, owner: me, why: because}\n",
            "repeats `row_count is at least 1`",
        ),
        (
            "table: metric_points\nexpectations:\n- {rows: {type: x}, owner: me, why: because}\n",
            "must have `type` and `kwargs`",
        ),
        (
            "table: metric_points\nexpectations:\n- {rows: {type: x, kwargs: {column: valu}}, owner: me, why: because}\n",
            "Did you mean `value`?",
        ),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(tmp_path, text, words):
    (tmp_path / "metric_points.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"metric_points\.yaml") as caught:
        load_expectations(tmp_path, METRIC_POINTS, may_be_empty=False)
    assert words in str(caught.value)
