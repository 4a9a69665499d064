"""The real engine, a real warehouse and Slack as it is: one message a ticket, whatever is lost and whoever dies."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from delivery_world import Clock, Killed, call, context_of, put
from desks.slack import CHANNEL, Desk

from aiops_jobs.adapters import clock as wall
from aiops_jobs.adapters.sinks.slack import Settings, SlackSink
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.operations import TICKET_OUTBOX, TICKETS
from aiops_jobs.jobs.deliver import dispatch


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    clock.at = wall.now()
    monkeypatch.setattr(wall, "now", clock)
    return clock


@pytest.fixture
def warehouse(tmp_path, clock):
    store = SqlWarehouse(f"sqlite:///{tmp_path / 'w.db'}", clock=clock, lease_s=60)
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def desk():
    desk = Desk().start()
    desk.slow_s = 0
    yield desk
    desk.stop()
    assert not desk.breaches


class DyingSink(SlackSink):
    """Its process dies between what Slack did and what we wrote down."""

    dies = ()

    def emit(self, event):
        receipt = super().emit(event)
        if event.action in self.dies:
            self.dies = [action for action in self.dies if action != event.action]
            raise Killed
        return receipt


@pytest.fixture
def sink(desk):
    return DyingSink("desk", Settings(**desk.settings()))


def work(warehouse, sink, clock, *, rounds=60, step=timedelta(minutes=6)):
    for _ in range(rounds):
        with suppress(Killed):
            dispatch(context_of(warehouse, sink), sink, "desk", limit=10_000)
        clock.at += step
    return Counter(row["outbox_state"] for row in warehouse.read(TICKET_OUTBOX).to_pylist())


def posted(desk):
    return [m for m in desk.state["messages"] if "thread_ts" not in m]


def replies(desk):
    return [m for m in desk.state["messages"] if "thread_ts" in m]


def life(key, at):
    acts = enumerate(["create", "update", "resolve"])
    return [call(key, n, act, started_at=at, title=f"{key} {act}") | {"started_at": at} for n, act in acts]


def test_the_life_of_a_ticket_is_one_message(warehouse, desk, sink, clock):
    put(warehouse, *life("inc-1", clock.at))
    assert work(warehouse, sink, clock, rounds=2) == {"sent": 3}
    (message,) = posted(desk)
    assert message["blocks"][0]["text"]["text"] == "✅ inc-1 resolve"
    assert len(replies(desk)) == 1
    assert desk.counts["POST api"] == 4
    (seen,) = warehouse.read(TICKETS).to_pylist()
    assert (seen["remote_key"], seen["ticket_state"]) == (f"{CHANNEL}/{message['ts']}", "resolved")
    assert seen["remote_url"].startswith("https://desk.slack.com/")


def test_what_is_open_there_is_changed_although_the_outbox_says_create(warehouse, desk, sink, clock):
    put(warehouse, life("inc-1", clock.at)[0])
    put(warehouse, call("inc-1", 1, "create", title="again") | {"started_at": clock.at}, name="r2")
    assert work(warehouse, sink, clock, rounds=2) == {"sent": 2}
    assert len(posted(desk)) == 1


@pytest.mark.parametrize("dies", ["trigger", "update", "resolve"])
def test_a_sender_that_dies_before_it_wrote_down_what_it_posted_posts_nothing_twice(warehouse, desk, sink, clock, dies):
    sink.dies = [dies]
    put(warehouse, *life("inc-1", clock.at))
    assert work(warehouse, sink, clock, rounds=10) == {"sent": 3}
    assert (len(posted(desk)), len(replies(desk))) == (1, 1)


def test_a_message_that_is_still_on_its_way_is_not_looked_for_too_soon(warehouse, desk, sink, clock):
    sink.dies = ["trigger"]
    put(warehouse, life("inc-1", clock.at)[0])
    work(warehouse, sink, clock, rounds=1)
    late, desk.state["messages"] = desk.state["messages"], []
    assert work(warehouse, sink, clock, rounds=1, step=timedelta(0)) == {"unknown": 1}
    desk.state["messages"] = late
    assert work(warehouse, sink, clock, rounds=3) == {"sent": 1}
    assert len(posted(desk)) == 1


def test_slack_down_and_up_again_is_one_message(warehouse, desk, sink, clock):
    desk.misbehave(*["broken", "dropped", "lost", "hushed", "bad_gateway"])
    put(warehouse, *life("inc-1", clock.at))
    assert work(warehouse, sink, clock, rounds=40) == {"sent": 3}
    assert (len(posted(desk)), len(replies(desk))) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_under_forty_percent_faults_a_ticket_is_one_message(warehouse, desk, sink, clock, seed, record_property):
    desk.plan(seed, 0.4, ["lost", "bad_gateway", "dropped", "broken", "limited", "page", "hushed", "slow"])
    calls = [each for n in range(10) for each in life(f"inc-{n}", clock.at)]
    put(warehouse, *calls)
    assert work(warehouse, sink, clock, rounds=200, step=timedelta(minutes=4)) == {"sent": len(calls)}
    keys = Counter(m["metadata"]["event_payload"]["key"] for m in posted(desk))
    figures = {"duplicates": keys.total() - len(keys), "missing": 10 - len(keys), "replies": len(replies(desk))}
    record_property("figures", figures)
    assert figures == {"duplicates": 0, "missing": 0, "replies": 10}


def test_without_the_history_it_is_at_least_once_and_nothing_is_missing(warehouse, desk, sink, clock):
    desk.scopes = {"chat:write"}
    desk.misbehave("lost")
    put(warehouse, *life("inc-1", clock.at))
    assert work(warehouse, sink, clock, rounds=5) == {"sent": 3}
    assert len(posted(desk)) == 2


def test_a_dead_letter_sent_again_is_looked_for(warehouse, desk, sink, clock):
    put(warehouse, life("inc-1", clock.at)[0])
    desk.misbehave("lost")
    work(warehouse, sink, clock, rounds=1, step=timedelta(hours=25))
    desk.misbehave("broken", writes=False)
    assert work(warehouse, sink, clock, rounds=1) == {"dead": 1}
    (row,) = warehouse.read(TICKET_OUTBOX).to_pylist()
    warehouse.retry_outbox(row["outbox_id"])
    assert work(warehouse, sink, clock, rounds=1) == {"sent": 1}
    assert len(posted(desk)) == 1


def test_a_revoked_token_pauses_the_sink_and_loses_nothing(warehouse, desk, sink, clock):
    put(warehouse, *life("inc-1", clock.at))
    desk.denies = True
    assert work(warehouse, sink, clock, rounds=3) == {"pending": 3}
    desk.denies = False
    assert work(warehouse, sink, clock, rounds=20) == {"sent": 3}
    assert len(posted(desk)) == 1
