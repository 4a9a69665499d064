import json

import pytest
from suppression_world import at, event, following, kept, quiet, states

from aiops_jobs.core.policies.suppression import InhibitionRule
from aiops_jobs.errors import ConfigurationError
from aiops_jobs.settings import Settings, load_policies


def rule(source, target, *equal):
    return following(inhibition=(InhibitionRule("r", (source,), (target,), equal),))


def told(name, begin, end, labels=None, **more):
    more = {"key": f"{name}{more}{labels}", **more}
    rows = [event(begin, name, **more), event(end, name, status="resolved", **more)]
    return [{**row, "labels": json.dumps(labels or {})} for row in rows]


def state_of(found, name):
    return next(r["alert_state"] for r in found.alerts.to_pylist() if r["alert_name"] == name)


BASIC = rule("alertname=Down", "alertname=Slow", "cluster")


@pytest.mark.parametrize(
    ("source", "target", "is_quiet"),
    [
        ({"cluster": "a"}, {"cluster": "a"}, True),
        ({"cluster": "a"}, {"cluster": "b"}, False),
        ({"cluster": "a"}, {}, False),
        ({}, {}, True),
        ({"cluster": ""}, {}, True),
        ({"cluster": "a", "pod": "1"}, {"cluster": "a", "pod": "2"}, True),
    ],
)
def test_a_target_is_quiet_where_the_equal_labels_are_equal_and_a_missing_one_is_empty(source, target, is_quiet):
    found = kept([*told("Down", 0, 60, source), *told("Slow", 10, 20, target)], policies=BASIC)
    assert (state_of(found, "Slow") == "suppressed") == is_quiet
    assert state_of(found, "Down") == "resolved"


def test_only_while_the_source_fires():
    found = kept([*told("Down", 0, 30), *told("Slow", 10, 60)], policies=BASIC)
    (row,) = quiet(found)
    source = next(r["alert_id"] for r in found.alerts.to_pylist() if r["alert_name"] == "Down")
    assert (row["started_at"], row["ended_at"], row["suppressed_by"]) == (at(10), at(30), source)
    assert row["delay_s"] == 20 * 60
    assert state_of(found, "Slow") == "resolved"
    assert states(kept([*told("Down", 0, 10), *told("Slow", 10, 60)], policies=BASIC)) == ["resolved", "resolved"]


def test_an_alert_that_matches_both_sides_inhibits_neither_itself_nor_another_such():
    both = rule("severity=critical", "alertname=~Slow|Down", "service")
    one = told("Down", 0, 60, severity="critical", service="a", entity=None)
    assert states(kept(one, policies=both)) == ["resolved"]
    other = told("Slow", 10, 20, severity="critical", service="a", entity=None)
    assert states(kept([*one, *other], policies=both)) == ["resolved", "resolved"]
    target_only = told("Slow", 10, 20, severity="warning", service="a", entity=None)
    assert state_of(kept([*one, *target_only], policies=both), "Slow") == "suppressed"
    source_only = told("Gone", 0, 60, severity="critical", service="a", entity=None)
    found = kept([*source_only, *other], policies=both)
    assert (state_of(found, "Slow"), state_of(found, "Gone")) == ("suppressed", "resolved")


@pytest.mark.parametrize(
    ("matcher", "is_quiet"),
    [
        ("alertname=Slow", True),
        ('alertname="Slow"', True),
        ("alertname!=Slow", False),
        ("alertname=~Sl.*", True),
        ("alertname=~low", False),
        ("alertname!~Fast|Quick", True),
        ("team=", True),
        ("team!=", False),
    ],
)
def test_matchers_are_those_of_alertmanager(matcher, is_quiet):
    found = kept([*told("Down", 0, 60), *told("Slow", 10, 20)], policies=rule("alertname=Down", matcher, "service"))
    assert (state_of(found, "Slow") == "suppressed") == is_quiet


@pytest.mark.parametrize("wrong", [["no operator"], [], ["a=~("]])
def test_a_matcher_that_cannot_be_read_is_refused(wrong):
    said = {"inhibition": [{"name": "r", "source_matchers": wrong, "target_matchers": ["a=b"]}]}
    with pytest.raises((ConfigurationError, Exception), match=r"inhibition|unterminated"):
        load_policies(Settings(policies={"suppression": said}))
