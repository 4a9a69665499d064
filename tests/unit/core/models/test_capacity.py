"""Bands that hold what they promise, and breaches told days ahead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from model_worlds import estate, resources

from aiops_jobs.core.models.candidates import Clock
from aiops_jobs.core.models.capacity import (
    LEVELS,
    CapacityModel,
    fit_capacity,
    forecast_paths,
    judge_capacity,
    untrained,
)
from aiops_jobs.core.models.time_to_breach import NEVER, look_out

HOURLY = Clock(3600.0)
HISTORY, AHEAD = 28 * 24, 14 * 24
HORIZON_S = AHEAD * 3600.0
LIMIT = 0.95


@pytest.fixture(scope="module")
def model():
    return fit_capacity(estate(HISTORY, seed=11), HOURLY, HORIZON_S)


def outlook(values, model, limit=LIMIT):
    return look_out(values, forecast_paths(values, model, HORIZON_S), np.full(len(values), limit), HOURLY)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_80_percent_band_holds_80_percent_of_what_comes(seed):
    values = estate(HISTORY + AHEAD, seed)
    past, future = values[:, :HISTORY], values[:, HISTORY:]
    paths = forecast_paths(past, fit_capacity(past, HOURLY, HORIZON_S), HORIZON_S)
    inside = (future >= paths.at(0.1)) & (future <= paths.at(0.9))
    assert 0.72 <= inside.mean() <= 0.88
    assert 0.72 <= inside[:, :24].mean() <= 0.88


def test_the_band_of_another_estate_holds_too(model):
    values = estate(HISTORY + AHEAD, seed=21)
    paths = forecast_paths(values[:, :HISTORY], model, HORIZON_S)
    future = values[:, HISTORY:]
    assert 0.7 <= ((future >= paths.at(0.1)) & (future <= paths.at(0.9))).mean() <= 0.9


def test_the_forecast_beats_yesterday_repeated(model):
    values = estate(HISTORY + AHEAD, seed=5)
    past, future = values[:, :HISTORY], values[:, HISTORY:]
    error = np.abs(future - forecast_paths(past, model, HORIZON_S).at(0.5)).mean()
    naive = np.abs(future - np.tile(past[:, -24:], 14)).mean()
    assert error < 0.6 * naive


@pytest.mark.parametrize(("left_h", "tolerance_h"), [(48, 12), (120, 24), (240, 48)])
def test_a_filling_file_system_is_told_days_ahead(model, left_h, tolerance_h):
    hour = np.arange(HISTORY)
    rng = np.random.default_rng(left_h)
    slope = 0.0012
    noise = 0.002 * rng.normal(size=(20, HISTORY)) + 0.004 * np.sin(2 * np.pi * hour / 24)
    found = outlook(LIMIT - slope * (HISTORY + left_h - hour) + noise, model)
    early, middle, late = found.breach.T
    assert np.abs(middle - left_h).max() <= tolerance_h
    assert (early <= middle).all()
    assert ((late >= middle) | (late == NEVER)).all()
    assert found.probability[:, -1].min() > 0.8


def test_a_memory_leak_two_days_old_is_told_days_ahead(model):
    hour = np.arange(HISTORY)
    rng = np.random.default_rng(0)
    leak = np.maximum(hour - HISTORY + 48, 0) * 0.003
    values = 0.4 + leak + 0.01 * rng.normal(size=(20, HISTORY)) + 0.03 * np.sin(2 * np.pi * hour / 24)
    left_h = (LIMIT - 0.4) / 0.003 - 48
    found = outlook(values, model)
    assert np.median(found.probability[:, -1]) > 0.8
    assert abs(np.median(found.breach[:, 1]) - left_h) < 0.25 * left_h


def test_a_growing_queue_is_told_whatever_its_unit(model):
    hour = np.arange(HISTORY)
    rng = np.random.default_rng(1)
    depth = 2e6 + 1500.0 * hour + 3e4 * np.sin(2 * np.pi * hour / 24) + 5e3 * rng.normal(size=(10, HISTORY))
    found = outlook(depth, model, limit=2e6 + 1500.0 * (HISTORY + 100))
    assert np.abs(found.breach[:, 1] - 100).max() <= 24


def test_a_strong_season_without_a_trend_is_no_risk(model):
    rng = np.random.default_rng(2)
    hour = np.arange(HISTORY)
    values = 0.6 + 0.25 * np.sin(2 * np.pi * hour / 24) + 0.01 * rng.normal(size=(40, HISTORY))
    assert (outlook(values, model).breach[:, 1] == NEVER).all()
    assert (outlook(resources("seasonal", 40, HISTORY, seed=8), model, limit=0.99).probability[:, -1] < 0.5).all()


def test_what_lives_at_its_limit_is_known_to_do_so(model):
    values = np.full((1, HISTORY), 0.97) + 0.001 * np.random.default_rng(0).normal(size=(1, HISTORY))
    found = outlook(values, model)
    assert found.habit[0] == 1.0
    assert found.breach[0].tolist() == [1, 1, 1]


def test_no_series_touches_another(model):
    values = estate(HISTORY, seed=4, each=3)
    whole = forecast_paths(values, model, HORIZON_S).quantiles
    order = np.random.default_rng(0).permutation(len(values))
    parts = np.concatenate([forecast_paths(values[i : i + 1], model, HORIZON_S).quantiles for i in order])
    assert np.allclose(parts, whole[order], rtol=1e-12, atol=1e-15)


def test_twice_is_the_same_to_the_last_bit():
    values = estate(HISTORY, seed=6, each=4)
    one, two = (fit_capacity(values.copy(), HOURLY, HORIZON_S) for _ in range(2))
    assert one.offsets.tobytes() == two.offsets.tobytes()
    paths = [forecast_paths(values, m, HORIZON_S).quantiles.tobytes() for m in (one, two)]
    assert paths[0] == paths[1]


def test_plain_data_makes_the_same_model_again(model):
    again = CapacityModel.from_dict(model.to_dict())
    values = estate(HISTORY, seed=4, each=1)
    assert np.array_equal(
        forecast_paths(values, again, HORIZON_S).quantiles, forecast_paths(values, model, HORIZON_S).quantiles
    )


def test_gaps_and_young_series_get_a_forecast_too(model):
    values = resources("filling", 3, HISTORY, seed=1)
    values[0, 100:400] = np.nan
    values[1, : HISTORY - 50] = np.nan
    values[2, : HISTORY - 2] = np.nan
    paths = forecast_paths(values, model, HORIZON_S)
    assert np.isfinite(paths.quantiles).all()
    first = np.abs(paths.at(0.5)[:, 0] - values[:, -1])
    assert first.max() < 0.05


def test_in_the_first_days_the_untrained_model_speaks_with_growing_doubt():
    values = resources("steady", 4, 40, seed=1)
    model = fit_capacity(values, HOURLY, HORIZON_S)
    assert np.array_equal(model.offsets, untrained(HOURLY, HORIZON_S).offsets)
    paths = forecast_paths(values, model, HORIZON_S)
    width = paths.at(0.9) - paths.at(0.1)
    assert (width[:, -1] > 2 * width[:, 0]).all()


def test_a_model_is_judged_on_what_came_after_it():
    values = estate(HISTORY, seed=9)
    later = 7 * 24
    measures = judge_capacity(values, fit_capacity(values[:, :-later], HOURLY, HORIZON_S), later)
    assert 0.7 <= measures["coverage_80_ratio"].value <= 0.9
    assert 0.8 <= measures["below_p90_ratio"].value <= 0.97
    assert measures["wql_ratio"].value < 0.8
    assert measures["wql_ratio"].count > 1000


def test_dead_series_do_not_narrow_the_bands_of_the_others():
    alive = estate(HISTORY, seed=12, each=5)
    dead = np.full((len(alive), HISTORY), 0.4)
    mixed = fit_capacity(np.concatenate([alive, dead]), HOURLY, HORIZON_S)
    assert np.array_equal(mixed.offsets, fit_capacity(alive, HOURLY, HORIZON_S).offsets)
    paths = forecast_paths(dead, mixed, HORIZON_S)
    assert np.abs(paths.quantiles - 0.4).max() < 1e-3


def test_nothing_to_judge_gives_no_measure():
    assert judge_capacity(np.ones((2, 30)), untrained(HOURLY, HORIZON_S), 24) == {}


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 400)),
        elements=st.one_of(st.floats(-1e9, 1e9), st.just(0.0), st.just(float("nan"))),
    )
)
@settings(max_examples=40, deadline=None)
def test_any_history_with_a_sample_gives_finite_rising_quantiles(values):
    values[:, -1] = np.nan_to_num(values[:, -1])
    paths = forecast_paths(values, untrained(HOURLY, 3 * 86400.0), 3 * 86400.0)
    assert np.isfinite(paths.quantiles).all()
    assert (np.diff(paths.quantiles, axis=1) >= 0).all()
    found = look_out(values, paths, np.zeros(len(values)), HOURLY)
    assert (np.diff(found.probability, axis=1) >= 0).all()
    assert ((found.probability >= 0) & (found.probability <= 1)).all()


@given(st.sampled_from(["filling", "seasonal", "steady", "sawtooth"]), st.integers(-8, 8), st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_the_unit_of_a_series_changes_nothing_but_the_unit(kind, power, seed):
    values = resources(kind, 2, 10 * 24, seed)
    model = untrained(HOURLY, 86400.0)
    factor = 2.0**power
    scaled = forecast_paths(values * factor, model, 86400.0).quantiles
    assert np.allclose(scaled, forecast_paths(values, model, 86400.0).quantiles * factor, rtol=1e-6, atol=1e-9 * factor)


def test_levels_are_those_that_are_published():
    paths = forecast_paths(np.ones((1, 100)), untrained(HOURLY, 86400.0), 86400.0)
    for level in (0.1, 0.5, 0.9):
        assert level in LEVELS
        assert paths.at(level).shape == (1, 24)
