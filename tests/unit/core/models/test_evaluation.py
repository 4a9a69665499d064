"""Measures of predictions, against definitions and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from aiops_jobs.core.models.evaluation import Cases, average_precision, judge_failures

DAY = 86400.0


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60))
def test_average_precision_is_scikit_learns_ties_included(pairs):
    score = np.array([s for s, _ in pairs], dtype=float)
    labels = np.array([y for _, y in pairs])
    expected = average_precision_score(labels, score) if labels.any() else 0.0
    assert average_precision(score, labels) == pytest.approx(expected)


def four_days_of_two_disks():
    """Disk 0 fails at noon of day 4 and is seen coming on days 2 and 3; disk 1 lives, and is suspected once."""
    entity = np.repeat([0, 1], 4)
    at = np.tile(np.arange(4) * DAY, 2)
    failure = np.where(entity == 0, 3.5 * DAY, np.inf)
    probability = np.array([0.1, 0.1, 0.6, 0.8, 0.0, 0.3, 0.0, 0.0])
    return Cases(entity, at, failure, probability)


def measures(**more):
    defaults = {"threshold": 0.25, "rule": np.array([0, 0, 1, 1, 1, 1, 1, 1.0]), "base_rate": 0.1}
    return judge_failures(four_days_of_two_disks(), **(defaults | more))


def test_the_operating_point_has_precision_recall_and_a_share_of_failures_foreseen():
    found = measures()
    assert found["precision_ratio"].value == pytest.approx(2 / 3)
    assert found["recall_ratio"].value == pytest.approx(2 / 4)
    assert (found["failures_foreseen_ratio"].value, found["failures_foreseen_ratio"].count) == (1.0, 1)


def test_the_lead_time_runs_from_the_first_warning_to_the_failure():
    assert measures()["lead_time_median_s"].value == pytest.approx(1.5 * DAY)


def test_without_a_warning_there_is_no_lead_time():
    found = measures(threshold=0.99)
    assert "lead_time_median_s" not in found
    assert found["failures_foreseen_ratio"].value == 0.0
    assert found["precision_ratio"].value == 0.0


def test_lift_compares_with_the_base_rate_and_with_the_rule():
    found = measures()
    score = average_precision_score([1, 1, 1, 1, 0, 0, 0, 0], four_days_of_two_disks().probability)
    assert found["lift"].value == pytest.approx(score / 0.5)
    assert found["lift_over_rule"].value == pytest.approx(score / found["average_precision_of_rule_ratio"].value)


def test_brier_compares_with_always_saying_the_base_rate():
    found = measures(base_rate=0.5)
    p = four_days_of_two_disks().probability
    assert found["brier"].value == pytest.approx(np.mean((p - [1, 1, 1, 1, 0, 0, 0, 0]) ** 2))
    assert found["brier"].baseline == pytest.approx(0.25)
