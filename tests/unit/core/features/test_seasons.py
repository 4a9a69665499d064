"""Levels and shapes are predicted from other days only."""

import numpy as np
import pytest

from aiops_jobs.core.features import seasons


def levels(*values):
    return np.asarray([values], dtype=np.float32)


def test_one_bad_day_does_not_move_the_level():
    found, slope = seasons.day_ahead_levels(levels(1, 1, 1, 9, 1, 1))
    assert found[0, 1:].tolist() == [1] * 6
    assert slope.tolist() == [0]


def test_a_lasting_change_is_the_level_on_the_second_day_after_it():
    found, _ = seasons.day_ahead_levels(levels(1, 1, 1, 5, 5, 5))
    assert found[0, 3:].tolist() == [1, 1, 5, 5]


def test_before_the_first_sample_nothing_is_known_and_a_gap_keeps_what_was():
    found, _ = seasons.day_ahead_levels(levels(np.nan, 2, np.nan, np.nan, np.nan, np.nan))
    assert np.isnan(found[0, :2]).all()
    assert found[0, 2:].tolist() == [2] * 5


def test_a_steady_drift_is_followed_and_noise_is_not():
    drift = 10.0 + 2.0 * np.arange(20)
    found, slope = seasons.day_ahead_levels(levels(*drift))
    assert slope[0] == pytest.approx(2.0)
    assert found[0, -1] == pytest.approx(10.0 + 2.0 * 20)
    noise = np.random.default_rng(0).normal(size=(200, 20)).astype(np.float32)
    assert np.mean(seasons.day_ahead_levels(noise)[1] != 0) < 0.02


def test_the_slow_level_keeps_the_rhythm_of_the_week():
    week = np.asarray([5, 5, 5, 5, 5, 1, 1] * 3, dtype=np.float32)
    assert seasons.slow_level(np.repeat(week[None, :, None], 4, axis=2))[0, 3:-3].tolist() == [5] * 15


def test_a_day_is_compared_with_other_days_of_its_class():
    days = np.zeros((1, 14, 2), dtype=np.float32)
    days[0, [5, 6, 12, 13]] = -3  # weekends
    days[0, 12] = 100
    weekdays = [day % 7 for day in range(14)]
    slow = np.zeros((1, 14), dtype=np.float32)
    profile, without = seasons.class_medians(days, slow, weekdays, (0, 0, 0, 0, 0, 1, 1))
    assert profile[0].tolist() == [[0, 0], [-3, -3]]
    assert without[0, 12].tolist() == [-3, -3]
    assert without[0, 0].tolist() == [0, 0]


def test_the_error_of_nothing_is_infinite():
    assert seasons.mean_error(np.full((1, 2, 3), np.nan, dtype=np.float32)).tolist() == [np.inf]
    assert seasons.mean_error(np.asarray([[[1, -3], [np.nan, np.nan]]], dtype=np.float32)).tolist() == [2]
