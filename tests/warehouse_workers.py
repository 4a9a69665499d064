"""What other processes do to a warehouse in tests: they publish, count, hold, and are killed."""

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from datetime import timedelta
from multiprocessing import forkserver
from pathlib import Path

import alembic.autogenerate
import alembic.command  # noqa: F401
import pandas  # noqa: F401, ICN001 - pyarrow would import it in every child
import psycopg  # noqa: F401
from warehouse_rows import DAY, finding, findings, hours, publish, run_of

from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.errors import Superseded
from aiops_jobs.ports import DeliveryOutcome, InputFile, Publication

PROCESSES = multiprocessing.get_context("forkserver")
ROWS = 400


def start_nursery():
    """Start the process all children are forked from; it has imported everything, which costs seconds, once."""
    here = Path(__file__).resolve().parent
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(here.parent), str(here)])  # it does not take over sys.path
    try:
        PROCESSES.set_forkserver_preload(["warehouse_workers", "delivery_workers"])
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def together(count, work, *arguments):
    """Run ``work(number, barrier, errors, *arguments)`` in ``count`` processes at once; return what went wrong."""
    barrier, errors = PROCESSES.Barrier(count), PROCESSES.SimpleQueue()
    children = [
        PROCESSES.Process(target=_reporting, args=(work, number, barrier, errors, arguments)) for number in range(count)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    found = [f"exit code {child.exitcode}" for child in children if child.exitcode != 0]
    while not errors.empty():
        found.append(errors.get())
    return found


def _reporting(work, number, barrier, errors, arguments):
    try:
        work(number, barrier, *arguments)
    except Exception as error:
        errors.put(f"{number}: {type(error).__name__}: {error}")
        raise


def migrate(number, barrier, url):
    warehouse = SqlWarehouse(url)
    barrier.wait(60)
    warehouse.migrate()
    assert all(check.is_ok for check in warehouse.check()), warehouse.check()


def publish_many(number, barrier, url, rounds):
    """Publish runs of overlapping spans, each saying its own findings and one that all of them say."""
    warehouse = SqlWarehouse(url)
    barrier.wait(60)
    for turn in range(rounds):
        run = run_of(f"{number}-{turn}", hours(2, 4), DAY + timedelta(days=1, minutes=number * 100 + turn))
        rows = [finding(f"{number}-{turn}", DAY + timedelta(hours=1)), finding("shared", DAY + timedelta(hours=3))]
        with warehouse.lease(f"process {number}") as lease:
            attempt = warehouse.begin(run)
            warehouse.publish(Publication(run=run, tables=(findings(run, rows),)), attempt_id=attempt, lease=lease)


def count_up(number, barrier, url, rounds):
    """Read a number, add one, write it."""
    warehouse = SqlWarehouse(url)
    barrier.wait(60)
    for _ in range(rounds):
        with warehouse.database.writing() as connection:
            lock = "" if warehouse.database.is_sqlite else " FOR UPDATE"
            value = connection.exec_driver_sql(f"SELECT value FROM counter{lock}").scalar()
            connection.exec_driver_sql(f"UPDATE counter SET value = {value + 1}")


def take_turns(number, barrier, url, rounds):
    """Hold one lease ``rounds`` times, waiting while others hold it."""
    warehouse = SqlWarehouse(url)
    barrier.wait(60)
    held = 0
    while held < rounds:
        with suppress(Superseded), warehouse.lease("turn"):
            held += 1


def same_run(number, barrier, url, publications):
    """All publish one run at once: one holds the lease, the others are told so."""
    warehouse = SqlWarehouse(url)
    run = run_of("same", hours(0, 4), DAY + timedelta(days=1))
    barrier.wait(60)
    try:
        with warehouse.lease("same") as lease:
            barrier.wait(60)  # nobody leaves before everybody has tried
            attempt = warehouse.begin(run)
            item = findings(run, [finding("x", DAY)])
            warehouse.publish(Publication(run=run, tables=(item,)), attempt_id=attempt, lease=lease)
            publications.put(number)
    except Superseded:
        barrier.wait(60)


def publish_until_killed(url, start, log):
    """Publish one run after another, each with rows in three tables; say which were acknowledged."""
    warehouse = SqlWarehouse(url)
    number = start
    while True:
        run = run_of(f"{number:05d}", hours(0, 4), DAY + timedelta(days=1, minutes=number), input_manifest_id="man-1")
        rows = [finding(f"{number:05d}-{i:04d}", DAY + timedelta(hours=4, seconds=i)) for i in range(ROWS)]
        inputs = tuple(InputFile(f"part-{i}", "metric_points", "0" * 64, 1, None, None) for i in range(ROWS // 4))
        publish(warehouse, run, findings(run, rows), inputs=inputs)
        log.send(run.run_id)
        number += 1


def hold_and_stop(url, log, lease_s):
    """Take the lease, stop like a sleeping machine, and publish late when woken up."""
    warehouse = SqlWarehouse(url, lease_s=lease_s, heartbeat_s=lease_s / 4)
    run = run_of("late", hours(0, 4), DAY + timedelta(days=1))
    with warehouse.lease("job") as lease:
        attempt = warehouse.begin(run)
        log.send(lease.token)
        os.kill(os.getpid(), signal.SIGSTOP)
        item = findings(run, [finding("late", DAY)])
        try:
            warehouse.publish(Publication(run=run, tables=(item,)), attempt_id=attempt, lease=lease)
        except Superseded as error:
            log.send(f"refused: {error}")
        else:
            log.send("published")


def hold_for_ever(url, log):
    """Take the lease and claim a call, and never give either back."""
    warehouse = SqlWarehouse(url)
    with warehouse.lease("job") as lease:
        claimed = warehouse.claim_outbox("jira", limit=1)
        log.send((lease.token, [row["outbox_id"] for row in claimed]))
        while True:
            time.sleep(1)


def dispatch(number, barrier, url, taken):
    """Deliver what is due until nothing is left."""
    warehouse = SqlWarehouse(url)
    barrier.wait(60)
    while True:
        rows = warehouse.claim_outbox("jira", limit=2)
        for row in rows:
            assert row["previous_state"] == "pending"
            taken.append(row["outbox_id"])
            warehouse.settle_outbox(row, DeliveryOutcome("sent"))
        open_calls = {"pending", "sending"} & set(warehouse.read(TICKET_OUTBOX)["outbox_state"].to_pylist())
        if not rows and not open_calls:
            return
