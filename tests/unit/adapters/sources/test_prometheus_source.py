"""The Prometheus source against a server that answers as the real one does, in every mood."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_messages import asked, chunked, frame
from pydantic import ValidationError
from xor_chunks import double

from aiops_jobs.adapters.sources import prometheus
from aiops_jobs.adapters.sources.labels import LabelRules, origin_of
from aiops_jobs.adapters.sources.prometheus import POINTS_PER_SERIES, PrometheusSource, Settings, grid
from aiops_jobs.adapters.sources.prometheus_series import unit_of
from aiops_jobs.contracts.telemetry import METRIC_POINTS, RAW_ALERTS
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.window import Window

START = datetime(2026, 11, 20, tzinfo=UTC)
MS = int(START.timestamp() * 1000)
HOUR = Window(START, START + timedelta(hours=1))
STREAMED = {"content-type": "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"}


def source(handler, **more):
    own = Settings(url="http://prom.example:9090", **({"selectors": ("up",)} | more))
    return PrometheusSource("prom", own, transport=httpx.MockTransport(handler))


def streaming(*parts):
    return lambda _: httpx.Response(200, headers=STREAMED, content=b"".join(parts))


def rows(source, window=HOUR):
    return [
        row for batch in source.extract(METRIC_POINTS, window) for row in METRIC_POINTS.shape(batch.rows).to_pylist()
    ]


def matrix(*series, **more):
    result = [{"metric": labels, "values": values} for labels, values in series]
    return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": result}, **more})


def test_chunks_that_overhang_the_window_are_cut_to_it():
    samples = [(MS + offset, float(offset)) for offset in (-15_000, -1, 0, 1, 3_599_999, 3_600_000, 3_615_000)]
    read = rows(source(streaming(chunked([({"__name__": "up"}, [samples])]))))
    assert [row["value"] for row in read] == [0.0, 1.0, 3_599_999.0]


def test_the_end_marker_of_a_series_is_no_sample_but_not_a_number_is_one():
    samples = [(MS, 1.0), (MS + 1, double(0x7FF0000000000002)), (MS + 2, double(0x7FF8000000000001)), (MS + 3, np.inf)]
    read = rows(source(streaming(chunked([({"__name__": "up"}, [samples])]))))
    np.testing.assert_array_equal([row["value"] for row in read], [1.0, np.nan, np.inf])


def test_the_frames_of_a_long_series_join():
    labels = {"__name__": "up", "instance": "h:1"}
    frames = [chunked([(labels, [[(MS + 1000 * k + 100 * i, float(i)) for i in range(10)]])]) for k in range(5)]
    batches = list(source(streaming(*frames)).extract(METRIC_POINTS, HOUR))
    assert sum(batch.rows.num_rows for batch in batches) == 50
    assert len({i for batch in batches for i in batch.rows["series_id"].to_pylist()}) == 1


def test_many_chunks_are_decoded_in_batches(monkeypatch):
    monkeypatch.setattr(prometheus, "BATCH_CHUNKS", 2)
    parts = [chunked([({"__name__": "up", "n": str(k)}, [[(MS + k, float(k))]])]) for k in range(5)]
    batches = list(source(streaming(*parts)).extract(METRIC_POINTS, HOUR))
    assert [batch.rows["value"].to_pylist() for batch in batches] == [[0.0, 1.0], [2.0, 3.0], [4.0]]


def test_external_labels_are_no_part_of_a_series():
    def ids(labels, **more):
        read = rows(source(streaming(chunked([({"__name__": "up", **labels}, [[(MS, 1.0)]])])), **more))
        return read[0]["series_id"], read[0]["labels"]

    plain = ids({"job": "a"})
    assert ids({"job": "a", "cluster": "c1"}, external_labels=("cluster",)) == plain
    assert ids({"job": "a", "cluster": "c1"})[0] != plain[0]


def test_the_request_asks_for_whole_milliseconds_inside_the_window():
    requests = []

    def handler(request):
        requests.append(asked(request.content).queries[0])
        return httpx.Response(200, headers=STREAMED)

    begin = START + timedelta(microseconds=1500)
    assert rows(source(handler), Window(begin, begin + timedelta(milliseconds=2))) == []
    assert rows(source(handler), Window(begin, begin + timedelta(microseconds=100))) == []
    assert [(q.start_timestamp_ms - MS, q.end_timestamp_ms - MS) for q in requests] == [(2, 3)]


def test_a_native_histogram_is_put_aside_not_forgotten():
    body = chunked([({"__name__": "latency_seconds"}, [[(MS, 1.0)]])], encoding=2)
    (batch,) = source(streaming(body)).extract(METRIC_POINTS, HOUR)
    (reject,) = batch.rejects
    assert (batch.rows.num_rows, reject.reason_code) == (0, "NATIVE_HISTOGRAM")
    assert reject.locator == '{"__name__":"latency_seconds"}'


@pytest.mark.parametrize(
    "body",
    [
        chunked([({"__name__": "up"}, [[(MS, 1.0)]])]) + b"error: out of memory\n",
        chunked([({"__name__": "up"}, [[(MS, 1.0)]])])[:-2],
        frame(b"\x0a\x7f"),
    ],
    ids=["an error text at the end", "cut off", "no message"],
)
def test_a_damaged_stream_is_to_be_tried_again(body):
    with pytest.raises(ConnectorUnavailable, match=r"`prom`: prom.example:9090 sent a damaged answer"):
        rows(source(streaming(body)))


# --- fallback -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(404, text="not found"),
        httpx.Response(405),
        httpx.Response(400, text='unsupported path requested: "/api/v1/read"'),
        httpx.Response(200, headers={"content-type": "application/x-protobuf"}, content=b""),
    ],
    ids=["404", "405", "400", "samples"],
)
def test_without_streamed_remote_read_the_selector_is_queried_on_the_grid(refusal):
    paths, forms = [], []

    def handler(request):
        paths.append(request.url.path)
        if request.url.path == "/api/v1/read":
            return refusal
        forms.append({k: v[0] for k, v in parse_qs(request.content.decode()).items()})
        return matrix(({"__name__": "up", "host": "web-01"}, [[MS / 1000, "1"], [MS / 1000 + 300, "0"]]))

    reader = source(handler, selectors=('up{job="node"}',))
    read = rows(reader)
    assert [(row["metric_name"], row["host_name"], row["value"]) for row in read] == [
        ("up", "web-01", 1.0),
        ("up", "web-01", 0.0),
    ]
    begin = MS // 1000
    assert forms == [{"query": 'up{job="node"}', "start": f"{begin}.000", "end": f"{begin + 3300}.000", "step": "300"}]
    rows(reader)
    tries = paths.count("/api/v1/read")
    assert tries == (2 if refusal.status_code == 400 else 1)  # 400 may be the selector's fault: ask again


def test_a_wrong_token_is_no_reason_to_fall_back():
    with pytest.raises(ConnectorError, match="HTTP 401"):
        rows(source(lambda _: httpx.Response(401, text="Unauthorized"), token="t0ken"))


def test_warnings_of_a_store_fail_the_slice_for_now_and_warnings_about_the_query_for_good():
    def answering(*warnings):
        return source(lambda _: matrix(warnings=list(warnings)), selectors=(), queries={"q": "up"})

    with pytest.raises(ConnectorUnavailable, match=r"partial answer from prom.example:9090 on `up`: store x is down"):
        rows(answering("store x is down"))
    with pytest.raises(ConnectorError) as caught:
        rows(answering("PromQL warning: mixed floats and histograms"))
    assert type(caught.value) is ConnectorError
    infos = source(lambda _: matrix(infos=["PromQL info: not a counter"]), selectors=(), queries={"q": "up"})
    assert rows(infos) == []


def test_a_query_gives_its_metric_the_name_in_the_settings():
    def handler(_):
        return matrix(({"service": "web"}, [[MS / 1000, "0.25"]]), ({"service": "mail"}, [[MS / 1000, "NaN"]]))

    read = rows(source(handler, selectors=(), queries={"latency_p99_seconds": "histogram_quantile(…)"}))
    assert [(r["metric_name"], r["entity_id"], r["unit"]) for r in read] == [
        ("latency_p99_seconds", "service/web", "s"),
        ("latency_p99_seconds", "service/mail", "s"),
    ]
    assert np.isnan(read[1]["value"])


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 3 * 10**9),
    st.integers(1, 100_000),
    st.sampled_from([1.0, 15.0, 60.0, 300.0, 0.5, 7.0]),
    st.floats(0.0, 1.0),
)
def test_the_grid_of_two_halves_is_the_grid_of_the_whole(begin_s, length_s, step_s, share):
    start = datetime.fromtimestamp(begin_s, UTC)
    whole = Window(start, start + timedelta(seconds=length_s))
    middle = start + timedelta(microseconds=round(share * length_s * 1_000_000))
    if not whole.start < middle < whole.end:
        return

    def points(window):
        step = round(step_s * 1000)
        requests = list(grid(window, step_s))
        assert all((last - first) // step < POINTS_PER_SERIES for first, last in requests)
        return [at for first, last in requests for at in range(first, last + 1, step)]

    halves = points(Window(whole.start, middle)) + points(Window(middle, whole.end))
    assert halves == points(whole)
    assert all(whole.start.timestamp() * 1000 <= at < whole.end.timestamp() * 1000 for at in halves)
    assert len(halves) in {int(length_s // step_s), int(length_s // step_s) + 1}


# --- labels and settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "service", "host", "entity", "rest"),
    [
        (
            {"instance": "web-01:9100", "job": "n"},
            None,
            "web-01",
            "host/web-01",
            '{"instance":"web-01:9100","job":"n"}',
        ),
        ({"instance": "web-01"}, None, "web-01", "host/web-01", None),
        (
            {"instance": "[2001:db8::1]:9100"},
            None,
            "2001:db8::1",
            "host/2001:db8::1",
            '{"instance":"[2001:db8::1]:9100"}',
        ),
        ({"instance": "2001:db8::1"}, None, "2001:db8::1", "host/2001:db8::1", None),
        ({"instance": "gw:9091", "host": "db-1"}, None, "db-1", "host/db-1", '{"instance":"gw:9091"}'),
        ({"service": "web", "instance": "a:1"}, "web", "a", "service/web", '{"instance":"a:1"}'),
        ({"service": "web", "entity": "database/orders"}, "web", None, "database/orders", None),
        ({"service": "", "job": "x"}, None, None, None, '{"job":"x"}'),
        ({}, None, None, None, None),
    ],
)
def test_labels_say_service_host_and_item(labels, service, host, entity, rest):
    origin = origin_of(labels, LabelRules())
    assert (origin.service_name, origin.host_name, origin.entity_id, origin.labels) == (service, host, entity, rest)


def test_units_follow_from_names_or_settings():
    assert [unit_of(n) for n in ("http_request_duration_seconds_sum", "cpu_seconds_total", "disk_used_ratio")] == [
        "s",
        "s",
        "1",
    ]
    assert [unit_of(n) for n in ("requests_total", "up", "http_request_duration_seconds_count")] == [None, None, None]
    body = chunked([({"__name__": "queue_depth"}, [[(MS, 1.0)]])])
    assert rows(source(streaming(body), units={"queue_depth": "{message}"}))[0]["unit"] == "{message}"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "say what to read"),
        ({"selectors": ("rate(up[5m])",)}, "no series selector"),
        ({"selectors": ("up",), "step_s": 0}, "greater than 0"),
        ({"selectors": ("up",), "intervall": 5}, "not permitted"),
    ],
)
def test_settings_that_cannot_work_are_refused(said, why):
    with pytest.raises(ValidationError, match=why):
        Settings(url="http://prom.example", **said)


def test_only_metrics_are_delivered():
    with pytest.raises(ConnectorError, match="delivers metric_points, not raw_alerts"):
        list(source(streaming()).extract(RAW_ALERTS, HOUR))


def test_the_check_answers_and_never_raises():
    def handler(request):
        if request.url.path.endswith("buildinfo"):
            return httpx.Response(200, json={"status": "success", "data": {"version": "3.5.0"}})
        query = parse_qs(request.content.decode())["query"][0]
        if query == "count(sum()":
            return httpx.Response(400, json={"status": "error", "error": "unclosed left parenthesis"})
        result = [{"metric": {}, "value": [1, "42"]}] if query == "count(up)" else []
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": result}})

    checks = source(handler, selectors=("up", "down"), queries={"broken": "sum("}).check()
    assert [(c.is_ok, c.detail.partition(" (")[0]) for c in checks] == [
        (True, "prom.example:9090 is Prometheus 3.5.0"),
        (True, "42 series now"),
        (False, "0 series now"),
        (False, "`prom`: prom.example:9090 says: unclosed left parenthesis"),
    ]
    (check,) = source(lambda _: httpx.Response(200, text=json.dumps(["odd"]))).check()
    assert not check.is_ok
