"""Samples become one matrix on absolute time, whatever their order."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_world import MONDAY, points_of

from aiops_jobs.core.features.grid import INSTANT, series_blocks, series_codes, to_grid
from aiops_jobs.window import Window

HOUR = Window(MONDAY, MONDAY + timedelta(hours=1))


def table(rows, **columns):
    """Return points from (series, seconds after Monday, value)."""
    data = {
        "observed_at": pa.array([MONDAY + timedelta(seconds=s) for _, s, _ in rows], INSTANT),
        "series_id": pa.array([name for name, _, _ in rows], pa.string()),
        "metric_name": pa.array(["m"] * len(rows), pa.string()),
        "value": pa.array([v for _, _, v in rows], pa.float64()),
    }
    return pa.table(data | columns)


def test_samples_of_a_bucket_are_averaged_and_a_bucket_without_any_is_missing():
    grid = to_grid(table([("a", 0, 1.0), ("a", 60, 2.0), ("a", 299, 6.0), ("a", 900, 7.0)]), HOUR, step_s=300)
    assert grid.values[0, :4].tolist()[0] == 3.0
    assert np.isnan(grid.values[0, [1, 2, 4]]).all()
    assert grid.values[0, 3] == 7.0
    assert grid.counts[0, :5].tolist() == [3, 0, 0, 1, 0]
    assert grid.values.shape == (1, 12)
    assert (grid.start, grid.end) == (HOUR.start, HOUR.end)


def test_buckets_lie_on_absolute_time_and_only_whole_ones_count():
    window = Window(MONDAY + timedelta(seconds=100), MONDAY + timedelta(seconds=1000))
    grid = to_grid(table([("a", 200, 1.0), ("a", 300, 2.0), ("a", 899, 4.0), ("a", 950, 9.0)]), window, step_s=300)
    assert grid.start == MONDAY + timedelta(seconds=300)
    assert grid.values.tolist() == [[2.0, 4.0]]


def test_a_window_shorter_than_a_step_holds_no_bucket():
    window = Window(MONDAY + timedelta(seconds=10), MONDAY + timedelta(seconds=200))
    assert to_grid(table([("a", 100, 1.0)]), window, step_s=300).values.shape[1] == 0


def test_what_is_no_finite_number_is_no_sample():
    rows = [("a", 0, float("nan")), ("a", 1, float("inf")), ("a", 2, 5.0), ("b", 3, float("nan"))]
    grid = to_grid(table(rows), HOUR, step_s=300)
    assert grid.series["series_id"].to_pylist() == ["a"]
    assert (grid.values[0, 0], grid.counts[0, 0]) == (5.0, 1)


def test_an_empty_table_gives_a_grid_without_series():
    grid = to_grid(table([]), HOUR, step_s=300)
    assert grid.values.shape == (0, 12)
    assert grid.series.num_rows == 0


def test_a_series_is_described_by_its_latest_sample():
    rows = table([("a", 600, 1.0), ("a", 0, 1.0), ("b", 0, 1.0)], service_name=["new", "old", None])
    rows = rows.append_column("host_name", pa.array([None, None, "h1"], pa.string()))
    series = to_grid(rows, HOUR, step_s=300).series.to_pylist()
    assert [row["service_name"] for row in series] == ["new", None]
    assert [row["entity_id"] for row in series] == ["service/new", "host/h1"]
    assert [row["unit"] for row in series] == [None, None]


def test_without_any_entity_the_metric_says_what_it_is_about():
    assert to_grid(table([("a", 0, 1.0)]), HOUR, step_s=300).series["entity_id"].to_pylist() == ["unknown/m"]


def test_a_step_must_be_positive():
    with pytest.raises(ValueError, match="must be positive, got 0 s"):
        to_grid(table([("a", 0, 1.0)]), HOUR, step_s=0)


def test_the_grid_is_what_a_pivot_says():
    values = np.random.default_rng(1).normal(size=(7, 50))
    values[np.random.default_rng(2).random(values.shape) < 0.2] = np.nan
    points = points_of(values)
    frame = points.select(["series_id", "observed_at", "value"]).to_pandas()
    pivot = frame.pivot_table(index="series_id", columns="observed_at", values="value", observed=True)
    grid = to_grid(points, Window(MONDAY, MONDAY + timedelta(seconds=300 * 50)), step_s=300)
    np.testing.assert_array_equal(grid.values[:, : pivot.shape[1]], pivot.to_numpy())


def samples():
    sample = st.tuples(
        st.sampled_from("abc"), st.integers(0, 3599), st.sampled_from([0.1, 0.2, 0.3, 1e9, -7.7, 1 / 3, 1e-9])
    )
    return st.lists(sample, min_size=1, max_size=60)


@given(samples(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_samples_changes_no_bit(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (to_grid(table(r), HOUR, step_s=300) for r in (rows, shuffled))
    assert one.values.tobytes() == other.values.tobytes()
    assert one.series.equals(other.series)
    np.testing.assert_array_equal(one.counts, other.counts)


@given(samples(), st.integers(1, 3599))
@settings(max_examples=60, deadline=None)
def test_what_a_shorter_window_shows_is_what_the_longer_one_shows_there(rows, cut):
    whole = to_grid(table(rows), HOUR, step_s=300)
    part = to_grid(table(rows), Window(HOUR.start, HOUR.start + timedelta(seconds=cut)), step_s=300)
    same = whole.between(part.start, part.end)
    kept = np.isin(same.series["series_id"].to_pylist(), part.series["series_id"].to_pylist())
    np.testing.assert_array_equal(same.values[kept], part.values)
    assert np.isnan(same.values[~kept]).all()


def test_between_returns_whole_buckets_only():
    grid = to_grid(table([("a", 0, 1.0)]), HOUR, step_s=300)
    part = grid.between(MONDAY + timedelta(seconds=1), MONDAY + timedelta(seconds=901))
    assert (part.start, part.end) == (MONDAY + timedelta(seconds=300), MONDAY + timedelta(seconds=900))
    assert grid.between(MONDAY - timedelta(days=2), MONDAY - timedelta(days=1)).values.shape == (1, 0)
    assert grid.between(MONDAY - timedelta(days=2), MONDAY + timedelta(days=2)).values.shape == (1, 12)


def test_blocks_hold_every_series_once_and_whole():
    points = points_of(np.arange(50.0).reshape(10, 5))
    mixed = points.take(pa.array(np.random.default_rng(0).permutation(points.num_rows)))
    blocks = list(series_blocks(mixed, size=3))
    names = [sorted(set(block["series_id"].to_pylist())) for block in blocks]
    assert [name for block in names for name in block] == sorted(set(points["series_id"].to_pylist()))
    assert [len(n) for n in names] == [3, 3, 3, 1]
    assert sum(block.num_rows for block in blocks) == points.num_rows
    assert list(series_blocks(points, size=10)) == [points]


def test_codes_follow_the_order_of_ids_and_skip_labels_without_rows():
    points = points_of([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).slice(2)
    codes, names = series_codes(points)
    assert names == ["series-0001", "series-0002"]
    assert codes.tolist() == [0, 0, 1, 1]
