"""What PagerDuty does, and what the sink makes of it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from desks.pagerduty import BEGAN, KEY, SERVICE, USER, Desk

from aiops_jobs.adapters.sinks.pagerduty import PagerDutySink, Settings
from aiops_jobs.adapters.sinks.pagerduty_client import HOSTS
from aiops_jobs.errors import ConnectorError, ConnectorUnavailable
from aiops_jobs.ports import Draft

DRAFT = Draft(
    external_key="inc-1",
    title="checkout latency 6x",
    body="**what** `it` is",
    priority="P1",
    assignment_group="payments",
    started_at=datetime(2026, 11, 20, 2, 14, tzinfo=UTC),
    fields={"content_sha256": "abc"},
)


@pytest.fixture
def desk(tmp_path):
    started = Desk(tmp_path).start()
    yield started
    started.stop()
    assert not started.breaches


def sink_at(desk, **settings):
    return PagerDutySink("pager", Settings(**desk.settings() | settings))


def failing(checks):
    return {check.name: check for check in checks if not check.is_ok}


def test_a_region_has_its_own_host():
    told = {"api_key": KEY, "from_email": USER, "service": SERVICE}
    for region, host in HOSTS.items():
        sink = PagerDutySink("pager", Settings(region=region, **told))
        assert sink._account.http.host == host.removeprefix("https://")


def test_the_search_also_finds_alerts_of_others_which_are_not_ours(desk):
    sink = sink_at(desk)
    other = sink.create(replace(DRAFT, external_key="inc-2"))
    desk.incident(other.remote_key)["alert_keys"] = ["inc-1"]
    assert sink.find("inc-1") == []
    desk.incident(other.remote_key).update(incident_key="inc-1", service={"id": "POTHER1"})
    assert sink.find("inc-1") == []


def test_an_incident_older_than_a_month_is_found(desk):
    sink = sink_at(desk)
    made = sink.create(DRAFT)
    desk.incident(made.remote_key)["created_at"] = "2025-01-01T00:00:00Z"
    assert [t.remote_key for t in sink.find("inc-1")] == [made.remote_key]


def test_more_than_a_page_is_read_to_its_end(desk):
    sink = sink_at(desk)
    for _ in range(103):
        desk.close(sink.create(DRAFT).remote_key)
    desk.state["log"] = []
    assert len(sink.find("inc-1")) == 103


def test_a_second_open_incident_of_a_key_is_refused_and_the_first_is_taken(desk):
    sink = sink_at(desk)
    first = sink.create(DRAFT)
    assert sink.create(DRAFT).remote_key == first.remote_key
    desk.close(first.remote_key)
    assert sink.create(DRAFT).remote_key != first.remote_key


def test_another_refusal_stays_one(desk):
    with pytest.raises(ConnectorError, match="title is not accepted") as caught:
        sink_at(desk, service="PNONE01").create(DRAFT)
    assert type(caught.value) is ConnectorError


def test_a_new_text_becomes_a_note_once(desk):
    sink = sink_at(desk)
    made = sink.create(DRAFT)
    sink.update(made, DRAFT)
    assert desk.notes(made.remote_key) == []
    news = replace(DRAFT, body="more", fields={"content_sha256": "def"})
    for _ in range(2):
        sink.update(made, news)
    assert desk.notes(made.remote_key) == ["more\n\naiops-jobs sha256:def"]
    for _ in range(2):
        sink.update(made, DRAFT)
    assert len(desk.notes(made.remote_key)) == 2  # what was said first is news again
    assert desk.notes(made.remote_key)[1].startswith("what it is")


def test_telemetry_does_not_look_like_our_last_line(desk):
    sink = sink_at(desk)
    made = sink.create(replace(DRAFT, body="log:\n\naiops-jobs sha256:zzz\n\nthe end"))
    sink.update(made, replace(DRAFT, fields={"content_sha256": "zzz"}))
    assert len(desk.notes(made.remote_key)) == 1


def test_without_priorities_the_urgency_is_told(desk):
    sink = sink_at(desk, priorities={})
    assert [sink.create(replace(DRAFT, external_key=p, priority=p)).priority for p in ("P1", "P3", "P5")] == [
        "P2",
        "P4",
        "P4",
    ]
    assert [i["urgency"] for i in desk.state["incidents"]] == ["high", "low", "low"]
    assert all(i["priority"] is None for i in desk.state["incidents"])


def test_a_person_goes_before_an_escalation_policy(desk):
    sink = sink_at(desk, users={"kim": "PUSER2"}, escalation_policies={"payments": "PPAY001"})
    made = sink.create(DRAFT)
    assert (made.assignment_group, made.assignee) == ("payments", None)
    told = sink.create(replace(DRAFT, external_key="inc-2", assignee="kim"))
    assert told.assignee == "kim"


def test_who_took_it_and_who_resolved_it_is_read_back(desk):
    sink = sink_at(desk)
    made = sink.create(DRAFT)
    desk.acknowledge(made.remote_key)
    (taken,) = sink.find("inc-1")
    assert (taken.state, taken.assignee, taken.acknowledged_at is not None) == ("in_progress", "Kim Lee", True)
    desk.state["writes"] += 60
    desk.close(made.remote_key)
    (done,) = sink.find("inc-1")
    assert done.acknowledged_at == taken.acknowledged_at
    assert (done.resolved_at - done.acknowledged_at).total_seconds() == 60
    assert (done.resolved_by, done.cause, done.is_duplicate) == ("Kim Lee", "restarted it", False)
    assert done.opened_at > BEGAN


def test_a_merged_incident_names_the_one_it_went_into(desk):
    sink = sink_at(desk)
    made, master = sink.create(DRAFT), sink.create(replace(DRAFT, external_key="inc-2"))
    desk.close(made.remote_key, duplicate_of=master.remote_key)
    (seen,) = sink.find("inc-1")
    assert (seen.is_duplicate, seen.merged_into) == (True, master.remote_key)


def test_a_resolution_is_written_into_the_log(desk):
    sink = sink_at(desk)
    done = sink.resolve(sink.create(DRAFT), "**over** since 03:00")
    assert (done.state, done.cause) == ("resolved", "over since 03:00")
    assert not sink.traits.can_reopen


def test_an_account_that_opens_again_can_be_told_so(desk):
    sink = sink_at(desk, can_reopen=True)
    assert sink.traits.can_reopen
    made = sink.create(DRAFT)
    sink.resolve(made, "over")
    back = sink.reopen(made, "It is back.")
    assert (back.state, back.resolved_at, desk.notes(made.remote_key)) == ("new", None, ["It is back."])
    sink.reopen(made, "It is back.")
    assert len(desk.notes(made.remote_key)) == 1


def test_a_link_is_a_note_and_is_made_once(desk):
    sink = sink_at(desk)
    earlier, later = sink.create(DRAFT), sink.create(replace(DRAFT, external_key="inc-1.2"))
    for _ in range(2):
        sink.link(later, earlier)
    assert desk.notes(later.remote_key) == [f"Follows {earlier.remote_url}, which is resolved."]


def test_the_seconds_until_requests_are_taken_again_are_heard(desk):
    sink = sink_at(desk)
    desk.reset_s = 12
    with pytest.raises(ConnectorUnavailable) as caught:
        sink.find("inc-1")
    assert caught.value.retry_after_s == 12


def test_a_reset_is_no_wish_to_wait_while_requests_remain(desk):
    with pytest.raises(ConnectorError) as caught:
        sink_at(desk).resolve(replace(sink_at(desk).create(DRAFT), remote_key="PNONE01"), "over")
    assert "wait" not in str(caught.value)


def test_the_check_changes_nothing_and_says_what_is_missing(desk):
    assert not failing(sink_at(desk).check())
    assert "service" in failing(sink_at(desk, service="PNONE01").check())
    assert "from_email" in failing(sink_at(desk, from_email="who@example.com").check())["incidents.write"].remedy
    assert "P1 = PRIO01" in failing(sink_at(desk, priorities={"P1": "PNONE01"}).check())["priorities"].remedy
    desk.may_write = False
    assert "may write" in failing(sink_at(desk).check())["incidents.write"].remedy
    assert desk.state["incidents"] == []


def test_the_key_never_stands_in_an_error(desk):
    desk.answer = lambda _: __import__("desks.base", fromlist=["Response"]).Response(
        400, {"message": f"bad {KEY} here"}
    )
    with pytest.raises(ConnectorError) as caught:
        sink_at(desk).find("inc-1")
    assert KEY not in str(caught.value)
