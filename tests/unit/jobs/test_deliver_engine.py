"""The delivery engine against a sink that misbehaves in every way a remote system does, and a real warehouse."""

import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest

from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.operations import RUNS, TICKET_OUTBOX, TICKETS
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.tickets.delivery import MAX_ATTEMPTS
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable
from aiops_jobs.identity import canonical_json, fingerprint
from aiops_jobs.jobs.deliver import deliver, dispatch
from aiops_jobs.ports import Publication, RunRecord, SinkTraits, Ticket
from aiops_jobs.window import Window

T0 = datetime(2026, 11, 20, tzinfo=UTC)
DAY = Window(T0, T0 + timedelta(days=1))


class Killed(BaseException):
    """The process died here."""


class Desk:
    """A ticket system that keeps what it was told, and may lie about it.

    Args:
        clock: Shared with the warehouse, so that search lag and leases mean the same time.
        faults: How often each kind of misbehaviour strikes: ``refused`` (not done), ``lost`` (done, answer lost),
            ``killed`` (done, our process dies).
    """

    def __init__(self, clock, *, search_delay=timedelta(0), seed=0, mode="live", **faults):
        self.name = "desk"
        self.traits = SinkTraits(mode=mode, search_delay=search_delay)
        self.tickets: list[tuple[datetime, Ticket]] = []
        self.calls = Counter()
        self.comments, self.links = [], []
        self._clock = clock
        self._random = random.Random(seed)
        self._faults = faults
        self.poison: set[str] = set()

    def check(self):
        return []

    def find(self, external_key):
        self.calls["find"] += 1
        if self._strikes("refused"):
            raise ConnectorUnavailable(self.name, "503", status=503)
        seen_since = self._clock() - self.traits.search_delay
        return [
            t
            for at, t in self.tickets
            if t.external_key == external_key and (at <= seen_since or not self.traits.search_delay)
        ]

    def create(self, draft):
        number = f"T-{len(self.tickets) + 1}"
        made = Ticket(number, draft.external_key, "new", draft.title, draft.priority, opened_at=self._clock())
        return self._write("create", draft.external_key, lambda: self.tickets.append((self._clock(), made)), made)

    def update(self, ticket, draft):
        return self._change("update", ticket, title=draft.title, priority=draft.priority)

    def resolve(self, ticket, note):
        assert note
        return self._change("resolve", ticket, state="resolved", resolved_at=self._clock())

    def reopen(self, ticket, note):
        assert note
        return self._change("reopen", ticket, state="in_progress", resolved_at=None)

    def comment(self, ticket, text):
        self.calls["comment"] += 1
        self.comments.append((ticket.remote_key, text))

    def link(self, ticket, earlier):
        self.calls["link"] += 1
        self.links.append((ticket.remote_key, earlier.remote_key))

    def _change(self, act, ticket, **values):
        place = next(i for i, (_, t) in enumerate(self.tickets) if t.remote_key == ticket.remote_key)
        at, old = self.tickets[place]
        new = replace(old, **values)
        return self._write(act, old.external_key, lambda: self.tickets.__setitem__(place, (at, new)), new)

    def _write(self, act, key, do, answer):
        self.calls[act] += 1
        if key in self.poison:
            raise ConnectorError(self.name, "the body is not accepted", status=422)
        if self._strikes("refused"):
            raise ConnectorUnavailable(self.name, "429", status=429)
        do()
        if self._strikes("lost"):
            raise AmbiguousDelivery(self.name, "the line dropped after the request was sent")
        if self._strikes("killed"):
            raise Killed
        return answer

    def _strikes(self, fault):
        return self._random.random() < self._faults.get(fault, 0.0)

    def by_key(self):
        found = {}
        for _, ticket in self.tickets:
            found.setdefault(ticket.external_key, []).append(ticket)
        return found


class Clock:
    def __init__(self):
        self.at = T0

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


def call(key, sequence=0, action="create", mode="live", **said):
    payload = {
        "title": f"trouble {key}",
        "body": "**what**",
        "priority": "P2",
        "assignment_group": None,
        "started_at": T0,
        "fields": {},
        **({"note": "over"} if action == "resolve" else {}),
        **said,
    }
    content = fingerprint("content", payload=canonical_json(payload), action=action)
    return {
        "outbox_id": fingerprint("out", key=key, sequence=sequence, action=action, content=content),
        "endpoint": "desk",
        "external_key": key,
        "sequence": sequence,
        "subject_id": key,
        "started_at": T0,
        "ticket_action": action,
        "delivery_mode": mode,
        "payload": canonical_json(payload),
        "content_sha256": content,
        "outbox_state": "pending",
        "attempt_count": 0,
    }


