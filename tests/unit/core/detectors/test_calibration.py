"""A band is as wide as the series' own quiet days ask for, and no single bad day can widen it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.core.detectors import calibration


def noise(seed=0, shape=(4, 20, 288)):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def width(deviations, **changes):
    return calibration.return_width(deviations, **({"points": 2, "reach": 4, "return_days": 10_000.0} | changes))


def test_the_spread_of_normal_noise_is_its_standard_deviation_on_both_sides():
    up, down = calibration.spread(3 * noise())
    assert up.shape == down.shape == (4, 288)
    np.testing.assert_allclose(up, 3, rtol=0.2)
    np.testing.assert_allclose(down, 3, rtol=0.2)


def test_the_spread_tells_the_sides_apart():
    skewed = np.exp(noise()) - 1
    up, down = calibration.spread(skewed)
    assert up.mean() > 1.5 * down.mean()


def test_the_spread_follows_the_time_of_day_but_trusts_no_total_quiet():
    residuals = noise()
    residuals[:, :, :60] *= 0.01
    up, _ = calibration.spread(residuals)
    assert up[:, 30].max() < 0.5 * up[:, 216].min()
    assert up[:, 30].min() > 0.1


def test_where_most_residuals_are_zero_the_rare_ones_speak():
    residuals = np.zeros((1, 20, 288), dtype=np.float32)
    residuals[0, :, ::8] = 2.0
    up, _ = calibration.spread(residuals)
    np.testing.assert_allclose(up, 2 / 1.96, rtol=0.01)


def test_missing_residuals_are_not_zeros():
    residuals = 3 * noise()
    residuals[:, 3:9] = np.nan
    up, down = calibration.spread(residuals)
    np.testing.assert_allclose([up.mean(), down.mean()], [3, 3], rtol=0.1)


def test_nothing_known_has_no_spread():
    up, down = calibration.spread(np.full((1, 3, 24), np.nan, dtype=np.float32))
    assert up.max() == down.max() == 0
    assert width(np.full((1, 3, 24), np.nan, dtype=np.float32)).tolist() == [0]


def test_a_coarse_day_is_one_block():
    up, _ = calibration.spread(noise(shape=(2, 20, 4)))
    np.testing.assert_allclose(up, up[:, :1].repeat(4, axis=1), rtol=1e-5)


def test_the_width_is_gumbels_return_level_of_the_days():
    deviations = noise()
    largest = calibration.confirmed(deviations.reshape(4, -1), points=2, reach=4).reshape(4, 20, 288).max(axis=2)
    middle, high, top = np.quantile(largest, [0.5, 0.8, 0.9], axis=1)

    def reduced(p):
        return -math.log(-math.log(p))

    wanted = middle + (high - middle) * (reduced(1 - 1e-4) - reduced(0.5)) / (reduced(0.8) - reduced(0.5))
    np.testing.assert_allclose(width(deviations), np.minimum(wanted, 3 * top), rtol=1e-4)


def test_three_bad_days_of_twenty_do_not_widen_a_band():
    quiet = noise(shape=(20, 20, 288))
    hurt = quiet.copy()
    hurt[:, [3, 9, 15], 100:130] += 50
    # Three of twenty days move the quantiles of the rest a little, and nothing like fifty deviations.
    assert np.median(width(hurt)) < 1.5 * np.median(width(quiet))


def test_heavier_tails_get_wider_bands():
    heavy = np.random.default_rng(1).standard_t(3, (20, 20, 288)).astype(np.float32)
    assert np.median(width(heavy)) > 1.3 * np.median(width(noise(shape=(20, 20, 288))))


def test_a_day_that_was_mostly_missing_has_no_largest_deviation():
    deviations = noise()
    before = width(deviations)
    thin = np.full((4, 1, 288), np.nan, dtype=np.float32)
    thin[:, :, :10] = 90
    np.testing.assert_array_equal(width(np.concatenate([deviations, thin], axis=1)), before)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=25), st.integers(1, 3), st.integers(1, 5))
@settings(deadline=None)
def test_what_would_be_confirmed_is_what_enough_near_values_reach(values, points, reach):
    found = calibration.confirmed(np.asarray([values], dtype=np.float32), points=points, reach=reach)[0]
    for place in range(len(values)):
        near = sorted(values[max(0, place - (points - 1) * reach) : place + 1], reverse=True)
        assert found[place] == (near[points - 1] if len(near) >= points else -np.inf)


@pytest.mark.parametrize("points", [1, 2, 3])
def test_one_lonely_spike_confirms_nothing_but_itself(points):
    values = np.zeros((1, 50), dtype=np.float32)
    values[0, 25] = 9
    highest = calibration.confirmed(values, points=points, reach=3).max()
    assert highest == (9 if points == 1 else 0)
