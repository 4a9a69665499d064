"""Jira through the real engine and a real warehouse: whatever fails between, an incident has one issue."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from delivery_world import call, context_of, put
from desks import jira as cloud
from desks import jira_dc as center
from desks.base import FAULTS

from aiops_jobs.adapters.sinks.jira import JiraSink, Settings
from aiops_jobs.adapters.sinks.jira_dc import JiraDataCenterSink
from aiops_jobs.adapters.sinks.jira_dc import Settings as CenterSettings
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.jobs.deliver import dispatch


class Clock:
    """The warehouse's: it begins now, so that it agrees with the desk's, and is moved by the tests."""

    def __init__(self):
        self.at = datetime.now(UTC)

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def warehouse(tmp_path, clock):
    store = SqlWarehouse(f"sqlite:///{tmp_path / 'w.db'}", clock=clock, lease_s=1e6)
    store.migrate()
    yield store
    store.close()


@pytest.fixture(params=["cloud", "center"])
def desk(request):
    desk = {"cloud": cloud, "center": center}[request.param].Desk().start()
    desk.slow_s = 0.01
    yield desk
    desk.stop()
    assert not desk.breaches


def sink_of(desk, **more):
    more = desk.settings() | {"timeout_s": 5} | more
    if desk.api.endswith("2"):
        return JiraDataCenterSink("desk", CenterSettings(**more))
    return JiraSink("desk", Settings(**more))


def work(warehouse, desk, clock, *, rounds=12, step=timedelta(minutes=6), **more):
    """Dispatch again and again, each time as a process that remembers nothing; count how the calls ended."""
    for _ in range(rounds):
        sink = sink_of(desk, **more)
        dispatch(context_of(warehouse, sink, max_age_s=1e9), sink, "desk", limit=1000)
        clock.at += step
    return Counter(row["outbox_state"] for row in warehouse.read(TICKET_OUTBOX).to_pylist())


def issues(desk, key="inc-1"):
    return desk.tickets(key)


def test_an_api_that_is_down_and_comes_back_has_one_issue(warehouse, desk, clock):
    put(warehouse, call("inc-1"))
    desk.misbehave(*["broken"] * 3, *["dropped"] * 3, writes=False)
    assert work(warehouse, desk, clock, rounds=1) == {"pending": 1}
    assert issues(desk) == []
    assert work(warehouse, desk, clock) == {"sent": 1}
    assert len(issues(desk)) == 1


@pytest.mark.parametrize("fault", ["lost", "bad_gateway", "ignored", "page", "hushed"])
def test_an_answer_that_was_lost_is_looked_for(warehouse, desk, clock, fault):
    put(warehouse, call("inc-1"))
    desk.misbehave(fault)
    assert work(warehouse, desk, clock) == {"sent": 1}
    assert len(issues(desk)) == 1


def test_a_lost_issue_that_the_search_finds_late_is_not_made_again(warehouse, desk, clock):
    """The next process would look before the search can know; the engine waits as long as the sink says."""
    desk.search_lag_s = 3600
    put(warehouse, call("inc-1"))
    desk.misbehave("lost")
    assert work(warehouse, desk, clock, rounds=9) == {"unknown": 1}
    assert len(issues(desk)) == 1
    desk.search_lag_s = 0.0
    assert work(warehouse, desk, clock, rounds=12) == {"sent": 1}
    assert len(issues(desk)) == 1


def test_what_was_closed_a_moment_ago_is_opened_again(warehouse, desk, clock):
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    desk.close("OPS-1")
    clock.at += timedelta(minutes=30)
    put(warehouse, call("inc-1", 1, "update", priority="P1"), name="r2")
    assert work(warehouse, desk, clock) == {"sent": 2}
    (issue,) = desk.state["issues"]
    assert cloud.state_of(issue) == "in_progress"
    assert issue["fields"]["priority"] == {"name": "Highest"}


def test_what_was_closed_long_ago_or_cannot_be_opened_is_followed_by_a_linked_one(warehouse, desk, clock):
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    desk.close("OPS-1")
    clock.at += timedelta(days=30)
    put(warehouse, call("inc-1", 1, "update"), name="r2")
    assert work(warehouse, desk, clock) == {"sent": 2}
    assert [i["state"] for i in issues(desk)] == ["closed"]
    assert [i["state"] for i in issues(desk, "inc-1.2")] == ["new"]
    assert desk.state["links"] == [["Relates", "OPS-2", "OPS-1"]]


def test_a_workflow_that_does_not_open_again_gets_the_next_issue(warehouse, desk, clock):
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    desk.close("OPS-1")
    desk.workflow = "stuck"
    clock.at += timedelta(minutes=30)
    put(warehouse, call("inc-1", 1, "update"), name="r2")
    assert work(warehouse, desk, clock) == {"sent": 2}
    assert len(issues(desk, "inc-1.2")) == 1


def test_a_duplicate_is_never_resurrected_and_its_master_is_told_once(warehouse, desk, clock):
    put(warehouse, call("inc-1"), call("inc-2"))
    work(warehouse, desk, clock, rounds=1)
    (made,), (master,) = issues(desk), issues(desk, "inc-2")
    desk.close(made["remote_key"], duplicate_of=master["remote_key"])
    clock.at += timedelta(minutes=30)
    put(warehouse, call("inc-1", 1, "update", priority="P1"), name="r2")
    assert work(warehouse, desk, clock) == {"sent": 3}
    assert [i["state"] for i in issues(desk)] == ["closed"]
    assert issues(desk, "inc-1.2") == []
    told = {i["key"]: len(i["fields"]["comment"]["comments"]) for i in desk.state["issues"]}
    assert told == {made["remote_key"]: 0, master["remote_key"]: 1}


def test_under_many_faults_every_incident_has_one_issue(warehouse, desk, clock):
    put(warehouse, *[call(f"inc-{n}") for n in range(15)])
    desk.plan(seed=5, share=0.25, faults=[fault for fault in FAULTS if fault != "slow"])
    assert work(warehouse, desk, clock, rounds=40) == {"sent": 15}
    assert [len(issues(desk, f"inc-{n}")) for n in range(15)] == [1] * 15
    assert sum(n for kind, n in desk.counts.items() if kind.startswith("fault ") and kind != "fault None") >= 10
