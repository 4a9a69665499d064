"""Tickets read back become verdicts, and verdicts change what is said next time: as of their time, and on record."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from delivery_world import Clock, Desk, Pager, call, put
from light_house import MemoryLake, NoGate
from metric_world import DAY, MONDAY, at, calm, place, points_of
from warehouse_rows import publish, stamped

from aiops_jobs.adapters.model_store import SkopsModelStore
from aiops_jobs.adapters.pages import FolderPages
from aiops_jobs.adapters.warehouse import SqlWarehouse
from aiops_jobs.contracts.feedback import INCIDENT_OUTCOMES, LABELS
from aiops_jobs.contracts.operations import RUN_INPUTS, SINK_STATES, TICKETS
from aiops_jobs.contracts.results import ANOMALIES, FINDINGS, INCIDENTS, LINEAGE
from aiops_jobs.contracts.telemetry import CONFIGURATION_ITEMS, METRIC_POINTS
from aiops_jobs.core.feedback.outcomes import latest
from aiops_jobs.core.policies import Policies
from aiops_jobs.errors import AiopsError, ConfigurationError, NotFoundError
from aiops_jobs.jobs.deliver import deliver
from aiops_jobs.jobs.detect import detect
from aiops_jobs.jobs.feedback import label
from aiops_jobs.jobs.read_back import read_back
from aiops_jobs.ports import Context, Filter, RunRecord, TableRows
from aiops_jobs.window import Window

STAMP = {column.name for column in LINEAGE}
HOUR = timedelta(hours=1)


@pytest.fixture
def clock():
    made = Clock()
    made.at = at(24, 1)
    return made


@pytest.fixture
def warehouse(tmp_path, clock):
    store = SqlWarehouse(f"sqlite:///{tmp_path / 'w.db'}", clock=clock, lease_s=1e7)
    store.migrate()
    yield store
    store.close()


def house(tmp_path, warehouse, sinks=(), lake=None):
    policies = Policies()
    return Context(
        lake=lake or MemoryLake(),
        warehouse=warehouse,
        quality=NoGate(),
        models=SkopsModelStore(tmp_path / "models"),
        pages=FolderPages(tmp_path / "pages"),
        sources={},
        sinks=dict(sinks),
        policies=policies,
        code_version="test",
        config_hash=policies.config_hash,
        source_hashes={},
    )


# --- two nights -----------------------------------------------------------------------------------------------------


@pytest.fixture
def nights(tmp_path, warehouse):
    """Return a house with a latency that is a little too high at two every afternoon from day 24 on."""
    values = calm(28, series=2, noise=0.001)
    for day in (24, 25, 26):
        values[0, place(day, 14) : place(day, 15)] = LITTLE
    lake = MemoryLake()
    rows = METRIC_POINTS.conform(points_of(values))
    lake.write(METRIC_POINTS, rows, source="prom", window=Window(MONDAY, MONDAY + 28 * DAY), as_of=at(20))
    return house(tmp_path, warehouse, lake=lake)


LITTLE = 0.226


def night(context, day):
    return detect(context, Window(at(day), at(day + 1)), at(day + 1))


def found(context):
    rows = context.warehouse.read(ANOMALIES).to_pylist()
    return {row["started_at"]: {k: v for k, v in row.items() if k not in STAMP} for row in rows}


def labels_read(context, report):
    rows = context.warehouse.read(RUN_INPUTS, where=[Filter("run_id", report.run_id)]).to_pylist()
    return [row for row in rows if row["table_name"] == "labels"]


def test_a_false_verdict_between_two_nights_keeps_the_second_quiet_and_the_first_as_it_was(nights, clock):
    first = night(nights, 24)
    before = found(nights)
    assert list(before) == [at(24, 14)]
    assert 1.0 < before[at(24, 14)]["peak_score"] < 1.4
    assert labels_read(nights, first) == []

    clock.at = at(25, 2)
    label(nights, before[at(24, 14)]["finding_id"], "false", author="kim")
    second = night(nights, 25)
    assert found(nights) == before, "the same deviation on the next afternoon is not told, and nothing is taken back"

    (read,) = labels_read(nights, second)
    assert (read["rows"], read["first_event_at"], read["path"]) == (1, at(25, 2), "warehouse/labels")

    again = night(nights, 24)
    assert (again.run_id, again.rows_published) == (first.run_id, first.rows_published)
    assert found(nights) == before
    assert labels_read(nights, again) == []


def test_without_the_verdict_the_second_night_tells_it_again(nights):
    night(nights, 24)
    night(nights, 25)
    assert sorted(found(nights)) == [at(24, 14), at(25, 14)]


def test_a_true_verdict_and_a_changed_mind_leave_the_band_as_it_was(nights, clock):
    night(nights, 24)
    (finding,) = (row["finding_id"] for row in found(nights).values())
    clock.at = at(25, 2)
    label(nights, finding, "false", author="kim")
    clock.at = at(25, 3)
    label(nights, finding, "true", author="lee", cause="host/web-01")
    night(nights, 25)
    assert sorted(found(nights)) == [at(24, 14), at(25, 14)]
    told = nights.warehouse.read(LABELS).to_pylist()
    assert sorted((row["label_verdict"], row["author"], row["label_number"]) for row in told) == [
        ("false", "kim", 0),
        ("true", "lee", 1),
    ]
    assert json.loads(told[0]["applies_to"]) == [["robust_seasonal", "series-0000"]]


def test_a_verdict_given_at_noon_counts_from_noon_on_whatever_the_windows(nights, clock):
    night(nights, 24)
    clock.at = at(25, 14, 30)
    label(nights, next(iter(found(nights).values()))["finding_id"], "false", author="kim")
    for first, last in ((25, 25.5), (25.5, 26), (24, 27)):
        detect(nights, Window(at(0) + first * DAY, at(0) + last * DAY), at(27))
        assert sorted(found(nights))[:2] == [at(24, 14), at(25, 14)][: 2 if last > 25.5 else 1]
    assert found(nights)[at(25, 14)]["ended_at"] == at(25, 14, 30)


def test_labels_and_outcomes_are_only_added_to(nights, clock):
    night(nights, 24)
    label(nights, next(iter(found(nights).values()))["finding_id"], "false", author="kim")
    for statement in ("UPDATE labels SET author = 'nobody'", "DELETE FROM labels"):
        with (
            pytest.raises((AiopsError, sa.exc.DatabaseError), match="only added to"),
            nights.warehouse.database.writing() as db,
        ):
            db.exec_driver_sql(statement)


def test_a_verdict_needs_a_word_and_a_subject_that_are_known(nights):
    with pytest.raises(ConfigurationError, match="insufficient_data"):
        label(nights, "fnd-0", "maybe", author="kim")
    with pytest.raises(NotFoundError):
        label(nights, "fnd-0", "false", author="kim")


# --- tickets --------------------------------------------------------------------------------------------------------

BEGAN = at(23, 12)
WINDOW = Window(at(23), at(24))


def incident(name, **more):
    blank = dict.fromkeys(INCIDENTS.names)
    return blank | {
        "incident_id": name,
        "title": "latency",
        "summary": "Latency is high.",
        "incident_state": "resolved",
        "started_at": BEGAN,
        "ended_at": BEGAN + HOUR,
        "detected_at": BEGAN + timedelta(minutes=5),
        "severity": "critical",
        "impact": "high",
        "urgency": "high",
        "priority": "P1",
        "entity_id": "service/web",
        "service_name": "web",
        "alert_count": 1,
        "finding_count": 0,
        "source_count": 1,
        "cause_kind": "unknown",
        "policy_version": "p",
        **more,
    }


@pytest.fixture
def desk(clock):
    return Desk(clock)


@pytest.fixture
def told(tmp_path, warehouse, desk):
    """Return a house that has opened a ticket for each of two incidents."""
    run = RunRecord("run-c", "correlate", WINDOW, WINDOW, WINDOW.end, "c", "h", "{}")
    rows = stamped(INCIDENTS, run, [incident("inc-1"), incident("inc-2")])
    publish(warehouse, run, TableRows(INCIDENTS, rows))
    put(warehouse, call("inc-1"), call("inc-2"))
    context = house(tmp_path, warehouse, {"desk": desk, "pager": Pager(lambda: None)})
    deliver(context, WINDOW, WINDOW.end)
    return context


def look(context, clock, after=HOUR):
    clock.at += after
    return read_back(context, Window(clock.at - HOUR, clock.at), clock.at).details


def labels(context):
    rows = context.warehouse.read(LABELS, order_by=["known_at", "label_id"]).to_pylist()
    return [(row["subject_id"], row["label_verdict"], row["author_kind"], row["confidence_ratio"]) for row in rows]


def outcome(context, name="inc-1", when=None):
    return latest(context.warehouse.read(INCIDENT_OUTCOMES).to_pylist(), when)[name]


def test_what_a_person_did_with_a_ticket_is_read_back_once(told, desk, clock):
    items = [{"valid_from": at(0), "entity_id": "database/orders-db", "entity_kind": "database", "source": "cmdb"}]
    lake = told.lake
    rows = CONFIGURATION_ITEMS.conform(CONFIGURATION_ITEMS.to_arrow().empty_table().from_pylist(items))
    lake.write(CONFIGURATION_ITEMS, rows, source="cmdb", window=Window(at(0), at(1)), as_of=at(1))
    taken = clock.at + timedelta(minutes=10)
    words = "orders-db ran out of connections, call 010-1234-5678"
    desk.close(
        "inc-1",
        at=clock.at + timedelta(minutes=30),
        resolution_code="Solved (Permanently)",
        cause=words,
        resolved_by="kim",
        assignee="kim",
        acknowledged_at=taken,
        reopen_count=0,
    )
    got = look(told, clock)
    assert (got["seen"], got["labels"], got["outcomes"]) == (2, 1, 2)
    assert labels(told) == [("inc-1", "true", "itsm", 0.9)]
    (said,) = told.warehouse.read(LABELS).to_pylist()
    assert (said["author"], said["cause_entity_id"], said["said_in"]) == ("kim", "database/orders-db", "desk/inc-1")
    assert said["known_at"] == clock.at
    assert "1234" not in said["cause_text"]
    seen = told.warehouse.read(TICKETS, where=[Filter("external_key", "inc-1")]).to_pylist()[0]
    assert (seen["ticket_state"], seen["closed_by"], seen["reopen_count"], seen["seen_at"]) == (
        "closed",
        "kim",
        0,
        clock.at,
    )
    assert "1234" not in seen["cause_text"]
    became = outcome(told)
    assert (became["outcome_state"], became["label_verdict"]) == ("resolved", "true")
    assert became["time_to_acknowledge_s"] == (taken - BEGAN).total_seconds() - 300
    assert became["time_to_resolve_s"] == (said["labelled_at"] - BEGAN).total_seconds()
    open_one = outcome(told, "inc-2")
    assert (open_one["outcome_state"], open_one["time_to_resolve_s"]) == ("open", None)
    again = look(told, clock)
    assert (again["seen"], again["labels"], again["outcomes"]) == (2, 0, 0)


def test_a_duplicate_a_changed_mind_and_a_reopened_ticket_are_further_rows(told, desk, clock):
    desk.close("inc-1", is_duplicate=True, merged_into="T-2")
    look(told, clock)
    desk.close("inc-1", resolution_code="False alarm", is_duplicate=False, merged_into=None)
    look(told, clock)
    between = clock.at
    place_, (made, ticket) = 0, desk.tickets[0]
    desk.tickets[place_] = (made, replace(ticket, state="in_progress", resolved_at=None, reopen_count=1))
    look(told, clock)
    look(told, clock)
    assert labels(told) == [
        ("inc-1", "duplicate", "itsm", 0.9),
        ("inc-1", "false", "itsm", 0.9),
        ("inc-1", "insufficient_data", "itsm", 0.0),
    ]
    now = outcome(told)
    assert (now["outcome_state"], now["reopen_count"], now["resolved_at"]) == ("open", 1, None)
    assert outcome(told, when=between)["label_verdict"] == "false", "what was known then still stands"


def test_a_ticket_that_we_resolved_ourselves_is_no_verdict_of_a_person(told, desk, clock):
    put(told.warehouse, call("inc-1", 1, "resolve"), name="r2")
    deliver(told, WINDOW, WINDOW.end)
    clock.at += timedelta(minutes=1)
    desk.close("inc-2", resolution_code="fixed")
    look(told, clock)
    rows = told.warehouse.read(LABELS).to_pylist()
    assert {row["subject_id"]: (row["is_self_generated"], row["author_kind"]) for row in rows} == {
        "inc-1": (True, "rule"),
        "inc-2": (False, "itsm"),
    }
    assert max(row["confidence_ratio"] for row in rows if row["is_self_generated"]) <= 0.05


def test_a_sink_that_is_down_costs_nothing_but_a_later_look(told, desk, clock):
    before = told.warehouse.read(TICKETS).to_pylist()
    desk.close("inc-1", resolution_code="fixed")
    desk._faults = {"refused": 1.0}
    finds = desk.calls["find"]
    got = look(told, clock)
    assert (got["failed"], desk.calls["find"]) == (1, finds + 1)
    assert told.warehouse.read(TICKETS).to_pylist() == before
    desk._faults = {}
    assert look(told, clock, timedelta(days=1))["labels"] == 1
    assert labels(told) == [("inc-1", "true", "itsm", 0.9)]


def test_a_sink_that_does_not_know_us_is_paused_and_a_stopped_house_does_not_look(told, desk, clock):
    desk.denies = True
    look(told, clock)
    (state,) = told.warehouse.read(SINK_STATES).to_pylist()
    assert state["sink_state"] == "paused"
    desk.denies = False
    finds = desk.calls["find"]
    assert look(replace(told, stopped=lambda: "holiday"), clock)["seen"] == 0
    assert desk.calls["find"] == finds
    assert look(told, clock, timedelta(days=1))["seen"] == 2


def test_a_ticket_closed_long_ago_is_left_alone_and_one_that_is_gone_is_counted(told, desk, clock):
    desk.close("inc-1", resolution_code="fixed")
    look(told, clock)
    desk.tickets = [pair for pair in desk.tickets if pair[1].external_key != "inc-2"]
    got = look(told, clock, timedelta(days=40))
    assert (got["seen"], got["not_found"]) == (0, 1)
    assert told.warehouse.read(TICKETS, where=[Filter("external_key", "inc-2")]).to_pylist()[0]["ticket_state"] == "new"


def test_the_finding_rows_are_not_touched_by_reading_back(told, clock):
    look(told, clock)
    assert told.warehouse.read(FINDINGS).num_rows == 0
