"""Closed tickets judge our causes: who is whose outcome, hit rates, the abstention curve, calibrated confidence."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from incident_world import T0

from aiops_jobs.core.incidents.calibration import IDENTITY, CauseCalibration, cross_fitted, fit
from aiops_jobs.core.incidents.outcomes import Judged, Outcome, curve, evaluate, judged, match_outcomes
from aiops_jobs.core.models.calibration import expected_calibration_error
from aiops_jobs.core.policies import OutcomePolicy

POLICY = OutcomePolicy()
HOUR = timedelta(hours=1)
UNTIL = T0 + 100 * HOUR


def incident(name, start=0.0, lasts=1.0, service="orders", **more):
    return {
        "incident_id": name,
        "started_at": T0 + start * HOUR,
        "ended_at": T0 + (start + lasts) * HOUR,
        "entity_id": f"service/{service}",
        "service_name": service,
        "services_affected": f'["{service}"]',
    } | more


def ticket(key, opened=0.2, resolved=3.0, service="orders", cause="database/orders-db", **more):
    return {
        "ticket_key": key,
        "opened_at": T0 + opened * HOUR,
        "resolved_at": T0 + resolved * HOUR,
        "entity_id": f"service/{service}",
        "service_name": service,
        "host_name": None,
        "resolution_code": "restarted",
        "cause_entity_id": cause,
    } | more


def cause(name, rank, entity, share, status="suspect", raw=None):
    return {
        "incident_id": name,
        "cause_rank": rank,
        "entity_id": entity,
        "cause_status": status,
        "confidence_ratio": share,
        "raw_confidence_ratio": share if raw is None else raw,
    }


def match(incidents, tickets, *, own=None, closed_by_us=(), until=UNTIL):
    found = match_outcomes(
        incidents, tickets, own=own or {}, closed_by_us=set(closed_by_us), until=until, policy=POLICY
    )
    return {outcome.incident_id: outcome.ticket_key for outcome in found}


def test_a_ticket_is_the_outcome_of_the_incident_it_was_opened_during():
    incidents = [incident("a"), incident("b", start=10.0), incident("c", service="cart")]
    assert match(incidents, [ticket("T1"), ticket("T2", opened=10.5, resolved=12.0)]) == {"a": "T1", "b": "T2"}


def test_the_recorded_cause_takes_no_part_in_the_match():
    rows = [incident("a")], [ticket("T1", cause="host/nobody-thought-of")]
    assert match(*rows) == {"a": "T1"}


@pytest.mark.parametrize(
    "unusable",
    [
        ticket("open", resolved_at=None),
        ticket("later", resolved=101.0),
        ticket("nothing", resolution_code="false_alarm"),
        ticket("unknown", cause=None),
        ticket("elsewhere", service="cart"),
        ticket("long after", opened=5.0, resolved=6.0),
    ],
    ids=lambda row: row["ticket_key"],
)
def test_what_tells_no_cause_or_is_not_known_yet_or_is_about_something_else_is_no_outcome(unusable):
    assert match([incident("a")], [unusable]) == {}


def test_a_ticket_of_ours_belongs_to_its_incident_whatever_its_times_and_comes_first():
    mine = ticket("mine", opened=50.0, resolved=60.0, service="elsewhere")
    assert match([incident("a")], [ticket("T1"), mine], own={"mine": "a"}) == {"a": "mine"}


def test_what_our_own_call_has_closed_teaches_us_nothing():
    assert match([incident("a")], [ticket("mine")], own={"mine": "a"}, closed_by_us=["mine"]) == {}


def test_a_ticket_judges_one_incident_and_the_order_of_rows_does_not_matter():
    incidents = [incident("a"), incident("b", start=0.1)]
    found = match(incidents, [ticket("T1"), ticket("T2", opened=0.3)])
    assert sorted(found.values()) == ["T1", "T2"]
    assert match(incidents[::-1], [ticket("T2", opened=0.3), ticket("T1")]) == found


def test_hit_rates_are_those_counted_by_hand():
    outcomes = [Outcome(name, T0, name, "right") for name in "abcd"]
    causes = [
        cause("a", 1, "right", 0.8),
        cause("b", 1, None, 0.6, status="abstained"),
        cause("b", 2, "wrong", 0.2),
        cause("b", 3, "right", 0.1),
        cause("c", 1, "wrong", 0.9),
    ]
    cases = judged(outcomes, causes)
    assert cases.rank.tolist() == [1, 2, 0, 0]
    assert cases.share.tolist() == [0.8, 0.2, 0.9, 0.0]
    assert (cases.accuracy_at(1), cases.accuracy_at(3)) == (0.25, 0.5)
    assert cases.average_at_5 == pytest.approx((0.25 + 4 * 0.5) / 5)


def test_the_abstention_curve_is_that_counted_by_hand():
    rows = {row["threshold"]: row for row in curve(np.array([0.9, 0.4, 0.0]), np.array([True, False, False]))}
    assert (rows[0.0]["answered_ratio"], rows[0.0]["hit_ratio"]) == (pytest.approx(2 / 3), 0.5)
    assert (rows[0.5]["answered_ratio"], rows[0.5]["hit_ratio"]) == (pytest.approx(1 / 3), 1.0)
    assert (rows[0.95]["answered_ratio"], rows[0.95]["hit_ratio"]) == (0.0, None)


def test_without_outcomes_there_is_a_row_and_no_calibration():
    result = evaluate(judged([], []), POLICY)
    assert result.calibration == IDENTITY
    assert result.row["sample_count"] == 0
    assert result.row["first_hit_ratio"] is None


def test_with_few_outcomes_confidence_stays_as_it_is():
    share, right = np.full(POLICY.min_outcomes - 1, 0.5), np.ones(POLICY.min_outcomes - 1, bool)
    assert fit(share, right, POLICY).is_identity
    assert not fit(np.append(share, 0.5), np.append(right, True), POLICY).is_identity


def test_the_prior_holds_a_small_sample_back():
    share, right = np.full(20, 0.5), np.ones(20, bool)
    few, many = fit(share, right, POLICY), fit(np.tile(share, 20), np.tile(right, 20), POLICY)
    assert 0.5 < few.first(0.5) < 20.5 / 21 < many.first(0.5)


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=8), st.floats(0.05, 4.0), st.floats(-3.0, 3.0))
def test_calibrated_shares_keep_their_order_and_never_exceed_one(weights, slope, shift):
    total = 1.0 + sum(weights)
    shares = sorted((weight / total for weight in weights), reverse=True)
    found = CauseCalibration(slope, shift).shares(shares)
    assert found == sorted(found, reverse=True)
    assert sum(found) <= 1.0 + 1e-9
    assert all(value >= 0.0 for value in found)


def test_an_identity_changes_nothing_and_has_no_version():
    assert IDENTITY.shares([0.7, 0.2]) == [0.7, 0.2]
    assert IDENTITY.version is None
    assert (
        CauseCalibration(1.2, 0.1).version == CauseCalibration(1.2, 0.1).version != CauseCalibration(1.3, 0.1).version
    )


def world(seed, count=60):
    """Incidents whose raw shares are too timid by far: right with ``sigmoid(1.5 logit + 1)``."""
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.1, 0.9, count)
    truth = CauseCalibration(1.5, 1.0).all_first(share)
    return share, rng.uniform(size=count) < truth


def test_confidence_is_more_reliable_on_seeds_it_was_not_fitted_on():
    before, after = [], []
    for seed in range(20):
        calibration = fit(*world(seed), POLICY)
        share, right = world(seed + 1000, 2000)
        before.append(expected_calibration_error(share, right))
        after.append(expected_calibration_error(calibration.all_first(share), right))
    assert np.mean(before) > 0.12
    assert np.mean(after) < 0.5 * np.mean(before)
    assert sum(a < b for a, b in zip(after, before, strict=True)) >= 19


def test_where_confidence_is_right_already_calibration_does_little_harm():
    rng = np.random.default_rng(5)
    share = rng.uniform(0.1, 0.9, 60)
    calibration = fit(share, rng.uniform(size=60) < share, POLICY)
    grid = np.linspace(0.1, 0.9, 9)
    assert np.abs(calibration.all_first(grid) - grid).max() < 0.15


def test_the_published_error_is_of_cases_the_map_has_not_seen():
    share, right = world(3)
    honest = cross_fitted(share, right, POLICY)
    changed = right.copy()
    changed[0] = not changed[0]
    assert cross_fitted(share, changed, POLICY)[0] == honest[0]
    row = evaluate(Judged([Outcome(str(n), T0, str(n), "x") for n in range(60)], share, right.astype(int)), POLICY).row
    assert row["calibration_error"] == pytest.approx(expected_calibration_error(honest, right))
    assert row["calibration_error"] < row["raw_calibration_error"]


def verdict(name="true", cause="database/orders-db", incident="a", **more):
    blank = {"label_id": "lbl-1", "remote_key": None, "is_self_generated": False}
    return blank | {"subject_id": incident, "label_verdict": name, "cause_entity_id": cause} | more


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (verdict(), {"a": "lbl-1"}),
        (verdict(remote_key="T1"), {"a": "T1"}),
        (verdict("false"), {}),
        (verdict("duplicate"), {}),
        (verdict(cause=None), {"a": "T1"}),
        (verdict(is_self_generated=True), {"a": "T1"}),
        (verdict(incident="unknown"), {"a": "T1"}),
    ],
)
def test_a_verdict_of_people_speaks_before_a_ticket(label, told):
    found = match_outcomes(
        [incident("a")], [ticket("T1")], own={}, closed_by_us=set(), until=UNTIL, policy=POLICY, labels=[label]
    )
    assert {outcome.incident_id: outcome.ticket_key for outcome in found} == told
