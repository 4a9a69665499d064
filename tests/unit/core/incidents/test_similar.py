"""What resembles an incident: same trouble at the same place first, nothing from the future, whatever the order."""

import time
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from incident_world import T0, table

from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.core.incidents.memory import Told, to_past, to_subjects
from aiops_jobs.core.incidents.similar import to_similar_incidents
from aiops_jobs.core.policies import SimilarityPolicy

POLICY = SimilarityPolicy()
HOUR = timedelta(hours=1)
NOTHING = table(r.INCIDENTS, [])


def incident(name="inc-1", start=0.0, **more):
    return {
        "incident_id": name,
        "title": "orders: error rate and latency",
        "summary": "3 alerts on 2 components. Likely cause (80%): connection pool of orders-db is exhausted.",
        "incident_state": "resolved",
        "started_at": T0 + start * HOUR,
        "ended_at": T0 + (start + 1) * HOUR,
        "entity_id": "service/orders",
        "service_name": "orders",
        "services_affected": '["orders"]',
        "cause_kind": "capacity",
        "cause_entity_id": "database/orders-db",
    } | more


def ticket(key, hours_before=48.0, **more):
    return {
        "opened_at": T0 - hours_before * HOUR,
        "ticket_key": key,
        "title": "orders slow, connection pool of orders-db exhausted",
        "description": "Requests wait for a connection. The pool was enlarged.",
        "entity_id": "service/orders",
        "service_name": "orders",
        "resolved_at": T0 - (hours_before - 2) * HOUR,
        "resolution_code": "capacity_added",
        "cause_entity_id": "database/orders-db",
        "source": "desk",
    } | more


def told(*rows):
    return Told(table(r.INCIDENTS, list(rows)), table(r.INCIDENT_ALERTS, []), table(r.ALERTS, []))


def similar(incidents, tickets, *, ours=(), own=None, policy=POLICY):
    past = to_past(table(t.TICKET_HISTORY, list(tickets)), told(*ours), own=own or {})
    return to_similar_incidents(to_subjects(told(*incidents)), past, policy=policy, policy_version="v").to_pylist()


def test_the_same_trouble_at_the_same_place_comes_before_another_cause_and_a_request_is_none():
    rows = similar(
        [incident()],
        [
            ticket("A", title="Certificate of orders expires", description="As every year.", cause_entity_id=None),
            ticket("B", cause_entity_id="database/carts-db"),
            ticket("C"),
        ],
    )
    assert [row["similar_id"] for row in rows] == ["C", "B"]
    assert rows[0]["matched_on"] == '["cause","entity","entity_kind","service","words"]'
    assert rows[0]["resolution_code"] == "capacity_added"
    assert rows[0]["similarity_ratio"] > rows[1]["similarity_ratio"] >= POLICY.min_similarity


def test_what_was_not_over_when_the_incident_began_is_not_known():
    late = ticket("late", hours_before=1.0)  # resolved an hour after the incident began
    just = ticket("just", hours_before=2.0)  # resolved at that very instant
    still = ticket("open", resolved_at=None, resolution_code=None, cause_entity_id=None)
    assert [row["similar_id"] for row in similar([incident()], [late, just, still])] == ["just"]


def test_words_are_as_rare_as_they_were_when_the_incident_began():
    before = similar([incident()], [ticket("A"), ticket("B", title="disk of mail is full", description="")])
    flood = [ticket(f"L{n}", hours_before=-2.0 - n) for n in range(50)]
    assert (
        similar([incident()], [ticket("A"), ticket("B", title="disk of mail is full", description=""), *flood])
        == before
    )


def test_what_ended_known_comes_before_what_did_not():
    rows = similar(
        [incident()],
        [ticket("A", resolution_code=None), ticket("B", hours_before=500.0)],
    )
    assert [row["similar_id"] for row in rows] == ["B", "A"]


def test_our_own_incident_and_its_ticket_are_one_memory():
    mine = incident("inc-0", start=-48.0)
    rows = similar([incident()], [ticket("T-1")], ours=[mine], own={"T-1": "inc-0"})
    assert [(row["similar_id"], row["similar_kind"], row["resolution_code"]) for row in rows] == [
        ("inc-0", "incident", "capacity_added")
    ]
    assert "pool was enlarged" in rows[0]["resolution"]


def test_an_incident_is_not_similar_to_itself_nor_to_one_that_goes_on():
    going_on = incident("inc-2", start=-3.0, ended_at=None)
    assert similar([incident()], [], ours=[incident(), going_on]) == []


def test_at_most_so_many_and_the_order_of_rows_does_not_matter():
    tickets = [ticket(f"T{n}", hours_before=30.0 + n) for n in range(40)]
    rows = similar([incident()], tickets)
    assert [row["similar_id"] for row in rows] == [f"T{n}" for n in range(POLICY.most)]
    assert similar([incident()], tickets[::-1]) == rows


def test_an_empty_past_and_texts_without_words_are_no_trouble():
    assert similar([incident()], []) == []
    assert (
        similar(
            [incident()],
            [ticket("A", title="42", description=None, entity_id=None, service_name=None, cause_entity_id=None)],
        )
        == []
    )


@pytest.mark.slow
def test_a_hundred_thousand_tickets_are_looked_through_quickly():
    rng = np.random.default_rng(1)
    words = np.array([f"{a}{b}" for a in "abcdefghijklmnopqrst" for b in ("lo", "mi", "nu", "ra", "se")])
    texts = [" ".join(row) for row in words[rng.integers(0, len(words), (100_000, 12))]]
    count = len(texts)
    opened = pa.array(np.full(count, int((T0 - 48 * HOUR).timestamp() * 1e6)), pa.int64()).cast(
        pa.timestamp("us", tz="UTC")
    )
    entity = pa.array([f"service/s{n % 300}" for n in range(count)])
    columns = {
        "opened_at": opened,
        "ticket_key": pa.array([f"K{n}" for n in range(count)]),
        "title": pa.array(texts),
        "description": pa.array(texts[::-1]),
        "entity_id": entity,
        "resolved_at": opened,
        "source": pa.array(["desk"] * count),
    }
    schema = t.TICKET_HISTORY.to_arrow()
    history = pa.table(
        [columns.get(n, pa.nulls(count)).cast(schema.field(n).type) for n in schema.names], schema=schema
    )
    began = time.process_time()
    past = to_past(history, told(), own={})
    incidents = [incident(f"inc-{n}", title=texts[n], summary="", entity_id=f"service/s{n}") for n in range(10)]
    rows = to_similar_incidents(to_subjects(told(*incidents)), past, policy=POLICY, policy_version="v")
    took = time.process_time() - began
    assert rows.num_rows >= 10
    assert took < 20.0, f"{took:.1f} CPU s"
    print(f"{took:.2f} CPU s")
