"""The verdict on an instant depends on what came before it, and on nothing else."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_world import MONDAY, PER_DAY, POLICIES, STEP_S, at, calm, daily, days, grid_of, judged, place, points_of

from aiops_jobs.core.detectors import DETECTORS, detector_of
from aiops_jobs.core.detectors.judging import band_of, history_of, judge
from aiops_jobs.core.features.grid import to_grid
from aiops_jobs.errors import ConfigurationError
from aiops_jobs.window import Window

NAMES = ("expected", "lower", "upper", "scores")


@pytest.fixture(scope="module")
def values():
    made = calm(25, level=50, noise=1, series=3) + daily(25, 10)
    made[1, place(23, 9) : place(23, 11)] += 60
    made[:, ::13] = np.nan
    return made


def assert_equal(one, other):
    for name in NAMES:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


@given(st.integers(1, 3 * PER_DAY - 1))
@settings(max_examples=8, deadline=None)
def test_the_future_does_not_change_the_past(values, cut):
    end = 22 * PER_DAY + cut
    whole = judged(values, 22, 25, metric="m").bands
    until = MONDAY + timedelta(seconds=STEP_S * end)
    known = judge(grid_of(values[:, :end], metric="m"), Window(at(22), until), POLICIES).bands
    for name in NAMES:
        np.testing.assert_array_equal(getattr(known, name), getattr(whole, name)[:, :cut])


@given(st.integers(1, 3 * PER_DAY - 1))
@settings(max_examples=8, deadline=None)
def test_two_halves_of_a_stretch_are_judged_like_the_whole(values, cut):
    grid = grid_of(values, metric="m")
    middle = at(22) + timedelta(seconds=STEP_S * cut)
    parts = [judge(grid, region, POLICIES).bands for region in (Window(at(22), middle), Window(middle, at(25)))]
    whole = judge(grid, Window(at(22), at(25)), POLICIES).bands
    for name in NAMES:
        joined = np.concatenate([getattr(part, name) for part in parts], axis=1)
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_the_order_of_the_samples_does_not_matter(values):
    points = points_of(values, metric="m")
    mixed = points.take(pa.array(np.random.default_rng(0).permutation(points.num_rows)))
    window = Window(MONDAY, at(25))
    one, other = (
        judge(to_grid(p, window, step_s=STEP_S), Window(at(24), at(25)), POLICIES).bands for p in (points, mixed)
    )
    assert_equal(one, other)


def test_one_series_is_judged_as_in_company(values):
    alone = judged(values[1:2], 23, 24, metric="m").bands
    together = judged(values, 23, 24, metric="m").bands
    assert alone.scores.tobytes() == np.ascontiguousarray(together.scores[1:2]).tobytes()


def test_history_is_the_look_back_before_the_first_day():
    region = Window(at(30, 5), at(31))
    assert history_of(region, POLICIES) == Window(at(9), at(31))


def test_samples_older_than_the_look_back_are_not_looked_at(values):
    wild = values.copy()
    wild[:, : place(1)] = 1e6
    assert_equal(judged(wild, 22, 25, metric="m").bands, judged(values, 22, 25, metric="m").bands)


def test_a_stretch_nobody_has_samples_of_is_not_judged(values):
    bands = judge(grid_of(values), Window(at(60), at(61)), POLICIES).bands
    assert bands.scores.shape[0] == 3
    assert not np.isfinite(bands.scores).any()


def test_the_band_of_one_series_is_what_the_judgement_says(values):
    window = Window(at(23), at(24))
    points = points_of(values, metric="m")
    band = band_of(points, "series-0001", window, POLICIES)
    assert band.column_names == ["observed_at", "value", "expected", "lower", "upper", "score"]
    assert band.num_rows == PER_DAY
    assert band["observed_at"][0].as_py() == at(23)
    judgement = judged(values, 23, 24, metric="m")
    np.testing.assert_array_equal(
        band["score"].to_numpy(),
        np.where(np.isnan(values[1, place(23) : place(24)]), np.nan, judgement.bands.scores[1]),
    )
    assert band["value"].null_count == int(np.isnan(values[1, place(23) : place(24)]).sum()) > 0
    assert band["expected"].null_count == 0


def test_the_band_of_an_unknown_series_is_a_row_of_nulls_a_bucket(values):
    band = band_of(points_of(values), "nobody", Window(at(23), at(23) + timedelta(hours=1)), POLICIES)
    assert band.num_rows == 12
    assert band["expected"].null_count == band["value"].null_count == 12


def test_a_detector_nobody_knows_is_the_operators_mistake():
    with pytest.raises(ConfigurationError, match="`robust_saesonal`, which is unknown"):
        detector_of("robust_saesonal", POLICIES)
    assert {detector_of(name, POLICIES).name for name in DETECTORS} == set(DETECTORS)


def test_days_are_counted_from_the_first_whole_one(values):
    assert judged(values, 22.25, 22.5, metric="m").grid.start == MONDAY + days(22.25)
