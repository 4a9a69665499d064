"""The folder of tickets under several processes, and under one that is killed."""

from datetime import UTC, datetime
from multiprocessing import get_context

import pytest

from aiops_jobs.adapters.sinks.file import FileSink, Settings
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Draft, Ticket


def build(folder):
    return FileSink("desk", Settings(path=folder / "desk"))


def draft(key="inc-1", body="**what**"):
    started = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
    return Draft(key, "latency 6x", body, "P1", "payments", started, fields={"content_sha256": "abc"})


def test_a_ticket_that_is_not_there_is_an_error_that_names_it(tmp_path):
    ghost = Ticket(remote_key="TKT-999999", external_key="inc-1", state="new", title="t", priority="P1")
    with pytest.raises(ConnectorError, match="TKT-999999"):
        build(tmp_path).update(ghost, draft())


def _create_many(folder, worker):
    sink = build(folder)
    for number in range(25):
        sink.create(draft(key=f"inc-{worker}-{number}"))


def test_four_processes_at_once_lose_nothing(tmp_path):
    context = get_context("spawn")
    workers = [context.Process(target=_create_many, args=(tmp_path, w)) for w in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [w.exitcode for w in workers] == [0] * 4
    sink = build(tmp_path)
    found = [sink.find(f"inc-{w}-{n}") for w in range(4) for n in range(25)]
    assert all(len(tickets) == 1 for tickets in found)
    assert len({tickets[0].remote_key for tickets in found}) == 100


def _create_until_killed(folder, ready):
    sink = build(folder)
    for number in range(100_000):
        sink.create(draft(key=f"inc-{number}", body="x" * 20_000))
        if number == 3:
            ready.set()


def test_a_killed_process_leaves_whole_tickets_and_no_lock(tmp_path):
    context = get_context("spawn")
    ready = context.Event()
    worker = context.Process(target=_create_until_killed, args=(tmp_path, ready))
    worker.start()
    assert ready.wait(60)
    worker.kill()
    worker.join(60)
    sink = build(tmp_path)
    assert all(len(sink.find(f"inc-{n}")) == 1 for n in range(4))
    made = sink.create(draft(key="inc-after"))
    assert [t.remote_key for t in sink.find("inc-after")] == [made.remote_key]
