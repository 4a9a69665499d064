"""Events of PagerDuty: what is sent, and how large it may become."""

from datetime import UTC, datetime

import pytest
from desks.base import Response
from desks.pagerduty_events import KEY, MOST_BYTES, Desk

from aiops_jobs.adapters.sinks.pagerduty_events import HOSTS, PagerDutyEventSink, Settings
from aiops_jobs.core.tickets.markdown import escape
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, CredentialsRefused
from aiops_jobs.ports import Draft, Event

STARTED = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path):
    started = Desk(tmp_path).start()
    yield started
    started.stop()
    assert not started.breaches


def sink_at(desk, **settings):
    return PagerDutyEventSink("pager", Settings(**desk.settings() | settings))


def event(action="trigger", key="inc-1", **more):
    fields = {"entity_id": "host/web-01", "service_name": "checkout", "cause_kind": "capacity"}
    values = {"title": "checkout 6x", "body": "**what**\n\n[Page](https://a.b/c)", "priority": "P2", "fields": fields}
    draft = Draft(key, assignment_group="payments", started_at=STARTED, **(values | more))
    return Event(action, "out-1", draft, note="**over**" if action == "resolve" else None)


def test_a_region_has_its_own_host():
    for region, host in HOSTS.items():
        assert PagerDutyEventSink("p", Settings(routing_key=KEY, region=region))._http.host == host[8:]


def test_an_event_says_what_a_responder_needs(desk):
    sink_at(desk).emit(event())
    (told,) = desk.state["events"]
    assert told["payload"] == {
        "summary": "checkout 6x",
        "source": "host/web-01",
        "severity": "error",
        "timestamp": "2026-11-20T02:14:00.000+00:00",
        "component": "checkout",
        "group": "payments",
        "class": "capacity",
        "custom_details": {
            "text": "what\n\nPage: https://a.b/c",
            "priority": "P2",
            "event_id": "out-1",
            "entity_id": "host/web-01",
            "service_name": "checkout",
            "cause_kind": "capacity",
        },
    }
    assert told["links"] == [{"href": "https://a.b/c", "text": "Page"}]
    assert (told["dedup_key"], told["client_url"]) == ("inc-1", "https://a.b/c")


def test_a_link_in_telemetry_is_no_link(desk):
    sink_at(desk).emit(event(body=f"log: {escape('[x](https://evil.example)')}"))
    (told,) = desk.state["events"]
    assert told["links"] == []
    assert "client_url" not in told


def test_a_resolved_alert_stays_so_and_the_next_is_another(desk):
    sink = sink_at(desk)
    for action in ("trigger", "update", "resolve", "trigger"):
        sink.emit(event(action))
    assert [e["action"] for e in desk.events("inc-1")] == ["resolve", "trigger"]
    assert desk.state["events"][2]["payload"]["custom_details"]["text"] == "over"


@pytest.mark.parametrize(
    "body", ["가" * 300_000, '"\\' * 300_000, "- [p](https://a.b/c)\n" * 50_000, "\n\n".join(["x"] * 10_000)]
)
def test_no_event_is_larger_than_they_take(desk, body):
    fields = {f"field_{n}": "결" * 255 for n in range(1000)}
    sink_at(desk).emit(event(body=body, title="😀" * 3000, fields=fields))
    assert len(desk.requests[-1].body) <= MOST_BYTES
    assert desk.state["events"][0]["payload"]["custom_details"]["text"]


def test_a_wrong_routing_key_is_one_and_another_400_is_not(desk):
    with pytest.raises(CredentialsRefused) as caught:
        sink_at(desk, routing_key="another").emit(event())
    assert "another" not in str(caught.value)
    with pytest.raises(ConnectorError, match="255") as refused:
        sink_at(desk).emit(event(key="k" * 256))
    assert type(refused.value) is ConnectorError
    desk.answer = lambda _: Response(400, {"message": "Event object is invalid", "errors": ["'payload' is missing"]})
    with pytest.raises(ConnectorError, match="payload") as refused:
        sink_at(desk).emit(event())
    assert type(refused.value) is ConnectorError


def test_an_answer_about_another_key_is_not_believed(desk):
    desk.answer = lambda _: Response(202, {"status": "success", "dedup_key": "other"})
    with pytest.raises(AmbiguousDelivery):
        sink_at(desk).emit(event())


def test_the_check_tells_nobody_anything(desk):
    (check,) = sink_at(desk).check()
    assert check.is_ok
    assert desk.state["alerts"] == []


@pytest.mark.parametrize(
    ("priority", "severity"), [("P1", "critical"), ("P3", "warning"), ("P4", "info"), ("P5", "info")]
)
def test_a_priority_has_its_severity(desk, priority, severity):
    sink_at(desk).emit(event(priority=priority))
    assert desk.state["events"][0]["payload"]["severity"] == severity
