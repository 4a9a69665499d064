"""The past may teach; the future of the past may not."""

import numpy as np
from model_worlds import estate

from aiops_jobs.core.models.backtest import (
    blended,
    horizon_steps,
    losses_of,
    past_blends,
    past_errors,
    pooled_prior,
    run_backtest,
    weights_at,
)
from aiops_jobs.core.models.candidates import NAMES, NEWS, Clock
from aiops_jobs.core.models.capacity import untrained

HOURLY = Clock(3600.0)
WEEK_S = 7 * 86400.0
STEPS = horizon_steps(HOURLY, WEEK_S)
PRIOR = untrained(HOURLY, WEEK_S).prior


def test_distances_end_with_the_horizon_and_are_whole_steps():
    assert horizon_steps(HOURLY, 30 * 3600.0).tolist() == [1, 3, 6, 12, 18, 24, 30]
    assert horizon_steps(Clock(86400.0), 3 * 86400.0).tolist() == [1, 2, 3]


def test_a_blend_of_the_past_does_not_know_what_came_after_it():
    values = estate(21 * 24, seed=1, each=3)
    changed = values.copy()
    changed[:, -5 * 24 :] += 3.0
    before, after = (run_backtest(v, HOURLY, STEPS) for v in (values, changed))
    older = before.ages >= 5 * 24
    blends = [past_blends(test, PRIOR)[0][older] for test in (before, after)]
    assert older.sum() > 5
    assert np.array_equal(*blends)


def test_the_spread_expected_in_the_past_does_not_know_it_either():
    values = estate(21 * 24, seed=2, each=3)
    changed = values.copy()
    changed[:, -5 * 24 :] *= 2.0
    before, after = (run_backtest(v, HOURLY, STEPS) for v in (values, changed))
    older = before.ages >= 5 * 24
    spreads = [past_errors(test, PRIOR)[1][older] for test in (before, after)]
    assert np.array_equal(*spreads)


def test_weights_add_up_to_one_and_prefer_who_was_right():
    hour = np.arange(21 * 24)
    line = np.stack([0.2 + 0.001 * hour, 0.5 + 0.2 * np.sin(2 * np.pi * hour / 24)])
    test = run_backtest(line, HOURLY, STEPS)
    weights = weights_at(test, losses_of(test), PRIOR, 0)
    assert np.allclose(weights.sum(axis=0), 1.0)
    trends = [i for i, name in enumerate(NAMES) if name.startswith("trend")]
    flat = [NAMES.index("day_level"), NAMES.index("last"), NAMES.index("naive_day")]
    week = STEPS.tolist().index(168)
    assert weights[trends, 0, week].sum() > 3 * weights[flat, 0, week].sum()


def test_a_certain_new_trend_is_followed_and_half_the_doubt_remains():
    points = np.arange(8.0)[:, None, None] * np.ones((8, 2, 1))
    weights = np.full((8, 2, 1), 1 / 8)
    point, doubt = blended(weights, points, np.array([0.0, 1.0]))
    assert point[:, 0].tolist() == [3.5, float(NEWS)]
    assert doubt[1, 0] == 0.5 * np.abs(np.arange(8.0) - NEWS).mean()


def test_a_history_too_short_to_look_back_on_leaves_the_prior_as_it_is():
    test = run_backtest(np.ones((2, 30)), HOURLY, STEPS)
    assert len(test.ages) == 0
    assert np.array_equal(pooled_prior(test, PRIOR).losses, PRIOR.losses)
    assert np.array_equal(pooled_prior(test, PRIOR).errors, PRIOR.errors)
