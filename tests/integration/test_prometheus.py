"""A real Prometheus: its history comes back exactly, by remote read and by range queries."""

import math
import time
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from prometheus_messages import written
from servers_telemetry import free_port, node_exporter, run_prometheus

from aiops_jobs.adapters.sources.prometheus import PrometheusSource, Settings
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import all_ok
from aiops_jobs.window import Window

__all__ = ["node_exporter"]
pytestmark = pytest.mark.servers

STEP_S = 60
SAMPLES = 3000  # two days and two hours: chunks, blocks and slices of a day all end inside
START = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
SERIES = [
    {"instance": "web-01:9100", "job": "node", "service": "checkout", "dc": "eu"},
    {"instance": "web-02:9100", "job": "node", "dc": "eu"},
    {"instance": "db-01:9100", "job": "node", "dc": 'quo"te\\'},
]
SELECTOR = 'node_load1{job="node"}'


def at(index):
    return int(START.timestamp()) + STEP_S * index


def value(series, index):
    """A wave, with numbers that only look alike, not a number, infinities and a flat stretch in it."""
    if index % 997 == 5:
        return (math.nan, math.inf, -math.inf)[series]
    if 1000 <= index < 1200:
        return 4.0
    return 2 + math.sin(index / 229 + series) + index * 1e-13


def is_there(series, index):
    return not (series == 1 and 500 <= index < 700)


@pytest.fixture(scope="module")
def truth():
    return {
        (series, at(index) * 1000): value(series, index)
        for series in range(len(SERIES))
        for index in range(SAMPLES)
        if is_there(series, index)
    }


def told(number):
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(number), repr(number))


def labelled(labels):
    escaped = {k: v.replace("\\", "\\\\").replace('"', '\\"') for k, v in labels.items()}
    return ",".join(f'{k}="{v}"' for k, v in escaped.items())


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, truth):
    lines = ["# TYPE node_load1 gauge"]
    lines += [
        f"node_load1{{{labelled(labels)}}} {told(truth[series, at(i) * 1000])} {at(i)}"
        for series, labels in enumerate(SERIES)
        for i in range(SAMPLES)
        if is_there(series, i)
    ]
    history = "\n".join([*lines, "# EOF", ""])
    folder = tmp_path_factory.mktemp("prometheus")
    with run_prometheus(folder, history=history, external_labels={"cluster": "c1"}) as server:
        yield server


def source(prometheus, **more):
    settings = {"selectors": (SELECTOR,), "step_s": STEP_S, "external_labels": ("cluster",)} | more
    return PrometheusSource("prom_eu", Settings(url=prometheus.url, **settings))


def read(source, window):
    tables = [METRIC_POINTS.shape(batch.rows) for batch in source.extract(METRIC_POINTS, window)]
    return (
        pa.concat_tables([METRIC_POINTS.empty().cast(tables[0].schema), *tables]) if tables else METRIC_POINTS.empty()
    )


def contents(points):
    """Return series number and milliseconds -> value."""
    hosts = {labels["instance"].removesuffix(":9100"): number for number, labels in enumerate(SERIES)}
    keys = zip(
        (hosts[host] for host in points["host_name"].to_pylist()),
        pc.divide(points["observed_at"].cast(pa.int64()), 1000).to_pylist(),
        strict=True,
    )
    found = dict(zip(keys, points["value"].to_pylist(), strict=True))
    assert len(found) == points.num_rows
    return found


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    order = sorted(expected)
    np.testing.assert_array_equal([found[key] for key in order], [expected[key] for key in order])


WHOLE = Window(START, START + timedelta(seconds=STEP_S * SAMPLES))


@pytest.mark.parametrize("streamed", [True, False], ids=["remote read", "query_range"])
def test_history_comes_back_exactly(prometheus, truth, streamed):
    reader = source(prometheus, has_remote_read=streamed)
    points = read(reader, WHOLE)
    assert reader._streams is streamed
    found = contents(points)
    if not streamed:  # the look-back repeats the last sample of a gap for five minutes
        found = {key: v for key, v in found.items() if key in truth}
    assert_same(found, truth)
    first = points.filter(pc.equal(points["host_name"].cast(pa.string()), "web-01")).slice(0, 1).to_pylist()[0]
    assert first["service_name"] == "checkout"
    assert first["entity_id"] == "service/checkout"
    assert first["labels"] == '{"dc":"eu","instance":"web-01:9100","job":"node"}'
    assert pc.count_distinct(points["series_id"].cast(pa.string())).as_py() == len(SERIES)


def test_both_ways_name_the_series_alike(prometheus):
    window = Window(START, START + timedelta(minutes=10))
    ids = [
        set(read(source(prometheus, has_remote_read=streamed), window)["series_id"].to_pylist())
        for streamed in (True, False)
    ]
    assert ids[0] == ids[1]


