"""Alerts of the API and of the webhook's payloads become notifications with times, places and stable names."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import ValidationError

from aiops_jobs.adapters.sources.alertmanager import AlertmanagerSource, Settings
from aiops_jobs.contracts.telemetry import METRIC_POINTS, RAW_ALERTS
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.window import Window

DAY = Window.parse("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
LABELS = {"alertname": "HighLatency", "service": "checkout", "instance": "web-01:9100", "severity": "page"}


def alert(starts="2026-11-20T02:14:00.123Z", ends="2026-11-20T02:20:00Z", **more):
    return {
        "annotations": {"summary": "p99 is\n 0.9 s"},
        "endsAt": ends,
        "fingerprint": "7fd36e5c7fbc1a1d",
        "receivers": [{"name": "none"}],
        "startsAt": starts,
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2026-11-20T02:16:00Z",
        "generatorURL": "http://prom/graph",
        "labels": LABELS,
    } | more


def payload(*alerts, status="firing"):
    return {"version": "4", "groupKey": "{}:{}", "status": status, "receiver": "spool", "alerts": list(alerts)}


def told(status="firing", ends="0001-01-01T00:00:00Z", **more):
    return alert(ends=ends, **more) | {"status": status}


def api(*alerts, date="Fri, 20 Nov 2026 02:16:30 GMT", **more):
    def handler(request):
        assert request.url.path == "/api/v2/alerts"
        return httpx.Response(200, json=list(alerts), headers={"Date": date} if date else {})

    settings = Settings(url="http://am.example:9093", **more)
    return AlertmanagerSource("am", settings, transport=httpx.MockTransport(handler))


def spool(folder, **files):
    for name, content in files.items():
        (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return AlertmanagerSource("am", Settings(spool=folder))


def read(source, window=DAY):
    batches = list(source.extract(RAW_ALERTS, window))
    rejects = [reject for batch in batches for reject in batch.rejects]
    return [row for batch in batches for row in RAW_ALERTS.conform(batch.rows).to_pylist()], rejects


def test_an_active_alert_has_fired_and_is_not_resolved_by_its_forecast_end():
    (row,), _ = read(api(alert()))
    assert row["observed_at"] == datetime(2026, 11, 20, 2, 14, 0, 123000, tzinfo=UTC)
    assert (row["alert_status"], row["severity"], row["alert_name"]) == ("firing", "critical", "HighLatency")
    assert (row["service_name"], row["host_name"], row["entity_id"]) == ("checkout", "web-01", "service/checkout")
    assert row["summary"] == "p99 is 0.9 s"
    assert row["labels"] == '{"instance":"web-01:9100","severity":"page"}'
    assert row["source"] == "am"


def test_an_end_the_servers_clock_has_passed_is_a_resolution():
    rows, _ = read(api(alert(), date="Fri, 20 Nov 2026 02:20:00 GMT"))
    assert [(r["alert_status"], r["observed_at"].minute) for r in rows] == [("firing", 14), ("resolved", 20)]
    assert rows[0]["alert_fingerprint"] == rows[1]["alert_fingerprint"]
    assert rows[0]["event_id"] != rows[1]["event_id"]
    assert len(read(api(alert(), date=None))[0]) == 1


def test_the_webhook_keeps_the_resolution_the_api_forgets(tmp_path):
    source = spool(tmp_path, a=payload(told()), b=payload(told("resolved", "2026-11-20T02:31:05Z")))
    rows, _ = read(source)
    assert [(r["alert_status"], r["observed_at"].isoformat()) for r in rows] == [
        ("firing", "2026-11-20T02:14:00.123000+00:00"),
        ("resolved", "2026-11-20T02:31:05+00:00"),
    ]


def test_api_and_webhook_call_the_same_event_by_the_same_name(tmp_path):
    (from_api,), _ = read(api(alert()))
    (from_spool,), _ = read(spool(tmp_path, a=payload(told())))
    assert from_api["event_id"] == from_spool["event_id"]
    assert from_api["alert_fingerprint"] == from_spool["alert_fingerprint"]


def test_a_repeated_notification_is_one_event_in_its_newest_words(tmp_path):
    newer = told(annotations={"summary": "p99 is 2 s"})
    rows, _ = read(spool(tmp_path, a=payload(told()), b=payload(newer), c=payload(newer)))
    assert [row["summary"] for row in rows] == ["p99 is 2 s"]


def test_windows_are_half_open_on_the_time_of_the_event(tmp_path):
    source = spool(tmp_path, a=payload(told("resolved", "2026-11-20T03:00:00Z", starts="2026-11-20T02:00:00Z")))
    hours = [Window(DAY.start + timedelta(hours=h), DAY.start + timedelta(hours=h + 1)) for h in range(5)]
    found = [[row["alert_status"] for row in read(source, hour)[0]] for hour in hours]
    assert found == [[], [], ["firing"], ["resolved"], []]


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ("critical", "critical"),
        ("page", "critical"),
        ("Warning", "warning"),
        ("info", "info"),
        ("none", "info"),
        ("disaster", "critical"),
        ("Major", "critical"),
        ("P1", "critical"),
        ("error", "warning"),
        ("average", "warning"),
        ("low", "info"),
        ("p7", "warning"),
        ("", "warning"),
    ],
)
def test_severities_are_mapped(label, severity):
    (row,), _ = read(api(alert(labels=LABELS | {"severity": label})))
    assert row["severity"] == severity
    assert json.loads(row["labels"]).get("severity", "") == label  # the word itself is not lost


def test_alerts_that_differ_in_one_label_only_are_different_alerts():
    differing = [
        LABELS,
        LABELS | {"service": "cart"},
        LABELS | {"entity": "database/orders"},
        LABELS | {"entity": "database/carts"},
        LABELS | {"instance": "web-01:9200"},
        LABELS | {"alertname": "LowLatency"},
        LABELS | {"pod": "1"},
    ]
    rows, _ = read(api(*(alert(labels=labels, fingerprint="") for labels in differing)))
    assert len({row["alert_fingerprint"] for row in rows}) == len(differing)
    again, _ = read(api(*(alert(labels=dict(reversed(labels.items())), fingerprint="") for labels in differing)))
    assert {row["alert_fingerprint"] for row in again} == {row["alert_fingerprint"] for row in rows}


def test_the_settings_say_what_other_severities_mean():
    source = api(alert(labels={"alertname": "X", "prio": "P1"}), severity_label="prio", severities={"p1": "critical"})
    assert read(source)[0][0]["severity"] == "critical"


def test_the_identity_of_an_alert_is_its_labels_nulls_included():
    def fingerprint_of(**labels):
        return read(api(alert(labels={"alertname": "X", **labels})))[0][0]["alert_fingerprint"]

    distinct = [
        fingerprint_of(service="db", host="1a"),
        fingerprint_of(service="db1", host="a"),
        fingerprint_of(service="x"),
        fingerprint_of(host="x"),
        fingerprint_of(service="x", disk="sda"),
    ]
    assert len(set(distinct)) == len(distinct)
    assert (
        fingerprint_of(service="x")
        == read(api(alert(labels={"service": "x", "alertname": "X"}, annotations={})))[0][0]["alert_fingerprint"]
    )


def test_labels_a_prometheus_added_do_not_split_an_alert():
    rows = [
        read(api(alert(labels=LABELS | {"replica": r}, fingerprint=r), external_labels=("replica",)))[0][0]
        for r in "ab"
    ]
    assert rows[0]["alert_fingerprint"] == rows[1]["alert_fingerprint"]


def test_a_broken_payload_or_alert_is_put_aside_and_its_siblings_go_on(tmp_path):
    broken = told()
    del broken["startsAt"]
    source = spool(
        tmp_path,
        a="{not json",
        b=payload(broken, told(), told(startsAt="yesterday"), told(startsAt="2026-11-20T02:00:00")),
        c="[]",
    )
    rows, rejects = read(source)
    assert len(rows) == 1
    assert [(r.locator, r.reason_code) for r in rejects] == [
        ("a.json", "BROKEN_PAYLOAD"),
        ("b.json/0", "BROKEN_ALERT"),
        ("b.json/2", "BROKEN_ALERT"),
        ("b.json/3", "BROKEN_ALERT"),
        ("c.json", "BROKEN_PAYLOAD"),
    ]
    assert "has no zone" in rejects[3].detail
    (batch,) = source.extract(RAW_ALERTS, DAY)
    assert batch.locators.to_pylist() == ["b.json/1"]


def test_silenced_alerts_are_asked_for_only_on_demand():
    asked = []

    def handler(request):
        asked.append(request.url.params.multi_items())
        return httpx.Response(200, json=[])

    for more in ({}, {"has_suppressed": True, "filter": ('team="web"', 'env="p"')}):
        settings = Settings(url="http://am.example", **more)
        assert read(AlertmanagerSource("am", settings, transport=httpx.MockTransport(handler))) == ([], [])
    assert asked == [
        [("silenced", "false"), ("inhibited", "false")],
        [("silenced", "true"), ("inhibited", "true"), ("filter", 'team="web"'), ("filter", 'env="p"')],
    ]


def test_a_summary_is_one_line_of_at_most_500_characters():
    (row,), _ = read(api(alert(annotations={"description": "한글 " * 400})))
    assert len(row["summary"]) <= 500
    assert "\n" not in row["summary"]
    (row,), _ = read(api(alert(annotations={})))
    assert row["summary"] == "HighLatency"


@pytest.mark.parametrize(
    ("told", "score"),
    [("2.5", 2.5), ("0", 0.0), ("1e1", 10.0), ("", None), ("high", None), ("-1", None), ("NaN", None)],
)
def test_how_far_off_it_is_comes_from_an_annotation(told, score):
    (row,), _ = read(api(alert(annotations={"alert_score": told})))
    assert row["alert_score"] == score


def test_what_is_no_list_of_alerts_is_refused():
    source = AlertmanagerSource(
        "am",
        Settings(url="http://am.example"),
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"a": 1})),
    )
    with pytest.raises(ConnectorError, match=r"`am`: am.example did not answer with a list"):
        read(source)
    with pytest.raises(ConnectorError, match="delivers raw_alerts"):
        list(source.extract(METRIC_POINTS, DAY))


def test_a_spool_that_is_gone_is_unavailable(tmp_path):
    source = spool(tmp_path / "gone")
    with pytest.raises(ConnectorUnavailable, match=r"spool .* is not there"):
        read(source)
    (check,) = source.check()
    assert not check.is_ok


def test_settings_must_name_a_place():
    with pytest.raises(ValidationError, match="neither `url` nor `spool`"):
        Settings()


def test_the_check_tells_the_version():
    def handler(_):
        return httpx.Response(200, json={"versionInfo": {"version": "0.27.0"}})

    source = AlertmanagerSource("am", Settings(url="http://am.example"), transport=httpx.MockTransport(handler))
    (check,) = source.check()
    assert (check.is_ok, check.detail) == (True, "am.example is Alertmanager 0.27.0")
