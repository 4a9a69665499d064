"""The main job on a real Prometheus and a real Alertmanager: a fault in the history becomes one ticket."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest
from servers_telemetry import run_alertmanager, run_prometheus

from aiops_jobs.bootstrap import bootstrap
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts.operations import SOURCE_HEALTH, TICKETS
from aiops_jobs.errors import ConnectorUnavailable
from aiops_jobs.jobs.catalogue import ingest_all, run_nightly
from aiops_jobs.settings import Settings
from aiops_jobs.window import Window

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

STEP = 300
DAYS = 23
SERVICES = ("checkout", "cart", "search")
LATENCY, ERRORS = "http_server_request_duration_seconds_p99", "http_server_errors_ratio"


def history(start, end, fault):
    """OpenMetrics text: three calm services, and one that is slow and failing in ``fault``."""
    seconds = np.arange(start.timestamp(), end.timestamp(), STEP)
    hurt = (seconds >= fault[0].timestamp()) & (seconds < fault[1].timestamp())
    rng = np.random.default_rng(5)
    lines = []
    for metric, base, spread, bad in ((LATENCY, 0.2, 0.004, 1.2), (ERRORS, 0.002, 0.0003, 0.3)):
        lines.append(f"# TYPE {metric} gauge")
        for service in SERVICES:
            wave = base * (1 + 0.1 * np.sin(2 * np.pi * seconds / 86400))
            values = np.abs(wave + spread * rng.standard_normal(len(seconds)))
            if service == "checkout":
                values = np.where(hurt, bad, values)
            labels = f'{{service="{service}",job="shop"}}'
            lines += [f"{metric}{labels} {v:.6f} {s:.0f}" for s, v in zip(seconds, values, strict=True)]
    return "\n".join([*lines, "# EOF"]) + "\n"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Prometheus with three weeks of history and an Alertmanager that has been told of the fault."""
    folder = tmp_path_factory.mktemp("real")
    now = datetime.now(UTC)
    end = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    night = Window(end - timedelta(days=1), end)
    fault = (night.end - timedelta(hours=5), night.end - timedelta(hours=4))
    text = history(end - timedelta(days=DAYS), end, fault)
    with run_prometheus(folder / "prometheus", history=text) as prometheus, run_alertmanager(folder / "am") as am:
        alert = {
            "labels": {"alertname": "CheckoutSlow", "service": "checkout", "severity": "critical"},
            "annotations": {"summary": "checkout p99 above 1 s"},
            "startsAt": (fault[0] + timedelta(minutes=4)).isoformat(),
            "endsAt": (now + timedelta(hours=2)).isoformat(),
        }
        httpx.post(f"{am.url}/api/v2/alerts", json=[alert], trust_env=False).raise_for_status()
        yield prometheus, am, night, fault


def house(home, real, **more):
    prometheus, am, _, _ = real
    sources = {
        "prom": {"kind": "prometheus", "url": prometheus.url, "selectors": ['{job="shop"}']},
        "am": {"kind": "alertmanager", "url": am.url},
    }
    sinks = {"desk": {"kind": "file", "path": str(home / "desk")}}
    return bootstrap(Settings(home=home, sources=sources | more, sinks=sinks))


def test_a_fault_in_prometheus_and_an_alert_become_one_incident_and_one_ticket(tmp_path, real):
    _, _, night, fault = real
    context = house(tmp_path, real)
    before = Window(night.start - timedelta(days=DAYS - 1), night.start)
    assert ingest_all(context, before, before.end)[1] == []
    reports, errors = run_nightly(context, night, night.end)
    assert errors == []
    anomalies = context.warehouse.read(r.ANOMALIES, window=night).to_pylist()
    assert {(a["service_name"], a["metric_name"]) for a in anomalies} == {("checkout", LATENCY), ("checkout", ERRORS)}
    assert {a["started_at"] for a in anomalies} == {fault[0]}
    (alert,) = context.warehouse.read(r.ALERTS).to_pylist()
    assert (alert["alert_name"], alert["service_name"], alert["source"]) == ("CheckoutSlow", "checkout", "am")
    assert alert["started_at"] == fault[0] + timedelta(minutes=4)
    (incident,) = context.warehouse.read(r.INCIDENTS, window=night).to_pylist()
    assert incident["service_name"] == "checkout"
    assert (incident["alert_count"], incident["finding_count"]) == (1, 2)
    assert incident["source_count"] == 2
    (ticket,) = context.warehouse.read(TICKETS).to_pylist()
    assert ticket["external_key"] == incident["incident_id"]
    (path,) = (tmp_path / "desk").glob("TKT-*.json")
    assert "checkout" in json.loads(path.read_text())["title"]
    # asked again: the same rows, no second ticket
    rows = context.warehouse.read(r.INCIDENTS).to_pylist()
    assert [x.run_id for x in run_nightly(context, night, night.end)[0]] == [x.run_id for x in reports]
    assert context.warehouse.read(r.INCIDENTS).to_pylist() == rows
    assert len(list((tmp_path / "desk").glob("TKT-*.json"))) == 1


def test_an_unreachable_source_is_missing_data_and_the_others_are_kept(tmp_path, real):
    _, _, night, _ = real
    context = house(
        tmp_path, real, gone={"kind": "prometheus", "url": "http://127.0.0.1:9", "selectors": ['{job="x"}']}
    )
    reports, errors = ingest_all(context, night, night.end)
    assert [type(e) for e in errors] == [ConnectorUnavailable]
    assert "gone" in str(errors[0])
    assert {r.details["source"] for r in reports} == {"prom", "am"}
    health = context.warehouse.read(SOURCE_HEALTH, window=night).to_pylist()
    states = {h["source"]: h["source_state"] for h in health}
    assert states["gone"] == "unreachable"
    assert states["prom"] == "ok"
    findings = context.warehouse.read(r.FINDINGS, window=night).to_pylist()
    missing = [f for f in findings if f["entity_id"].startswith("source/gone")]
    assert [f["finding_kind"] for f in missing] == ["data_quality"]
    assert missing[0]["dq_status"] != "ok"
