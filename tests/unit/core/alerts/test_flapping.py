from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from incident_world import correlated
from suppression_world import POLICIES, at, event, facts, following, kept, quiet, states

from aiops_jobs.core.alerts.flapping import Limits, flapping, reminded
from aiops_jobs.core.alerts.stretches import Intervals
from aiops_jobs.core.columns import SECOND
from aiops_jobs.core.policies.suppression import FlappingPolicy

MINUTE = 60 * SECOND
LIMITS = Limits.of(4, 3600, 1800)


def wave(period, until, name="Slow", **more):
    """Minutes apart, firing and resolved in turn."""
    return [
        event(m, name, status="firing" if i % 2 == 0 else "resolved", **more)
        for i, m in enumerate(np.arange(0, until, period).tolist())
    ]


def intervals(minutes, firing, limits=LIMITS):
    at = (np.array(minutes) * MINUTE).astype(np.int64)
    found = flapping(np.zeros(len(at), np.int64), at, np.array(firing, dtype=bool), limits)
    return [(int(a) / MINUTE, int(b) / MINUTE) for a, b in zip(found.start, found.end, strict=True)]


@pytest.mark.parametrize(("period", "expected"), [(19.9, [(79.6, 129.5)]), (20.0, []), (30.0, [])])
def test_a_square_wave_just_above_and_just_below_the_limit(period, expected):
    """Four changes within an hour, its begin exclusive: a change every 20 minutes makes three of them."""
    minutes = [i * period for i in range(6)]
    assert intervals(minutes, [i % 2 == 0 for i in range(6)]) == [pytest.approx(e) for e in expected]


def test_it_leaves_after_a_quiet_time_and_not_before():
    minutes = [0, 5, 10, 15, 20, 49, 80]
    states_ = [True, False, True, False, True, False, True]
    assert intervals(minutes, states_) == [(20, 79)]


def test_repeats_of_the_same_state_are_no_changes():
    assert intervals(range(0, 100, 2), [True] * 50) == []
    minutes = [0, 1, 5, 6, 10, 11, 15, 16, 20, 21]
    assert intervals(minutes, [True, True, False, False] * 2 + [True, True]) == [(20, 50)]


class Kibana:
    """Its rule, read from its documentation: the last 20 evaluations, in at 4 changes, out at none."""

    def __init__(self):
        self.history, self.is_flapping, self.state = [], False, False

    def evaluate(self, state):
        self.history = [*self.history, state != self.state][-20:]
        self.state = state
        changes = sum(self.history)
        self.is_flapping = changes > 0 if self.is_flapping else changes >= 4
        return self.is_flapping


@given(st.lists(st.booleans(), min_size=1, max_size=120), st.integers(0, 60))
def test_with_twenty_evaluations_for_both_times_it_is_what_kibana_does(states_, calm):
    states_ = [True, *states_, *([states_[-1]] * calm)]
    theirs = Kibana()
    theirs.state = True
    expected = [theirs.evaluate(state) for state in states_]
    ours = intervals(range(len(states_)), states_, Limits.of(4, 20 * 60, 20 * 60))
    assert [any(a <= m < b for a, b in ours) for m in range(len(states_))] == expected


@given(st.permutations(range(12)))
def test_order_does_not_matter(order):
    minutes = np.arange(12) * 5
    firing = np.arange(12) % 2 == 0
    assert intervals(minutes[order], firing[order]) == intervals(minutes, firing)


def test_a_reminder_leaves_one_instant():
    found = reminded(Intervals(np.array([0, 1]), np.array([0, 0]), np.array([50, 10])), 20)
    assert list(zip(found.key.tolist(), found.start.tolist(), found.end.tolist(), strict=True)) == [
        (0, 0, 20),
        (0, 21, 50),
        (1, 0, 10),
    ]


def test_the_first_notifications_are_heard_and_the_rest_are_counted_as_avoided():
    found = kept(wave(4, 40))
    (row,) = quiet(found, "flapping")
    assert (row["started_at"], row["ended_at"], row["delay_s"], row["is_harm"]) == (at(16), at(36), None, False)
    assert row["notifications_avoided"] == 3  # at 16, 24 and 32
    assert not found.heard.never.any()


def test_an_alert_that_begins_while_it_still_flaps_is_quiet_until_it_has_been_steady():
    """Hysteresis: the hour of the changes is over, the quiet time is not."""
    policies = following(flapping=replace(FlappingPolicy(), quiet_s=3 * 3600.0, remind_s=1e9))
    told = [*wave(4, 40), event(120), event(125, status="resolved")]
    told = [{**row, "alert_fingerprint": "same"} for row in told]
    assert states(kept(told, policies=policies))[-1] == "suppressed"
    assert states(kept(told))[-1] == "resolved"


def test_severe_alerts_flap_aloud():
    assert quiet(kept(wave(4, 41, severity="critical")), "flapping") == []


def test_a_short_flap_is_no_incident_and_one_that_goes_on_and_on_is_told_once():
    assert correlated(facts(wave(4, 41))).incidents.num_rows == 0
    lasting = correlated(facts(wave(4, 241)))
    assert lasting.incidents.num_rows == 1
    rows = lasting.alert_suppressions.to_pylist()
    assert len([r for r in rows if r["suppression_kind"] == "flapping"]) == 2
    assert sum(r["notifications_avoided"] for r in rows) > 20


def test_it_can_be_switched_off():
    off = following(flapping=replace(FlappingPolicy(), is_on=False))
    assert quiet(kept(wave(4, 41), policies=off), "flapping") == []
    assert POLICIES.suppression.flapping.is_on
