"""What is particular to ClickUp: a filter that contains, statuses of a List, four priorities, moments in milliseconds."""

from datetime import UTC, datetime, timedelta

import pytest
from desks.clickup import DIGEST, FIELDS, KEY, Desk

from aiops_jobs.adapters.http import RateLimited
from aiops_jobs.adapters.sinks.clickup import ClickupSink, Settings
from aiops_jobs.errors import ConnectorError, CredentialsRefused
from aiops_jobs.ports import Draft, all_ok

STARTED = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)


def draft(key="inc-1", body="**what** it is", sha="abc", **more):
    values = {"title": "checkout latency 6x", "priority": "P1", "assignment_group": "payments"} | more
    return Draft(external_key=key, body=body, started_at=STARTED, fields={"content_sha256": sha}, **values)


@pytest.fixture
def desk():
    desk = Desk().start()
    yield desk
    desk.stop()
    assert not desk.breaches


def sink_of(desk, **more):
    return ClickupSink("clickup", Settings(**desk.settings() | more))


def test_the_filter_asks_for_equality_and_is_not_believed(desk):
    sink = sink_of(desk)
    sink.create(draft("inc-10"))
    assert sink.find("inc-1") == []
    asked = next(r for r in desk.requests if "custom_fields" in r.query)
    assert '"operator": "=="' in asked.query["custom_fields"]
    desk._holds = lambda *_: True
    assert sink.find("inc-1") == []


def test_every_page_is_read_and_closed_tasks_are_found(desk):
    desk.page_size = 2
    sink = sink_of(desk)
    made = [sink.create(draft()).remote_key for _ in range(5)]
    desk.close(made[3])
    assert [t.remote_key for t in sink_of(desk).find("inc-1")] == made
    assert [t.state for t in sink.find("inc-1")].count("closed") == 1


def test_tasks_moved_to_another_list_are_found_in_the_workspace(desk):
    sink = sink_of(desk, workspace_id="7")
    made = sink.create(draft())
    assert [t.remote_key for t in sink.find("inc-1")] == [made.remote_key]
    assert any(r.path == "/v2/team/7/task" for r in desk.requests)


def test_our_process_finds_at_once_what_the_filter_finds_late(desk):
    desk.search_lag_s = 60
    sink = sink_of(desk)
    made = sink.create(draft())
    assert [t.remote_key for t in sink.find("inc-1")] == [made.remote_key]
    assert sink_of(desk).find("inc-1") == []


def test_the_lists_own_status_of_type_closed_resolves_and_its_first_opens(desk):
    sink = sink_of(desk)
    done = sink.resolve(sink.create(draft()), "over")
    assert (done.state, done.resolution_code) == ("closed", "complete")
    assert abs(done.resolved_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert sink.reopen(done, "again").state == "new"
    assert sink_of(desk, resolved_status="shipped").resolve(done, "over").state == "resolved"
    with pytest.raises(ConnectorError, match="Status does not exist"):
        sink_of(desk, reopened_status="nope").reopen(done, "again")


@pytest.mark.parametrize(("priority", "told"), [("P1", "P1"), ("P4", "P4"), ("P5", "P4")])
def test_there_are_four_priorities(desk, priority, told):
    sink = sink_of(desk)
    made = sink.create(draft(priority=priority))
    assert made.priority == told
    assert sink.update(made, draft(priority=priority)).updated_at == made.updated_at


def test_a_spent_budget_is_waited_for_until_its_reset(desk):
    sink = sink_of(desk)
    made = sink.create(draft())
    desk.is_limited = True
    with pytest.raises(RateLimited) as caught:
        sink.comment(made, "x")
    assert 35 <= caught.value.retry_after_s <= 43


def test_without_the_field_of_our_key_nothing_is_sent(desk):
    desk.fields = [f for f in FIELDS if f["id"] != KEY]
    sink = sink_of(desk)
    with pytest.raises(CredentialsRefused, match="no text field `aiops key`"):
        sink.create(draft())
    assert desk.state["tasks"] == []
    found = sink.check()
    assert not all_ok(found)
    assert "Add a custom field" in found[-1].remedy
    desk.level = "comment"
    assert "full edit" in sink.check()[-1].remedy


def test_without_the_field_of_the_digest_a_text_is_compared_by_its_letters(desk):
    desk.fields = [f for f in FIELDS if f["id"] != DIGEST]
    sink = sink_of(desk)
    made = sink.create(draft())
    desk.state["tasks"][0]["markdown_content"] = "**what** it is\n"
    assert sink.update(made, draft(sha="new")).updated_at == made.updated_at
    sink.update(made, draft(sha="new", body="more"))
    assert desk.state["tasks"][0]["markdown_content"] == "more"


@pytest.mark.parametrize(("who", "got"), [("kim@example.com", [812]), ("lee", [813]), ("nobody", [])])
def test_a_member_of_the_list_is_assigned(desk, who, got):
    sink = sink_of(desk)
    sink.create(draft(assignee=who))
    assert desk.state["tasks"][0]["assignees"] == got


def test_a_group_is_a_tag_and_there_is_one(desk):
    sink = sink_of(desk)
    made = sink.create(draft(assignment_group="Payments"))
    told = sink.update(made, draft(assignment_group="Platform"))
    assert (made.assignment_group, told.assignment_group) == ("payments", "platform")
    assert desk.state["tasks"][0]["tags"] == ["aiops", "team platform"]


def test_a_duplicate_names_its_master_but_not_the_task_we_linked(desk):
    sink = sink_of(desk)
    made, earlier, master = sink.create(draft()), sink.create(draft("inc-0")), sink.create(draft("inc-2"))
    sink.link(made, earlier)
    sink.link(made, earlier)
    assert len(desk.state["tasks"][0]["links"]) == 1
    desk.say(made.remote_key, "the pool was too small")
    desk.close(made.remote_key, duplicate_of=master.remote_key)
    (found,) = sink.find("inc-1")
    assert (found.is_duplicate, found.merged_into, found.cause) == (True, master.remote_key, "the pool was too small")
