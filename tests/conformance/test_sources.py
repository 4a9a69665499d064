"""Every source: conforming batches, half-open windows, errors that say what to do, and no secret in any of them."""

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from prometheus_messages import asked, chunked

from aiops_jobs.adapters.sources import SOURCES
from aiops_jobs.contracts.telemetry import INGESTED
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import Check
from aiops_jobs.window import Window

CANARY = "AIOPS-CANARY-5b1d"
START = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=4))
EVENTS = [START + timedelta(minutes=15 * k) for k in range(-4, 24)]
"""An event each quarter of an hour, from one hour before the window to one hour after it."""


@dataclass(frozen=True)
class Case:
    """How one kind of source is set up against a system that knows `EVENTS`.

    Args:
        kind: As in the registry.
        settings: What the operator says.
        answer: The system, for sources that speak HTTP.
        files: What lies in the folder, for sources that read one.
    """

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    answer: Any = None
    files: dict[str, str] = field(default_factory=dict)

    def build(self, folder, answer=None, **more):
        for name, text in self.files.items():
            (folder / name).write_text(text)
        module_name, _, class_name = SOURCES[self.kind].partition(":")
        module = import_module(module_name)
        said = {"kind": self.kind, **self.settings, **more}
        if self.files:
            said["path"] = folder
        settings = module.Settings.model_validate(said)
        if self.answer is None:
            return getattr(module, class_name)("tested", settings)
        transport = httpx.MockTransport(answer or self.answer)
        return getattr(module, class_name)("tested", settings, transport=transport)


# --- systems, in the shape of recorded answers ----------------------------------------------------------------------


def _prometheus(request):
    if request.url.path == "/api/v1/status/buildinfo":
        return httpx.Response(200, json={"status": "success", "data": {"version": "2.42.0"}})
    labels = {"__name__": "up", "instance": "web-01:9100"}
    if request.url.path == "/api/v1/read":
        query = asked(request.content).queries[0]
        within = [
            e
            for e in EVENTS
            if query.start_timestamp_ms - 3_600_000 <= e.timestamp() * 1000 <= query.end_timestamp_ms + 3_600_000
        ]
        samples = [(int(e.timestamp() * 1000), 1.0) for e in within]  # whole chunks: they overhang what was asked for
        content = chunked([(labels, [samples])]) if samples else b""
        kind = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
        return httpx.Response(200, headers={"content-type": kind}, content=content)
    return _prometheus_range(request, labels)


def _prometheus_range(request, labels):
    form = {key: float(value[0]) for key, value in parse_qs(request.content.decode()).items() if key != "query"}
    times = {int(e.timestamp()) for e in EVENTS}
    step = int(form["step"])
    grid = range(int(form["start"]), int(form["end"]) + 1, step)
    values = [[at, "1"] for at in grid if at in times]
    result = [{"metric": labels, "values": values}] if values else []
    return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": result}})


def _old_prometheus(request):
    if request.url.path == "/api/v1/read":
        return httpx.Response(404, text="404 page not found\n")
    return _prometheus(request)


def _alertmanager(request):
    if request.url.path == "/api/v2/status":
        return httpx.Response(200, json={"versionInfo": {"version": "0.27.0"}})
    alerts = [
        {
            "annotations": {},
            "endsAt": (event + timedelta(days=1)).isoformat(),
            "fingerprint": f"{number:016x}",
            "receivers": [{"name": "none"}],
            "startsAt": event.isoformat(),
            "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
            "updatedAt": event.isoformat(),
            "labels": {"alertname": "X", "instance": f"web-{number}:9100"},
        }
        for number, event in enumerate(EVENTS)
    ]
    return httpx.Response(200, json=alerts, headers={"Date": "Fri, 20 Nov 2026 05:00:00 GMT"})


def _files():
    points = "".join(f"{e.isoformat()},up,web-01,1\n" for e in EVENTS)
    logs = "".join(
        json.dumps({"observed_at": e.isoformat(), "severity_text": "INFO", "body": "ok"}) + "\n" for e in EVENTS
    )
    return {"metric_points.csv": f"observed_at,metric_name,host_name,value\n{points}", "log_records.jsonl": logs}


CASES = {
    "prometheus": Case("prometheus", {"url": "http://prom.example:9090", "selectors": ["up"]}, _prometheus),
    "prometheus without remote read": Case(
        "prometheus", {"url": "http://prom.example:9090", "selectors": ["up"]}, _old_prometheus
    ),
    "prometheus queries": Case(
        "prometheus", {"url": "http://prom.example:9090", "queries": {"up": "up"}, "step_s": 900}, _prometheus
    ),
    "alertmanager": Case("alertmanager", {"url": "http://am.example:9093"}, _alertmanager),
    "files": Case("files", files=_files()),
}
HTTP_CASES = [name for name, case in CASES.items() if case.answer is not None]


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(params=HTTP_CASES)
def http_case(request):
    return CASES[request.param]


def extracted(source, table, window):
    """Return conforming rows in the order of their key."""
    rows = []
    for batch in source.extract(table, window):
        assert batch.rejects == ()
        assert batch.locators is None or len(batch.locators) == batch.rows.num_rows
        assert set(batch.rows.column_names) <= set(table.names)
        rows.append(table.conform(batch.rows))
    told = [row for batch in rows for row in batch.to_pylist()]
    return sorted(told, key=lambda row: [row[name] for name in table.key])


