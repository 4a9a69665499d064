"""Promises every detector keeps; a new detector is tested by being registered."""

import numpy as np
import pytest
from metric_world import POLICIES, at, calm, daily, grid_of, place

from aiops_jobs.core.detectors import DETECTORS, detector_of
from aiops_jobs.errors import NotTrainedError

HISTORY_DAYS = 21


@pytest.fixture(params=sorted(DETECTORS))
def make(request):
    return lambda: detector_of(request.param, POLICIES)


@pytest.fixture
def values():
    made = calm(22, level=50, noise=1, series=4) + daily(22, 10)
    made[2, place(21, 15)] += 60
    made[3, ::5] = np.nan
    return made


@pytest.fixture
def history(values):
    return grid_of(values[:, : place(HISTORY_DAYS)], metric="m")


@pytest.fixture
def today(values):
    return grid_of(values[:, place(HISTORY_DAYS) :], metric="m", start=at(HISTORY_DAYS))


def test_scores_have_the_shape_of_the_grid_and_are_never_negative(make, history, today):
    scores = make().fit(history).anomaly_scores(today)
    assert scores.shape == today.values.shape
    assert np.nanmin(scores) >= 0
    assert not np.isinf(scores).any()


def test_exactly_what_was_measured_is_scored(make, history, today):
    scores = make().fit(history).anomaly_scores(today)
    np.testing.assert_array_equal(np.isfinite(scores), np.isfinite(today.values))


def test_one_is_the_boundary(make, history, today):
    bands = make().fit(history).bands(today)
    inside = (today.values >= bands.lower) & (today.values <= bands.upper)
    measured = np.isfinite(today.values)
    assert (bands.scores[inside & measured] <= 1 + 1e-9).all()
    assert (bands.scores[~inside & measured] >= 1 - 1e-9).all()
    assert inside.sum() > 900
    assert ((bands.lower <= bands.expected) & (bands.expected <= bands.upper)).all()


def test_a_spike_ranks_first(make, history, today):
    scores = make().fit(history).anomaly_scores(today)
    assert np.unravel_index(np.nanargmax(scores), scores.shape) == (2, place(0, 15))


def test_the_inputs_are_left_alone(make, history, today):
    before = history.values.copy(), today.values.copy(), history.series, today.series
    make().fit(history).bands(today)
    for grid, values, series in ((history, before[0], before[2]), (today, before[1], before[3])):
        np.testing.assert_array_equal(grid.values, values)
        assert grid.series.equals(series)


def test_the_same_question_has_the_same_answer_to_the_bit(make, history, today):
    detector = make().fit(history)
    one, again, other = detector.bands(today), detector.bands(today), make().fit(history).bands(today)
    for name in ("expected", "lower", "upper", "scores", "states"):
        assert getattr(one, name).tobytes() == getattr(again, name).tobytes() == getattr(other, name).tobytes()


def test_fitting_again_forgets(make, history, today):
    detector = make().fit(grid_of(calm(21, level=-900, series=4), metric="m"))
    np.testing.assert_array_equal(
        detector.fit(history).anomaly_scores(today), make().fit(history).anomaly_scores(today)
    )


def test_the_future_does_not_change_the_past(make, history, today):
    detector = make().fit(history)
    noon = place(0, 12)
    part = today.between(today.start, at(HISTORY_DAYS, 12))
    np.testing.assert_array_equal(detector.anomaly_scores(part), detector.anomaly_scores(today)[:, :noon])


def test_the_order_of_the_series_does_not_matter(make, values, history, today):
    scores = make().fit(history).anomaly_scores(today)
    mirrored = today.take(np.array([False, True, False, True]))
    np.testing.assert_array_equal(make().fit(history).anomaly_scores(mirrored), scores[[1, 3]])


def test_a_series_without_history_is_not_judged(make, history):
    stranger = grid_of(calm(1, series=9), metric="m", start=at(HISTORY_DAYS))
    scores = make().fit(history).anomaly_scores(stranger)
    assert np.isfinite(scores[:4]).all()
    assert np.isnan(scores[4:]).all()


def test_before_fitting_there_is_nothing_to_say(make, today):
    with pytest.raises(NotTrainedError):
        make().anomaly_scores(today)