def put(warehouse, *calls, name="r"):
    run = RunRecord(f"run-{name}", "correlate", DAY, DAY, DAY.end, "c", "h", "{}")
    schema = pa.schema([f.with_nullable(True) for f in TICKET_OUTBOX.to_arrow()])
    rows = [dict.fromkeys(TICKET_OUTBOX.names) | row | {"run_id": run.run_id} for row in calls]
    outbox = TICKET_OUTBOX.conform(pa.Table.from_pylist(rows, schema=schema))
    with warehouse.lease(run.run_id) as lease:
        warehouse.publish(Publication(run=run, outbox=outbox), attempt_id=warehouse.begin(run), lease=lease)


def context_of(warehouse, sink):
    return SimpleNamespace(warehouse=warehouse, progress=lambda _: None, sinks={"desk": sink})


def work(warehouse, sink, clock, *, rounds=60, step=timedelta(minutes=6)):
    """Dispatch again and again, as a scheduler would; a killed dispatcher is simply started anew."""
    for _ in range(rounds):
        with suppress(Killed):
            dispatch(context_of(warehouse, sink), sink, "desk", limit=10_000)
        clock.at += step
    return {row["outbox_id"]: row for row in warehouse.read(TICKET_OUTBOX).to_pylist()}


def states(rows):
    return Counter(row["outbox_state"] for row in rows.values())


