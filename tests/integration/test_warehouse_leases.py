"""Leases of the warehouse: one holder, a growing token, and no waiting for the dead."""

import os
import threading
import time
from datetime import timedelta

import pytest
import warehouse_workers as workers
from warehouse_rows import DAY
from warehouse_workers import PROCESSES

from aiops_jobs.adapters.warehouse import SqlWarehouse, process
from aiops_jobs.contracts.operations import LEASES
from aiops_jobs.errors import Superseded

pytest_plugins = ["servers_postgres"]


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = DAY

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def timed(warehouse, warehouse_url, clock):
    opened = SqlWarehouse(warehouse_url, clock=clock, lease_s=60, heartbeat_s=3600)
    yield opened
    opened.close()


def stored(warehouse, name="job"):
    return {row["lease_name"]: row for row in warehouse.read(LEASES).to_pylist()}[name]


def test_each_holder_has_a_larger_token_and_gives_the_lease_back(timed):
    tokens = []
    for _ in range(3):
        with timed.lease("job") as lease:
            lease.verify()
            tokens.append(lease.token)
            assert stored(timed)["holder"] == process.holder()
            assert stored(timed)["expires_at"] == DAY + timedelta(seconds=60)
    assert tokens == [1, 2, 3]
    assert stored(timed) == {
        "lease_name": "job",
        "lease_token": 3,
        "holder": None,
        "expires_at": DAY,
        "started_at": DAY,
    }


def test_a_held_lease_is_refused_and_others_are_free(timed):
    with timed.lease("job"), timed.lease("other") as other:
        with pytest.raises(Superseded, match=f"`job` is held by {process.holder()}"), timed.lease("job"):
            pass
        assert other.token == 1


def test_an_expired_lease_is_taken_over_and_the_old_holder_is_told(timed, clock):
    with timed.lease("job") as first:
        clock.now += timedelta(seconds=61)
        with timed.lease("job") as second:
            assert second.token == first.token + 1
            with pytest.raises(Superseded):
                first.verify()
            second.verify()
    assert stored(timed)["lease_token"] == 2


def test_giving_back_a_lost_lease_takes_nothing_from_its_new_holder(timed, clock):
    with timed.lease("job"):
        clock.now += timedelta(seconds=61)
        keeper = timed.lease("job")
        second = keeper.__enter__()
    second.verify()
    assert stored(timed)["holder"] == process.holder()
    keeper.__exit__(None, None, None)
    assert stored(timed)["holder"] is None


def test_the_lease_is_given_back_when_the_block_fails(timed):
    with pytest.raises(RuntimeError, match="boom"), timed.lease("job"):
        raise RuntimeError("boom")
    assert stored(timed)["holder"] is None


def test_a_heartbeat_keeps_the_lease_alive(warehouse, warehouse_url):
    quick = SqlWarehouse(warehouse_url, lease_s=0.6, heartbeat_s=0.1)
    with quick.lease("job") as lease:
        time.sleep(1.0)
        lease.verify()
        with pytest.raises(Superseded), warehouse.lease("job"):
            pass
    assert not [thread for thread in threading.enumerate() if thread.name == "lease job"]
    quick.close()


def test_the_lease_of_a_killed_process_is_taken_over_at_once(warehouse, warehouse_url):
    ours, theirs = PROCESSES.Pipe(duplex=False)
    workers.start_nursery()
    child = PROCESSES.Process(target=workers.hold_for_ever, args=(warehouse_url, theirs))
    child.start()
    token, _ = ours.recv()
    with pytest.raises(Superseded), warehouse.lease("job"):
        pass
    child.kill()
    child.join()
    with warehouse.lease("job") as lease:
        assert lease.token == token + 1


def test_the_lease_of_another_machine_is_left_alone_until_it_runs_out(timed, clock, monkeypatch):
    monkeypatch.setattr(process, "holder", lambda: "elsewhere-12345678:1:1")
    keeper = timed.lease("job")
    keeper.__enter__()
    monkeypatch.undo()
    with pytest.raises(Superseded, match="elsewhere"), timed.lease("job"):
        pass
    clock.now += timedelta(seconds=60)
    with timed.lease("job") as lease:
        assert lease.token == 2
    keeper.__exit__(None, None, None)


def test_the_dead_are_told_from_the_living_and_the_unknown():
    assert not process.is_dead(process.holder())
    machine, pid, start = process.holder().split(":")
    assert process.is_dead(f"{machine}:{pid}:{int(start) + 1}")  # the number was given to another process
    assert process.is_dead(f"{machine}:4194304:{start}")
    assert not process.is_dead(f"other-host:{pid}:{int(start) + 1}")
    for odd in (None, "", "nonsense", machine, f"{machine}:x:y"):
        assert not process.is_dead(odd)


def test_a_process_that_only_waits_to_be_buried_is_dead():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    machine = process.holder().partition(":")[0]
    deadline = time.monotonic() + 10
    name = f"{machine}:{pid}:{process._started(pid)}"
    while not process.is_dead(name):
        assert time.monotonic() < deadline
        time.sleep(0.01)
        name = f"{machine}:{pid}:{process._started(pid)}"
    assert process._started(pid) is None
    os.waitpid(pid, 0)
