"""Many processes on one warehouse: nothing is lost, nothing is half, and whoever sleeps too long is refused."""

import os
import random
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import warehouse_workers as workers
from warehouse_rows import DAY, finding, findings, hours, publish, run_of
from warehouse_workers import PROCESSES, together

from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.operations import LEASES, RUN_ATTEMPTS, RUN_INPUTS, RUN_SPANS, RUNS
from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.errors import Superseded
from aiops_jobs.ports import Publication

pytest_plugins = ["servers_postgres"]
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True, scope="module")
def _nursery():
    workers.start_nursery()


def test_six_processes_that_publish_at_once_lose_nothing(warehouse, warehouse_url):
    assert together(6, workers.publish_many, warehouse_url, 8) == []
    stored = {row["finding_id"]: row for row in warehouse.read(FINDINGS).to_pylist()}
    assert len(stored) == 6 * 8 + 1
    assert stored["fnd-shared"]["run_id"] == "run-0-0"  # the first to know, whoever came first
    assert Counter(warehouse.read(RUNS)["run_status"].to_pylist()) == {"completed": 48}
    assert Counter(warehouse.read(RUN_ATTEMPTS)["run_status"].to_pylist()) == {"completed": 48}


def test_eight_processes_that_read_and_write_back_lose_no_update(warehouse, warehouse_url):
    with warehouse.database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE counter (value integer)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")
    assert together(8, workers.count_up, warehouse_url, 40) == []
    with warehouse.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT value FROM counter").scalar() == 320


def test_every_holder_of_a_lease_has_a_token_of_its_own(warehouse, warehouse_url):
    assert together(4, workers.take_turns, warehouse_url, 10) == []
    assert warehouse.read(LEASES).to_pylist()[0]["lease_token"] == 40


def test_of_eight_processes_with_the_same_run_exactly_one_publishes(warehouse, warehouse_url):
    publications = PROCESSES.SimpleQueue()
    assert together(8, workers.same_run, warehouse_url, publications) == []
    assert not publications.empty()
    publications.get()
    assert publications.empty()
    assert warehouse.read(RUN_ATTEMPTS).num_rows == 1


def test_a_killed_writer_leaves_a_whole_transaction_or_none(warehouse, warehouse_url):
    rng, acknowledged, start = random.Random(7), set(), 0
    for _ in range(22):
        ours, theirs = PROCESSES.Pipe(duplex=False)
        child = PROCESSES.Process(target=workers.publish_until_killed, args=(warehouse_url, start, theirs))
        child.start()
        theirs.close()
        acknowledged.add(ours.recv())
        time.sleep(rng.random() * 0.15)
        child.kill()
        child.join()
        while ours.poll():
            try:
                acknowledged.add(ours.recv())
            except EOFError:
                break
        start = assert_whole(warehouse, acknowledged)
    assert len(acknowledged) >= 22
    interrupted = Counter(warehouse.read(RUNS)["run_status"].to_pylist())["running"]
    assert interrupted >= 5  # else the kills came too late to mean anything
    publish(warehouse, run_of("after", hours(5, 6), DAY + timedelta(days=9)))  # and nothing is locked


def assert_whole(warehouse, acknowledged):
    """Every run is stored with all its rows or with none; return the number of the next run."""
    status = {row["run_id"]: row["run_status"] for row in warehouse.read(RUNS).to_pylist()}
    completed = {run_id for run_id, state in status.items() if state == "completed"}
    assert acknowledged <= completed
    assert set(status.values()) <= {"completed", "running"}
    assert Counter(warehouse.read(FINDINGS)["run_id"].to_pylist()) == dict.fromkeys(completed, workers.ROWS)
    assert Counter(warehouse.read(RUN_INPUTS)["run_id"].to_pylist()) == dict.fromkeys(completed, workers.ROWS // 4)
    assert Counter(warehouse.read(RUN_SPANS)["run_id"].to_pylist()) == dict.fromkeys(completed, 1)
    return max(int(run_id.removeprefix("run-")) for run_id in status) + 1


def test_a_holder_that_slept_through_its_lease_cannot_publish(warehouse_url):
    warehouse = SqlWarehouse(warehouse_url, lease_s=1.0, heartbeat_s=0.25)
    warehouse.migrate()
    ours, theirs = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=workers.hold_and_stop, args=(warehouse_url, theirs, 1.0))
    child.start()
    token = ours.recv()
    wait_until_stopped(child.pid)
    with pytest.raises(Superseded, match=f":{child.pid}:"), warehouse.lease("job"):
        pass  # it sleeps, but its lease still runs
    time.sleep(1.2)
    run = run_of("next", hours(0, 4), DAY + timedelta(days=2))
    with warehouse.lease("job") as lease:
        assert lease.token == token + 1
        os.kill(child.pid, signal.SIGCONT)
        assert "refused" in ours.recv()
        item = findings(run, [finding("next", DAY)])
        warehouse.publish(Publication(run=run, tables=(item,)), attempt_id=warehouse.begin(run), lease=lease)
    child.join(30)
    assert warehouse.read(FINDINGS)["finding_id"].to_pylist() == ["fnd-next"]
    statuses = {row["run_id"]: row["run_status"] for row in warehouse.read(RUN_ATTEMPTS).to_pylist()}
    assert statuses == {"run-late": "superseded", "run-next": "completed"}
    warehouse.close()


def wait_until_stopped(pid):
    deadline = time.monotonic() + 30
    while True:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
            return
        assert time.monotonic() < deadline
        time.sleep(0.01)
