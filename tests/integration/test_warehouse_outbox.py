"""The outbox: due calls go to one dispatcher each, in order for each ticket, and a lost one is found again."""

from datetime import timedelta

import pyarrow as pa
import pytest
import warehouse_workers as workers
from warehouse_rows import DAY, hours, publish, run_of
from warehouse_workers import PROCESSES, together

from aiops_jobs.adapters.warehouse import SqlWarehouse, process
from aiops_jobs.contracts.operations import TICKET_OUTBOX, TICKETS
from aiops_jobs.errors import Superseded
from aiops_jobs.ports import DeliveryOutcome, Ticket

pytest_plugins = ["servers_postgres"]

MINUTE = timedelta(minutes=1)


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
    opened = SqlWarehouse(warehouse_url, clock=clock, outbox_lease_s=300)
    yield opened
    opened.close()


def call(name, *, key="inc-1", sequence=0, state="pending", endpoint="jira", **more):
    return dict.fromkeys(TICKET_OUTBOX.names) | {
        "outbox_id": name,
        "endpoint": endpoint,
        "external_key": key,
        "sequence": sequence,
        "subject_id": key,
        "started_at": DAY,
        "ticket_action": "create",
        "delivery_mode": "live",
        "payload": "{}",
        "content_sha256": "ab" * 32,
        "outbox_state": state,
        "attempt_count": 0,
        "run_id": "run-a",
        **more,
    }


def put(warehouse, *calls):
    schema = pa.schema([field.with_nullable(True) for field in TICKET_OUTBOX.to_arrow()])
    publish(warehouse, run_of("a", hours(0, 4), DAY), outbox=pa.Table.from_pylist(list(calls), schema=schema))


def ticket(**more):
    given = {
        "remote_key": "OPS-1",
        "external_key": "inc-1",
        "state": "new",
        "title": "Card approvals fail",
        "priority": "P1",
        "opened_at": DAY,
        "content_sha256": "cd" * 32,
    }
    return Ticket(**(given | more))


def claimed(warehouse, endpoint="jira", limit=10):
    return [row["outbox_id"] for row in warehouse.claim_outbox(endpoint, limit=limit)]


def stored(warehouse, name):
    return {row["outbox_id"]: row for row in warehouse.read(TICKET_OUTBOX).to_pylist()}[name]


def test_a_claimed_call_is_held_and_tells_what_it_was(timed):
    put(timed, call("a"))
    row = timed.claim_outbox("jira", limit=5)[0]
    taken = {
        "previous_state": "pending",
        "outbox_state": "sending",
        "attempt_count": 1,
        "lease_token": 1,
        "holder": process.holder(),
        "lease_until": DAY + timedelta(seconds=300),
    }
    assert {name: row[name] for name in taken} == taken
    assert {name: row[name] for name in TICKET_OUTBOX.names} == stored(timed, "a")
    assert timed.claim_outbox("jira", limit=5) == []


def test_calls_about_one_ticket_go_one_after_the_other(timed):
    put(timed, call("c", sequence=2), call("b", sequence=1), call("a", sequence=0), call("x", key="inc-2"))
    rows = timed.claim_outbox("jira", limit=10)
    assert [row["outbox_id"] for row in rows] == ["a", "x"]
    assert claimed(timed) == []
    timed.settle_outbox(rows[0], DeliveryOutcome("unknown", retry_after=MINUTE))
    assert claimed(timed) == []  # nobody overtakes a call that may have happened
    assert stored(timed, "b")["outbox_state"] == "pending"


@pytest.mark.parametrize("state", ["sent", "dead", "skipped"])
def test_a_settled_call_lets_the_next_one_go(timed, state):
    put(timed, call("a"), call("b", sequence=1))
    timed.settle_outbox(timed.claim_outbox("jira", limit=1)[0], DeliveryOutcome(state))
    assert claimed(timed) == ["b"]


def test_older_subjects_come_first_and_limit_and_endpoint_hold(timed):
    calls = [call(f"n{i}", key=f"inc-{i}", started_at=DAY - i * MINUTE) for i in range(4)]
    put(timed, *calls, call("other", key="inc-9", endpoint="slack"))
    assert claimed(timed, limit=2) == ["n3", "n2"]
    assert claimed(timed, limit=5) == ["n1", "n0"]
    assert claimed(timed, "slack") == ["other"]


