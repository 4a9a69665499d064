"""Every sink: what is written is found, said again changes nothing, closed stays closed, several processes get along."""

from datetime import UTC, datetime
from importlib import import_module
from multiprocessing import get_context

import pytest

from aiops_jobs.adapters.sinks import SINKS
from aiops_jobs.errors import ConnectorError
from aiops_jobs.ports import Draft, Ticket, all_ok


def build(kind, folder):
    module_name, _, class_name = SINKS[kind].partition(":")
    module = import_module(module_name)
    return getattr(module, class_name)("desk", module.Settings(path=folder / "desk"))


@pytest.fixture(params=sorted(SINKS))
def sink(request, tmp_path):
    return build(request.param, tmp_path)


def draft(key="inc-1", title="결제 latency 6x", **more):
    values = {"body": "**what**", "priority": "P1", "assignment_group": "payments"} | more
    started = datetime(2026, 11, 20, 2, 14, tzinfo=UTC)
    return Draft(external_key=key, title=title, started_at=started, fields={"content_sha256": "abc"}, **values)


def test_the_check_says_who_answers(sink):
    assert all_ok(sink.check())
    assert sink.traits.scopes


def test_what_was_created_is_found_by_its_key_and_by_no_other(sink):
    assert sink.find("inc-1") == []
    made = sink.create(draft())
    other = sink.create(draft(key="inc-10"))
    (found,) = sink.find("inc-1")
    assert found.remote_key == made.remote_key != other.remote_key
    assert (found.title, found.priority, found.state, found.assignment_group) == (
        "결제 latency 6x",
        "P1",
        "new",
        "payments",
    )
    assert found.opened_at is not None
    assert found.opened_at.tzinfo is not None


def test_saying_the_same_again_changes_nothing_and_saying_more_does(sink):
    made = sink.create(draft())
    same = sink.update(made, draft())
    assert same.updated_at == made.updated_at
    more = sink.update(made, draft(priority="P2"))
    assert more.priority == "P2"
    assert more.updated_at > made.updated_at
    assert len(sink.find("inc-1")) == 1


def test_a_resolved_ticket_stays_resolved(sink):
    made = sink.create(draft())
    done = sink.resolve(made, "over")
    again = sink.resolve(made, "over")
    assert done.state == again.state == "resolved"
    assert done.resolved_at == again.resolved_at
    assert done.resolved_at is not None
    assert [t.state for t in sink.find("inc-1")] == ["resolved"]


def test_a_ticket_that_is_not_there_is_an_error_that_names_it(sink):
    ghost = Ticket(remote_key="TKT-999999", external_key="inc-1", state="new", title="t", priority="P1")
    with pytest.raises(ConnectorError, match="TKT-999999"):
        sink.update(ghost, draft())


def _create_many(kind, folder, worker):
    sink = build(kind, folder)
    for number in range(25):
        sink.create(draft(key=f"inc-{worker}-{number}"))


@pytest.mark.parametrize("kind", sorted(SINKS))
def test_four_processes_at_once_lose_nothing(kind, tmp_path):
    context = get_context("spawn")
    workers = [context.Process(target=_create_many, args=(kind, tmp_path, w)) for w in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [w.exitcode for w in workers] == [0] * 4
    sink = build(kind, tmp_path)
    found = [sink.find(f"inc-{w}-{n}") for w in range(4) for n in range(25)]
    assert all(len(tickets) == 1 for tickets in found)
    assert len({tickets[0].remote_key for tickets in found}) == 100


def _create_until_killed(kind, folder, ready):
    sink = build(kind, folder)
    for number in range(100_000):
        sink.create(draft(key=f"inc-{number}", body="x" * 20_000))
        if number == 3:
            ready.set()


@pytest.mark.parametrize("kind", sorted(SINKS))
def test_a_killed_process_leaves_whole_tickets_and_no_lock(kind, tmp_path):
    context = get_context("spawn")
    ready = context.Event()
    worker = context.Process(target=_create_until_killed, args=(kind, tmp_path, ready))
    worker.start()
    assert ready.wait(60)
    worker.kill()
    worker.join(60)
    sink = build(kind, tmp_path)
    assert all(len(sink.find(f"inc-{n}")) == 1 for n in range(4))
    made = sink.create(draft(key="inc-after"))
    assert [t.remote_key for t in sink.find("inc-after")] == [made.remote_key]
