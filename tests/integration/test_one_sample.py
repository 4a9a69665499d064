"""Follow one sample from the JSON of a monitoring system to the text of a ticket."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow.compute as pc
import pytest
from support import LONG_PAST, run_night

from aiops_jobs.adapters.files import sha256_of
from aiops_jobs.bootstrap import bootstrap
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts.operations import POLICIES, RUN_INPUTS, RUNS, SOURCE_HEALTH, TICKETS
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.jobs.catalogue import ingest_all
from aiops_jobs.jobs.explain import explain
from aiops_jobs.settings import Settings
from aiops_jobs.window import Window

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEP = 300
NIGHT = Window.parse("2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z")
FAULT = (datetime(2026, 11, 19, 2, 10, tzinfo=UTC), datetime(2026, 11, 19, 3, 10, tzinfo=UTC))
THE_SAMPLE = datetime(2026, 11, 19, 2, 30, tzinfo=UTC)
METRICS = ("http_server_request_duration_seconds_p99", "http_server_errors_ratio")


def value_at(metric, seconds):
    """200 ms with a daily wave and a little noise; 1.2 s in the fault."""
    noise = np.random.default_rng(int(seconds.sum() % 2**31)).normal(0, 1, len(seconds))
    inside = (seconds >= FAULT[0].timestamp()) & (seconds < FAULT[1].timestamp())
    if metric == METRICS[0]:
        calm = 0.2 + 0.02 * np.sin(2 * np.pi * seconds / 86400) + 0.002 * noise
        return np.where(inside, 1.2, calm)
    return np.where(inside, 0.4, np.clip(0.001 + 0.0003 * noise, 0, 1))


class Monitoring(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if urlsplit(self.path).path != "/api/v1/query_range":
            self._reply(404, {"status": "error", "errorType": "not_found", "error": "no such endpoint"})
            return
        self._range(parse_qs(body.decode()))

    def do_GET(self):
        parts = urlsplit(self.path)
        if parts.path == "/api/v1/status/buildinfo":
            self._reply(200, {"status": "success", "data": {"version": "2.42.0"}})
        elif parts.path == "/api/v1/query_range":
            self._range(parse_qs(parts.query))
        else:
            self._reply(404, {"status": "error", "errorType": "not_found", "error": "no such endpoint"})

    def _range(self, asked):
        def instant(text):
            try:
                return float(text)
            except ValueError:
                return datetime.fromisoformat(text).timestamp()

        start, end = instant(asked["start"][0]), instant(asked["end"][0])
        step = float(asked["step"][0].rstrip("s"))
        seconds = np.arange(start, end + 0.001, step)
        metric = asked["query"][0]
        values = [[s, f"{v:.6f}"] for s, v in zip(seconds.tolist(), value_at(metric, seconds), strict=True)]
        series = {"metric": {"service": "checkout", "zone": "a"}, "values": values}
        self._reply(200, {"status": "success", "data": {"resultType": "matrix", "result": [series]}})

    def _reply(self, status, document):
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def monitoring():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Monitoring)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_sample_can_be_followed_from_the_json_reply_to_the_ticket(tmp_path, monitoring):
    home = tmp_path / "home"
    settings = Settings(
        home=home,
        sources={"prom": {"kind": "prometheus", "url": monitoring, "step_s": STEP, "queries": {m: m for m in METRICS}}},
        sinks={"desk": {"kind": "file", "path": str(home / "desk")}},
        policies={"tickets": {"min_priority": "P5", "min_members_without_symptom": 1}, "delivery": LONG_PAST},
    )
    context = bootstrap(settings)
    history = Window(NIGHT.start - timedelta(days=22), NIGHT.start)
    assert ingest_all(context, history, history.end)[1] == []
    run_night(context, NIGHT)

    # 1. the reply: 1.2 s at 02:30
    assert value_at(METRICS[0], np.array([THE_SAMPLE.timestamp()]))[0] == 1.2
    # 2. the lake has it, in a file whose name is its digest
    read = context.lake.read(METRIC_POINTS, NIGHT)
    mine = read.rows.filter(pc.equal(read.rows["metric_name"].cast("string"), METRICS[0]))
    sample = mine.filter(pc.equal(mine["observed_at"], THE_SAMPLE)).to_pylist()
    assert [(s["value"], s["service_name"], s["entity_id"], s["source"]) for s in sample] == [
        (1.2, "checkout", "service/checkout", "prom")
    ]
    assert json.loads(sample[0]["labels"]) == {"zone": "a"}
    # 3. nothing was lost on the way
    health = context.warehouse.read(SOURCE_HEALTH, window=NIGHT).to_pylist()
    assert [(h["rows_in"], h["rows_published"]) for h in health if h["table_name"] == "metric_points"] == [(576, 576)]
    # 4. the detector says so
    anomalies = [a for a in context.warehouse.read(r.ANOMALIES).to_pylist() if a["series_id"] == sample[0]["series_id"]]
    assert len(anomalies) == 1
    anomaly = anomalies[0]
    assert anomaly["started_at"] == FAULT[0]
    assert anomaly["ended_at"] == FAULT[1]
    assert anomaly["observed"] == pytest.approx(1.2)
    assert anomaly["expected"] == pytest.approx(0.21, abs=0.02)
    assert anomaly["peak_score"] > 1.0
    finding = next(
        f for f in context.warehouse.read(r.FINDINGS).to_pylist() if f["finding_id"] == anomaly["finding_id"]
    )
    assert finding["severity"] == "critical"
    # 5. it is a member of the one incident
    members = context.warehouse.read(r.INCIDENT_ALERTS).to_pylist()
    (incident,) = context.warehouse.read(r.INCIDENTS).to_pylist()
    assert {m["incident_id"] for m in members if m["member_id"] == finding["finding_id"]} == {incident["incident_id"]}
    # 6. the ticket says so, once
    (ticket,) = context.warehouse.read(TICKETS).to_pylist()
    assert ticket["external_key"] == incident["incident_id"]
    (stored,) = [json.loads(p.read_text()) for p in Path(home / "desk").glob("TKT-*.json")]
    text = json.dumps(stored, ensure_ascii=False)
    assert "checkout" in text
    assert "1.2" in text
    assert incident["incident_id"] in text
    # 7. and back: from the incident to the very file that holds the sample
    explained = explain(context, finding["finding_id"])
    paths = {row["path"]: row["sha256"] for row in explained["From these files"]}
    holding = [i for i in read.inputs if i.path in paths]
    assert len(holding) >= 1
    for item in holding:
        assert paths[item.path] == item.sha256 == sha256_of(home / "lake" / item.path)
    run = context.warehouse.read(RUNS).to_pylist()
    by_id = {row["run_id"]: row for row in run}
    assert by_id[anomaly["run_id"]]["job"] == "detect"
    assert by_id[anomaly["run_id"]]["input_manifest_id"] == anomaly["input_manifest_id"]
    inputs = context.warehouse.read(RUN_INPUTS).to_pylist()
    assert {i["input_manifest_id"] for i in inputs if i["run_id"] == anomaly["run_id"]} == {
        anomaly["input_manifest_id"]
    }
    policies = {(p["config_hash"], p["policy_version"]) for p in context.warehouse.read(POLICIES).to_pylist()}
    assert (anomaly["config_hash"], anomaly["policy_version"]) in policies
