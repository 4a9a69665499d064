"""Request Tracker and Redmine as they are: what people do there is read, what they hide is not believed, no ticket twice."""

import re
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module

import httpx
import pytest
from delivery_world import call, context_of, put
from desks import desk_for

from aiops_jobs.adapters.sinks import SINKS
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.core.tickets.markdown import code, escape
from aiops_jobs.errors import ConnectorError, CredentialsRefused, Retryable
from aiops_jobs.jobs.deliver import dispatch
from aiops_jobs.ports import Draft, all_ok

pytest_plugins = ["servers_trackers"]
pytestmark = pytest.mark.servers
STARTED = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
BOTH = [pytest.param(kind, marks=pytest.mark.xdist_group(kind)) for kind in ("redmine", "rt")]
only_rt = pytest.mark.parametrize("desk", BOTH[1:], indirect=True)
only_redmine = pytest.mark.parametrize("desk", BOTH[:1], indirect=True)


def sink_at(desk, **more):
    kind = type(desk).__module__.rpartition(".")[2]
    module_name, _, class_name = SINKS[kind].partition(":")
    module = import_module(module_name)
    return getattr(module, class_name)("desk", module.Settings(kind=kind, **(desk.settings() | more)))


def draft(key="inc-1", **more):
    values = {"title": "checkout latency 6x", "body": "**what** `it` is", "priority": "P1", "assignment_group": None}
    return Draft(external_key=key, started_at=STARTED, fields={"content_sha256": "abc"}, **(values | more))


@pytest.fixture(params=BOTH)
def desk(request, tmp_path):
    opened = desk_for(request.param, tmp_path)
    yield opened
    opened.stop()


# --- what people do -------------------------------------------------------------------------------------------------


def test_who_took_it_who_closed_it_and_how_often_it_came_back_is_told(desk):
    sink = sink_at(desk)
    made = sink.create(draft())
    assert (made.acknowledged_at, made.resolved_by, made.resolved_at) == (None, None, None)
    desk.take(made.remote_key)
    (taken,) = sink.find("inc-1")
    assert taken.state == "in_progress"
    assert made.opened_at <= taken.acknowledged_at <= made.opened_at + timedelta(minutes=5)
    desk.close(made.remote_key)
    (closed,) = sink.find("inc-1")
    assert (closed.state, closed.resolution_code.lower(), closed.reopen_count) == ("closed", "rejected", 0)
    assert closed.resolved_by in {"kim", "Redmine Admin"}
    assert closed.resolved_at is not None
    opened = sink.reopen(closed, "It is back.")
    assert (opened.state, opened.reopen_count, opened.resolved_at, opened.resolved_by) == ("in_progress", 1, None, None)
    assert opened.acknowledged_at == taken.acknowledged_at


@only_redmine
def test_the_note_of_a_person_who_closes_is_the_cause(desk):
    sink = sink_at(desk)
    made = sink.create(draft())
    assert sink.resolve(made, "Every alert is over.").cause is None
    sink.reopen(made, "It is back.")
    desk.close(made.remote_key)
    assert sink.find("inc-1")[0].cause == "It was the *cable*."


def test_what_was_merged_is_a_duplicate_and_is_written_to_no_more(desk):
    sink = sink_at(desk)
    made, master = sink.create(draft()), sink.create(draft(key="inc-2", title="the other one"))
    desk.close(made.remote_key, duplicate_of=master.remote_key)
    (found,) = sink.find("inc-1")
    assert (found.state, found.is_duplicate, found.merged_into) == ("closed", True, master.remote_key)
    sink.resolve(made, "over")
    if type(desk).__module__ == "desks.rt":  # RT would hand the change on to the master
        sink.update(made, draft(title="changed"))
        assert sink.reopen(found, "back").is_duplicate
    (other,) = sink.find("inc-2")
    assert (other.title, other.state) == ("the other one", "new")


def test_a_description_or_comment_says_what_changed_once(desk):
    sink = sink_at(desk)
    made = sink.create(draft())
    later = Draft(
        **{f: getattr(draft(body="**now** worse"), f) for f in Draft.__slots__} | {"fields": {"content_sha256": "def"}}
    )
    once = sink.update(made, later)
    again = sink.update(made, later)
    assert (once.content_sha256, again.updated_at) == ("def", once.updated_at)


# --- what is hidden or missing --------------------------------------------------------------------------------------


@only_rt
def test_a_search_is_not_believed_where_the_field_cannot_be_seen(desk):
    sink = sink_at(desk, key_field="Nobody's Field")
    with pytest.raises(CredentialsRefused, match="Nobody's Field"):
        sink.find("inc-1")
    assert not all_ok(sink.check())
    unknown = sink_at(desk, queue="Nowhere")
    (_, queue) = unknown.check()
    assert "Nowhere" in queue.detail
    with pytest.raises(ConnectorError) as caught:
        unknown.create(draft())
    assert caught.value.status == 403
    assert not isinstance(caught.value, Retryable)


