"""A series that stops reporting is told, once for its entity; one that never reports then is not missed."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from metric_world import PER_DAY, POLICIES, at, calm, grid_of, place

from aiops_jobs.contracts.results import FINDINGS, LINEAGE
from aiops_jobs.core.findings import silent_series, to_silences

POLICY = POLICIES.anomaly
HOSTS = [f"host/h{n}" for n in range(6) for _ in range(3)]


def told(values, *, since=None, until=None, alive_at=None, entity=HOSTS, **about):
    grid = grid_of(values, entity=entity, **about)
    silent = silent_series(grid, POLICY, since=since or at(21), alive_at=alive_at)
    rows = to_silences(silent, grid.series, POLICY, until=until or grid.end, policy_version="anomaly-1")
    return rows.to_pylist()


def estate():
    return calm(23, series=len(HOSTS))


def test_everything_reporting_is_no_finding():
    assert told(estate()) == []


def test_a_host_that_fell_silent_is_one_finding():
    values = estate()
    values[3:6, place(21, 5) :] = np.nan
    (row,) = told(values)
    assert row["title"] == "h1 stopped reporting: 3 of 3 series, since 05:00Z"
    assert (row["entity_id"], row["host_name"]) == ("host/h1", "h1")
    assert (row["finding_kind"], row["dq_status"], row["severity"]) == ("data_quality", "no_data", "warning")
    assert (row["started_at"], row["ended_at"], row["detected_at"]) == (at(21, 5), None, at(21, 5, 30))
    assert row["score"] == pytest.approx(43 * 3600 / 1800)
    assert "still silent" in row["summary"]
    assert row["subject_series_id"] is None


def test_a_single_silent_series_is_named_and_is_not_grave():
    values = estate()
    values[4, place(21, 5) : place(21, 7)] = np.nan
    (row,) = told(values)
    assert (row["subject_series_id"], row["severity"]) == ("series-0004", "info")
    assert row["title"].startswith("h1 stopped reporting: 1 of 3 series")
    assert row["ended_at"] == at(21, 7)


@pytest.mark.parametrize(("minutes", "count"), [(25, 0), (30, 1)])
def test_short_gaps_are_nothing(minutes, count):
    values = estate()
    values[0, place(21, 5) : place(21, 5, minutes)] = np.nan
    assert len(told(values)) == count


def test_series_that_stop_one_after_the_other_are_one_silence_and_two_silences_are_two():
    values = estate()
    for series, minute in ((0, 0), (1, 10), (2, 20)):
        values[series, place(21, 5, minute) : place(21, 8)] = np.nan
    values[0:3, place(21, 20) : place(21, 21)] = np.nan
    first, second = told(values)
    assert (first["started_at"], first["ended_at"]) == (at(21, 5), at(21, 8))
    assert (second["started_at"], second["ended_at"]) == (at(21, 20), at(21, 21))
    assert first["finding_id"] != second["finding_id"]


def test_a_source_that_fell_silent_is_one_finding_not_one_a_host():
    values = estate()
    values[:, place(22, 5) :] = np.nan
    (row,) = told(values)
    assert row["entity_id"] == "source/prom"
    assert row["title"].startswith("prom stopped reporting: 18 of 18 series")


def test_who_reports_in_office_hours_is_not_silent_at_night_or_at_weekends():
    values = estate()
    hours = np.arange(23 * PER_DAY) % PER_DAY // 12
    values[0, (hours < 8) | (hours >= 18)] = np.nan
    weekday = np.arange(23 * PER_DAY) // PER_DAY % 7
    values[1, weekday >= 5] = np.nan
    values[2, np.random.default_rng(0).random(23 * PER_DAY) < 0.9] = np.nan
    assert told(values, since=at(19)) == []


def test_office_hours_without_reports_are_missed():
    values = estate()
    hours = np.arange(23 * PER_DAY) % PER_DAY // 12
    values[0, (hours < 8) | (hours >= 18)] = np.nan
    values[0, place(22, 9) : place(22, 18)] = np.nan
    (row,) = told(values)
    assert row["started_at"] == at(22, 9)


def test_a_new_series_has_no_habits_yet_and_after_a_week_it_has():
    values = estate()
    values[0, : place(17)] = np.nan
    values[3, : place(13)] = np.nan
    values[[0, 3], place(22, 9) :] = np.nan
    assert [row["entity_id"] for row in told(values)] == ["host/h1"]


def test_only_silences_that_begin_late_enough_or_are_alive_are_told():
    values = estate()
    values[0, place(20, 5) : place(20, 9)] = np.nan
    assert told(values, since=at(20, 5) + timedelta(seconds=1)) == []
    assert len(told(values, since=at(20, 5))) == 1
    assert len(told(values, since=at(20), alive_at=at(20, 9))) == 1
    assert told(values, since=at(20), alive_at=at(20, 9, 1)) == []


def test_a_longer_stretch_tells_the_same():
    values = estate()
    values[3:6, place(21, 5) : place(21, 9)] = np.nan
    values[7, place(21, 15) : place(21, 19)] = np.nan
    assert told(values) == told(values[:, : place(22)])


def test_rows_keep_the_contract_once_a_run_has_stamped_them():
    values = estate()
    values[3:6, place(21, 5) :] = np.nan
    grid = grid_of(values, entity=HOSTS)
    silent = silent_series(grid, POLICY, since=at(21))
    rows = to_silences(silent, grid.series, POLICY, until=grid.end, policy_version="anomaly-1")
    for column in LINEAGE:
        kind = FINDINGS.to_arrow().field(column.name).type
        rows = rows.append_column(column.name, pa.array([at(22) if column.name == "as_of" else "x"], kind))
    assert FINDINGS.conform(rows).num_rows == 1
