"""Events of ServiceNow: what is sent, field by field."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from desks.servicenow_events import Desk

from aiops_jobs.adapters.sinks.servicenow_events import ServiceNowEventSink, Settings
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Draft, Event

SEOUL = timezone(timedelta(hours=9))


@pytest.fixture
def desk(tmp_path):
    started = Desk(tmp_path).start()
    yield started
    started.stop()
    assert not started.breaches


def event(action="trigger", **more):
    fields = {"entity_id": "host/web-01", "service_name": "checkout", "cause_kind": "capacity", "n": 3, "none": None}
    values = {"title": "checkout 6x [code]", "body": "**what** [x](https://a.b/c)", "priority": "P2", "fields": fields}
    started = datetime(2026, 11, 20, 11, 14, tzinfo=SEOUL)
    draft = Draft("inc-1", assignment_group="payments", started_at=started, **(values | more))
    return Event(action, "out-1", draft, note="**over**" if action == "resolve" else None)


def test_an_event_says_what_the_instance_needs_in_its_own_words(desk):
    sink = ServiceNowEventSink("em", Settings(**desk.settings()))
    receipt = sink.emit(event())
    (told,) = desk.state["events"]
    info = json.loads(told.pop("additional_info"))
    assert told == {
        "source": "aiops-jobs",
        "event_class": "aiops-jobs",
        "node": "web-01",
        "resource": "checkout",
        "type": "capacity",
        "message_key": "inc-1",
        "severity": "2",
        "resolution_state": "New",
        "time_of_event": "2026-11-20 02:14:00",
        "description": "checkout 6x [ code]\n\nwhat x: https://a.b/c",
    }
    assert info["n"] == "3"
    assert (info["assignment_group"], info["priority"], info["event_id"]) == ("payments", "P2", "out-1")
    assert "none" not in info
    assert (receipt.ref, receipt.remote_url.endswith("message_key%3Dinc-1")) == ("inc-1", True)


def test_a_resolution_clears_the_alert_and_the_next_event_opens_another(desk):
    sink = ServiceNowEventSink("em", Settings(**desk.settings()))
    for action in ("trigger", "update", "resolve", "trigger"):
        sink.emit(event(action))
    assert [e["action"] for e in desk.events("inc-1")] == ["resolve", "trigger"]
    cleared = desk.state["events"][2]
    assert (cleared["severity"], cleared["resolution_state"]) == ("0", "Closing")
    assert cleared["description"] == "checkout 6x [ code]\n\nover"
    assert (
        datetime.strptime(cleared["time_of_event"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) > event().draft.started_at
    )


def test_long_names_are_cut_to_what_a_field_takes(desk):
    sink = ServiceNowEventSink("em", Settings(**desk.settings()))
    sink.emit(event(title="가" * 5000, fields={"entity_id": "host/" + "결" * 200, "service_name": "👨‍👩‍👧‍👦" * 100}))
    (told,) = desk.state["events"]
    assert len(told["node"]) == 100
    assert len(told["description"]) == 4000
    with pytest.raises(ConnectorError, match="1024"):
        sink.emit(Event("trigger", "out-1", Draft("k" * 1025, "t", "b", "P1", None, event().draft.started_at)))


@pytest.mark.parametrize(("priority", "severity"), [("P1", "1"), ("P3", "3"), ("P4", "4"), ("P5", "4")])
def test_no_trouble_is_told_as_ok_or_clear(desk, priority, severity):
    ServiceNowEventSink("em", Settings(**desk.settings())).emit(event(priority=priority))
    assert desk.state["events"][0]["severity"] == severity
