"""What is particular to GitHub: the hidden line, labels and people that are dropped in silence, limits told as 403."""

from datetime import UTC, datetime

import pytest
from desks.github import Desk

from aiops_jobs.adapters.http import RateLimited
from aiops_jobs.adapters.sinks.github import GithubSink, Settings
from aiops_jobs.core.tickets.markdown import code, escape
from aiops_jobs.errors import ConnectorError, CredentialsRefused
from aiops_jobs.ports import Draft, all_ok

STARTED = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
MARKER = "<!-- aiops:inc-9 -->"


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
    return GithubSink("github", Settings(**desk.settings() | more))


@pytest.mark.parametrize("body", [escape(MARKER), code(MARKER), f"```\n{MARKER}\n```", MARKER])
def test_a_key_in_telemetry_is_not_a_key(desk, body):
    sink = sink_of(desk)
    sink.create(draft(body=body))
    assert sink.find("inc-9") == []
    assert [t.external_key for t in sink_of(desk).find("inc-1")] == ["inc-1"]


def test_what_people_write_below_or_in_another_editor_does_not_hide_the_key(desk):
    sink = sink_of(desk)
    made = sink.create(draft())
    desk.state["issues"][0]["body"] = desk.state["issues"][0]["body"].replace("\n", "\r\n") + "\r\n\r\nI saw it, too."
    (found,) = sink_of(desk).find("inc-1")
    assert (found.remote_key, found.content_sha256) == (made.remote_key, "abc")


def test_issues_are_listed_once_and_then_only_what_changed(desk):
    desk.page_size = 2
    made = [sink_of(desk).create(draft(f"inc-{n}")).remote_key for n in range(5)]
    reader = sink_of(desk)
    assert [reader.find(f"inc-{n}")[0].remote_key for n in range(5)] == made
    for issue in desk.state["issues"][:4]:
        issue["updated_at"] = "2026-01-01T00:00:00Z"
    reader._seen_until = datetime(2026, 2, 1, tzinfo=UTC)
    before = len(desk.requests)
    assert reader.find("inc-0")[0].remote_key == made[0]
    assert [r.path.split("/")[-1] for r in desk.requests[before:]] == ["issues", "1"]


def test_our_process_finds_at_once_what_the_list_tells_late(desk):
    desk.search_lag_s = 60
    sink = sink_of(desk)
    made = sink.create(draft())
    assert [t.remote_key for t in sink.find("inc-1")] == [made.remote_key]
    assert sink_of(desk).find("inc-1") == []


def test_no_issue_is_made_that_could_not_be_labelled(desk):
    desk.may_push = False
    sink = sink_of(desk)
    with pytest.raises(CredentialsRefused, match="labels would be dropped"):
        sink.create(draft())
    assert desk.state["issues"] == []
    assert not all_ok(sink.check())


@pytest.mark.parametrize(
    ("limit", "least", "most"), [("retry-after", 60, 60), ("spent", 80, 91), ("secondary", 60, 60)]
)
def test_a_403_that_means_later_is_not_taken_for_bad_credentials(desk, limit, least, most):
    sink = sink_of(desk)
    made = sink.create(draft())
    desk.limit = limit
    with pytest.raises(RateLimited) as caught:
        sink.comment(made, "x")
    assert least <= caught.value.retry_after_s <= most


@pytest.mark.parametrize(
    ("who", "got"), [("kim", "kim"), ("stranger", None), ("ghost", None), ("kim@example.com", "kim")]
)
def test_a_person_who_may_not_be_assigned_costs_no_ticket(desk, who, got):
    sink = sink_of(desk, people={"kim@example.com": "kim"})
    assert sink.create(draft(assignee=who)).assignee == got
    assert len(desk.state["issues"]) == 1


def test_labels_of_people_stay_and_ours_change(desk):
    sink = sink_of(desk)
    made = sink.create(draft())
    desk.state["issues"][0]["labels"].append("customer")
    told = sink.update(made, draft(priority="P3", assignment_group="platform"))
    assert (told.priority, told.assignment_group) == ("P3", "platform")
    assert set(desk.state["issues"][0]["labels"]) == {"aiops", "P3", "team:platform", "customer"}


def test_a_duplicate_names_its_master_and_a_closed_one_who_and_why(desk):
    sink = sink_of(desk)
    made, master = sink.create(draft()), sink.create(draft("inc-2"))
    desk.say(made.remote_key, "the pool was too small")
    desk.close(made.remote_key, duplicate_of=master.remote_key)
    (found,) = sink.find("inc-1")
    assert (found.is_duplicate, found.merged_into, found.resolved_by) == (True, master.remote_key, "kim")
    assert (found.cause, found.resolution_code) == ("the pool was too small", "duplicate")
    assert found.acknowledged_at is not None


def test_it_is_referred_to_once(desk):
    sink = sink_of(desk)
    earlier, made = sink.create(draft("inc-0")), sink.create(draft())
    sink.link(made, earlier)
    sink.link(made, earlier)
    assert [c["body"].split("\n")[0] for c in desk.state["comments"]] == ["Follows #1."]


def test_reopening_counts(desk):
    sink = sink_of(desk)
    done = sink.resolve(sink.create(draft()), "over")
    assert (done.state, done.resolution_code) == ("closed", "completed")
    assert sink.reopen(done, "again").state == "in_progress"
    assert sink.resolve(sink.find("inc-1")[0], "over").reopen_count == 1


def test_a_repository_that_is_not_seen_pauses_the_sink(desk):
    with pytest.raises(CredentialsRefused):
        sink_of(desk, repository="acme/other").find("inc-1")
    sink = sink_of(desk)
    with pytest.raises(ConnectorError, match="title"):
        sink.create(draft(title=""))