def test_a_call_waits_until_it_may_be_tried_again(timed, clock):
    put(timed, call("a"))
    row = timed.claim_outbox("jira", limit=1)[0]
    timed.settle_outbox(row, DeliveryOutcome("unknown", error="timed out", retry_after=MINUTE))
    kept = stored(timed, "a")
    assert (kept["outbox_state"], kept["last_error"], kept["lease_until"], kept["holder"]) == (
        "unknown",
        "timed out",
        None,
        None,
    )
    assert kept["next_attempt_at"] == DAY + MINUTE
    assert claimed(timed) == []
    clock.now += MINUTE
    again = timed.claim_outbox("jira", limit=1)[0]
    assert (again["previous_state"], again["attempt_count"], again["lease_token"]) == ("unknown", 2, 2)


def test_a_call_left_by_a_dispatcher_is_found_after_its_lease(timed, clock):
    put(timed, call("a"))
    first = timed.claim_outbox("jira", limit=1)[0]
    clock.now += timedelta(seconds=300)
    second = timed.claim_outbox("jira", limit=1)[0]
    assert (second["previous_state"], second["attempt_count"]) == ("sending", 2)
    with pytest.raises(Superseded, match="`outbox a` is held by"):
        timed.settle_outbox(first, DeliveryOutcome("sent", ticket=ticket()))
    assert timed.read(TICKETS).num_rows == 0
    timed.settle_outbox(second, DeliveryOutcome("sent", ticket=ticket()))
    with pytest.raises(Superseded, match="it is settled"):
        timed.settle_outbox(second, DeliveryOutcome("sent"))
    assert stored(timed, "a")["outbox_state"] == "sent"


def test_a_call_left_by_a_killed_dispatcher_is_found_at_once(warehouse, warehouse_url):
    put(warehouse, call("a"))
    workers.start_nursery()
    ours, theirs = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=workers.hold_for_ever, args=(warehouse_url, theirs))
    child.start()
    assert ours.recv()[1] == ["a"]
    assert claimed(warehouse) == []
    child.kill()
    child.join()
    assert [row["previous_state"] for row in warehouse.claim_outbox("jira", limit=1)] == ["sending"]


def test_the_ticket_is_remembered_as_its_system_tells_it(timed):
    put(timed, call("a"), call("b", sequence=1))
    first = timed.claim_outbox("jira", limit=1)[0]
    timed.settle_outbox(first, DeliveryOutcome("sent", ticket=ticket(remote_url="https://desk/OPS-1")))
    assert stored(timed, "a")["remote_key"] == "OPS-1"
    row = timed.read(TICKETS).to_pylist()[0]
    assert (row["endpoint"], row["external_key"], row["subject_id"]) == ("jira", "inc-1", "inc-1")
    assert (row["remote_url"], row["ticket_state"], row["opened_at"]) == ("https://desk/OPS-1", "new", DAY)
    second = timed.claim_outbox("jira", limit=1)[0]
    later = ticket(state="resolved", opened_at=None, resolved_at=DAY + MINUTE, content_sha256=None)
    timed.settle_outbox(second, DeliveryOutcome("sent", ticket=later))
    row = timed.read(TICKETS).to_pylist()[0]
    assert (row["ticket_state"], row["resolved_at"], row["opened_at"]) == ("resolved", DAY + MINUTE, DAY)
    assert (row["remote_url"], row["content_sha256"]) == ("https://desk/OPS-1", "ab" * 32)


def test_an_odd_title_does_not_lose_the_receipt(timed):
    put(timed, call("a"))
    row = timed.claim_outbox("jira", limit=1)[0]
    odd = ticket(title="nul\0" + "x" * 400)
    timed.settle_outbox(row, DeliveryOutcome("sent", ticket=odd, error="a\0b"))
    kept = timed.read(TICKETS).to_pylist()[0]
    assert kept["title"] == "nul\N{REPLACEMENT CHARACTER}" + "x" * 246
    assert TICKETS.conform(timed.read(TICKETS)).num_rows == 1


def test_five_dispatchers_at_once_take_every_call_once_and_in_order(warehouse, warehouse_url):
    put(warehouse, *(call(f"{k}-{i}", key=f"inc-{k}", sequence=i) for k in range(12) for i in range(3)))
    workers.start_nursery()
    taken = PROCESSES.Manager().list()
    assert together(5, workers.dispatch, warehouse_url, taken) == []
    order = list(taken)
    assert sorted(order) == sorted(f"{k}-{i}" for k in range(12) for i in range(3))
    for k in range(12):
        assert [name for name in order if name.startswith(f"{k}-")] == [f"{k}-{i}" for i in range(3)]
