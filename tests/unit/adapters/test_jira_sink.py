"""What is particular to Jira: a late search, workflows, screens, people, documents, and sites that forget us."""

from datetime import UTC, datetime

import pytest
from desks import jira as cloud
from desks import jira_dc as center

from aiops_jobs.adapters.markup.adf import text_of
from aiops_jobs.adapters.sinks.jira import JiraSink, Settings
from aiops_jobs.adapters.sinks.jira_dc import JiraDataCenterSink
from aiops_jobs.adapters.sinks.jira_dc import Settings as CenterSettings
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused
from aiops_jobs.ports import Draft, all_ok

STARTED = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
PAGE = "[Page of this incident](https://aiops.example/r/inc-1.html)"


def draft(key="inc-1", body="**what** it is", sha="abc", **more):
    values = {"title": "checkout latency 6x", "priority": "P1", "assignment_group": "payments"} | more
    return Draft(external_key=key, body=body, started_at=STARTED, fields={"content_sha256": sha}, **values)


@pytest.fixture(params=["cloud", "center"])
def desk(request):
    desk = {"cloud": cloud, "center": center}[request.param].Desk().start()
    yield desk
    desk.stop()
    assert not desk.breaches


def sink_of(desk, **more):
    if desk.api.endswith("2"):
        return JiraDataCenterSink("jira", CenterSettings(**desk.settings() | more))
    return JiraSink("jira", Settings(**desk.settings() | more))


def stored(desk, number=0):
    return desk.state["issues"][number]


def test_our_process_finds_at_once_what_another_finds_late(desk):
    desk.search_lag_s = 60
    sink = sink_of(desk)
    made = sink.create(draft())
    assert [t.remote_key for t in sink.find("inc-1")] == [made.remote_key]
    assert sink_of(desk).find("inc-1") == []
    assert sink.traits.search_delay.total_seconds() == 60


def test_labels_alike_in_other_letters_are_not_ours(desk):
    sink = sink_of(desk)
    sink.create(draft("INC-1"))
    assert sink.find("inc-1") == []
    assert [t.external_key for t in sink.find("INC-1")] == ["INC-1"]


def test_a_search_is_read_to_its_last_page(desk):
    desk.page_size = 2
    sink = sink_of(desk)
    made = [sink.create(draft()).remote_key for _ in range(5)]
    assert [t.remote_key for t in sink_of(desk).find("inc-1")] == made


def test_a_search_that_answers_anybody_is_not_believed(desk):
    sink_of(desk).create(draft())
    sink = sink_of(desk)
    assert sink.find("inc-2") == []
    desk.is_anonymous = True
    with pytest.raises(CredentialsRefused):
        sink_of(desk).find("inc-1")
    sink._known_until = 0.0  # a minute later
    with pytest.raises(CredentialsRefused):
        sink.find("inc-1")


@pytest.mark.parametrize(("workflow", "code"), [("screen", "Fixed"), ("simple", None)])
def test_it_is_resolved_as_its_workflow_wants_and_never_refused_or_called_a_duplicate(desk, workflow, code):
    desk.workflow = workflow
    sink = sink_of(desk)
    done = sink.resolve(sink.create(draft()), "over")
    assert (done.state, done.resolution_code, done.is_duplicate) == ("resolved", code, False)
    assert stored(desk)["fields"]["status"]["name"] == "Done"
    assert done.resolved_at is not None
    assert text_of(stored(desk)["fields"]["comment"]["comments"][0]["body"]) == "over"
    back = sink.reopen(done, "again")
    assert (back.state, back.resolved_at) == ("in_progress", None)
    assert back.reopen_count == (1 if workflow == "screen" else None)


def test_a_workflow_that_lets_nobody_move_is_said_to_be_one(desk):
    sink = sink_of(desk)
    made = sink.create(draft())
    desk.workflow = "stuck"
    with pytest.raises(ConnectorError, match="no way to resolve OPS-1: none") as caught:
        sink.resolve(made, "over")
    assert not isinstance(caught.value, AmbiguousDelivery | ConnectorUnavailable)
    desk.workflow = "screen"
    with pytest.raises(ConnectorError, match="Finish → Done"):
        sink_of(desk, resolution="Not There").resolve(made, "over")


def test_a_screen_without_a_field_costs_the_field_and_not_the_ticket(desk):
    desk.no_screen = {"priority", "components"}
    sink = sink_of(desk, group_field="components")
    made = sink.create(draft())
    assert made.external_key == "inc-1"
    assert len(desk.state["issues"]) == 1
    desk.no_screen = {"description"}
    with pytest.raises(ConnectorError, match="description"):
        sink.create(draft("inc-2"))


