"""Order statistics agree with the textbook, list by list."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.core.features import robust

numbers = st.one_of(st.just(float("nan")), st.integers(-5, 5).map(float))
lists = st.lists(st.lists(numbers, min_size=7, max_size=7), min_size=1, max_size=4)


def textbook_median(values):
    there = values[np.isfinite(values)]
    return np.median(there) if len(there) else np.nan


@given(lists)
@settings(deadline=None)
def test_the_median_knows_missing_values(rows):
    values = np.asarray(rows, dtype=np.float32)
    np.testing.assert_array_equal(robust.median(values), [textbook_median(row) for row in values])


@given(lists, st.sampled_from([0.0, 0.1, 0.25, 0.8, 1.0]))
@settings(deadline=None)
def test_quantiles_are_numpys(rows, q):
    values = np.asarray(rows, dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = np.nanquantile(values, q, axis=1)
    np.testing.assert_allclose(robust.quantile(*robust.ordered(values), q), wanted, rtol=1e-5, atol=1e-5)


@given(lists)
@settings(deadline=None)
def test_leaving_one_out_is_leaving_one_out(rows):
    values = np.asarray(rows, dtype=np.float32)
    whole, without = robust.medians_without_each(values)
    for row, value, others in zip(values, whole, without, strict=True):
        np.testing.assert_array_equal(value, textbook_median(row))
        for place, other in enumerate(others):
            rest = np.delete(row, place) if np.isfinite(row[place]) else row
            np.testing.assert_array_equal(other, textbook_median(rest))


@given(lists, st.sampled_from([(1.0,), (3.0, 2.0, 1.0), (1.0, 1.0)]))
@settings(deadline=None)
def test_smoothing_is_the_weighted_mean_of_the_neighbours_that_are_there(rows, weights):
    values = np.asarray(rows, dtype=np.float32)
    found = robust.smoothed(values, weights)
    reach = len(weights) - 1
    for row, smooth in zip(values, found, strict=True):
        for place in range(len(row)):
            near = np.clip(np.arange(place - reach, place + reach + 1), 0, len(row) - 1)
            weight = np.asarray([weights[abs(d)] for d in range(-reach, reach + 1)]) * np.isfinite(row[near])
            wanted = np.nansum(row[near] * weight) / weight.sum() if weight.sum() else np.nan
            np.testing.assert_allclose(smooth[place], wanted, rtol=1e-5, atol=1e-5)


@given(lists, st.integers(0, 3))
@settings(deadline=None)
def test_room_is_the_way_to_the_highest_and_lowest_neighbour(rows, reach):
    values = np.asarray(rows, dtype=np.float32)
    above, below = robust.room(values, reach)
    for row, up, down in zip(values, above, below, strict=True):
        for place in range(len(row)):
            near = row[max(0, place - reach) : place + reach + 1]
            there = near[np.isfinite(near)] if np.isfinite(row[place]) else []
            wanted = (max(there) - row[place], row[place] - min(there)) if len(there) else (np.nan, np.nan)
            np.testing.assert_array_equal((up[place], down[place]), wanted)


def test_a_list_without_values_is_no_warning():
    nothing = np.full((2, 3), np.nan, dtype=np.float32)
    assert np.isnan(robust.median(nothing)).all()
    assert np.isnan(robust.medians_without_each(nothing)[1]).all()
    assert np.isnan(robust.smoothed(nothing, (1.0, 1.0))).all()


@pytest.mark.parametrize("shape", [(2, 3, 5), (4, 5)])
def test_the_input_is_left_alone(shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    before = values.copy()
    robust.medians_without_each(values)
    robust.smoothed(values, (2.0, 1.0))
    robust.median(values)
    np.testing.assert_array_equal(values, before)
