"""A real Alertmanager: what is posted to it is read back as notifications."""

import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from servers_telemetry import alertmanager, free_port

from aiops_jobs.adapters.sources.alertmanager import AlertmanagerSource, Settings
from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.errors import ConnectorUnavailable
from aiops_jobs.window import Window

__all__ = ["alertmanager"]
pytestmark = pytest.mark.servers

LABELS = {"alertname": "DiskAlmostFull", "instance": "db-01:9100", "device": "sda1", "severity": "critical"}


def post(server, started, **more):
    alert = {"labels": LABELS, "annotations": {"summary": "full in 6 h"}, "startsAt": started.isoformat()} | more
    httpx.post(f"{server.url}/api/v2/alerts", json=[alert], trust_env=False).raise_for_status()


def read(source, window):
    return [row for batch in source.extract(RAW_ALERTS, window) for row in RAW_ALERTS.conform(batch.rows).to_pylist()]


def eventually(check):
    deadline = time.monotonic() + 30
    while not (found := check()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def test_a_posted_alert_is_read_back_once_and_only_in_its_window(alertmanager):
    source = AlertmanagerSource("am", Settings(url=alertmanager.url))
    now = datetime.now(UTC).replace(microsecond=0)
    started = now - timedelta(minutes=10)
    hour = Window(now - timedelta(hours=1), now + timedelta(hours=1))
    assert source.check()[0].is_ok
    assert read(source, hour) == []

    post(alertmanager, started)
    post(alertmanager, started)  # said twice, one alert
    (row,) = eventually(lambda: read(source, hour))
    assert row["observed_at"] == started
    assert (row["alert_status"], row["severity"], row["alert_name"]) == ("firing", "critical", "DiskAlmostFull")
    assert (row["host_name"], row["entity_id"], row["summary"]) == ("db-01", "host/db-01", "full in 6 h")
    assert row["labels"] == '{"device":"sda1","instance":"db-01:9100","severity":"critical"}'
    assert read(source, hour) == [row]
    assert read(source, Window(started + timedelta(seconds=1), hour.end)) == []
    assert read(source, Window(hour.start, started)) == []


def test_a_silenced_alert_is_told_only_to_who_asks_for_it(alertmanager):
    now = datetime.now(UTC)
    hour = Window(now - timedelta(hours=1), now + timedelta(hours=1))
    silence = {
        "matchers": [{"name": "device", "value": "sda1", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": hour.end.isoformat(),
        "createdBy": "test",
        "comment": "maintenance",
    }
    httpx.post(f"{alertmanager.url}/api/v2/silences", json=silence, trust_env=False).raise_for_status()
    post(alertmanager, now - timedelta(minutes=1))
    everything = AlertmanagerSource("am", Settings(url=alertmanager.url, has_suppressed=True))
    eventually(lambda: read(everything, hour))
    assert eventually(lambda: read(AlertmanagerSource("am", Settings(url=alertmanager.url)), hour) == [])


def test_one_that_is_not_there_is_unavailable_and_named():
    source = AlertmanagerSource("am_eu", Settings(url=f"http://127.0.0.1:{free_port()}"))
    now = datetime.now(UTC)
    with pytest.raises(ConnectorUnavailable, match=r"`am_eu`: 127.0.0.1:"):
        read(source, Window(now - timedelta(hours=1), now))
    assert not source.check()[0].is_ok
