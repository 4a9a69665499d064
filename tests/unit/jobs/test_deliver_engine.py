"""The delivery engine against a sink that misbehaves in every way a remote system does, and a real warehouse."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from delivery_world import DAY, T0, Clock, Desk, Killed, Pager, call, context_of, put

from aiops_jobs.adapters.kill_switch import KillSwitch
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.operations import RUNS, TICKET_OUTBOX, TICKETS
from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.errors import NotFoundError
from aiops_jobs.jobs.deliver import deliver, dispatch


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def warehouse(tmp_path, clock):
    store = SqlWarehouse(f"sqlite:///{tmp_path / 'w.db'}", clock=clock, lease_s=1e6)
    store.migrate()
    yield store
    store.close()


def work(warehouse, sink, clock, *, rounds=60, step=timedelta(minutes=6), **policy):
    """Dispatch again and again, as a scheduler would; a killed dispatcher is simply started anew."""
    for _ in range(rounds):
        with suppress(Killed):
            dispatch(context_of(warehouse, sink, **policy), sink, "desk", limit=10_000)
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


def test_after_a_day_it_is_given_up_told_as_a_finding_and_can_be_sent_again(warehouse, clock):
    desk = Desk(clock, refused=1.0)
    put(warehouse, call("inc-1"))
    (row,) = work(warehouse, desk, clock, rounds=300).values()
    assert row["outbox_state"] == "dead"
    assert "given up after 24" in row["last_error"]
    assert desk.calls["find"] == row["attempt_count"] <= 300
    report = deliver(context_of(warehouse, desk), DAY, DAY.end)
    assert report.details == {"findings": 1}
    (found,) = warehouse.read(FINDINGS).to_pylist()
    assert (found["finding_kind"], found["entity_id"], found["severity"]) == ("delivery", "sink/desk", "warning")
    assert row["outbox_id"] in found["summary"]
    desk._faults = {}
    warehouse.retry_outbox(row["outbox_id"])
    assert states(work(warehouse, desk, clock, rounds=1)) == {"sent": 1}
    with pytest.raises(NotFoundError, match="aiops tickets --dead"):
        warehouse.retry_outbox(row["outbox_id"])


def test_the_same_publication_again_makes_no_call(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    before = Counter(desk.calls)
    put(warehouse, call("inc-1"))
    assert states(work(warehouse, desk, clock, rounds=2)) == {"sent": 1}
    assert desk.calls == before


def later(clock, **length):
    clock.at += timedelta(**length)


def test_trouble_that_goes_on_under_a_closed_ticket_reopens_it(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    desk.close("inc-1")
    later(clock, hours=1)
    put(warehouse, call("inc-1", 1, "update", priority="P1"), name="r2")
    rows = work(warehouse, desk, clock, rounds=2)
    ((_, ticket),) = desk.tickets
    assert (ticket.state, ticket.priority) == ("in_progress", "P1")
    assert states(rows) == {"sent": 2}
    assert desk.calls["reopen"] == 1


def test_trouble_that_comes_back_late_is_a_new_ticket_linked_to_the_old_one(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"), call("inc-1", 1, "resolve"))
    work(warehouse, desk, clock, rounds=1)
    later(clock, days=4)
    put(warehouse, call("inc-1", 2, "create", priority="P1"), name="r2")
    work(warehouse, desk, clock, rounds=1)
    put(warehouse, call("inc-1", 3, "update", priority="P3"), name="r3")
    work(warehouse, desk, clock, rounds=1)
    first, second = (ticket for _, ticket in desk.tickets)
    assert (first.state, first.priority, first.external_key) == ("resolved", "P2", "inc-1")
    assert (second.state, second.priority, second.external_key) == ("new", "P3", "inc-1.2")
    assert desk.links == [("T-2", "T-1")]
    (seen,) = warehouse.read(TICKETS).to_pylist()
    assert (seen["remote_key"], seen["external_key"]) == ("T-2", "inc-1")


@pytest.mark.parametrize("seed", range(3))
def test_the_next_ticket_too_is_created_once_under_faults_and_kills(warehouse, clock, seed):
    desk = Desk(clock, seed=seed)
    put(warehouse, *(call(f"inc-{n}") for n in range(20)), *(call(f"inc-{n}", 1, "resolve") for n in range(20)))
    work(warehouse, desk, clock, rounds=1)
    later(clock, days=4)
    desk._faults = {"refused": 0.2, "lost": 0.15, "killed": 0.1}
    put(warehouse, *(call(f"inc-{n}", 2, "create") for n in range(20)), name="r2")
    rows = work(warehouse, desk, clock, rounds=120)
    assert states(rows) == {"sent": 60}
    assert Counter(len(tickets) for tickets in desk.by_key().values()) == {1: 40}


def test_a_system_that_refuses_to_reopen_gets_the_next_ticket(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    desk.close("inc-1")
    desk.poison = {"inc-1"}
    later(clock, hours=1)
    put(warehouse, call("inc-1", 1, "update"), name="r2")
    work(warehouse, desk, clock, rounds=1)
    assert {key: [t.state for t in tickets] for key, tickets in desk.by_key().items()} == {
        "inc-1": ["closed"],
        "inc-1.2": ["new"],
    }


def test_what_a_person_closed_after_it_was_decided_stays_closed(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    put(warehouse, call("inc-1", 1, "update", priority="P1"), name="r2")
    later(clock, minutes=5)
    desk.close("inc-1")
    rows = work(warehouse, desk, clock, rounds=2)
    assert states(rows) == {"sent": 1, "skipped": 1}
    assert [t.state for _, t in desk.tickets] == ["closed"]


def test_a_duplicate_is_never_brought_back_and_its_master_is_told_once(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"), call("inc-2"))
    work(warehouse, desk, clock, rounds=1)
    desk.close("inc-1", is_duplicate=True, merged_into="M-7")
    desk.close("inc-2", is_duplicate=True)
    later(clock, hours=1)
    put(warehouse, call("inc-1", 1, "update", priority="P1"), call("inc-2", 1, "update", priority="P1"), name="r2")
    rows = work(warehouse, desk, clock, rounds=3)
    assert [t.state for _, t in desk.tickets] == ["closed", "closed"]
    ((master, text),) = desk.comments
    assert (master, "trouble inc-1" in text) == ("M-7", True)
    assert states(rows) == {"sent": 3, "skipped": 1}


def test_a_ticket_that_says_so_already_is_not_written(warehouse, clock):
    desk = Desk(clock)
    row = call("inc-1", 1, "update")
    put(warehouse, call("inc-1"), row)
    at = T0
    work(warehouse, desk, clock, rounds=1)
    made = desk.tickets[0][1]
    desk.tickets[0] = (at, replace(made, content_sha256="says-this"))
    before = Counter(desk.calls)
    put(warehouse, call("inc-1", 2, "update") | {"content_sha256": "says-this", "outbox_id": "out-x"}, name="r2")
    work(warehouse, desk, clock, rounds=1)
    assert desk.calls - before == {"find": 1}


@pytest.mark.parametrize("act", ["update", "resolve"])
def test_a_change_that_is_accepted_and_not_done_is_not_believed(warehouse, clock, act):
    desk = Desk(clock)
    put(warehouse, call("inc-1"), call("inc-1", 1, act, title="another"))
    desk.ignores = {act}
    rows = work(warehouse, desk, clock, rounds=3)
    assert states(rows) == {"sent": 1, "unknown": 1}
    rows = work(warehouse, desk, clock, rounds=5)
    (dead,) = [row for row in rows.values() if row["outbox_state"] == "dead"]
    assert "was accepted" in dead["last_error"]
    assert desk.calls[act] == 5


def test_policy_may_leave_resolving_to_people(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"), call("inc-1", 1, "resolve"))
    rows = work(warehouse, desk, clock, rounds=1, resolve_on="never")
    assert states(rows) == {"sent": 1, "skipped": 1}
    assert [t.state for _, t in desk.tickets] == ["new"]


def test_a_search_that_lags_does_not_open_a_second_ticket_for_an_update(warehouse, clock):
    desk = Desk(clock, search_delay=timedelta(minutes=5))
    put(warehouse, call("inc-1"), call("inc-1", 1, "update", priority="P1"), call("inc-1", 2, "resolve"))
    rows = work(warehouse, desk, clock, rounds=10, step=timedelta(minutes=1))
    assert states(rows) == {"sent": 3}
    ((_, ticket),) = desk.tickets
    assert (ticket.state, ticket.priority) == ("resolved", "P1")


def test_a_ticket_a_person_deleted_is_not_made_again(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"))
    work(warehouse, desk, clock, rounds=1)
    desk.tickets.clear()
    put(warehouse, call("inc-1", 1, "update"), name="r2")
    rows = work(warehouse, desk, clock, rounds=5)
    assert states(rows) == {"sent": 1, "skipped": 1}
    assert desk.tickets == []


# --- what does not go out -------------------------------------------------------------------------------------------


def test_a_backfill_of_last_week_makes_no_call(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1") | {"told_until": T0 - timedelta(days=7)}, call("inc-2") | {"told_until": T0})
    rows = work(warehouse, desk, clock, rounds=2)
    assert states(rows) == {"sent": 1, "skipped": 1}
    assert [t.external_key for _, t in desk.tickets] == ["inc-2"]
    assert desk.calls == {"find": 1, "create": 1}


@pytest.mark.parametrize("by", ["file", "row"])
def test_the_kill_switch_stops_before_the_next_call_and_nothing_is_lost(warehouse, clock, tmp_path, by):
    desk = Desk(clock)
    switch = KillSwitch("tickets", tmp_path, warehouse)
    put(warehouse, *(call(f"inc-{n}") for n in range(5)))

    def stop_after_two():
        if len(desk.tickets) == 2 and by == "row":
            warehouse.switch("tickets", "enough", stop=True, by="me")
        elif len(desk.tickets) == 2:
            (tmp_path / "tickets.stop").touch()
        return switch()

    dispatch(context_of(warehouse, desk, stopped=stop_after_two), desk, "desk", limit=100)
    assert desk.calls == {"find": 2, "create": 2}
    assert switch() == ("enough" if by == "row" else "tickets.stop is there")
    switch.start("go on", by="me")
    assert switch() is None
    assert states(work(warehouse, desk, clock, rounds=1)) == {"sent": 5}
    switch.stop("again", by="me")
    assert (switch(), (tmp_path / "tickets.stop").read_text()) == ("again", "again")


def test_a_switch_between_search_and_write_stops_the_write(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"))
    dispatch(context_of(warehouse, desk, stopped=lambda: "now" if desk.calls["find"] else None), desk, "desk", limit=9)
    assert desk.calls == {"find": 1}
    (row,) = warehouse.read(TICKET_OUTBOX).to_pylist()
    assert (row["outbox_state"], row["attempt_count"], row["last_error"]) == ("pending", 0, "stopped: now")


def test_a_full_hour_holds_tickets_back_tells_one_digest_and_opens_them_later(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, *(call(f"inc-{n}") for n in range(8)))
    for _ in range(3):
        dispatch(context_of(warehouse, desk, max_per_hour=3), desk, "desk", limit=100)
    titles = [t.title for _, t in desk.tickets]
    assert titles == ["trouble inc-0", "trouble inc-1", "trouble inc-2", "5 more tickets wait for the next hour"]
    rows = work(warehouse, desk, clock, rounds=4, step=timedelta(minutes=61), max_per_hour=3)
    assert Counter(row["outbox_state"] for row in rows.values()) == {"sent": 10}
    assert sorted(t.title for _, t in desk.tickets if "trouble" in t.title) == [f"trouble inc-{n}" for n in range(8)]


def test_mock_looks_and_writes_nothing(warehouse, clock):
    desk = Desk(clock, mode="mock")
    put(warehouse, call("inc-1"))
    (row,) = work(warehouse, desk, clock, rounds=1).values()
    assert (row["outbox_state"], row["last_error"]) == ("skipped", "mode is `mock`: would create")
    assert desk.calls == {"find": 1}


# --- a sink in trouble ----------------------------------------------------------------------------------------------


def test_a_bad_key_pauses_the_sink_not_the_ticket_and_is_a_finding(warehouse, clock):
    desk = Desk(clock)
    desk.denies = True
    put(warehouse, *(call(f"inc-{n}") for n in range(5)))
    report = deliver(context_of(warehouse, desk), DAY, DAY.end)
    assert report.details == {"pending": 1, "findings": 1}
    assert desk.calls == {"find": 1}
    (found,) = warehouse.read(FINDINGS).to_pylist()
    assert (found["severity"], "paused" in found["title"]) == ("critical", True)
    rows = work(warehouse, desk, clock, rounds=5)
    assert desk.calls == {"find": 1}  # nobody knocks while it is paused
    assert {row["attempt_count"] for row in rows.values()} == {0}
    desk.denies = False
    later(clock, hours=1)
    assert states(work(warehouse, desk, clock, rounds=1)) == {"sent": 5}


def test_a_sink_that_refuses_everything_is_paused_before_everything_is_dead(warehouse, clock):
    desk = Desk(clock)
    desk.poison = {f"inc-{n}" for n in range(30)}
    put(warehouse, *(call(f"inc-{n}") for n in range(30)))
    rows = work(warehouse, desk, clock, rounds=1)
    assert states(rows) == {"dead": 4, "pending": 26}
    assert warehouse.pace_of("desk").state == "paused"


def test_an_outage_is_not_made_worse_and_drains_afterwards(warehouse, clock):
    desk = Desk(clock, refused=1.0)
    put(warehouse, *(call(f"inc-{n}") for n in range(400)))
    work(warehouse, desk, clock, rounds=80, step=timedelta(seconds=15), max_per_hour=1000)
    during = sum(desk.calls.values())
    assert during <= 20  # a breaker that knocks now and then
    desk._faults = {}
    rows = work(warehouse, desk, clock, rounds=60, step=timedelta(seconds=15), max_per_hour=1000)
    assert states(rows) == {"sent": 400}
    assert sum(desk.calls.values()) <= 1.5 * 800
    assert len(desk.by_key()) == 400


def test_a_sink_that_asks_to_wait_is_left_alone_for_so_long(warehouse, clock):
    desk = Desk(clock, refused=1.0)
    desk.retry_after_s = 120
    put(warehouse, call("inc-1"), call("inc-2"))
    work(warehouse, desk, clock, rounds=1, step=timedelta(seconds=10))
    desk._faults = {}
    work(warehouse, desk, clock, rounds=11, step=timedelta(seconds=10))
    assert desk.calls["find"] == 1
    assert states(work(warehouse, desk, clock, rounds=30, step=timedelta(seconds=10))) == {"sent": 2}


def test_only_one_process_works_for_a_sink_at_a_time(warehouse, clock):
    desk = Desk(clock)
    put(warehouse, call("inc-1"))
    with warehouse.lease("deliver to desk"):
        assert dispatch(context_of(warehouse, desk), desk, "desk", limit=9) == {}
    assert not desk.calls
    assert dispatch(context_of(warehouse, desk), desk, "desk", limit=9) == {"sent": 1}


def test_a_warehouse_restored_from_yesterday_sends_nothing_twice(tmp_path, clock):
    desk = Desk(clock)
    path, copy = tmp_path / "w.db", tmp_path / "yesterday.db"
    store = SqlWarehouse(f"sqlite:///{path}", clock=clock)
    store.migrate()
    put(store, *(call(f"inc-{n}") for n in range(10)), *(call(f"inc-{n}", 1, "resolve") for n in range(0, 10, 2)))
    store.close()
    copy.write_bytes(path.read_bytes())
    store = SqlWarehouse(f"sqlite:///{path}", clock=clock)
    work(store, desk, clock, rounds=1)
    store.close()
    desk.close("inc-1")
    before = desk.by_key()
    writes = desk.calls["create"] + desk.calls["resolve"] + desk.calls["reopen"]
    later(clock, days=1)
    restored = SqlWarehouse(f"sqlite:///{copy}", clock=clock)
    rows = work(restored, desk, clock, rounds=2)
    restored.close()
    assert {row["outbox_state"] for row in rows.values()} <= {"sent", "skipped"}
    assert {k: [t.state for t in v] for k, v in desk.by_key().items()} == {
        k: [t.state for t in v] for k, v in before.items()
    }
    assert desk.calls["create"] + desk.calls["resolve"] + desk.calls["reopen"] == writes


# --- targets of events ----------------------------------------------------------------------------------------------


def test_an_event_target_is_told_the_life_of_a_ticket_and_keeps_its_receipt(warehouse, clock):
    pager = Pager(clock)
    put(warehouse, call("inc-1"), call("inc-1", 1, "update"), call("inc-1", 2, "resolve"))
    put(warehouse, call("inc-2", 0, "resolve"), name="r2")
    rows = work(warehouse, pager, clock, rounds=1)
    assert [(act, previous) for act, _, previous, _ in pager.events] == [
        ("trigger", None),
        ("update", "ts-1"),
        ("resolve", "ts-2"),
    ]
    assert states(rows) == {"sent": 3, "skipped": 1}
    put(warehouse, call("inc-1", 3, "create"), name="r3")
    work(warehouse, pager, clock, rounds=1)
    assert pager.events[-1][0] == "trigger"
    assert pager.events[-1][2] is None


def test_a_target_that_cannot_change_what_it_said_is_not_told_again(warehouse, clock):
    pager = Pager(clock, can_update=False)
    put(warehouse, call("inc-1"), call("inc-1", 1, "update"))
    assert states(work(warehouse, pager, clock, rounds=1)) == {"sent": 1, "skipped": 1}
    assert len(pager.events) == 1


def test_events_are_told_at_least_once_and_repeats_carry_the_same_id(warehouse, clock):
    pager = Pager(clock, lost=0.3, refused=0.3)
    put(warehouse, *(call(f"inc-{n}") for n in range(40)))
    rows = work(warehouse, pager, clock, rounds=150)
    assert states(rows) == {"sent": 40}
    assert {key for _, key, _, _ in pager.events} == {f"inc-{n}" for n in range(40)}
    assert len({event_id for *_, event_id in pager.events}) == 40


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
    context = context_of(warehouse, desk)
    first = deliver(context, DAY, DAY.end)
    stored = warehouse.read(RUNS).to_pylist()
    again = deliver(context, DAY, DAY.end)
    assert (first.details, again.details) == ({"sent": 2}, {})
    assert first.run_id == again.run_id
    assert warehouse.read(RUNS).to_pylist() == stored
    assert len(desk.tickets) == 2
