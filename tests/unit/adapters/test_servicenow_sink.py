"""What ServiceNow does in silence, and what the sink makes of it."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from desks.servicenow import PASSWORD, USER, Desk, failure, row, sys_id

from aiops_jobs.adapters.sinks.servicenow import ServiceNowSink, Settings
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable, CredentialsRefused
from aiops_jobs.ports import Draft, all_ok

STARTED = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
DRAFT = Draft(
    external_key="inc-1",
    title="checkout latency 6x",
    body="**what** `it` is",
    priority="P1",
    assignment_group="payments",
    started_at=STARTED,
    fields={"content_sha256": "abc", "service_name": "checkout"},
)


@pytest.fixture
def desk(tmp_path):
    started = Desk(tmp_path).start()
    yield started
    started.stop()
    assert not started.breaches


def sink_at(desk, **settings):
    return ServiceNowSink("snow", Settings(**desk.settings() | settings))


def failing(checks):
    return {check.name: check for check in checks if not check.is_ok}


# --- searching ------------------------------------------------------------------------------------------------------


def test_a_search_that_is_ignored_is_not_an_answer(desk):
    sink = sink_at(desk)
    sink.create(DRAFT)
    desk.hidden_fields = {"correlation_id"}
    with pytest.raises(CredentialsRefused, match="correlation_id"):
        sink.find("inc-2")
    assert "correlation_id" in failing(sink.check())["search"].detail


def test_a_key_is_found_exactly_although_the_instance_ignores_case(desk):
    sink = sink_at(desk)
    sink.create(replace(DRAFT, external_key="INC-1"))
    assert sink.find("inc-1") == []
    made = sink.create(DRAFT)
    assert [t.remote_key for t in sink.find("inc-1")] == [made.remote_key]


def test_a_page_made_short_by_access_rules_is_not_the_last(desk):
    sink = sink_at(desk)
    made = [sink.create(replace(DRAFT, assignment_group=None)) for _ in range(102)]
    rows = desk.state["incident"]
    desk.hidden_rows = {r["sys_id"] for r in rows[:100]}
    assert [t.remote_key for t in sink.find("inc-1")] == [t.remote_key for t in made[100:]]


def test_version_one_says_404_where_nothing_is_found(desk):
    sink = sink_at(desk, api_version="v1")
    assert sink.find("inc-1") == []
    made = sink.create(DRAFT)
    assert [t.remote_key for t in sink.find("inc-1")] == [made.remote_key]
    assert any(request.path.startswith("/api/now/v1/") for request in desk.requests)


def test_another_404_is_not_an_empty_answer(desk, monkeypatch):
    monkeypatch.setattr(desk, "answer", lambda _: failure(404, "Invalid table incident", None))
    with pytest.raises(ConnectorError, match="Invalid table"):
        sink_at(desk).find("inc-1")


def test_rows_beside_an_error_are_not_all_rows(desk, monkeypatch):
    out_of_time = failure(200, "Transaction cancelled: maximum execution time exceeded", None)
    out_of_time.content["result"] = []
    monkeypatch.setattr(desk, "answer", lambda _: out_of_time)
    with pytest.raises(ConnectorUnavailable, match="Transaction cancelled"):
        sink_at(desk).find("inc-1")


@pytest.mark.parametrize("key", ["a^state=1", "javascript:gs.getUserID()", "a\nb", "x" * 101])
def test_a_key_that_would_change_the_query_is_refused_before_anything_is_sent(desk, key):
    sink = sink_at(desk)
    for call in (lambda: sink.find(key), lambda: sink.create(replace(DRAFT, external_key=key))):
        with pytest.raises(ConnectorError) as caught:
            call()
        assert type(caught.value) is ConnectorError
    assert desk.state["incident"] == []


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "told"),
    [("P1", ("1", "1")), ("P2", ("1", "2")), ("P3", ("2", "2")), ("P4", ("2", "3")), ("P5", ("3", "3"))],
)
def test_priority_follows_from_impact_and_urgency(desk, priority, told):
    made = sink_at(desk).create(replace(DRAFT, priority=priority))
    stored = desk.incident(made.remote_key)
    assert ((stored["impact"], stored["urgency"]), made.priority) == (told, priority)


def test_a_priority_that_people_reached_in_another_way_is_left_alone(desk):
    sink = sink_at(desk)
    made = sink.create(replace(DRAFT, priority="P2"))
    desk.incident(made.remote_key).update(impact="2", urgency="1", priority="2")
    sink.update(made, replace(DRAFT, priority="P2", title="checkout latency 9x"))
    assert desk.incident(made.remote_key)["impact"] == "2"


def test_an_instance_with_rules_of_its_own_is_told_its_values_and_not_again(desk):
    sink = sink_at(desk, priorities={"P1": ("1", "2")})
    made = sink.create(DRAFT)
    assert made.priority == "P2"  # by the rules of this instance
    sink.update(made, DRAFT)
    assert desk.incident(made.remote_key)["sys_mod_count"] == "0"


def test_an_unknown_group_and_person_are_said_to_be_so_in_a_note(desk):
    made = sink_at(desk).create(replace(DRAFT, assignment_group="pay[code]ments", assignee="nobody"))
    assert (made.assignment_group, made.assignee) == (None, None)
    (note,) = desk.notes(made.remote_key)
    assert "there is no group `pay[ code]ments`" in note
    assert "there is no user `nobody`" in note


def test_a_group_is_given_by_its_name_and_a_person_by_the_user_name(desk):
    made = sink_at(
        desk, fields={"caller_id": "AIOps", "u_unknown": "x"}, fields_from={"cmdb_ci": "service_name"}
    ).create(replace(DRAFT, assignment_group="platform (결제)", assignee="kim.l"))
    stored = desk.incident(made.remote_key)
    assert (made.assignment_group, made.assignee) == ("platform (결제)", "kim.l")
    assert (stored["caller_id"], stored["cmdb_ci"]) == (sys_id("u1"), sys_id("ci1"))
    assert desk.notes(made.remote_key) == []


def test_a_ticket_is_moved_to_its_new_owner_only_while_nobody_took_it(desk):
    sink = sink_at(desk)
    made = sink.create(DRAFT)
    moved = sink.update(made, replace(DRAFT, assignment_group="platform (결제)"))
    assert moved.assignment_group == "platform (결제)"
    assert sink.update(made, replace(DRAFT, assignment_group="unknown^")).assignment_group == "platform (결제)"
    desk.incident(made.remote_key).update(state="2")
    assert sink.update(made, DRAFT).assignment_group == "platform (결제)"


def test_the_text_is_written_again_only_when_what_we_say_has_changed(desk):
    sink = sink_at(desk)
    made = sink.create(DRAFT)
    desk.incident(made.remote_key)["description"] = "what a person wrote"
    sink.update(made, DRAFT)
    assert desk.incident(made.remote_key)["description"] == "what a person wrote"
    told = sink.update(made, replace(DRAFT, body="more", fields={"content_sha256": "def"}))
    assert desk.incident(made.remote_key)["description"] == "more"
    assert told.content_sha256 == "def"


def test_saying_it_again_writes_nothing(desk):
    sink = sink_at(desk)
    draft = replace(DRAFT, title="two  blanks ", body="a\n\nb  \n\n- c")
    made = sink.create(draft)
    stored = desk.incident(made.remote_key)
    stored["description"] = stored["description"].replace("\n", "\r\n")
    sink.update(made, draft)
    assert stored["sys_mod_count"] == "0"


def test_telemetry_cannot_put_html_into_the_journal(desk):
    sink = sink_at(desk)
    made = sink.create(DRAFT)
    sink.comment(made, "log: [code]<img src=x onerror=alert(1)>[/code]")
    assert desk.notes(made.remote_key) == ["log: [ code]<img src=x onerror=alert(1)>[ /code]"]


def test_resolving_brings_the_code_and_the_notes_that_a_data_policy_asks_for(desk):
    sink = sink_at(desk)
    made = sink.create(DRAFT)
    done = sink.resolve(made, "**over** since 03:00")
    stored = desk.incident(made.remote_key)
    assert (stored["close_code"], stored["close_notes"]) == ("Solution provided", "over since 03:00")
    assert (done.state, done.resolution_code, done.resolved_by) == ("resolved", "Solution provided", USER)
    assert done.resolved_at is not None
    with pytest.raises(ConnectorError, match="Data Policy") as caught:
        sink_at(desk, close_code="").resolve(sink.create(DRAFT), "over")
    assert type(caught.value) is ConnectorError


def test_a_code_that_the_instance_does_not_know_is_told_with_those_it_knows(desk):
    problem = failing(sink_at(desk, close_code="Solved").check())["close_code"]
    assert "Duplicate, Solution provided" in problem.remedy
    desk.state["sys_choice"] = []
    assert all_ok(sink_at(desk, close_code="Solved").check())


# --- what people did ------------------------------------------------------------------------------------------------


def test_reopening_is_counted_and_what_is_closed_is_final(desk):
    sink = sink_at(desk)
    made = sink.create(DRAFT)
    desk.resolve(made.remote_key)
    back = sink.reopen(made, "it is back")
    assert (back.state, back.reopen_count, back.resolved_at) == ("in_progress", 1, None)
    assert sink.reopen(made, "again").reopen_count == 1
    desk.close(made.remote_key)
    with pytest.raises(ConnectorError, match="cannot be opened again") as caught:
        sink.reopen(made, "it is back")
    assert type(caught.value) is ConnectorError


def test_a_duplicate_names_its_master_by_number(desk):
    sink = sink_at(desk)
    made, master = sink.create(DRAFT), sink.create(replace(DRAFT, external_key="inc-2"))
    desk.close(made.remote_key, duplicate_of=master.remote_key)
    (seen,) = sink.find("inc-1")
    assert (seen.is_duplicate, seen.merged_into, seen.resolution_code) == (True, master.remote_key, "Duplicate")
    assert (seen.resolved_by, seen.cause) == ("kim.l", "restarted it")


def test_a_canceled_child_is_a_duplicate_and_a_closed_child_is_not(desk):
    sink = sink_at(desk)
    made, parent = sink.create(DRAFT), sink.create(replace(DRAFT, external_key="inc-2"))
    stored = desk.incident(made.remote_key)
    desk.close(made.remote_key)
    stored["parent_incident"] = desk.incident(parent.remote_key)["sys_id"]
    assert sink.find("inc-1")[0].is_duplicate is False
    stored["state"] = "8"
    assert sink.find("inc-1")[0].is_duplicate is True


def test_a_later_ticket_gets_the_earlier_as_parent_and_its_problem(desk):
    sink = sink_at(desk)
    earlier, later = sink.create(DRAFT), sink.create(replace(DRAFT, external_key="inc-1.2"))
    desk.incident(earlier.remote_key)["problem_id"] = sys_id("prb1")
    for _ in range(2):
        sink.link(later, earlier)
    stored = desk.incident(later.remote_key)
    assert (stored["parent_incident"], stored["problem_id"]) == (
        desk.incident(earlier.remote_key)["sys_id"],
        sys_id("prb1"),
    )
    assert stored["sys_mod_count"] == "1"


def test_what_people_linked_stays_linked(desk):
    sink = sink_at(desk)
    earlier, later = sink.create(DRAFT), sink.create(replace(DRAFT, external_key="inc-1.2"))
    desk.incident(later.remote_key)["parent_incident"] = sys_id("other")
    sink.link(later, earlier)
    assert desk.incident(later.remote_key)["parent_incident"] == sys_id("other")


def test_states_of_the_instance_can_be_told(desk):
    made = sink_at(desk).create(DRAFT)
    desk.incident(made.remote_key)["state"] = "11"
    assert sink_at(desk).find("inc-1")[0].state == "unknown"
    assert sink_at(desk, states={"11": "in_progress"}).find("inc-1")[0].state == "in_progress"


def test_times_are_utc_and_empty_ones_are_none(desk):
    made = sink_at(desk).create(DRAFT)
    assert made.opened_at == datetime(2026, 11, 20, 0, 0, 1, tzinfo=UTC)
    assert (made.resolved_at, made.resolved_by, made.cause, made.is_duplicate) == (None, None, None, False)
    assert made.remote_url == f"{desk.url}/incident.do?sys_id={desk.incident(made.remote_key)['sys_id']}"


# --- who we are -----------------------------------------------------------------------------------------------------


def test_a_missing_role_is_named_with_its_remedy(desk):
    desk.state["sys_user_has_role"] = []
    problem = failing(sink_at(desk).check())["role"]
    assert "itil" in problem.remedy


def test_a_key_of_the_api_is_asked_whose_it_is(desk):
    answers, basic = desk.answer, b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def by_key(request):
        if request.headers.get("x-sn-apikey") == "k3y":
            request.headers["authorization"] = f"Basic {basic}"
        return answers(request)

    desk.answer = by_key
    checks = ServiceNowSink("snow", Settings(url=desk.url, headers={"x-sn-apikey": "k3y"})).check()
    assert all_ok(checks), checks
    assert USER in checks[0].detail
    assert "identity" in failing(ServiceNowSink("snow", Settings(url=desk.url)).check())


def test_an_instance_that_shows_everybody_does_not_know_us(desk):
    desk.hidden_fields = {"user_name"}
    assert "identity" in failing(sink_at(desk).check())
    desk.hidden_fields = set()
    desk.state["sys_user"] = [row("u9", user_name="other", name="Other")]
    assert "identity" in failing(sink_at(desk).check())


def test_what_was_accepted_and_cannot_be_read_is_ambiguous(desk):
    sink = sink_at(desk)
    desk.hidden_rows = {sys_id("inc1")}
    answers = desk.answer

    def hidden(request):
        seen = answers(request)
        return failure(404, "No Record found", None) if request.method == "GET" else seen

    desk.answer = hidden
    with pytest.raises(AmbiguousDelivery, match="cannot be read back"):
        sink.create(replace(DRAFT, assignment_group=None))
