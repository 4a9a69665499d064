"""Benchmarks written as CSV the way somebody would export them, read through the file source: no row lost, no value changed."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from aiops_jobs.adapters.sources.files import FilesSource, Settings
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.window import Window

pytestmark = pytest.mark.shared

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC))


def benchmark(name):
    root = Path(os.environ.get("AIOPS_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    path = root / "benchmarks" / name / "series.parquet"
    if not path.is_file():
        pytest.skip(f"{path} is not there; set AIOPS_SHARED")
    return pq.read_table(path)


def read(source, window):
    batches = list(source.extract(METRIC_POINTS, window))
    assert [reject for batch in batches for reject in batch.rejects] == []
    return pa.concat_tables([METRIC_POINTS.shape(batch.rows) for batch in batches]).unify_dictionaries()


def test_a_wide_export_of_server_metrics(tmp_path):
    """One file a machine, one column a metric, times in local time without a zone."""
    data = benchmark("smd")
    metrics = [name for name in data.column_names if name.startswith("m")]
    machines = pc.unique(data["series_id"]).to_pylist()
    truth = {}
    for machine in machines:
        part = data.filter(pc.equal(data["series_id"].cast(pa.string()), machine))
        minutes = part["row"].to_numpy()
        local = [(BEGIN + timedelta(hours=9, minutes=int(m))).strftime("%Y-%m-%d %H:%M:%S") for m in minutes]
        exported = part.select(metrics).add_column(0, "time", pa.array(local)).append_column("label", part["label"])
        pa_csv.write_csv(exported, tmp_path / f"{machine}.csv")
        truth[machine] = part
    spec = {
        "files": "machine-*.csv",
        "layout": "wide",
        "columns": {"observed_at": "time"},
        "constants": {"host_name": "{stem}"},
        "ignore": ["label"],
        "timezone": "Asia/Seoul",
    }
    source = FilesSource("smd", Settings(path=tmp_path, tables={"metric_points": spec}))
    points = read(source, EVER)

    assert points.num_rows == data.num_rows * len(metrics)
    assert pc.count_distinct(points["series_id"].cast(pa.string())).as_py() == len(machines) * len(metrics)
    assert set(pc.unique(points["entity_id"]).to_pylist()) == {f"host/{machine}" for machine in machines}
    hosts, names = points["host_name"].cast(pa.string()), points["metric_name"].cast(pa.string())
    for machine in machines:
        for metric in (metrics[0], metrics[17], metrics[-1]):
            series = points.filter(pc.and_(pc.equal(hosts, machine), pc.equal(names, metric))).sort_by("observed_at")
            np.testing.assert_array_equal(
                series["value"].to_numpy().astype(np.float32), truth[machine][metric].to_numpy()
            )
            seconds = pc.divide(series["observed_at"].cast(pa.int64()), 1_000_000).to_numpy() - BEGIN.timestamp()
            np.testing.assert_array_equal(seconds, truth[machine]["row"].to_numpy() * 60)

    day = Window(BEGIN + timedelta(days=3), BEGIN + timedelta(days=4))
    assert read(source, day).num_rows == len(machines) * len(metrics) * 1440


def test_a_long_export_of_single_series(tmp_path):
    """One packed file of all series, times in UTC without saying so, the series named by a column."""
    data = benchmark("nab")
    exported = data.select(["timestamp", "series_id", "value", "label"]).rename_columns(
        ["timestamp", "name", "value", "label"]
    )
    exported = exported.set_column(1, "name", exported["name"].cast(pa.string()))
    with pa.CompressedOutputStream(str(tmp_path / "export.csv.gz"), "gzip") as packed:
        pa_csv.write_csv(exported, packed)
    spec = {
        "files": "export.csv.gz",
        "columns": {"observed_at": "timestamp", "metric_name": "name"},
        "ignore": ["label"],
        "timezone": "UTC",
    }
    source = FilesSource("nab", Settings(path=tmp_path, tables={"metric_points": spec}))
    points = read(source, EVER)

    assert points.num_rows == data.num_rows
    assert pc.unique(points["metric_name"]).to_pylist() == pc.unique(data["series_id"]).to_pylist()
    np.testing.assert_array_equal(points["value"].to_numpy(), data["value"].to_numpy())
    times = pc.assume_timezone(data["timestamp"].cast(pa.timestamp("us")), "UTC")
    assert points["observed_at"].combine_chunks().equals(times.combine_chunks())
    assert points["series_id"].null_count == 0

    edges = [datetime(year, 1, 1, tzinfo=UTC) for year in range(2010, 2020)]
    parts = [
        sum(b.rows.num_rows for b in source.extract(METRIC_POINTS, Window(a, b)))
        for a, b in zip(edges, edges[1:], strict=False)
    ]
    assert sum(parts) == data.num_rows
