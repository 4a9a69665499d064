"""A probability of 30 % should come true three times in ten."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.models.calibration import (
    Calibration,
    expected_calibration_error,
    fit_calibration,
    sigmoid,
)


def outcomes(slope, shift, seed=0, count=20_000):
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-2.0, 1.5, count)
    return log_odds, rng.random(count) < sigmoid(slope * log_odds + shift)


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.5, -0.7), (1.6, 1.0)])
def test_slope_and_shift_are_recovered_from_many_outcomes(slope, shift):
    log_odds, happened = outcomes(slope, shift)
    found = fit_calibration(log_odds, happened, np.ones(len(log_odds)))
    assert (found.slope, found.shift) == (pytest.approx(slope, abs=0.1), pytest.approx(shift, abs=0.15))
    assert expected_calibration_error(found.probability(log_odds), happened) < 0.01


def test_overconfidence_is_taken_back():
    log_odds, happened = outcomes(0.4, 0.0)
    before = expected_calibration_error(sigmoid(log_odds), happened)
    found = fit_calibration(log_odds, happened, np.ones(len(log_odds)))
    assert expected_calibration_error(found.probability(log_odds), happened) < 0.3 * before


def test_a_handful_of_outcomes_changes_little():
    found = fit_calibration(np.array([1.0, -1.0]), np.array([False, True]), np.ones(2))
    assert 0.5 < found.slope < 1.0


def test_the_order_is_never_turned_round():
    log_odds, happened = outcomes(1.0, 0.0)
    found = fit_calibration(log_odds, ~happened, np.ones(len(log_odds)))
    assert found.slope > 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.floats(0.05, 3), st.floats(-5, 5))
def test_probabilities_are_probabilities_and_keep_the_order(log_odds, slope, shift):
    ordered = np.sort(np.array(log_odds))
    probability = Calibration(slope, shift).probability(ordered)
    assert ((probability > 0) & (probability < 1)).all()
    assert (np.diff(probability) >= 0).all()


def test_the_calibration_error_of_truth_is_zero_and_of_a_lie_its_size():
    happened = np.arange(1000) % 4 == 0
    assert expected_calibration_error(np.full(1000, 0.25), happened) < 0.01
    assert expected_calibration_error(np.full(1000, 0.75), happened) == pytest.approx(0.5, abs=0.01)
    assert expected_calibration_error(np.zeros(0), np.zeros(0, dtype=bool)) == 0.0