def test_every_kind_has_a_case_here():
    assert {case.kind for case in CASES.values()} == set(SOURCES)


def test_the_registry_names_what_is_there():
    for kind, place in SOURCES.items():
        module_name, _, class_name = place.partition(":")
        module = import_module(module_name)
        assert hasattr(module, class_name), kind
        assert module.Settings.model_config["frozen"]
        assert module.Settings.model_config["extra"] == "forbid"
        undescribed = [name for name, f in module.Settings.model_fields.items() if not f.description and name != "kind"]
        assert undescribed == [], kind


def test_batches_conform_and_carry_the_sources_name(case, tmp_path):
    source = case.build(tmp_path)
    assert source.name == "tested"
    assert set(source.tables) <= set(INGESTED)
    for table in source.tables:
        rows = extracted(source, table, WINDOW)
        assert sorted(row[table.time] for row in rows) == [e for e in EVENTS if WINDOW.contains(e)]
        assert {row["source"] for row in rows} == {"tested"}


def test_windows_are_half_open_and_halves_make_the_whole(case, tmp_path):
    source = case.build(tmp_path)
    for table in source.tables:
        whole = extracted(source, table, WINDOW)
        for middle in (EVENTS[9], EVENTS[9] + timedelta(microseconds=1), EVENTS[9] - timedelta(microseconds=1)):
            windows = Window(WINDOW.start, middle), Window(middle, WINDOW.end)
            halves = [extracted(source, table, window) for window in windows]
            for half, window in zip(halves, windows, strict=True):
                assert all(window.contains(row[table.time]) for row in half)
            joined = sorted(halves[0] + halves[1], key=lambda row: [row[name] for name in table.key])
            assert joined == whole


def test_asking_twice_gives_the_same_rows(case, tmp_path):
    for table in case.build(tmp_path).tables:
        first, second = (extracted(case.build(tmp_path), table, WINDOW) for _ in range(2))
        assert first == second


def test_an_empty_window_has_no_rows(case, tmp_path):
    source = case.build(tmp_path)
    for table in source.tables:
        assert extracted(source, table, Window(START + timedelta(days=2), START + timedelta(days=3))) == []


def test_the_check_answers_in_words(case, tmp_path):
    checks = case.build(tmp_path).check()
    assert checks
    assert all(isinstance(check, Check) and check.detail for check in checks)
    assert checks[0].is_ok


# --- sources that speak HTTP ----------------------------------------------------------------------------------------

FINAL = [401, 403, 422]
LATER = [408, 429, 500, 502, 503, 504]


@pytest.mark.parametrize("status", [*FINAL, *LATER])
def test_statuses_become_the_error_that_says_what_to_do(http_case, tmp_path, status):
    asks = {} if status == 403 else {"Retry-After": "7"}  # a 403 that asks to wait is a limit, not a refusal
    told = httpx.Response(status, html="<html><title>no luck</title></html>", headers=asks)
    source = http_case.build(tmp_path, lambda _: told)
    with pytest.raises(ConnectorError) as caught:
        extracted(source, source.tables[0], WINDOW)
    assert isinstance(caught.value, ConnectorUnavailable) == (status in LATER)
    assert caught.value.status == status
    assert "no luck" in str(caught.value)
    assert "tested" in str(caught.value)
    assert ("7 s" in str(caught.value)) == bool(asks)


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.RemoteProtocolError]
)
def test_a_network_that_fails_is_unavailable_and_names_source_and_host(http_case, tmp_path, error):
    def broken(request):
        raise error("no route", request=request)

    source = http_case.build(tmp_path, broken)
    with pytest.raises(ConnectorUnavailable, match=r"`tested`: \w+\.example:\d+ "):
        extracted(source, source.tables[0], WINDOW)
    assert not source.check()[0].is_ok


def test_a_proxys_page_is_no_answer(http_case, tmp_path):
    source = http_case.build(tmp_path, lambda _: httpx.Response(200, html="<html><title>Sign in</title></html>"))
    with pytest.raises(ConnectorError):
        extracted(source, source.tables[0], WINDOW)


@pytest.mark.parametrize(
    "secret", [{"token": CANARY}, {"user": "robot", "password": CANARY}, {"headers": {"X-Key": CANARY}}]
)
@pytest.mark.parametrize("status", [400, 401, 503])
def test_no_secret_is_told_in_errors_checks_settings_or_logs(http_case, tmp_path, caplog, secret, status):
    caplog.set_level(logging.DEBUG)

    def echoing(request):
        return httpx.Response(status, json={"error": f"{CANARY} {dict(request.headers)}"})

    source = http_case.build(tmp_path, echoing, **secret)
    with pytest.raises(ConnectorError) as caught:
        extracted(source, source.tables[0], WINDOW)
    told = [str(caught.value), str(caught.value.attrs()), str(source.check()), repr(source._settings), caplog.text]
    assert not [text for text in told if CANARY in text]


def test_a_wrong_setting_is_refused(case, tmp_path):
    with pytest.raises(ValueError, match="not permitted"):
        case.build(tmp_path, nonsense=1)
