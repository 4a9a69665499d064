"""Every sink against its desk: what is written is found, said again changes nothing, and no answer is believed blindly.

A new sink gets all of this for a line in ``SINKS`` and a ``tests/desks/<kind>.py``.
"""

from datetime import UTC, datetime
from importlib import import_module

import pytest
from desks import desk_for

from aiops_jobs.adapters.sinks import SINKS
from aiops_jobs.core.tickets.limits import cut
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused, Retryable
from aiops_jobs.ports import Draft, Event, EventSink, TicketSink, all_ok

pytest_plugins = ["servers_trackers"]
KNOWN = {**SINKS, "itsm": "itsm_sink:ItsmSink"}
"""``itsm`` is a sink of the tests: strongly consistent search, no key of its own."""
STARTED = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
KOREAN = "결제 서비스 지연 시간 6배 증가"


def build(kind, desk, name="desk"):
    module_name, _, class_name = KNOWN[kind].partition(":")
    module = import_module(module_name)
    settings = module.Settings(**{"kind": kind} | desk.settings())
    return getattr(module, class_name)(name, settings)


def draft(key="inc-1", title="checkout latency 6x", **more):
    values = {"body": "**what** `it` is", "priority": "P1", "assignment_group": "payments"} | more
    return Draft(external_key=key, title=title, started_at=STARTED, fields={"content_sha256": "abc"}, **values)


REAL = ("redmine", "rt")
"""Played by the real server behind a misbehaving proxy; one process has it, so that one is started."""


def marked(kind):
    marks = [pytest.mark.servers, pytest.mark.xdist_group(kind)] if kind in REAL else []
    return pytest.param(kind, marks=marks)


@pytest.fixture(params=[marked(kind) for kind in sorted(KNOWN)])
def pair(request, tmp_path):
    desk = desk_for(request.param, tmp_path)
    yield build(request.param, desk), desk
    desk.stop()
    assert not getattr(desk, "breaches", ()), "the sink asks for what the vendor's document does not know"


@pytest.fixture
def tickets(pair):
    if not isinstance(pair[0], TicketSink):
        pytest.skip("it takes events, it keeps no tickets")
    return pair


@pytest.fixture
def unreliable(tickets):
    if not tickets[1].can_misbehave:
        pytest.skip("there is no line to it that could break")
    return tickets


@pytest.fixture
def events(pair):
    if not isinstance(pair[0], EventSink):
        pytest.skip("it keeps tickets")
    return pair


# --- every sink -----------------------------------------------------------------------------------------------------


def test_the_check_says_who_answers_and_what_it_may_do(pair):
    sink, _ = pair
    assert all_ok(sink.check()), sink.check()
    assert sink.traits.scopes


def test_the_check_fails_on_a_bad_key_and_does_not_raise(pair):
    sink, desk = pair
    if not desk.can_misbehave:
        pytest.skip("it has no keys")
    desk.denies = True
    found = sink.check()
    assert not all_ok(found)
    assert all(check.remedy for check in found if not check.is_ok)


# --- ticket sinks ---------------------------------------------------------------------------------------------------


def test_what_was_created_is_found_by_its_key_and_by_no_other(tickets):
    sink, desk = tickets
    assert sink.find("inc-1") == []
    made = sink.create(draft())
    other = sink.create(draft(key="inc-10"))
    (found,) = sink.find("inc-1")
    assert found.remote_key == made.remote_key != other.remote_key
    assert (found.title, found.priority, found.state, found.external_key) == (
        "checkout latency 6x",
        "P1",
        "new",
        "inc-1",
    )
    assert found.opened_at is None or found.opened_at.tzinfo is not None
    assert [t["remote_key"] for t in desk.tickets("inc-1")] == [made.remote_key]


def test_saying_the_same_again_changes_nothing_and_saying_more_does(tickets):
    sink, desk = tickets
    if not sink.traits.can_update:
        pytest.skip("it cannot be updated")
    made = sink.create(draft())
    same = sink.update(made, draft())
    assert same.updated_at == made.updated_at
    more = sink.update(made, draft(title="checkout latency 9x", priority="P2"))
    assert (more.title, more.priority) == ("checkout latency 9x", "P2")
    assert [t["title"] for t in desk.tickets("inc-1")] == ["checkout latency 9x"]


