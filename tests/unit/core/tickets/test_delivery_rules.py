from datetime import timedelta

import pytest

from aiops_jobs.core.tickets.delivery import decide, wait_after


@pytest.mark.parametrize(
    ("action", "sent_before", "states", "act", "target"),
    [
        ("create", False, [], "create", None),
        ("create", True, [], "create", None),
        ("create", True, ["new"], "update", 0),
        ("create", False, ["new"], "update", 0),
        ("create", False, ["closed"], "create", None),
        ("create", True, ["resolved"], "settle", 0),
        ("create", False, ["closed", "in_progress"], "update", 1),
        ("update", False, ["new"], "update", 0),
        ("update", False, ["closed"], "settle", 0),
        ("update", False, [], "create", None),
        ("resolve", False, ["in_progress"], "resolve", 0),
        ("resolve", False, ["resolved"], "settle", 0),
        ("resolve", False, [], "settle", None),
    ],
)
def test_a_call_means_what_the_tickets_there_make_of_it(action, sent_before, states, act, target):
    call = decide(action, may_have_been_sent=sent_before, states=states)
    assert (call.act, call.target) == (act, target)
    assert bool(call.reason) == (act == "settle")


def test_waiting_grows_and_stays_bounded():
    waits = [wait_after(n) for n in range(40)]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=5)
    assert waits[-1] == timedelta(minutes=5)
