"""ServiceNow and PagerDuty through the real engine: one ticket whatever the line does, and what people did is kept."""

from collections import Counter
from datetime import timedelta
from importlib import import_module

import pytest
from delivery_world import Clock, call, context_of, put
from desks import desk_for

from aiops_jobs.adapters.sinks import SINKS
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.operations import TICKET_OUTBOX, TICKETS
from aiops_jobs.jobs.deliver import dispatch


class World:
    def __init__(self, kind, folder):
        self.kind, self.clock = kind, Clock()
        self.desk = desk_for(kind, folder)
        self.desk.now = self.clock
        module_name, _, class_name = SINKS[kind].partition(":")
        module = import_module(module_name)
        self.sink = getattr(module, class_name)("desk", module.Settings(**self.desk.settings()))
        self.warehouse = SqlWarehouse(f"sqlite:///{folder / 'w.db'}", clock=self.clock, lease_s=1e6)
        self.warehouse.migrate()

    def put(self, *calls, name="r"):
        put(self.warehouse, *calls, name=name)

    def work(self, rounds=1, step=timedelta(minutes=6)):
        for _ in range(rounds):
            dispatch(context_of(self.warehouse, self.sink), self.sink, "desk", limit=10_000)
            self.clock.at += step
        return Counter(row["outbox_state"] for row in self.warehouse.read(TICKET_OUTBOX).to_pylist())

    def later(self, **length):
        self.clock.at += timedelta(**length)

    def tickets(self, key):
        return self.sink.find(key)


@pytest.fixture(params=["servicenow", "pagerduty"])
def world(request, tmp_path):
    made = World(request.param, tmp_path)
    yield made
    made.warehouse.close()
    made.desk.stop()
    assert not made.desk.breaches


def test_a_system_that_is_down_and_comes_back_gets_one_ticket(world):
    world.put(call("inc-1"))
    world.desk.plan(1, 1.0, ("dropped", "broken", "page", "hushed"))
    assert world.work(rounds=5) == {"pending": 1}
    world.desk.plan(1, 0.0)
    assert world.work(rounds=2) == {"sent": 1}
    (ticket,) = world.tickets("inc-1")
    assert ticket.state == "new"


def test_under_forty_percent_faults_every_key_has_one_ticket_and_says_the_last(world):
    world.desk.slow_s = 0.01
    world.put(*(call(f"inc-{n}") for n in range(5)), *(call(f"inc-{n}", 1, "update", priority="P1") for n in range(5)))
    world.desk.plan(3, 0.4)
    assert world.work(rounds=60) == {"sent": 10}
    world.desk.plan(3, 0.0)
    for n in range(5):
        (ticket,) = world.tickets(f"inc-{n}")
        assert ticket.priority == "P1"


def test_what_people_resolved_is_reopened_within_the_window_or_followed(world):
    world.put(call("inc-1"))
    world.work()
    (first,) = world.tickets("inc-1")
    resolve = getattr(world.desk, "resolve", world.desk.close)
    resolve(first.remote_key)
    world.later(hours=1)
    world.put(call("inc-1", 1, "update", priority="P1"), name="r2")
    assert world.work(rounds=2) == {"sent": 2}
    (first,) = world.tickets("inc-1")
    if world.sink.traits.can_reopen:
        assert (first.state, first.priority, first.reopen_count) == ("in_progress", "P1", 1)
        assert world.tickets("inc-1.2") == []
        return
    (second,) = world.tickets("inc-1.2")
    assert (first.state, second.state, second.priority) == ("resolved", "new", "P1")
    assert world.desk.notes(second.remote_key) == [f"Follows {first.remote_url}, which is resolved."]


def test_what_the_system_holds_closed_is_followed_by_a_linked_ticket(world):
    world.put(call("inc-1"))
    world.work()
    (first,) = world.tickets("inc-1")
    world.desk.close(first.remote_key)
    world.later(hours=1)
    world.put(call("inc-1", 1, "update", priority="P1"), name="r2")
    assert world.work(rounds=2) == {"sent": 2}
    (first,), (second,) = world.tickets("inc-1"), world.tickets("inc-1.2")
    assert first.state in {"resolved", "closed"}
    assert second.state == "new"
    (seen,) = world.warehouse.read(TICKETS).to_pylist()
    assert seen["remote_key"] == second.remote_key
    if world.kind == "servicenow":
        child, parent = world.desk.incident(second.remote_key), world.desk.incident(first.remote_key)
        assert child["parent_incident"] == parent["sys_id"]


def test_trouble_that_comes_back_late_is_a_new_linked_ticket(world):
    world.put(call("inc-1"), call("inc-1", 1, "resolve"))
    assert world.work(rounds=2) == {"sent": 2}
    (first,) = world.tickets("inc-1")
    assert first.state == "resolved"
    world.later(days=40)
    world.put(call("inc-1", 2, "create", priority="P1"), name="r2")
    assert world.work(rounds=2) == {"sent": 3}
    (first,), (second,) = world.tickets("inc-1"), world.tickets("inc-1.2")
    assert (first.state, second.state) == ("resolved", "new")


def test_a_duplicate_is_never_brought_back_and_its_master_is_told_once(world):
    world.put(call("inc-1"), call("inc-2"))
    world.work()
    (ours,), (master,) = world.tickets("inc-1"), world.tickets("inc-2")
    world.desk.close(ours.remote_key, duplicate_of=master.remote_key)
    world.later(hours=1)
    world.put(call("inc-1", 1, "update", priority="P1"), name="r2")
    world.work(rounds=3)
    (ours,) = world.tickets("inc-1")
    assert ours.is_duplicate
    assert ours.state in {"resolved", "closed"}
    assert world.tickets("inc-1.2") == []
    (told,) = world.desk.notes(master.remote_key)
    assert "trouble inc-1" in told


def test_telling_the_same_again_makes_no_call(world):
    world.put(call("inc-1"))
    world.work()
    before = world.desk.state["writes"]
    world.put(call("inc-1"))
    world.work(rounds=2)
    assert world.desk.state["writes"] == before