def test_a_resolved_ticket_stays_resolved_until_it_is_opened_again(tickets):
    sink, _ = tickets
    if not sink.traits.can_resolve:
        pytest.skip("it cannot be resolved")
    made = sink.create(draft())
    done = sink.resolve(made, "over")
    again = sink.resolve(made, "over")
    assert {done.state, again.state} <= {"resolved", "closed"}
    assert done.resolved_at == again.resolved_at
    (found,) = sink.find("inc-1")
    assert found.state == done.state
    if sink.traits.can_reopen:
        opened = sink.reopen(found, "it is back")
        assert opened.state in {"new", "in_progress"}
        assert [t.state for t in sink.find("inc-1")] == [opened.state]


def test_what_a_person_closed_is_seen_so(tickets):
    sink, desk = tickets
    made, master = sink.create(draft()), sink.create(draft(key="inc-2"))
    desk.close(made.remote_key)
    (found,) = sink.find("inc-1")
    assert found.state in {"resolved", "closed"}
    desk.close(made.remote_key, duplicate_of=master.remote_key)
    (found,) = sink.find("inc-1")
    if found.is_duplicate:
        assert found.merged_into in {None, master.remote_key}


def test_comments_and_links_are_taken(tickets):
    sink, _ = tickets
    made, earlier = sink.create(draft(key="inc-1.2")), sink.create(draft())
    if sink.traits.can_comment:
        sink.comment(made, "It **goes on** since `02:14`.")
    if sink.traits.can_link:
        sink.link(made, earlier)
        sink.link(made, earlier)
    assert [t.remote_key for t in sink.find("inc-1.2")] == [made.remote_key]


@pytest.mark.parametrize("title", [KOREAN, "결제 지연 " * 200, "e\u0301" * 600, "👨‍👩‍👧‍👦" * 200])
def test_a_title_is_cut_in_the_unit_of_the_system_and_between_letters(tickets, title):
    sink, desk = tickets
    made = sink.create(draft(title=title))
    expected = cut(title, sink.traits.title_limit)
    assert made.title == expected
    assert sink.traits.title_limit.holds(made.title)
    assert [t["title"] for t in desk.tickets("inc-1")] == [expected]
    same = sink.update(made, draft(title=title))
    assert same.updated_at == made.updated_at


def test_a_body_that_is_too_long_is_cut_not_refused(tickets):
    sink, desk = tickets
    sink.create(draft(body="가나다 **라** " * 100_000))
    assert len(desk.tickets("inc-1")) == 1


def test_markup_in_a_title_stays_text(tickets):
    sink, desk = tickets
    title = 'a <b>&amp; [x](http://y) {code} *z* "q" \\ |'
    made = sink.create(draft(title=title))
    assert made.title == title
    assert [t["title"] for t in desk.tickets("inc-1")] == [title]


@pytest.mark.parametrize("fault", ["lost", "bad_gateway"])
def test_a_ticket_whose_answer_was_lost_is_found_and_is_one(unreliable, fault):
    sink, desk = unreliable
    desk.misbehave(fault)
    with pytest.raises(AmbiguousDelivery):
        sink.create(draft())
    assert len(desk.tickets("inc-1")) == 1
    assert [t.external_key for t in sink.find("inc-1")] == ["inc-1"]


@pytest.mark.parametrize("fault", ["dropped", "broken", "page"])
def test_a_create_that_was_not_done_is_never_called_refused(unreliable, fault):
    sink, desk = unreliable
    desk.misbehave(fault)
    with pytest.raises(ConnectorError) as caught:
        sink.create(draft())
    assert isinstance(caught.value, Retryable)
    assert desk.tickets("inc-1") == sink.find("inc-1") == []


