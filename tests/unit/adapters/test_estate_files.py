"""The simulated estate on disk: readable, deterministic, flawed on purpose and counted."""

import csv
import json
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from aiops_jobs.adapters.estate_files import FLAWS, write_estate
from aiops_jobs.contracts.telemetry import INGESTED
from aiops_jobs.core.estate import EstateSpec, ledger_from_json, simulate
from aiops_jobs.errors import ConfigurationError
from aiops_jobs.window import Window

WINDOW = Window.parse("2026-11-09T00:00:00Z", "2026-11-11T00:00:00Z")
SIZES = {
    "history": timedelta(days=2),
    "wear_history": timedelta(days=20),
    "app_hosts": 6,
    "storage_hosts": 2,
    "disks_per_host": 6,
    "logs_per_day": 300,
    "traces_per_day": 60,
}


@pytest.fixture(scope="module")
def estate():
    return simulate(EstateSpec("demo", 3, WINDOW, **SIZES))


@pytest.fixture(scope="module")
def folder(estate, tmp_path_factory):
    path = tmp_path_factory.mktemp("estate")
    write_estate(estate, path)
    return path


def test_equal_estates_give_equal_bytes(estate, folder, tmp_path):
    written = write_estate(estate, tmp_path)
    assert {path.name for path in written} == {path.name for path in folder.iterdir()}
    assert all(path.read_bytes() == (folder / path.name).read_bytes() for path in written)


def test_every_table_has_files_of_its_name_in_the_format_people_use(folder):
    endings = {t.name: {p.suffix for p in folder.glob(f"{t.name}*")} for t in INGESTED}
    assert endings == {
        "metric_points": {".parquet"},
        "spans": {".parquet"},
        "log_records": {".jsonl"},
        "raw_alerts": {".jsonl"},
        "changes": {".csv"},
        "configuration_items": {".csv"},
        "topology_edges": {".csv"},
        "ticket_history": {".csv"},
    }


def test_columns_are_those_of_the_contract_but_for_the_source(folder):
    for table in INGESTED:
        expected = [name for name in table.names if name != "source"]
        path = next(folder.glob(f"{table.name}*"))
        if path.suffix == ".parquet":
            assert pq.read_schema(path).names == expected
        elif path.suffix == ".csv":
            assert next(csv.reader(path.open())) == expected
        else:
            assert set(json.loads(path.read_text().splitlines()[0])) <= set(expected)


def test_good_rows_come_back_as_they_were_and_bad_ones_are_counted(estate, folder):
    counts = json.loads((folder / "known_bad.json").read_text())
    for table in INGESTED:
        bad = counts[table.name]
        rows = estate.tables[table.name].num_rows
        if table.name in ("metric_points", "spans"):
            found = sum(pq.read_metadata(path).num_rows for path in folder.glob(f"{table.name}*"))
            assert found == rows + bad["invalid"] + bad["duplicate"], table.name
            continue
        lines = (folder / next(folder.glob(f"{table.name}*")).name).read_text().splitlines()
        header = 1 if table.name in ("changes", "configuration_items", "topology_edges", "ticket_history") else 0
        assert len(lines) == header + rows + sum(bad.values()), table.name
        assert bad == FLAWS[table.name].count()


def test_metrics_can_be_read_back_and_conform_without_their_flaws(estate, folder):
    points = pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("metric_points*"))])
    good = points.filter(pc.is_finite(points["value"]))
    keys = good.group_by(["series_id", "observed_at"]).aggregate([])
    assert keys.num_rows == estate.tables["metric_points"].num_rows
    assert pc.sum(pc.invert(pc.is_finite(points["value"]))).as_py() == 3
    assert points["value"].null_count == 1


def test_each_row_group_of_metrics_is_one_day_so_that_a_window_reads_little(folder):
    path = max(folder.glob("metric_points*"))
    data = pq.ParquetFile(path)
    spans = []
    for number in range(data.num_row_groups):
        statistics = data.metadata.row_group(number).column(0).statistics
        assert statistics.min.date() == statistics.max.date()
        spans.append(statistics.min.date())
    assert spans == sorted(set(spans))


def test_lines_of_logs_are_json_with_instants_in_utc_except_for_the_known_bad_ones(folder):
    broken, seen = 0, 0
    for line in (folder / "log_records.jsonl").read_text().splitlines():
        try:
            row = json.loads(line)
            instant = datetime.fromisoformat(row["observed_at"])
        except (ValueError, TypeError):
            broken += 1
            continue
        seen += instant.utcoffset() == timedelta(0) and row["observed_at"].endswith("Z")
    assert broken == 3
    assert seen > 100


def test_csv_rows_have_as_many_cells_as_the_header_except_for_the_known_bad_ones(folder):
    for name in ("changes", "configuration_items", "topology_edges", "ticket_history"):
        rows = list(csv.reader((folder / f"{name}.csv").open()))
        assert sum(len(row) != len(rows[0]) for row in rows) == len(FLAWS[name].unreadable)


def test_bad_rows_lie_in_the_first_judged_day_where_there_are_rows(folder):
    alerts = [json.loads(line) for line in (folder / "raw_alerts.jsonl").read_text().splitlines() if ",," not in line]
    wrong = next(row for row in alerts if row["alert_status"] == "maybe")
    assert WINDOW.start <= datetime.fromisoformat(wrong["observed_at"]) < WINDOW.start + timedelta(days=1)


def test_the_ledger_lies_beside_the_files(estate, folder):
    assert ledger_from_json((folder / "ledger.json").read_text()) == estate.ledger


def test_an_earlier_estate_in_the_folder_is_replaced_in_full(estate, tmp_path):
    write_estate(estate, tmp_path)
    stale = tmp_path / "metric_points-1999-01-04.parquet"
    stale.write_bytes(b"old")
    write_estate(estate, tmp_path)
    assert not stale.exists()


def test_a_folder_with_other_peoples_files_is_left_alone(estate, tmp_path):
    theirs = tmp_path / "changes.csv"
    theirs.write_text("mine\n")
    with pytest.raises(ConfigurationError, match=r"changes\.csv"):
        write_estate(estate, tmp_path)
    assert theirs.read_text() == "mine\n"
