"""Slack: what its answers mean, one message a ticket, and what is promised where an answer is lost."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from desks.slack import CHANNEL, MOST_SUM, TOKEN, Desk, texts_of, units
from pydantic import ValidationError

from aiops_jobs.adapters.sinks.slack import Settings, SlackSink
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused
from aiops_jobs.ports import Draft, Event, all_ok


@pytest.fixture
def desk():
    desk = Desk().start()
    yield desk
    desk.stop()
    assert not desk.breaches
    assert not desk.state["rang"]


@pytest.fixture
def sink(desk):
    return SlackSink("chat", Settings(**desk.settings()))


def event(action="trigger", event_id="out-1", **more):
    draft = Draft(
        "inc-1", "checkout <!channel> 6x", "what **is**", "P1", "payments", datetime(2026, 11, 20, tzinfo=UTC)
    )
    return Event(action, event_id, draft, note="over <@U1>" if action == "resolve" else None, **more)


def posted(desk):
    return [m for m in desk.state["messages"] if "thread_ts" not in m]


def replies(desk):
    return [m for m in desk.state["messages"] if "thread_ts" in m]


def test_a_ticket_is_one_message_changed_in_place_and_its_end_is_told_in_the_thread(desk, sink):
    first = sink.emit(event())
    assert first.ref == f"{CHANNEL}/{posted(desk)[0]['ts']}"
    assert first.remote_url.startswith("https://desk.slack.com/archives/")
    assert sink.emit(event("update", "out-2", previous=first.ref)).ref == first.ref
    last = sink.emit(event("resolve", "out-3", previous=first.ref))
    assert last.ref == first.ref
    (message,), (reply,) = posted(desk), replies(desk)
    assert message["blocks"][0]["text"]["text"].startswith("✅")
    assert message["text"] == "✅ P1 checkout &lt;!channel&gt; 6x"
    assert reply["thread_ts"] == message["ts"]
    assert reply["text"] == "✅ over &lt;@U1&gt;"


@pytest.mark.parametrize("fault", ["lost", "bad_gateway"])
def test_a_message_whose_answer_was_lost_is_found_and_not_posted_again(desk, sink, fault):
    desk.misbehave(fault)
    with pytest.raises(AmbiguousDelivery):
        sink.emit(event())
    receipt = sink.emit(event(may_be_told=True))
    (message,) = posted(desk)
    assert receipt.ref == f"{CHANNEL}/{message['ts']}"


def test_what_was_not_told_is_told_after_looking(desk, sink):
    sink.emit(event(event_id="out-0"))
    desk.misbehave("dropped")
    with pytest.raises(AmbiguousDelivery):
        sink.emit(event())
    sink.emit(event(may_be_told=True))
    assert [m["metadata"]["event_payload"]["event_id"] for m in posted(desk)] == ["out-0", "out-1"]


def test_it_is_found_behind_many_other_messages(desk, sink):
    sink.emit(event())
    other = {"metadata": {"event_type": "deploy", "event_payload": {"event_id": "out-1", "key": "x"}}, "blocks": []}
    stamp = float(posted(desk)[0]["ts"])
    desk.state["messages"] += [{**other, "ts": f"{stamp + n:.6f}"} for n in range(1, 700)]
    assert sink.emit(event(may_be_told=True)).ref.endswith(desk.state["messages"][0]["ts"])
    assert len(desk.state["messages"]) == 700


def test_a_history_that_is_shown_in_crumbs_does_not_hold_a_message_up_for_ever(desk, sink):
    desk.is_commercial = True
    sink.emit(event())
    assert sink.emit(event(may_be_told=True)).ref.endswith(posted(desk)[0]["ts"])
    for n in range(20):
        sink.emit(event(event_id=f"other-{n}"))
    sink.emit(event(may_be_told=True))
    assert sum(m["metadata"]["event_payload"]["event_id"] == "out-1" for m in posted(desk)) == 2


def test_where_the_history_may_not_be_read_it_is_told_at_least_once(desk, sink):
    desk.scopes = {"chat:write"}
    desk.misbehave("lost")
    with pytest.raises(AmbiguousDelivery):
        sink.emit(event())
    sink.emit(event(may_be_told=True))
    assert len(posted(desk)) == 2
    assert all_ok(sink.check())
    assert any("posted again" in check.detail for check in sink.check())


@pytest.mark.parametrize("failing", [0, 1])
def test_a_resolution_whose_answer_was_lost_is_replied_once(desk, sink, failing):
    first = sink.emit(event())
    desk.says = []
    faults = [("lost",), ("slow", "lost")][failing]
    desk.slow_s = 0
    desk.misbehave(*faults)
    end = event("resolve", "out-3", previous=first.ref)
    with pytest.raises(AmbiguousDelivery):
        sink.emit(end)
    sink.emit(replace(end, may_be_told=True))
    assert len(posted(desk)) == len(replies(desk)) == 1


def test_a_deleted_message_is_posted_anew_while_the_trouble_goes_on_and_not_at_its_end(desk, sink):
    first = sink.emit(event())
    desk.delete()
    second = sink.emit(event("update", "out-2", previous=first.ref))
    assert second.ref != first.ref
    desk.delete()
    assert sink.emit(event("resolve", "out-3", previous=second.ref)).ref == second.ref
    assert desk.state["messages"] == []


def test_a_message_that_may_not_be_changed_any_more_is_answered_in_its_thread(desk, sink):
    first = sink.emit(event())
    desk.is_editable = False
    sink.emit(event("resolve", "out-3", previous=first.ref))
    assert len(posted(desk)) == len(replies(desk)) == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ratelimited", ConnectorUnavailable),
        ("service_unavailable", ConnectorUnavailable),
        ("fatal_error", AmbiguousDelivery),
        ("internal_error", AmbiguousDelivery),
        ("token_revoked", CredentialsRefused),
        ("invalid_auth", CredentialsRefused),
        ("not_in_channel", CredentialsRefused),
        ("channel_not_found", CredentialsRefused),
        ("msg_blocks_too_long", ConnectorError),
        ("no_such_code", ConnectorError),
    ],
)
def test_an_error_with_status_200_is_an_error(desk, sink, code, error):
    desk.says = [code]
    with pytest.raises(error, match=code) as caught:
        sink.emit(event())
    assert type(caught.value) is error or error in type(caught.value).__bases__
    assert TOKEN not in str(caught.value)
    if code == "ratelimited":
        assert caught.value.retry_after_s == 30
    assert desk.state["messages"] == []


def test_an_answer_without_a_time_stamp_is_in_doubt(desk, sink, monkeypatch):
    monkeypatch.setattr(desk, "_chat_postmessage", lambda _: __import__("desks.base").base.Response(200, {"ok": True}))
    with pytest.raises(AmbiguousDelivery, match="without channel and ts"):
        sink.emit(event())


def test_the_check_names_what_is_missing(desk, sink):
    desk.scopes = {"channels:history"}
    assert [check.name for check in sink.check() if not check.is_ok] == ["chat:write"]
    desk.scopes, desk.is_member = {"chat:write", "channels:history"}, False
    (bad,) = [check for check in sink.check() if not check.is_ok]
    assert "Invite the app" in bad.remedy
    desk.scopes |= {"chat:write.public"}
    assert all_ok(sink.check())


@pytest.mark.parametrize(
    "text", ["가" * 60_000, "<&>" * 30_000, "👨‍👩‍👧‍👦 " * 9_000, "# 제목\n\n- 항목 <!here>\n" * 4_000]
)
def test_a_message_stays_below_the_sum_no_page_names(desk, sink, text):
    draft = replace(event().draft, title=text.replace("\n", " "), body=text, assignment_group=text[:400])
    sink.emit(replace(event("trigger"), draft=draft))
    (message,) = posted(desk)
    assert 2_000 < sum(map(units, texts_of(message["blocks"]))) <= MOST_SUM
    receipt = f"{CHANNEL}/{message['ts']}"
    sink.emit(Event("resolve", "out-2", draft, note=text, previous=receipt))
    assert sum(map(units, texts_of(posted(desk)[0]["blocks"]))) <= MOST_SUM


@pytest.mark.parametrize("channel", ["#general", "general", "c024be91l", ""])
def test_a_channel_is_given_by_id(channel):
    with pytest.raises(ValidationError, match="channel id"):
        Settings(token="xoxb-1", channel=channel)