def test_a_ticket_is_created_found_updated_and_resolved_in_order(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1", 2, "resolve"), call("inc-1", 0), call("inc-1", 1, "update", priority="P1"))
    rows = work(warehouse, desk, clock, rounds=2)
    assert states(rows) == {"sent": 3}
    ((ticket,),) = desk.by_key().values()
    assert (ticket.state, ticket.priority) == ("resolved", "P1")
    assert desk.calls == {"find": 3, "create": 1, "update": 1, "resolve": 1}
    (seen,) = warehouse.read(TICKETS).to_pylist()
    assert (seen["remote_key"], seen["ticket_state"], seen["external_key"]) == ("T-1", "resolved", "inc-1")


@pytest.mark.parametrize("seed", range(3))
def test_under_forty_percent_faults_and_kills_every_key_has_exactly_one_ticket(warehouse, clock, seed):
    desk = Desk(clock, seed=seed, refused=0.2, lost=0.15, killed=0.05)
    calls = [call(f"inc-{n}") for n in range(40)]
    calls += [call(f"inc-{n}", 1, "update", priority="P1") for n in range(0, 40, 2)]
    calls += [call(f"inc-{n}", 2, "resolve") for n in range(0, 40, 3)]
    put(warehouse, *calls)
    rows = work(warehouse, desk, clock)
    assert states(rows) == {"sent": len(calls)}
    by_key = desk.by_key()
    assert {key: len(tickets) for key, tickets in by_key.items()} == {f"inc-{n}": 1 for n in range(40)}
    for n in range(40):
        (ticket,) = by_key[f"inc-{n}"]
        assert ticket.state == ("resolved" if n % 3 == 0 else "new")
        assert ticket.priority == ("P1" if n % 2 == 0 else "P2")
    writes = sum(desk.calls.values()) - desk.calls["find"]
    assert writes <= 1.8 * len(calls)  # 1 / (1 - 0.4) = 1.67 is what the faults alone cost


@pytest.mark.parametrize("seed", range(3))
def test_a_search_that_lags_is_waited_for(warehouse, clock, seed):
    desk = Desk(clock, seed=seed, search_delay=timedelta(minutes=5), refused=0.1, lost=0.3, killed=0.1)
    put(warehouse, *(call(f"inc-{n}") for n in range(40)))
    rows = work(warehouse, desk, clock, step=timedelta(minutes=2), rounds=200)
    assert states(rows) == {"sent": 40}
    assert all(len(tickets) == 1 for tickets in desk.by_key().values())
    assert len(desk.by_key()) == 40


def test_a_system_that_is_down_and_comes_back_gets_one_ticket_not_five(warehouse, clock):
    desk = Desk(clock, refused=1.0)
    put(warehouse, call("inc-1"))
    rows = work(warehouse, desk, clock, rounds=5)
    assert states(rows) == {"pending": 1}
    desk._faults = {}
    assert states(work(warehouse, desk, clock, rounds=2)) == {"sent": 1}
    assert len(desk.tickets) == 1
    assert desk.calls["create"] == 1


def test_what_is_not_accepted_becomes_a_dead_letter_with_its_reason_and_holds_nobody_up(warehouse, clock):
    desk = Desk(clock)
    desk.poison = {"inc-3"}
    put(warehouse, *(call(f"inc-{n}") for n in range(6)))
    rows = work(warehouse, desk, clock, rounds=2)
    assert states(rows) == {"sent": 5, "dead": 1}
    (dead,) = [row for row in rows.values() if row["outbox_state"] == "dead"]
    assert dead["external_key"] == "inc-3"
    assert "not accepted" in dead["last_error"]
    assert dead["attempt_count"] == 1


def test_after_enough_tries_it_is_given_up_and_kept(warehouse, clock):
    desk = Desk(clock, refused=1.0)
    put(warehouse, call("inc-1"))
    (row,) = work(warehouse, desk, clock, rounds=MAX_ATTEMPTS + 5).values()
    assert (row["outbox_state"], row["attempt_count"]) == ("dead", MAX_ATTEMPTS)
    assert "given up after" in row["last_error"]
    assert desk.calls["find"] == MAX_ATTEMPTS


def test_the_same_publication_again_makes_no_call(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    before = Counter(desk.calls)
    put(warehouse, call("inc-1"))
    assert states(work(warehouse, desk, clock, rounds=2)) == {"sent": 1}
    assert desk.calls == before


def test_a_ticket_a_person_closed_is_never_silently_changed(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    at, ticket = desk.tickets[0]
    desk.tickets[0] = (at, replace(ticket, state="closed"))
    put(warehouse, call("inc-1", 1, "update", priority="P1"), name="r2")
    rows = work(warehouse, desk, clock, rounds=2)
    assert desk.tickets[0][1].priority == "P2"
    assert states(rows) == {"sent": 1, "skipped": 1}
    put(warehouse, call("inc-1", 2, "create", priority="P1"), name="r3")
    work(warehouse, desk, clock, rounds=2)
    assert [t.state for _, t in desk.tickets] == ["closed", "new"]


@pytest.mark.parametrize(
    ("sink_mode", "row_mode"), [("off", "live"), ("log", "live"), ("live", "log"), ("live", "off")]
)
def test_nothing_is_sent_unless_both_the_sink_and_the_call_are_live(warehouse, clock, sink_mode, row_mode):
    desk = Desk(clock, mode=sink_mode)
    put(warehouse, call("inc-1", mode=row_mode))
    (row,) = work(warehouse, desk, clock, rounds=2).values()
    assert row["outbox_state"] == "skipped"
    assert not desk.calls


def test_a_resolution_without_a_ticket_is_settled_without_a_call(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1", 0, "resolve"))
    (row,) = work(warehouse, desk, clock, rounds=1).values()
    assert row["outbox_state"] == "skipped"
    assert desk.calls == {"find": 1}


def test_no_more_than_the_limit_is_sent_in_one_run(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, *(call(f"inc-{n}") for n in range(10)))
    done = dispatch(context_of(warehouse, desk), desk, "desk", limit=4)
    assert done == {"sent": 4}
    assert len(desk.tickets) == 4


def test_the_job_is_a_run_like_any_other_and_twice_is_once(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"), call("inc-2"))
    context = SimpleNamespace(
        warehouse=warehouse,
        progress=lambda _: None,
        sinks={"desk": desk},
        policies=Policies(),
        code_version="c",
        config_hash="h",
    )
    first = deliver(context, DAY, DAY.end)
    stored = warehouse.read(RUNS).to_pylist()
    again = deliver(context, DAY, DAY.end)
    assert (first.details, again.details) == ({"sent": 2}, {})
    assert first.run_id == again.run_id
    assert warehouse.read(RUNS).to_pylist() == stored
    assert len(desk.tickets) == 2