@only_redmine
def test_a_search_is_not_believed_where_the_field_does_not_filter(desk):
    sink_at(desk).create(draft())
    wrong = sink_at(desk, key_field=999)
    with pytest.raises(CredentialsRefused, match="999"):
        wrong.find("inc-1")
    assert not all_ok(wrong.check())
    assert not all_ok(sink_at(desk, resolved_status="Nonsense").check())
    assert not all_ok(sink_at(desk, project="nowhere").check())


def test_a_ticket_that_lost_its_key_is_a_dead_letter_and_not_made_again(desk):
    sink = sink_at(desk, key_field={"desks.rt": "Unknown", "desks.redmine": 999}[type(desk).__module__])
    with pytest.raises(ConnectorError, match="without its key") as caught:
        sink.create(draft())
    assert not isinstance(caught.value, Retryable)


@only_redmine
def test_a_step_the_workflow_forbids_is_refused_with_the_reason(desk):
    sink = sink_at(desk, resolved_status="Feedback", open_status="New")
    made = sink.create(draft())
    desk.close(made.remote_key)
    with pytest.raises(ConnectorError, match="workflow") as caught:
        sink.reopen(made, "back")
    assert not isinstance(caught.value, Retryable)


@only_rt
def test_a_change_at_the_same_moment_is_not_overwritten(desk):
    sink = sink_at(desk)
    made = sink.create(draft())
    current, tag = sink._current(made)
    desk.take(made.remote_key)
    with pytest.raises(ConnectorError, match="changed this moment") as caught:
        sink._put(current, {"Subject": "x"}, tag)
    assert isinstance(caught.value, Retryable)


@only_redmine
def test_what_telemetry_says_is_text_on_the_page(desk):
    sink, server = sink_at(desk), desk.server
    other = sink.create(draft(key="inc-2")).remote_key
    said = f'#{other} user:admin @admin {{{{toc}}}} [[Wiki]] r7 <b>x</b> "a":http://x.y *b* |c|d| API(x)'
    made = sink.create(draft(body=f"{escape(said)}\n\n- {code(said)}\n\n**[page](https://ours.example/p)**"))
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False, follow_redirects=True) as browser:
        token = re.search(r'name="authenticity_token" value="([^"]+)"', browser.get("/login").text)[1]
        form = {"username": "admin", "password": "kim-of-the-tests", "authenticity_token": token}
        assert "/logout" in browser.post("/login", data=form).text
        page = browser.get(f"/issues/{made.remote_key}").text
    shown = re.search(r'<div class="description">.*?<div class="wiki">(.*?)</div>', page, re.DOTALL)[1]
    assert re.findall(r"<a [^>]*href=\"([^\"]*)\"", shown) == ["https://ours.example/p"]
    assert not re.findall(r"<(?:table|img|abbr|del|h\d|ul class)", shown)
    assert shown.count("<b>") == 0
    assert "toc" in shown


# --- through the engine ---------------------------------------------------------------------------------------------


@pytest.fixture
def warehouse(tmp_path):
    opened = SqlWarehouse(f"sqlite:///{tmp_path}/warehouse.db")
    opened.migrate()
    yield opened
    opened.close()


def deliver(warehouse, sink):
    context = context_of(warehouse, sink, max_age_s=1e9, first_wait_s=0.01, in_flight_s=0.01, retry_trickle_s=0.01)
    for _ in range(20):
        dispatch(context, sink, "desk", limit=10)
        states = set(warehouse.read(TICKET_OUTBOX)["outbox_state"].to_pylist())
        if states <= {"sent", "skipped", "dead"}:
            break
        time.sleep(0.1)
    return {row["outbox_id"]: row for row in warehouse.read(TICKET_OUTBOX).to_pylist()}


def test_a_system_that_was_away_has_one_ticket_and_what_people_closed_is_followed(desk, warehouse):
    sink = sink_at(desk)
    first = call("inc-1", started_at=STARTED)
    put(warehouse, first)
    desk.misbehave("dropped", "lost", writes=False)
    rows = deliver(warehouse, sink)
    assert rows[first["outbox_id"]]["outbox_state"] == "sent", rows
    (ticket,) = desk.tickets("inc-1")
    desk.close(ticket["remote_key"])
    update = call("inc-1", sequence=1, action="update", title="checkout latency 9x")
    put(warehouse, update, name="later")
    rows = deliver(warehouse, sink)
    assert rows[update["outbox_id"]]["outbox_state"] == "sent", rows[update["outbox_id"]]["last_error"]
    (again,) = sink.find("inc-1")
    assert (again.remote_key, again.title, again.state) == (ticket["remote_key"], "checkout latency 9x", "in_progress")
    # a person closes it as the duplicate of another: that one is told what goes on, ours stays closed
    master = sink.create(draft(key="inc-2"))
    desk.close(ticket["remote_key"], duplicate_of=master.remote_key)
    more = call("inc-1", sequence=2, action="update", title="checkout latency 12x")
    put(warehouse, more, name="more")
    rows = deliver(warehouse, sink)
    assert (rows[more["outbox_id"]]["outbox_state"], master.remote_key in rows[more["outbox_id"]]["last_error"]) == (
        "sent",
        True,
    )
    assert [t.state for t in sink.find("inc-1")] == ["closed"]
    assert len(desk.everything()) == 2
