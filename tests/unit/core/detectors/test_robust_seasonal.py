"""The detector knows what is usual for a time of day and week, and judges only what is not."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from metric_world import DAY, LATENCY, MONDAY, PER_DAY, POLICIES, at, calm, daily, grid_of, judged, place

from aiops_jobs.core.detectors import calibration
from aiops_jobs.core.detectors.base import SeriesState
from aiops_jobs.core.detectors.robust_seasonal import UNMEASURED, RobustSeasonal
from aiops_jobs.core.policies import AnomalyPolicy
from aiops_jobs.errors import ConfigurationError, NotTrainedError


def confirmed_share(scores):
    """Return how many episodes a series has in a day."""
    high = calibration.confirmed(np.nan_to_num(scores).astype(np.float32), points=2, reach=4) >= 1
    return (high[:, 1:] & ~high[:, :-1]).sum() / len(scores) / (scores.shape[1] / PER_DAY)


def test_200_ms_that_become_1200_ms_are_expected_200_observed_1200():
    values = calm(22, level=0.2, noise=0.004)
    values[0, place(21, 2, 10) :] = 1.2
    bands = judged(values, 21, 22).bands
    here = place(0, 2, 15)
    assert bands.expected[0, here] == pytest.approx(0.2, abs=0.003)
    assert abs(1.2 - bands.expected[0, here]) / bands.expected[0, here] == pytest.approx(5.0, abs=0.1)
    assert bands.scores[0, here] > 10
    assert bands.upper[0, here] == pytest.approx(0.222, abs=0.012)
    assert bands.scores[0, : place(0, 2, 5)].max() < 1


def test_the_spike_and_only_the_spike_scores_beyond_the_boundary():
    values = calm(22, level=50, noise=1, series=5) + daily(22, 20)
    values[2, place(21, 13, 0)] += 40
    scores = judged(values, 21, 22, metric="m").bands.scores
    assert np.argwhere(scores >= 1).tolist() == [[2, place(0, 13, 0)]]
    assert scores[2, place(0, 13, 0)] > 3


def test_scores_are_the_distance_from_expected_in_half_widths():
    values = calm(22, level=50, noise=1)
    judgement = judged(values, 21, 22, metric="m")
    b, value = judgement.bands, judgement.grid.values
    wanted = np.where(value > b.expected, (value - b.expected) / (b.upper - b.expected), 0)
    wanted = np.maximum(wanted, (b.expected - value) / (b.expected - b.lower))
    np.testing.assert_allclose(b.scores, wanted, atol=1e-12)


def test_what_is_usual_every_day_is_expected():
    values = calm(22, level=50, noise=0.5) + daily(22, 30)
    bands = judged(values, 21, 22, metric="m").bands
    np.testing.assert_allclose(bands.expected[0], (50 + daily(1, 30)), atol=1)
    assert bands.scores.max() < 1


def test_a_quiet_weekend_is_no_anomaly_and_a_quiet_wednesday_is():
    rhythm = np.repeat([1, 1, 1, 1, 1, 0.2, 0.2] * 4, PER_DAY)
    values = 100 * rhythm + calm(28, level=0, noise=1)
    scores = judged(values, 21, 28, metric="m").bands.scores
    assert scores.max() < 1
    values[0, place(23) : place(24)] *= 0.2
    scores = judged(values, 21, 28, metric="m").bands.scores
    assert np.unique(np.argwhere(scores[0] >= 1) // PER_DAY).tolist() == [2]


def test_a_job_of_one_weekday_is_expected_on_that_weekday_only():
    values = calm(28, level=10, noise=0.2)
    for week in range(4):
        values[0, place(7 * week + 2, 3, 0) : place(7 * week + 2, 4, 0)] += 20
    scores = judged(values, 21, 28, metric="m").bands.scores
    assert scores.max() < 1
    values[0, place(25, 3, 0) : place(25, 4, 0)] += 20
    scores = judged(values, 21, 28, metric="m").bands.scores[0]
    assert set(np.flatnonzero(scores >= 1) // PER_DAY) == {4}


def test_a_lasting_change_is_found_and_accepted_after_three_days():
    values = calm(28, level=10, noise=0.2)
    values[0, place(21, 14, 0) :] += 8
    scores = judged(values, 21, 28, metric="m").bands.scores[0]
    assert (scores[place(0, 14, 0) : place(3)] >= 1).all()
    assert (scores[: place(0, 14, 0)] < 1).all()
    assert (scores[place(3) :] < 1).all()


def test_a_fault_of_half_a_day_leaves_no_trace_in_what_is_expected():
    values = calm(24, level=0.2, noise=0.004)
    values[0, place(21, 8) : place(21, 18)] = 1.2
    bands = judged(values, 22, 24).bands
    np.testing.assert_allclose(bands.expected, 0.2, atol=0.004)
    assert bands.scores.max() < 1
    assert bands.upper.max() < 0.25


def test_a_slow_drift_is_expected_to_go_on():
    values = calm(28, level=10, noise=0.05) + np.arange(28 * PER_DAY) / PER_DAY
    bands = judged(values, 21, 28, metric="m").bands
    assert bands.scores.max() < 1
    np.testing.assert_allclose(bands.expected[0], 10 + np.arange(21 * PER_DAY, 28 * PER_DAY) / PER_DAY, atol=0.5)


@pytest.mark.parametrize(
    ("metric", "change", "is_bad"),
    [
        (LATENCY, 1.0, True),
        (LATENCY, -0.19, False),
        ("card_approval_ratio", -0.1, True),
        ("card_approval_ratio", 0.1, False),
        ("http_requests_per_second", 0.1, True),
        ("http_requests_per_second", -0.1, True),
    ],
)
def test_only_the_bad_direction_counts(metric, change, is_bad):
    values = calm(22, level=0.2, noise=0.001)
    values[0, place(21, 12) :] += change
    scores = judged(values, 21, 22, metric=metric).bands.scores[0]
    assert (scores[place(0, 12) :] >= 1).all() == is_bad
    assert (scores[place(0, 12) :] == 0).all() == (not is_bad)


def test_what_is_too_small_to_matter_to_anybody_is_no_anomaly():
    values = calm(22, level=0.2, noise=1e-6)
    values[0, place(21, 12) :] += 0.019
    assert judged(values, 21, 22).bands.scores.max() == pytest.approx(0.95, abs=0.01)
    assert judged(values, 21, 22, metric="no_role_knows_me").bands.scores.max() < 1
    assert judged(values, 21, 22, metric="card_error_ratio").bands.scores.max() > 3


def test_values_that_move_in_steps_are_not_judged_finer_than_the_steps():
    values = np.round(calm(22, level=100, noise=0.2))
    values[0, place(21, 12) :] = 101
    assert judged(values, 21, 22, metric="no_role_knows_me").bands.scores.max() < 1


@pytest.mark.parametrize("spike", [50.0, 1e7])
def test_one_spike_of_the_past_does_not_blind_anybody_to_the_next(spike):
    values = calm(22, level=10, noise=0.1, series=2)
    values[1] = 10
    values[:, place(4, 7) : place(4, 8)] += spike
    values[:, place(21, 12) : place(21, 13)] += spike
    scores = judged(values, 21, 22, metric="m").bands.scores
    assert (scores[:, place(0, 12) : place(0, 13)] > 3).all()


def test_a_constant_series_is_judged_by_what_matters_or_else_only_warned_about():
    values = np.full((4, 22 * PER_DAY), 1.0)
    values[2:] = 0.0
    values[:, place(21, 12) :] += [[0.0], [-1.0], [0.2], [7.0]]
    bands = judged(values, 21, 22, metric=["up", "up", "card_error_ratio", "x"]).bands
    assert (bands.states == SeriesState.NO_VARIANCE).all()
    peak = bands.scores.max(axis=1)
    assert peak.tolist() == pytest.approx([0, 2.0, 40.0, UNMEASURED], rel=1e-6)
    assert np.isfinite(bands.upper).all()


def test_too_little_history_is_not_health():
    values = calm(22, series=3)
    values[0, : place(16)] = np.nan  # five days: too few
    values[1, : place(14)] = np.nan  # seven: enough
    values[2, : place(21)] = np.nan  # none
    bands = judged(values, 21, 22).bands
    assert bands.states.tolist() == [SeriesState.INSUFFICIENT, SeriesState.JUDGED, SeriesState.INSUFFICIENT]
    assert np.isnan(bands.scores[[0, 2]]).all()
    assert np.isfinite(bands.scores[1]).all()


def test_a_missing_sample_is_not_judged_and_is_not_zero():
    values = calm(22)
    values[:, ::7] = np.nan
    values[0, place(21, 5)] = np.nan
    bands = judged(values, 21, 22).bands
    missing = np.isnan(values[0, place(21) :])
    np.testing.assert_array_equal(np.isnan(bands.scores[0]), missing)
    assert np.isfinite(bands.expected).all()
    assert np.nanmax(bands.scores) < 1


def autocorrelated(random, shape):
    """Return noise that wanders for hours."""
    decay = 0.9 ** np.arange(60)
    return np.stack([np.convolve(row, decay, mode="same") for row in random.standard_normal(shape)])


TAILS = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "student": lambda random, shape: random.standard_t(3, shape),
    "lognormal": lambda random, shape: np.exp(random.standard_normal(shape)),
    "autocorrelated": autocorrelated,
}


@pytest.mark.parametrize(
    ("kind", "most"), [("normal", 0.001), ("student", 0.03), ("lognormal", 0.02), ("autocorrelated", 0.005)]
)
def test_quiet_noise_raises_few_false_alarms_whatever_its_tails(kind, most):
    rates = []
    for seed in range(3):
        noise = TAILS[kind](np.random.default_rng(seed), (60, 24 * PER_DAY))
        rates.append(confirmed_share(judged(50 + noise + daily(24, 3), 22, 24, metric="m").bands.scores))
    assert np.mean(rates) <= most


def test_a_series_the_model_has_not_seen_is_not_judged():
    detector = RobustSeasonal(POLICIES.anomaly, POLICIES.roles).fit(grid_of(calm(21)))
    bands = detector.bands(grid_of(calm(1, series=2), start=at(21)))
    assert bands.states.tolist() == [SeriesState.JUDGED, SeriesState.INSUFFICIENT]
    assert np.isnan(bands.scores[1]).all()
    assert np.isfinite(bands.scores[0]).all()


def test_without_a_whole_day_of_history_nobody_is_judged():
    detector = RobustSeasonal(POLICIES.anomaly, POLICIES.roles).fit(grid_of(calm(1)[:, :100]))
    assert np.isnan(detector.anomaly_scores(grid_of(calm(1), start=at(1)))).all()


def test_history_that_begins_in_the_middle_of_a_day_is_used_from_midnight_on():
    values = calm(22) + daily(22, 0.05)
    late = at(0, 7, 5)
    whole = RobustSeasonal(POLICIES.anomaly, POLICIES.roles).fit(grid_of(values[:, place(1) : place(21)], start=at(1)))
    part = RobustSeasonal(POLICIES.anomaly, POLICIES.roles).fit(
        grid_of(values[:, place(0, 7, 5) : place(21, 3)], start=late)
    )
    today = grid_of(values[:, place(21) :], start=at(21))
    np.testing.assert_array_equal(whole.anomaly_scores(today), part.anomaly_scores(today))


def test_a_detector_that_was_never_fitted_says_so():
    with pytest.raises(NotTrainedError, match="robust_seasonal"):
        RobustSeasonal(POLICIES.anomaly, POLICIES.roles).anomaly_scores(grid_of(calm(1)))


def test_a_step_that_does_not_divide_a_day_is_the_operators_mistake():
    with pytest.raises(ConfigurationError, match="step_s"):
        RobustSeasonal(POLICIES.anomaly, POLICIES.roles).fit(grid_of(calm(2), step_s=420))


def test_a_season_that_is_switched_off_is_not_looked_for():
    policies = replace(POLICIES, anomaly=replace(AnomalyPolicy(), season_s=()))
    values = calm(22, level=50, noise=0.5) + daily(22, 30)
    assert np.ptp(judged(values, 21, 22, metric="m", policies=policies).bands.expected) == 0
    assert np.ptp(judged(values, 21, 22, metric="m").bands.expected) > 50


def test_hourly_series_are_judged_too():
    values = calm(22, level=50, noise=1)[:, :: PER_DAY // 24]
    policies = replace(POLICIES, anomaly=replace(AnomalyPolicy(), step_s=3600))
    values[0, 21 * 24 + 5 : 21 * 24 + 8] = 90
    scores = judged(values, 21, 22, metric="m", step_s=3600, policies=policies).bands.scores[0]
    assert np.flatnonzero(scores >= 1).tolist() == [5, 6, 7]


def test_large_numbers_keep_their_last_digits():
    values = 8e12 + calm(22, level=0, noise=1e3)
    values[0, place(21, 12)] += 3e4
    scores = judged(values, 21, 22, metric="memory_bytes_utilization").bands.scores[0]
    assert np.flatnonzero(scores >= 1).tolist() == [place(0, 12)]


def test_the_days_of_the_model_are_utc_days_even_where_clocks_change():
    offset = timedelta(days=(at(27) - MONDAY) // DAY)  # 29 March 2026: Europe loses an hour
    values = calm(30, level=50, noise=0.5) + daily(30, 30)
    scores = judged(values, offset // DAY - 1, 30, metric="m").bands.scores
    assert scores.max() < 1


def test_history_that_is_shorter_than_the_look_back_counts_as_missing():
    values = calm(9)
    bands = judged(values[:, place(3) :], 8, 9, start=at(3)).bands
    assert bands.states.tolist() == [SeriesState.INSUFFICIENT]  # five days of twenty-one
    assert judged(values, 8, 9).bands.states.tolist() == [SeriesState.JUDGED]


@pytest.mark.parametrize(("level", "noise"), [(1e300, 1e290), (1e-200, 1e-205), (0.0, 1e-320), (-5e15, 1.0)])
def test_no_number_is_too_large_or_too_small(level, noise):
    values = calm(22, level=level, noise=noise)
    values[0, 5] = 1e307
    scores = judged(values, 21, 22, metric="m").bands.scores
    assert np.isfinite(scores).all()
    assert scores.max() < 1