@pytest.mark.parametrize(
    ("field", "more"), [("components", {}), ("labels", {}), ("customfield_10060", {"group_as": "name"})]
)
def test_the_group_goes_where_the_settings_say(desk, field, more):
    sink = sink_of(desk, group_field=field, **more)
    made = sink.create(draft())
    assert made.assignment_group == "payments"
    again = sink.update(made, draft(assignment_group="platform", sha="new"))
    assert again.assignment_group in ({"payments", "platform"} if field == "labels" else {"platform"})
    assert again.external_key == "inc-1"


@pytest.mark.parametrize(
    ("who", "found"),
    [
        ("kim@example.com", "kim@example.com"),
        ("Kim Min-jun", "kim@example.com"),
        ("Lee", None),
        ("Gone", None),
        ("x", None),
    ],
)
def test_only_a_person_who_is_surely_meant_is_assigned(desk, who, found):
    sink = sink_of(desk)
    assert sink.create(draft(assignee=who)).assignee == found


def test_a_person_who_took_it_keeps_it_and_is_known(desk):
    sink = sink_of(desk)
    made = sink.create(draft())
    assert made.acknowledged_at is None
    issue = stored(desk)
    desk._move(issue, "In Progress", cloud.KIM)
    issue["fields"]["assignee"] = {"accountId": "acc-kim", "name": "kim"}
    told = sink.update(made, draft(assignee="aiops@example.com", sha="new", title="9x"))
    assert (told.assignee, told.state, told.acknowledged_at is None) == ("kim@example.com", "in_progress", False)
    desk.say(made.remote_key, "the pool was too small")
    desk.close(made.remote_key)
    (closed,) = sink.find("inc-1")
    assert (closed.resolved_by, closed.cause, closed.state) == ("kim@example.com", "the pool was too small", "closed")


def test_a_duplicate_names_its_master(desk):
    sink = sink_of(desk)
    made, master = sink.create(draft()), sink.create(draft("inc-2"))
    sink.link(made, master)
    assert not sink.find("inc-1")[0].is_duplicate
    desk.state["links"].clear()
    desk.close(made.remote_key, duplicate_of=master.remote_key)
    (found,) = sink.find("inc-1")
    assert (found.is_duplicate, found.merged_into, found.resolution_code) == (True, master.remote_key, "Duplicate")
    assert not sink.find("inc-2")[0].is_duplicate


def test_links_and_pages_are_hung_on_once(desk):
    sink = sink_of(desk)
    earlier, made = sink.create(draft("inc-0")), sink.create(draft(body=PAGE))
    sink.link(made, earlier)
    sink.link(made, earlier)
    assert desk.state["links"] == [["Relates", made.remote_key, earlier.remote_key]]
    sink.update(made, draft(body=PAGE, sha="new"))
    assert {k: v["url"] for k, v in stored(desk, 1)["remote"].items()} == {
        "aiops=inc-1": "https://aiops.example/r/inc-1.html"
    }


def test_what_we_wrote_is_kept_beside_the_issue_and_the_body_is_not_written_twice(desk):
    sink = sink_of(desk)
    made = sink.create(draft())
    assert made.content_sha256 == "abc"
    stored(desk)["fields"]["description"] = desk.document("as Jira stores it")
    sink.update(made, draft(title="another"))
    assert text_of(stored(desk)["fields"]["description"]) == "as Jira stores it"
    told = sink.update(made, draft(sha="new", body="more"))
    assert (told.content_sha256, text_of(stored(desk)["fields"]["description"])) == ("new", "more")


def test_an_issue_somebody_deleted_is_passed_over_though_the_search_still_names_it():
    desk = cloud.Desk().start()
    sink = sink_of(desk)
    sink.create(draft())
    desk.found = lambda *_: [{"id": "10777", "key": "OPS-777", "fields": {"labels": ["aiops-inc-1"]}}]
    assert sink.find("inc-1") == []
    desk.stop()


def test_the_check_names_the_permission_that_is_missing(desk):
    desk.lacks = {"TRANSITION_ISSUES"}
    found = sink_of(desk).check()
    assert not all_ok(found)
    assert "TRANSITION_ISSUES" in found[-1].detail
    assert not all_ok(sink_of(desk, project="NOPE").check())
    assert "the project has Bug, Task" in sink_of(desk, issue_type="Incident").check()[-1].detail
