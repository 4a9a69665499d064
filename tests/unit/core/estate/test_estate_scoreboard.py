"""Golden cases of the judgement: what counts as found, false, split, duplicate."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.contracts.columns import SUPPRESSION_KINDS
from aiops_jobs.core.estate import Fault, Symptom, score
from aiops_jobs.window import Window

NINE = datetime(2026, 11, 10, 9, tzinfo=UTC)
WINDOW = Window.parse("2026-11-09T00:00:00Z", "2026-11-11T00:00:00Z")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def fault(**changes):
    plain = {
        "fault_id": "fault-pool",
        "kind": "pool_exhausted",
        "root_entity_id": "database/orders-db",
        "cause_kind": "capacity",
        "change_id": None,
        "started_at": NINE,
        "ended_at": NINE + 2 * HOUR,
        "breaches_at": None,
        "service_name": "orders",
        "priority": "P1",
        "found_by": ("incident",),
        "is_detectable": True,
        "symptoms": (
            Symptom("database/orders-db", "db_connection_pool_utilization_ratio", NINE + 5 * MINUTE),
            Symptom("service/orders", "http_request_duration_p99_seconds", NINE + 15 * MINUTE),
            Symptom("service/web", "http_request_duration_p99_seconds", NINE + 25 * MINUTE),
        ),
        "summary": "The pool runs dry.",
    }
    return Fault(**{**plain, **changes})


DISK = fault(
    fault_id="fault-disk",
    kind="disk_failure",
    root_entity_id="disk/storage-01:sda",
    cause_kind="infra",
    started_at=NINE - timedelta(days=20),
    ended_at=NINE + 30 * HOUR,
    breaches_at=NINE + 6 * HOUR,
    service_name="media",
    priority="P4",
    found_by=("failure_risk", "incident"),
    symptoms=(),
)


def incident(name="inc-1", *, at=NINE + 5 * MINUTE, entity="database/orders-db", services=(), priority="P1"):
    return {
        "incident_id": name,
        "started_at": at,
        "detected_at": at + 5 * MINUTE,
        "entity_id": entity,
        "service_name": None,
        "services_affected": json.dumps(list(services)),
        "priority": priority,
        "alert_count": 1,
    }


def cause(name="inc-1", *, rank=1, entity="database/orders-db", kind="capacity", change=None, status="suspect"):
    return {
        "incident_id": name,
        "cause_rank": rank,
        "entity_id": entity,
        "cause_kind": kind,
        "change_id": change,
        "cause_status": status,
    }


def finding(name, kind, entity, *, at=NINE, known=None):
    return {
        "finding_id": name,
        "finding_kind": kind,
        "entity_id": entity,
        "service_name": None,
        "started_at": at,
        "detected_at": known or at,
    }


def ticket(subject, endpoint="files"):
    return {"endpoint": endpoint, "subject_id": subject}


def risk(name, entity, *, at=NINE, decision="act"):
    return {"finding_id": name, "entity_id": entity, "issued_at": at, "decision": decision}


def tables(**rows):
    return {name: pa.Table.from_pylist(values) for name, values in rows.items() if values}


NOISE = {
    "notifications",
    "notifications_avoided",
    "noise_reduction",
    "alerts",
    "alerts_suppressed",
    "suppression_harm",
    "suppression_delay_s",
    *(f"suppressed_{kind}" for kind in SUPPRESSION_KINDS),
}


def test_the_noise_of_the_window_is_on_the_board():
    def alert(name, state, events, begin=NINE):
        return {
            "alert_id": name,
            "started_at": begin,
            "event_count": events,
            "full_duplicate_count": 1,
            "alert_state": state,
        }

    def quiet(name, kind, harm):
        return {
            "alert_id": name,
            "suppression_kind": kind,
            "notifications_avoided": 3,
            "is_harm": harm,
            "delay_s": 60.0 if harm else None,
        }

    before = WINDOW.start - timedelta(seconds=1)
    rows = tables(
        incidents=[incident()],
        tickets=[ticket("inc-1")],
        alerts=[alert("a", "resolved", 4), alert("b", "suppressed", 6), alert("old", "suppressed", 9, before)],
        alert_suppressions=[
            quiet("b", "transient", True),
            quiet("b", "frequent", False),
            quiet("old", "frequent", True),
        ],
    )
    summary = score([fault()], rows, WINDOW).summary()
    assert {name: summary[name] for name in NOISE} == {
        "notifications": 10,
        "notifications_avoided": 6,
        "noise_reduction": 0.9,
        "alerts": 2,
        "alerts_suppressed": 1,
        "suppression_harm": 1,
        "suppression_delay_s": 60.0,
        **{f"suppressed_{kind}": int(kind in {"transient", "frequent"}) for kind in SUPPRESSION_KINDS},
    }


def test_one_incident_with_the_true_cause_first_and_one_ticket_is_a_perfect_score():
    board = score([fault()], tables(incidents=[incident()], root_causes=[cause()], tickets=[ticket("inc-1")]), WINDOW)
    assert board.noise.events == 0
    assert {name: value for name, value in board.summary().items() if name not in NOISE} == {
        "faults_total": 1,
        "faults_found": 1,
        "recall": 1.0,
        "incidents_total": 1,
        "false_incidents": 0,
        "false_incidents_per_day": 0.0,
        "false_predictions": 0,
        "cause_judged": 1,
        "cause_first": 1,
        "split_incidents": 0,
        "tickets_opened": 1,
        "tickets_per_fault": 1.0,
        "duplicate_tickets": 0,
        "false_tickets": 0,
    }
    row = board.to_rows()[0]
    assert (row["found_by"], row["subject_id"], row["cause_rank"], row["priority"]) == ("incident", "inc-1", 1, "P1")
    assert row["detection_delay_s"] == 600
    assert row["is_cause_kind_right"] is True


def test_silence_misses_every_fault_and_raises_no_false_alarm():
    board = score([fault(), DISK], {}, WINDOW)
    assert (board.faults_found, board.recall, board.false_incidents, board.cause_judged) == (0, 0.0, 0, 0)
    assert [row.found_by for row in board.faults] == [None, None]


def test_a_quiet_week_with_no_incident_has_full_recall():
    assert score([], {}, WINDOW).recall == 1.0


def test_an_incident_far_away_in_space_is_false():
    board = score([fault()], tables(incidents=[incident(entity="service/mail")]), WINDOW)
    assert board.false_incident_ids == ("inc-1",)
    assert board.false_incidents_per_day == 0.5
    assert board.faults_found == 0


@pytest.mark.parametrize(
    ("begins", "is_found"),
    [
        (NINE - 11 * MINUTE, False),
        (NINE - 10 * MINUTE, True),
        (NINE + 3 * HOUR, True),
        (NINE + 3 * HOUR + MINUTE, False),
    ],
)
def test_an_incident_belongs_to_a_fault_from_ten_minutes_before_its_begin_to_an_hour_after_its_end(begins, is_found):
    board = score([fault()], tables(incidents=[incident(at=begins)]), WINDOW)
    assert board.faults_found == is_found
    assert board.false_incidents == (not is_found)


def test_a_victim_counts_only_from_its_own_first_symptom_on():
    early = score([fault()], tables(incidents=[incident(at=NINE + 10 * MINUTE, entity="service/web")]), WINDOW)
    late = score([fault()], tables(incidents=[incident(at=NINE + 15 * MINUTE, entity="service/web")]), WINDOW)
    assert (early.faults_found, late.faults_found) == (0, 1)


@pytest.mark.parametrize("services", [["orders"], ["mail", "web"]])
def test_an_incident_touches_the_services_it_names(services):
    rows = tables(incidents=[incident(at=NINE + 20 * MINUTE, entity="service/mail", services=services)])
    assert score([fault()], rows, WINDOW).faults_found == 1


def test_an_incident_touches_what_its_members_touch():
    rows = tables(
        incidents=[incident(entity=None)],
        incident_alerts=[{"incident_id": "inc-1", "member_id": "find-1"}],
        findings=[finding("find-1", "anomaly", "database/orders-db")],
    )
    assert score([fault()], rows, WINDOW).faults_found == 1


def test_several_incidents_about_one_fault_find_it_once_and_are_split():
    rows = tables(incidents=[incident("inc-1"), incident("inc-2", at=NINE + 40 * MINUTE, entity="service/web")])
    board = score([fault()], rows, WINDOW)
    assert (board.faults_found, board.split_incidents, board.false_incidents) == (1, 1, 0)
    assert board.faults[0].incident_count == 2


def test_two_tickets_about_one_fault_are_one_too_many_but_not_at_two_endpoints():
    rows = tables(
        incidents=[incident("inc-1"), incident("inc-2", at=NINE + 40 * MINUTE, entity="service/web")],
        tickets=[ticket("inc-1"), ticket("inc-2"), ticket("inc-1", "desk")],
    )
    board = score([fault()], rows, WINDOW)
    assert (board.tickets_opened, board.duplicate_tickets, board.tickets_per_fault) == (3, 1, 3.0)


def test_a_ticket_about_nothing_is_a_false_ticket():
    rows = tables(incidents=[incident(entity="service/mail")], tickets=[ticket("inc-1")])
    board = score([fault()], rows, WINDOW)
    assert (board.tickets_opened, board.false_tickets, board.tickets_per_fault) == (1, 1, 0.0)


def test_without_tickets_the_outbox_is_asked_for_what_was_to_be_created():
    outbox = [
        {"endpoint": "files", "subject_id": "inc-1", "ticket_action": action, "outbox_state": state}
        for action, state in [("create", "pending"), ("update", "sent"), ("create", "skipped")]
    ]
    board = score([fault()], tables(incidents=[incident()], ticket_outbox=outbox), WINDOW)
    assert board.tickets_opened == 1


def test_the_rank_of_the_true_cause_is_told_and_an_abstention_names_nobody():
    second = tables(incidents=[incident()], root_causes=[cause(entity="service/web"), cause(rank=2)])
    board = score([fault()], second, WINDOW)
    assert (board.cause_ranks, board.cause_first) == ((2,), 0)
    unsure = tables(incidents=[incident()], root_causes=[cause(status="abstained")])
    assert score([fault()], unsure, WINDOW).cause_ranks == (None,)


def test_the_surge_is_not_the_cause():
    """The entity may be right while the kind is wrong; both are told."""
    rows = tables(incidents=[incident()], root_causes=[cause(kind="traffic")])
    board = score([fault()], rows, WINDOW)
    assert board.cause_first == 1
    assert board.faults[0].is_cause_kind_right is False


def test_a_change_that_is_the_cause_is_recognised_by_its_id():
    bad = fault(kind="bad_deployment", root_entity_id="service/orders", cause_kind="change", change_id="CHG-7")
    rows = tables(
        incidents=[incident(entity="service/orders")], root_causes=[cause(entity=None, kind="change", change="CHG-7")]
    )
    assert score([bad], rows, WINDOW).cause_first == 1


def test_a_failure_foreseen_is_found_with_its_lead():
    board = score([DISK], tables(failure_risks=[risk("fr-1", "disk/storage-01:sda", at=NINE)]), WINDOW)
    row = board.faults[0]
    assert (row.found_by, row.subject_id, row.lead_s) == ("failure_risk", "fr-1", 6 * 3600)
    assert board.false_predictions == ()
    assert board.cause_judged == 0


def test_a_failure_foreseen_after_it_happened_is_not_found_and_not_false():
    board = score([DISK], tables(failure_risks=[risk("fr-1", "disk/storage-01:sda", at=NINE + 7 * HOUR)]), WINDOW)
    assert (board.faults_found, board.false_predictions) == (0, ())


def test_only_risks_to_be_acted_on_are_predictions():
    rows = tables(
        failure_risks=[
            risk("fr-1", "disk/storage-01:sda", decision="watch"),
            risk("fr-2", "disk/storage-09:sdz"),
            risk("fr-3", "disk/storage-09:sdz", at=NINE + HOUR),
        ]
    )
    board = score([DISK], rows, WINDOW)
    assert board.faults_found == 0
    assert board.false_predictions == ("failure_risk disk/storage-09:sdz",)


def test_a_capacity_risk_counts_only_where_it_became_a_finding():
    filling = fault(
        kind="filesystem_full",
        root_entity_id="host/db-01",
        ended_at=NINE + 60 * HOUR,
        breaches_at=NINE + 48 * HOUR,
        found_by=("capacity_risk", "incident"),
        symptoms=(),
    )
    risks = [{"finding_id": "cap-1", "entity_id": "host/db-01", "issued_at": NINE + 9 * HOUR}]
    forecast_only = tables(capacity_risks=risks)
    told = tables(capacity_risks=risks, findings=[finding("cap-1", "capacity_risk", "host/db-01", at=NINE + 9 * HOUR)])
    assert score([filling], forecast_only, WINDOW).faults_found == 0
    board = score([filling], told, WINDOW)
    assert (board.faults_found, board.faults[0].lead_s) == (1, 39 * 3600)


def test_missing_data_is_found_by_a_finding_about_data_not_by_an_incident():
    gap = fault(kind="source_gap", root_entity_id="host/app-01", found_by=("data_quality",), symptoms=())
    by_incident = tables(incidents=[incident(entity="host/app-01")])
    by_finding = tables(
        findings=[finding("dq-1", "data_quality", "host/app-01", at=NINE, known=NINE + 30 * MINUTE)],
    )
    board = score([gap], by_incident, WINDOW)
    assert (board.faults_found, board.false_incidents, board.cause_judged) == (0, 0, 0)
    board = score([gap], by_finding, WINDOW)
    assert (board.faults_found, board.faults[0].detection_delay_s) == (1, 1800)


def test_what_lies_outside_the_judged_window_is_left_out():
    rows = tables(incidents=[incident(at=WINDOW.start - HOUR, entity="service/mail"), incident("inc-2", at=WINDOW.end)])
    assert score([fault()], rows, WINDOW).incidents_total == 0


def test_a_fault_the_telemetry_does_not_show_is_not_held_against_the_house():
    hidden = fault(fault_id="fault-hidden", is_detectable=False)
    board = score([hidden], {}, WINDOW)
    assert (board.faults_total, board.recall, len(board.faults)) == (0, 1.0, 1)


@given(
    st.lists(
        st.tuples(
            st.integers(-600, 600),
            st.sampled_from(["database/orders-db", "service/web", "service/mail", "disk/storage-01:sda", "host/x"]),
        ),
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_the_score_does_not_depend_on_the_order_of_rows_and_its_parts_add_up(places, random):
    incidents = [
        incident(f"inc-{n}", at=NINE + minutes * MINUTE, entity=entity) for n, (minutes, entity) in enumerate(places)
    ]
    tickets = [ticket(row["incident_id"]) for row in incidents]
    faults = [fault(), DISK]
    board = score(faults, tables(incidents=incidents, tickets=tickets), WINDOW)
    random.shuffle(incidents)
    random.shuffle(tickets)
    random.shuffle(faults)
    again = score(faults, tables(incidents=incidents, tickets=tickets), WINDOW)
    assert again.summary() == board.summary()
    assert 0 <= board.faults_found <= board.faults_total == 2
    assert board.split_incidents + board.false_incidents <= board.incidents_total
    owned = board.incidents_total - board.false_incidents
    assert owned == board.split_incidents + len({r.fault_id for r in board.faults if r.ticket_count})
    assert board.duplicate_tickets + board.false_tickets <= board.tickets_opened
