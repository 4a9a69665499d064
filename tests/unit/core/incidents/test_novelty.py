import math

import numpy as np
from incident_world import POLICIES, at, event, table

from aiops_jobs.contracts.results import ANOMALIES, FINDINGS
from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.core.alerts.episodes import to_alerts
from aiops_jobs.core.columns import names_without_lineage, to_micros
from aiops_jobs.core.incidents.members import to_members
from aiops_jobs.core.incidents.novelty import Usual
from aiops_jobs.identity import fingerprint, fingerprints


def members_of(*told):
    rows = [event(minute, name, key=str(place)) for place, (minute, name) in enumerate(told)]
    alerts = to_alerts(table(RAW_ALERTS, rows), policies=POLICIES, until=at(60 * 48))
    empty = [t.empty().select(names_without_lineage(t)) for t in (FINDINGS, ANOMALIES)]
    return to_members(alerts, *empty, policies=POLICIES)


def test_a_rule_that_never_spoke_surprises_more_than_one_that_always_does():
    members = members_of(*((minute, "Chatty") for minute in range(0, 100, 10)), (100, "Chatty"), (100, "Rare"))
    past, began = Usual(members, 86400.0), to_micros(at(100))
    chatty = [i for i, name in enumerate(members.name) if name == "Chatty"]
    rare = [i for i, name in enumerate(members.name) if name == "Rare"]
    assert math.isclose(past.surprise(chatty[-1:], began), math.log(12 / 11))
    assert math.isclose(past.surprise(rare, began), math.log(12 / 1))


def test_repetition_tells_nothing_and_what_comes_later_does_not_count():
    members = members_of((0, "A"), (10, "B"), (10, "B"), (20, "B"))
    past, began = Usual(members, 86400.0), to_micros(at(10))
    b = [i for i, name in enumerate(members.name) if name == "B"]
    assert past.surprise(b, began) == past.surprise(b[:1], began)
    assert math.isclose(past.surprise(b, began), math.log(3))


def test_what_was_longer_ago_than_the_window_is_forgotten():
    members = members_of((0, "A"), (120, "A"))
    began, last = to_micros(at(120)), np.array([1])
    assert math.isclose(Usual(members, 3600.0).surprise(last, began), math.log(2))
    assert math.isclose(Usual(members, 7200.0).surprise(last, began), math.log(3 / 2))


def test_many_ids_at_once_are_those_of_one_at_a_time():
    values, nodes = ['a "quoted" name', "ü|\\", None], ["x", "y", "z"]
    expected = [fingerprint("alt", b=b, a=a) for a, b in zip(values, nodes, strict=True)]
    assert fingerprints("alt", {"b": nodes, "a": values}) == expected
