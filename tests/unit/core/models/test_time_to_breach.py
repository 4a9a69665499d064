"""Probabilities and times of breach from quantile paths made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.models.candidates import Clock
from aiops_jobs.core.models.capacity import LEVELS, Paths
from aiops_jobs.core.models.time_to_breach import NEVER, breach_probability, first_step, look_out

HOURLY = Clock(3600.0)
STEPS = np.arange(1, 101)


def paths(slope=0.01, width=0.1, level=0.0):
    """Return one series that grows by ``slope`` a step, with a band that is flat in the level."""
    return Paths(STEPS, (level + slope * STEPS + width * (LEVELS[:, None] - 0.5))[None, :, :])


def test_the_median_path_breaches_where_the_median_reaches_the_limit():
    found = look_out(np.zeros((1, 72)), paths(), np.array([0.5]), HOURLY)
    assert found.breach[0].tolist() == [46, 50, 54]


def test_the_probability_is_read_between_quantiles():
    probability = breach_probability(paths(slope=0.0, width=1.0, level=0.0).quantiles, np.array([0.15]))
    assert probability[0] == pytest.approx(np.full(100, 0.35))


def test_far_below_the_limit_the_probability_is_zero_and_far_above_it_is_the_outermost_level():
    quantiles = paths(slope=0.0).quantiles
    assert breach_probability(quantiles, np.array([9.0])).max() == 0.0
    assert breach_probability(quantiles, np.array([-9.0])).min() == 1.0 - LEVELS[0]


def test_what_has_breached_stays_breached():
    wave = np.sin(STEPS / 5.0)[None, None, :] + 0.1 * (LEVELS[None, :, None] - 0.5)
    probability = breach_probability(wave, np.array([0.9]))
    assert (np.diff(probability[0]) >= 0).all()
    assert probability[0, -1] == 1.0 - LEVELS[0]


def test_beyond_the_horizon_there_is_no_time_of_breach():
    found = look_out(np.zeros((1, 72)), paths(slope=1e-6), np.array([5.0]), HOURLY)
    assert found.breach[0].tolist() == [NEVER, NEVER, NEVER]


def test_the_capacity_needed_is_what_the_late_path_never_exceeds():
    found = look_out(np.zeros((1, 72)), paths(), np.array([0.5]), HOURLY)
    assert found.needed[0] == pytest.approx(0.01 * 100 + 0.1 * 0.4)


def test_observed_is_the_last_known_value_and_coverage_the_share_of_known_ones():
    values = np.array([[1.0, 2.0, 3.0, np.nan]])
    found = look_out(values, paths(), np.array([0.5]), HOURLY)
    assert (found.observed[0], found.coverage[0]) == (3.0, 0.75)


def test_habit_counts_past_days_and_not_the_last_two():
    values = np.zeros((2, 10 * 24))
    values[0, ::24] = 1.0
    values[1, -48:] = 1.0
    found = look_out(values, Paths(STEPS, np.repeat(paths().quantiles, 2, axis=0)), np.array([0.9, 0.9]), HOURLY)
    assert found.habit.tolist() == [1.0, 0.0]


def test_a_short_history_has_no_habits():
    found = look_out(np.ones((1, 40)), paths(), np.array([0.5]), HOURLY)
    assert found.habit[0] == 0.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_the_first_step_is_the_first_that_reaches_the_level(values, level):
    rising = np.maximum.accumulate(np.array(values))[None, :]
    step = int(first_step(rising, level)[0])
    reached = [place + 1 for place, value in enumerate(rising[0]) if value >= level - 1e-12]
    assert step == (reached[0] if reached else NEVER)
