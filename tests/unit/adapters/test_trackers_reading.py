"""How Request Tracker and Redmine tell tickets, read without them."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from aiops_jobs.adapters.sinks._redmine_reading import Names
from aiops_jobs.adapters.sinks._redmine_reading import Reading as RedmineReading
from aiops_jobs.adapters.sinks._rt_reading import STATES, quoted
from aiops_jobs.adapters.sinks._rt_reading import Reading as RtReading
from aiops_jobs.adapters.sinks._trying import as_told
from aiops_jobs.adapters.sinks.redmine import Settings as RedmineSettings
from aiops_jobs.adapters.sinks.rt import Settings as RtSettings
from aiops_jobs.errors import ConnectorUnavailable

NUMBERS = {"P1": 100, "P2": 75, "P3": 50, "P4": 25, "P5": 0}
ROW = {
    "id": "7",
    "EffectiveId": "7",
    "Status": "new",
    "Subject": "x",
    "Priority": "75",
    "Owner": {"id": "Nobody"},
    "Queue": {"id": "3", "Name": "Payments"},
    "Created": "2026-11-28T11:57:33Z",
    "LastUpdated": "2026-11-28T11:58:00Z",
    "Resolved": "1970-01-01T00:00:00Z",
    "CustomFields": [{"name": "AIOpsKey", "values": ["inc-1"]}, {"name": "Cause", "values": []}],
}
ISSUE = {
    "id": 7,
    "subject": "x",
    "status": {"id": 1, "name": "New"},
    "priority": {"id": 4, "name": "High"},
    "custom_fields": [{"id": 1, "value": "inc-1"}],
    "created_on": "2026-11-28T11:57:33Z",
    "updated_on": "2026-11-28T11:58:00Z",
    "journals": [],
}


def rt(**more):
    values = {
        "key_field": "AIOpsKey",
        "digest_field": None,
        "cause_field": "Cause",
        "priorities": NUMBERS,
        "states": STATES,
        "queues": {"payments": "Payments"},
        "me": "aiops",
        "url": "https://rt.example",
    }
    return RtReading(**(values | more))


def redmine():
    names = Names(
        statuses={"New": 1, "In Progress": 2, "Resolved": 3, "Closed": 5},
        closed=frozenset({5}),
        first=frozenset({1}),
        priorities={"Low": 1, "Normal": 2, "Odd": 3, "High": 4, "Urgent": 5, "Immediate": 6},
        trackers={"Bug": 1},
    )
    called = {"P1": "Immediate", "P2": "Urgent", "P3": "High", "P4": "Normal", "P5": "Low"}
    return RedmineReading(names, 1, None, None, called, "Resolved", {"payments": 42}, 9, "https://rm.example")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("75", "P2"),
        ("80", "P2"),
        ("100", "P1"),
        ("9", "P5"),
        ("-3", "P5"),
        ("High", "P1"),
        ("Medium", "P3"),
        ("odd", "P5"),
    ],
)
def test_a_priority_of_rt_is_a_number_or_a_name(told, expected):
    assert rt().ticket(ROW | {"Priority": told}).priority == expected


def test_names_of_priorities_may_be_set():
    named = {"P1": "On fire", "P2": "High", "P3": "Medium", "P4": "Low", "P5": "Whenever"}
    assert rt(priorities=named).ticket(ROW | {"Priority": "on fire"}).priority == "P1"


def test_a_ticket_of_rt_nobody_touched():
    ticket = rt().ticket(ROW)
    assert (ticket.remote_key, ticket.external_key, ticket.state) == ("7", "inc-1", "new")
    assert (ticket.assignment_group, ticket.assignee, ticket.cause) == ("payments", None, None)
    assert ticket.opened_at == datetime(2026, 11, 28, 11, 57, 33, tzinfo=UTC)
    assert (ticket.resolved_at, ticket.is_duplicate, ticket.reopen_count) == (None, False, None)
    assert rt().ticket(ROW | {"Status": "weird"}).state == "unknown"


@pytest.mark.parametrize(("told", "expected"), [(6, "P1"), (5, "P2"), (4, "P3"), (3, "P4"), (1, "P5"), (99, "P5")])
def test_a_priority_of_redmine_without_a_name_of_ours_is_the_next_lower(told, expected):
    assert redmine().ticket(ISSUE | {"priority": {"id": told, "name": "?"}}).priority == expected


def journal(user, at, name, old, new, notes=""):
    details = [{"property": "attr", "name": name, "old_value": old, "new_value": new}]
    return {"user": {"id": user, "name": f"u{user}"}, "created_on": at, "details": details, "notes": notes}


def test_journals_of_redmine_tell_who_did_what_and_ours_do_not_count_as_people():
    told = [
        journal(9, "2026-11-28T12:00:00Z", "assigned_to_id", None, "42"),
        journal(3, "2026-11-28T12:05:00Z", "status_id", "1", "2"),
        journal(9, "2026-11-28T12:10:00Z", "status_id", "2", "3", "over"),
        journal(3, "2026-11-28T12:15:00Z", "status_id", "3", "2"),
        journal(3, "2026-11-28T12:20:00Z", "status_id", "2", "5", "It was the cable."),
    ]
    ticket = redmine().ticket(ISSUE | {"journals": told, "status": {"id": 5, "name": "Closed"}})
    assert ticket.acknowledged_at == datetime(2026, 11, 28, 12, 5, tzinfo=UTC)
    assert ticket.resolved_at == datetime(2026, 11, 28, 12, 20, tzinfo=UTC)
    assert (ticket.state, ticket.resolved_by, ticket.cause) == ("closed", "u3", "It was the cable.")
    assert ticket.reopen_count == 1
    ours = redmine().ticket(ISSUE | {"journals": told[:3], "status": {"id": 3, "name": "Resolved"}})
    assert (ours.state, ours.resolved_by, ours.cause) == ("resolved", "u9", None)


def test_an_answer_that_is_no_ticket_is_no_ticket():
    for read in (lambda: rt().ticket({"id": 1}), lambda: redmine().ticket({"id": 1})):
        with pytest.raises(ConnectorUnavailable):
            as_told("desk", read)


def test_a_text_in_a_search_stays_a_text():
    assert quoted("a' OR id > 0 OR Subject = 'b\\") == "'a\\' OR id > 0 OR Subject = \\'b\\\\'"


def test_settings_that_cannot_work_are_refused():
    rt_like = {"url": "https://rt.example", "queue": "Q"}
    for wrong in ({"key_field": "a}b"}, {"priorities": {"P1": 1}}):
        with pytest.raises(ValidationError):
            RtSettings(**rt_like, **wrong)
    turned = RtSettings(**rt_like, priorities=dict(reversed(NUMBERS.items())))
    assert list(turned.priorities) == ["P1", "P2", "P3", "P4", "P5"]
    with pytest.raises(ValidationError):
        RedmineSettings(url="https://rm.example", project="p", key_field=1, priorities={"P9": "x"})
