"""What tickets tell of failures, as known at an instant."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_worlds import END, INSTANT, shuffled, to_tickets

from aiops_jobs.core.features.failures import seconds, to_failures

CODES = ("disk_replaced", "hardware_failure")
DAY = timedelta(days=1)


def known(rows, until=END, code="disk_replaced"):
    return to_failures(to_tickets(rows, code=code), CODES, until)


def test_a_resolved_ticket_with_a_code_of_failure_is_one():
    found = known([("disk/a", END - 5 * DAY, END - 4 * DAY)])
    assert found.confirmed.entities == ("disk/a",)
    assert found.confirmed.began_s.tolist() == [seconds(END - 5 * DAY)]
    assert found.confirmed.ended_s.tolist() == [seconds(END - 4 * DAY)]
    assert found.unsettled.entities == ()


def test_another_code_is_no_failure():
    assert known([("disk/a", END - 5 * DAY, END - 4 * DAY)], code="no_fault_found").confirmed.entities == ()


def test_the_cause_is_what_failed_where_it_is_known():
    tickets = to_tickets([("host/web-01", END - 5 * DAY, END - 4 * DAY)])
    named = tickets.set_column(3, "cause_entity_id", [["disk/web-01:sda"]])
    unnamed = tickets.set_column(3, "cause_entity_id", [[None]]).cast(tickets.schema)
    assert to_failures(named, CODES, END).confirmed.entities == ("disk/web-01:sda",)
    assert to_failures(unnamed, CODES, END).confirmed.entities == ("host/web-01",)


def test_before_it_is_resolved_a_ticket_is_unsettled_and_before_it_is_opened_it_is_nothing():
    row = [("disk/a", END - 3 * DAY, END - 1 * DAY)]
    assert known(row, END - 2 * DAY).unsettled.entities == ("disk/a",)
    assert known(row, END - 2 * DAY).confirmed.entities == ()
    assert known(row, END - 4 * DAY).unsettled.entities == ()
    assert np.isinf(known([("disk/a", END - DAY, None)]).unsettled.ended_s[0])


def test_two_tickets_about_one_failure_are_one_failure():
    rows = [
        ("disk/a", END - 9 * DAY, END - 7 * DAY),
        ("disk/a", END - 8 * DAY, END - 6 * DAY),
        ("disk/a", END - 3 * DAY, END - 2 * DAY),
    ]
    assert known(rows).confirmed.began_s.tolist() == [seconds(END - 9 * DAY), seconds(END - 3 * DAY)]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_tickets_does_not_matter(seed):
    rows = [(f"disk/{n % 4}", END - (20 - n) * DAY, END - (19 - n) * DAY) for n in range(12)]
    tickets = to_tickets(rows)
    one, other = (to_failures(t, CODES, END) for t in (tickets, shuffled(tickets, seed)))
    assert one.confirmed.entities == other.confirmed.entities
    assert np.array_equal(one.confirmed.began_s, other.confirmed.began_s)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 10)), max_size=15), st.integers(1, 40))
def test_what_was_known_then_does_not_depend_on_what_came_later(rows, day):
    start = END - 60 * DAY
    until = start + day * DAY
    tickets = [(f"disk/{e}", start + a * DAY, start + (a + b) * DAY) for e, a, b in rows]
    earlier = [
        (e, opened, resolved if resolved <= until else None) for e, opened, resolved in tickets if opened < until
    ]
    one, other = known(tickets, until), known(earlier, until)
    assert one.confirmed.entities == other.confirmed.entities
    assert one.unsettled.entities == other.unsettled.entities
    assert np.array_equal(one.confirmed.ended_s, other.confirmed.ended_s)


def test_no_tickets_are_no_failures():
    empty = to_tickets([])
    assert empty.schema.field("opened_at").type == INSTANT
    assert to_failures(empty, CODES, END).confirmed.entities == ()