def test_to_be_asked_to_wait_is_to_be_told_how_long(unreliable):
    sink, desk = unreliable
    desk.misbehave("limited")
    with pytest.raises(ConnectorUnavailable) as caught:
        sink.create(draft())
    assert caught.value.retry_after_s == 7
    desk.misbehave("limited", writes=False)
    with pytest.raises(ConnectorUnavailable) as caught:
        sink.find("inc-1")
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("fault", ["dropped", "broken", "page"])
def test_a_search_that_failed_is_not_an_empty_answer(unreliable, fault):
    sink, desk = unreliable
    sink.create(draft())
    desk.misbehave(fault, writes=False)
    with pytest.raises(ConnectorError) as caught:
        sink.find("inc-1")
    assert isinstance(caught.value, Retryable)


def test_a_bad_key_is_said_to_be_one_and_not_an_empty_answer(unreliable):
    sink, desk = unreliable
    made = sink.create(draft())
    desk.denies = True
    for call in (lambda: sink.find("inc-1"), lambda: sink.create(draft(key="inc-2")), lambda: sink.resolve(made, "x")):
        with pytest.raises(CredentialsRefused):
            call()


def test_the_status_of_a_write_is_not_believed(unreliable):
    sink, desk = unreliable
    made = sink.create(draft())
    if sink.traits.can_update:
        desk.misbehave("ignored")
        try:
            told = sink.update(made, draft(title="another"))
        except ConnectorError as error:
            assert isinstance(error, Retryable)  # noqa: PT017 - either it says so, or it tells what is there
        else:
            assert told.title == made.title
    if sink.traits.can_resolve:
        desk.misbehave("ignored")
        try:
            told = sink.resolve(made, "over")
        except ConnectorError:
            pass
        else:
            assert told.state not in {"resolved", "closed"}
    desk.misbehave("ignored")
    with pytest.raises((AmbiguousDelivery, ConnectorUnavailable)):
        sink.create(draft(key="inc-9"))


# --- event sinks ----------------------------------------------------------------------------------------------------


def event(action="trigger", key="inc-1", previous=None, event_id="out-1", **more):
    return Event(action, event_id, draft(key, **more), note="over" if action == "resolve" else None, previous=previous)


def test_an_event_is_told_changed_and_resolved(events):
    sink, desk = events
    receipt = sink.emit(event())
    assert receipt.ref
    assert [e["action"] for e in desk.events("inc-1")] == ["trigger"]
    if sink.traits.can_update:
        receipt = sink.emit(event("update", previous=receipt.ref, event_id="out-2", title="checkout latency 9x"))
        assert desk.events("inc-1")[-1]["title"].find("9x") >= 0
    if sink.traits.can_resolve:
        sink.emit(event("resolve", previous=receipt.ref, event_id="out-3"))
        assert desk.events("inc-1")[-1]["action"] == "resolve"


def test_an_event_told_twice_is_one_where_the_target_folds(events):
    sink, desk = events
    if not sink.traits.has_native_key:
        pytest.skip("the target forgets")
    desk.misbehave("lost")
    with pytest.raises(AmbiguousDelivery):
        sink.emit(event())
    sink.emit(event())
    assert len(desk.events("inc-1")) == 1


@pytest.mark.parametrize("title", [KOREAN, "결제 지연 " * 2000])
def test_an_event_of_any_length_and_script_is_taken(events, title):
    sink, desk = events
    sink.emit(event(title=title, body="가나다 **라** " * 50_000))
    assert desk.events("inc-1")[0]["title"].find(title[:6]) >= 0


def test_an_event_target_that_asks_to_wait_or_refuses_our_key_is_heard(events):
    sink, desk = events
    desk.misbehave("limited")
    with pytest.raises(ConnectorUnavailable) as caught:
        sink.emit(event())
    assert caught.value.retry_after_s == (7 if desk.tells_wait else None)
    for fault in ("dropped", "broken"):
        desk.misbehave(fault)
        with pytest.raises(ConnectorError) as failed:
            sink.emit(event())
        assert isinstance(failed.value, Retryable)
    desk.denies = True
    with pytest.raises(CredentialsRefused):
        sink.emit(event())