@pytest.mark.parametrize("streamed", [True, False], ids=["remote read", "query_range"])
def test_windows_are_half_open_and_add_up(prometheus, truth, streamed):
    reader = source(prometheus, has_remote_read=streamed)
    middle = datetime.fromtimestamp(at(321), UTC)
    begin, end = datetime.fromtimestamp(at(7), UTC), datetime.fromtimestamp(at(450), UTC)
    parts = [contents(read(reader, Window(begin, middle))), contents(read(reader, Window(middle, end)))]
    assert not parts[0].keys() & parts[1].keys()
    expected = {key: v for key, v in truth.items() if at(7) * 1000 <= key[1] < at(450) * 1000}
    assert_same(parts[0] | parts[1], expected)


def test_a_window_between_two_samples_is_empty(prometheus):
    begin = datetime.fromtimestamp(at(10) + 1, UTC)
    assert read(source(prometheus), Window(begin, begin + timedelta(seconds=50))).num_rows == 0


def test_more_points_than_one_answer_may_hold(prometheus):
    reader = source(prometheus, selectors=(), queries={"load": 'node_load1{instance="web-01:9100"}'}, step_s=5)
    points = read(reader, WHOLE)
    seconds = pc.divide(points["observed_at"].cast(pa.int64()), 1_000_000).to_numpy()
    assert points.num_rows == SAMPLES * STEP_S // 5  # 36,000 grid points of one series
    assert (np.diff(seconds) == 5).all()
    assert set(points["metric_name"].to_pylist()) == {"load"}


def test_samples_written_from_outside_come_back_too(tmp_path):
    """Chunks of the head block and of late samples, through the receiver of remote writes."""
    now = int(time.time()) - 600
    samples = [(1000 * (now - 15 * (400 - i)) + i % 3, math.sin(i) if i % 50 else math.nan) for i in range(400)]
    labels = {"__name__": "queue_depth", "service": "mail"}
    with run_prometheus(tmp_path / "p") as server:
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        for part in (samples[200:], samples[:200]):  # the second half first
            body = written([(labels, part)])
            httpx.post(f"{server.url}/api/v1/write", content=body, headers=headers, trust_env=False).raise_for_status()
        reader = PrometheusSource("p", Settings(url=server.url, selectors=("queue_depth",)))
        window = Window(datetime.fromtimestamp(now - 86400, UTC), datetime.fromtimestamp(now + 1, UTC))
        points = read(reader, window).sort_by("observed_at")
    assert pc.divide(points["observed_at"].cast(pa.int64()), 1000).to_pylist() == [ms for ms, _ in samples]
    np.testing.assert_array_equal(points["value"].to_numpy(), [v for _, v in samples])


def test_a_scraped_exporter_and_the_end_of_a_series(tmp_path, node_exporter):
    """Live samples are read; the marker of a series that ended is none."""
    with run_prometheus(tmp_path / "p", scrape=[node_exporter.url.removeprefix("http://")]) as server:
        reader = PrometheusSource("live", Settings(url=server.url, selectors=('{job="node"}',)))
        begin = datetime.now(UTC) - timedelta(minutes=1)
        deadline = time.monotonic() + 30
        points = METRIC_POINTS.empty()
        while points.num_rows == 0 and time.monotonic() < deadline:
            time.sleep(1)
            points = read(reader, Window(begin, datetime.now(UTC)))
        assert "node_memory_MemTotal_bytes" in set(points["metric_name"].to_pylist())
        units = dict(zip(points["metric_name"].to_pylist(), points["unit"].to_pylist(), strict=True))
        assert (units["node_memory_MemTotal_bytes"], units["node_load1"]) == ("By", None)
        node_exporter.process.terminate()
        node_exporter.process.wait(10)
        time.sleep(3)  # the next scrape fails and ends all series
        after = read(reader, Window(begin, datetime.now(UTC)))
        load = after.filter(pc.equal(after["metric_name"].cast(pa.string()), "node_load1"))
        assert pc.all(pc.is_finite(load["value"])).as_py()
        up = after.filter(pc.equal(after["metric_name"].cast(pa.string()), "up")).sort_by("observed_at")
        assert up["value"].to_pylist()[-1] == 0.0


def test_the_check_tells_version_and_series(prometheus):
    checks = source(prometheus, queries={"load": "sum(node_load1)"}).check()
    assert "Prometheus 2." in checks[0].detail
    assert not all_ok(checks)  # the history is old: nothing has these labels now
    assert source(prometheus, selectors=(), queries={"one": "vector(1)"}).check()[1].is_ok


def test_a_query_it_does_not_understand_is_refused_with_its_words(prometheus):
    reader = source(prometheus, selectors=(), queries={"broken": "sum("})
    with pytest.raises(ConnectorError, match=r"prom_eu.*parse error") as caught:
        read(reader, WHOLE)
    assert not isinstance(caught.value, ConnectorUnavailable)
    assert caught.value.status == 400


def test_a_server_that_is_not_there_is_unavailable_and_named():
    port = free_port()
    reader = PrometheusSource("prom_eu", Settings(url=f"http://127.0.0.1:{port}", selectors=("up",)))
    with pytest.raises(ConnectorUnavailable, match=f"`prom_eu`: 127.0.0.1:{port} cannot be reached"):
        read(reader, WHOLE)
    (check,) = reader.check()
    assert not check.is_ok
