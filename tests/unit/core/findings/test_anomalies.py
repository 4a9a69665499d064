"""Episodes become rows with every number, and findings a person understands at a glance."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from metric_world import PER_DAY, POLICIES, STEP_S, at, calm, judged, place, points_of

from aiops_jobs.contracts.results import ANOMALIES, FINDINGS, LINEAGE
from aiops_jobs.core.detectors.judging import judge
from aiops_jobs.core.features.grid import to_grid
from aiops_jobs.core.findings import to_anomalies, to_episodes, to_findings
from aiops_jobs.core.findings.wording import comparison, fitted, quantity
from aiops_jobs.identity import fingerprint
from aiops_jobs.window import Window

STAMP = {column.name for column in LINEAGE}


def anomalies_of(judgement, *, since=None):
    found = to_episodes(judgement, POLICIES.anomaly, since=since or judgement.grid.start)
    return to_anomalies(judgement, found, policy_version="anomaly-1")


def findings_of(anomalies):
    return to_findings(anomalies, POLICIES.roles, critical_score=POLICIES.anomaly.critical_score)


def slow_checkout():
    """Return 21 calm days of 200 ms and one on which 1200 ms last from 02:15 to 03:15."""
    values = calm(22, level=0.2, noise=0.001)
    values[0, place(21, 2, 15) : place(21, 3, 15)] = 1.2
    return judged(values, 21, 22, entity=["service/checkout"])


def test_200_ms_to_1200_ms_is_the_anomaly_the_requirements_ask_for():
    (row,) = anomalies_of(slow_checkout()).to_pylist()
    assert row["expected"] == pytest.approx(0.2, abs=0.003)
    assert row["observed"] == 1.2
    assert row["rel_deviation"] == pytest.approx(5.0, rel=0.02)
    assert row["abs_deviation"] == pytest.approx(1.0, rel=0.01)
    assert (row["started_at"], row["ended_at"]) == (at(21, 2, 15), at(21, 3, 15))
    assert (row["direction"], row["point_count"], row["coverage_ratio"]) == ("up", 12, 1.0)
    assert (row["detector"], row["threshold"], row["policy_version"]) == ("robust_seasonal", 1.0, "anomaly-1")
    assert row["lower"] < row["expected"] < row["upper"] < row["observed"]


def test_it_is_known_when_the_bucket_that_confirmed_it_has_ended():
    (row,) = anomalies_of(slow_checkout()).to_pylist()
    assert row["detected_at"] == at(21, 2, 25)
    assert row["detection_delay_s"] == 600.0
    assert 1 < row["score_at_detection"] <= row["peak_score"]


def test_the_finding_says_it_in_one_line():
    (row,) = findings_of(anomalies_of(slow_checkout())).to_pylist()
    assert row["title"] == "checkout latency 6.0x expected: 1.2 s instead of 0.2 s since 02:15Z"
    assert row["severity"] == "critical"
    assert row["finding_kind"] == "anomaly"
    assert row["summary"].startswith("latency (http_server_duration_s) of service/checkout was 1.2 s at 2026-03-23 02:")
    assert "12 unusual samples from 2026-03-23 02:15Z, until 2026-03-23 03:15Z" in row["summary"]
    assert (row["dq_status"], row["entity_id"], row["service_name"]) == ("ok", "service/checkout", "checkout")


def test_its_id_is_made_of_series_direction_and_begin():
    anomalies = anomalies_of(slow_checkout())
    wanted = fingerprint("fnd", series_id="series-0000", direction="up", started_at=at(21, 2, 15))
    assert anomalies["finding_id"].to_pylist() == findings_of(anomalies)["finding_id"].to_pylist() == [wanted]


def test_rows_keep_their_contracts_once_a_run_has_stamped_them():
    anomalies = anomalies_of(slow_checkout())
    for table, rows in ((ANOMALIES, anomalies), (FINDINGS, findings_of(anomalies))):
        assert rows.column_names == [name for name in table.names if name not in STAMP]
        stamped = rows
        for column in LINEAGE:
            kind = table.to_arrow().field(column.name).type
            value = at(22) if column.name == "as_of" else "x"
            stamped = stamped.append_column(column.name, pa.array([value], kind))
        assert table.conform(stamped).num_rows == 1


def test_nothing_unusual_gives_tables_without_rows():
    anomalies = anomalies_of(judged(calm(22), 21, 22))
    assert anomalies.num_rows == findings_of(anomalies).num_rows == 0
    assert anomalies.schema.field("series_id").type == ANOMALIES.to_arrow().field("series_id").type


def test_a_zero_that_was_expected_makes_no_ratio():
    values = np.zeros((1, 22 * PER_DAY))
    values[0, place(21, 5) :] = 6
    (row,) = anomalies_of(judged(values, 21, 22, metric="restarts", unit="1")).to_pylist()
    assert row["rel_deviation"] is None
    (finding,) = findings_of(anomalies_of(judged(values, 21, 22, metric="restarts", unit="1"))).to_pylist()
    assert finding["title"] == "svc-0 restarts 6 instead of 0 since 05:00Z"
    assert finding["ended_at"] is None
    assert "still going on" in finding["summary"]


@pytest.mark.parametrize(
    ("metric", "factor", "severity"),
    [
        ("http_server_duration_s", 6, "critical"),
        ("http_requests_per_second", 6, "warning"),
        ("http_requests_per_second", 0.01, "critical"),
        ("room_height_m", 6, "warning"),
        ("room_height_m", 1.15, "info"),
    ],
)
def test_what_can_be_critical_depends_on_what_the_metric_stands_for(metric, factor, severity):
    values = calm(22, level=0.2, noise=0.001)
    values[0, place(21, 12) :] *= factor
    (row,) = findings_of(anomalies_of(judged(values, 21, 22, metric=metric))).to_pylist()
    assert row["severity"] == severity


def test_an_episode_with_holes_says_that_its_data_are_partial():
    values = calm(22)
    values[0, place(21, 12) : place(21, 14)] = 5
    values[0, place(21, 12) + 1 : place(21, 14) : 2] = np.nan
    anomalies = anomalies_of(judged(values, 21, 22))
    assert anomalies["coverage_ratio"].to_pylist() == [pytest.approx(12 / 23)]
    assert findings_of(anomalies)["dq_status"].to_pylist() == ["partial"]


def test_rows_come_in_the_order_of_their_begin_whatever_the_order_of_the_samples():
    values = calm(22, series=4)
    for series, hour in enumerate((9, 3, 12, 3)):
        values[series, place(21, hour) : place(21, hour, 30)] = 5
    points = points_of(values)
    mixed = points.take(pa.array(np.random.default_rng(0).permutation(points.num_rows)))
    tables = [
        anomalies_of(judge(to_grid(p, Window(at(0), at(22)), step_s=STEP_S), Window(at(21), at(22)), POLICIES))
        for p in (points, mixed)
    ]
    assert tables[0].equals(tables[1])
    begun = tables[0]["started_at"].to_pylist()
    assert begun == sorted(begun)
    assert [b.hour for b in begun] == [3, 3, 9, 12]


def test_two_windows_tell_the_same_as_one():
    values = calm(24, series=2)
    for day, hour in ((22, 3), (22, 23), (23, 5)):
        values[0, place(day, hour) : place(day, hour, 50)] = 5
    values[1, place(22, 23) : place(23, 2)] = 5

    def told(first, last):
        return {row["finding_id"]: row for row in anomalies_of(judged(values, first, last)).to_pylist()}

    whole, later = told(22, 24), told(22.5, 24)
    earlier = told(22, 23)
    assert len(whole) == 4
    for part in (earlier, later):
        for key, row in part.items():
            assert row == whole[key] or row["ended_at"] is None or row["started_at"] == at(22, 12)
    assert set(earlier) | set(later) == set(whole)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.2, "s", "1.2 s"),
        (0.0, "s", "0 s"),
        (-0.0, None, "0"),
        (1234.5, "1", "1,234"),
        (0.97312, "1", "0.973"),
        (12_345_678_901.0, "By", "12.3 GB"),
        (512.0, "By", "512 B"),
        (88.0, "1/s", "88/s"),
        (3.0, "{widgets}", "3"),
        (1e-7, "s", "1e-07 s"),
    ],
)
def test_numbers_are_written_with_three_digits_and_their_unit(value, unit, text):
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("observed", "expected", "text"),
    [
        (1.2, 0.2, "6.0x expected: 1.2 instead of 0.2"),
        (0.3, 0.9, "0.33x expected: 0.3 instead of 0.9"),
        (5.0, 0.001, "5 instead of 0.001"),
        (5.0, 0.0, "5 instead of 0"),
        (-5.0, 2.0, "-5 instead of 2"),
    ],
)
def test_a_ratio_is_told_where_a_person_can_picture_it(observed, expected, text):
    assert comparison(observed, expected) == text


def test_text_is_cut_to_its_column():
    assert fitted("a  b\nc", 10) == "a b c"
    assert fitted("x" * 300, 250) == "x" * 249 + "…"


def test_a_wild_entity_name_stays_one_short_line():
    values = calm(22)
    values[0, place(21, 5) :] = 5
    judgement = judged(values, 21, 22, entity=["service/" + "very\nlong " * 90])
    (row,) = findings_of(anomalies_of(judgement)).to_pylist()
    assert len(row["title"]) <= 250
    assert len(row["summary"]) <= 500
    assert "\n" not in row["title"] + row["summary"]


def test_since_is_respected():
    judgement = slow_checkout()
    assert anomalies_of(judgement, since=at(21, 2, 15)).num_rows == 1
    assert anomalies_of(judgement, since=at(21, 2, 15) + timedelta(seconds=1)).num_rows == 0
