"""Robust levels, slopes and seasons, of many series at once."""

import numpy as np
import pytest
from model_worlds import resources

from aiops_jobs.core.models.candidates import (
    NAMES,
    Clock,
    forecast_candidates,
    last_jump,
    median,
    season,
    slope_and_level,
    trust_in_trend,
)

HOURLY = Clock(3600.0)
DAYS_14 = 14 * 24


def noise(shape, seed=0, size=0.01):
    return size * np.random.default_rng(seed).normal(size=shape)


def trust(values):
    """Return the trust in a new trend, as the forecast sees it."""
    return forecast_candidates(values, np.array([1]), HOURLY)[1]


def test_a_clock_counts_steps_of_any_length():
    assert (Clock(3600.0).day, Clock(3600.0).week) == (24, 168)
    assert (Clock(300.0).day, Clock(86400.0).day) == (288, 1)


def test_the_median_ignores_missing_values_and_knows_when_nothing_is_left():
    values = np.array([[3.0, np.nan, 1.0, 2.0], [4.0, 1.0, np.nan, np.nan], [np.nan] * 4])
    assert np.allclose(median(values), [2.0, 2.5, np.nan], equal_nan=True)


def test_a_season_is_found_under_a_trend_with_outliers_and_gaps_and_begins_with_the_next_step():
    hour = np.arange(DAYS_14 + 5)
    wave = np.sin(2 * np.pi * hour / 24)
    values = (5.0 + 0.01 * hour + wave)[None, :].copy()
    values[0, 40] = 500.0
    values[0, 100:110] = np.nan
    course = season(values, 24)
    expected = np.sin(2 * np.pi * (hour[-1] + 1 + np.arange(24)) / 24)
    assert np.abs(course[0] - expected).max() < 0.1


def test_less_than_two_periods_make_no_season():
    assert not season(np.random.default_rng(0).normal(size=(2, 47)), 24).any()


def test_the_slope_of_a_line_is_exact_and_its_level_lies_at_its_end():
    values = np.array([[2.0], [-0.5]]) * np.arange(DAYS_14) + 7.0
    slope, level = slope_and_level(values, 7 * 24)
    assert np.allclose(slope, [2.0, -0.5])
    assert np.allclose(level, values[:, -1])


def test_a_fifth_of_outliers_does_not_steer_the_slope():
    values = 0.01 * np.arange(DAYS_14)[None, :] + noise((1, DAYS_14))
    values[0, ::5] += 40.0
    slope, _ = slope_and_level(values, 7 * 24)
    assert slope[0] == pytest.approx(0.01, rel=0.15)


def test_what_came_before_a_clean_up_does_not_count_for_the_slope():
    hour = np.arange(DAYS_14)
    values = (0.3 + 0.002 * hour - np.where(hour >= DAYS_14 - 80, 0.5, 0.0))[None, :] + noise((1, DAYS_14), size=0.001)
    slope, level = slope_and_level(values, 7 * 24)
    assert slope[0] == pytest.approx(0.002, rel=0.1)
    assert level[0] == pytest.approx(values[0, -1], abs=0.01)


def test_a_jump_two_hours_ago_ends_the_old_regime_and_a_spike_does_not():
    values = 0.5 + noise((3, DAYS_14))
    values[0, -2:] -= 0.4
    values[1, -6:-3] += 0.4
    assert last_jump(values, HOURLY).tolist() == [DAYS_14 - 2, 0, 0]


@pytest.mark.parametrize(("days", "allowed"), [(14, 0.12), (28, 0.03)])
def test_after_a_clean_up_no_candidate_goes_on_with_the_old_trend(days, allowed):
    hour = np.arange(days * 24)
    grown = 0.4 + np.maximum(hour - days * 24 + 130, 0) * 0.004
    values = grown[None, :] + noise((1, days * 24), size=0.002)
    values[0, -3:] -= 0.5
    points, certain = forecast_candidates(values, np.arange(1, 73), HOURLY)
    trends = points[[NAMES.index(name) for name in ("trend_2d", "trend_7d", "trend_28d")], 0]
    assert certain[0] == 0.0
    assert np.abs(trends - values[0, -1]).max() < allowed


def test_a_leak_that_began_a_day_and_a_half_ago_is_certain():
    hour = np.arange(28 * 24)
    values = 0.4 + np.maximum(hour - 28 * 24 + 36, 0) * 0.004 + noise((20, 28 * 24)) + 0.03 * np.sin(hour * np.pi / 12)
    assert np.median(trust(values)) > 0.9


@pytest.mark.parametrize("kind", ["seasonal", "steady", "sawtooth"])
def test_no_new_trend_is_seen_where_none_begins(kind):
    assert (trust(resources(kind, 60, 28 * 24, seed=3)) > 0.5).mean() <= 0.05


def test_a_step_and_a_ramp_that_has_ended_are_no_trend():
    hour = np.arange(28 * 24)
    step = 0.2 * (hour >= 28 * 24 - 20)
    ramp = 0.2 * np.clip((hour - 28 * 24 + 40) / 12, 0, 1)
    assert trust(0.4 + np.stack([step, ramp]) + noise((2, 28 * 24))).max() < 0.1


def test_a_weekend_is_no_new_trend_even_before_the_week_is_known():
    hour = np.arange(12 * 24)
    for age in range(0, 96, 12):
        weekend = 0.3 * (((hour + age) // 24) % 7 >= 5)
        assert trust((0.4 + weekend)[None, :] + noise((1, len(hour)))).max() < 0.5


def test_trust_needs_a_past():
    short = np.arange(60, dtype=float)[None, :]
    assert trust_in_trend(short, short, np.ones(1), 48)[0] == 0.0


def test_every_candidate_answers_even_after_three_samples():
    values = np.full((2, 30), np.nan)
    values[0, -3:] = [1.0, 2.0, 3.0]
    values[1, 5] = 4.0
    points, certain = forecast_candidates(values, np.arange(1, 49), HOURLY)
    assert points.shape == (len(NAMES), 2, 48)
    assert np.isfinite(points).all()
    assert not certain.any()
