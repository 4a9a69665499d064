"""Daily readings as features: as of the day, within one life, in any order."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from model_worlds import END, INSTANT, METRICS, fleet, shuffled

from aiops_jobs.core.features.failures import Events, seconds
from aiops_jobs.core.features.smart import (
    DAY_S,
    PER_ENTITY,
    PER_METRIC,
    Readings,
    day_floor,
    lives,
    to_features,
    to_readings,
)

DAY = timedelta(days=1)
NOTHING = Events((), np.zeros(0), np.zeros(0))


def readings(values, first_day=20_000):
    """Return readings of one metric of several disks: one row a disk."""
    values = np.array(values, dtype=float)
    names = tuple(f"disk/{n}" for n in range(len(values)))
    return Readings(names, (None,) * len(values), ("errors",), first_day, values[:, None, :])


def feature(found, name, disk=0, day=-1):
    return found.values[found.names.index(name), disk, day]


def points(rows):
    columns = zip(*rows, strict=True)
    at, entity, host, metric, value = (list(column) for column in columns)
    text = pa.string()
    schema = [("observed_at", INSTANT), ("entity_id", text), ("host_name", text), ("metric_name", text)]
    arrays_ = [at, entity, host, metric, value]
    return pa.table(arrays_, schema=pa.schema([*schema, ("value", pa.float64())]))


def test_points_become_one_largest_value_a_day_entity_and_metric():
    table = points(
        [
            (END - 2 * DAY, "disk/b", "web", "errors", 3.0),
            (END - DAY - timedelta(microseconds=1), "disk/b", "web", "errors", 5.0),
            (END - DAY, "disk/b", "web", "errors", 7.0),
            (END - DAY, "disk/a", None, "errors", 1.0),
            (END - DAY, "disk/a", None, "colour", 1.0),
            (END, "disk/a", None, "errors", 9.0),
        ]
    )
    found = to_readings(table, ["errors"], END - 2 * DAY, END)
    assert (found.entities, found.hosts, found.metrics) == (("disk/a", "disk/b"), (None, "web"), ("errors",))
    assert np.array_equal(found.values[:, 0], [[np.nan, 1.0], [5.0, 7.0]], equal_nan=True)
    assert found.day_ends_s.tolist() == [seconds(END - DAY), seconds(END)]


def test_a_point_without_an_entity_belongs_to_its_host_and_one_without_either_to_nobody():
    table = points([(END - DAY, None, "web", "errors", 3.0), (END - DAY, None, None, "errors", 4.0)])
    assert to_readings(table, ["errors"], END - DAY, END).entities == ("host/web",)


def test_the_order_of_points_does_not_matter():
    world = fleet(1, disks=24, days=40)
    one, other = (to_readings(t, METRICS, world.start, world.end) for t in (world.points, shuffled(world.points)))
    assert (one.entities, one.hosts) == (other.entities, other.hosts)
    assert np.array_equal(one.values, other.values, equal_nan=True)


def test_every_metric_gets_the_same_features_whatever_its_name():
    world = fleet(1, disks=12, days=40)
    renamed = world.points.set_column(
        3, "metric_name", pa.array([f"vendor_{n}" for n in world.points["metric_name"].to_pylist()])
    )
    found = to_features(to_readings(renamed, [f"vendor_{n}" for n in METRICS], world.start, world.end), NOTHING)
    assert found.names == (*(f"vendor_{m}:{f}" for m in METRICS for f in PER_METRIC), *PER_ENTITY)
    assert found.values.shape == (len(found.names), 12, 40)


def test_last_value_changes_largest_value_and_rate():
    values = [0.0] * 10 + [1.0] * 15 + [5.0] * 8 + [4.0]
    found = to_features(readings([values]), NOTHING)
    expected = {"last": 4, "delta_1d": -1, "delta_7d": -1, "delta_28d": 4, "max_28d": 5, "days_since_change": 0}
    assert {name: feature(found, f"errors:{name}") for name in expected} == expected
    assert feature(found, "errors:rate_28d") == pytest.approx(4 / 28)


def test_days_since_a_change_are_unknown_until_the_history_is_long_enough():
    found = to_features(readings([[2.0] * 40, [1.0] * 5 + [2.0] * 35]), NOTHING)
    since = found.values[found.names.index("errors:days_since_change")]
    assert np.isnan(since[0, :28]).all()
    assert (since[0, 28:] == 28).all()
    assert since[1, 5:10].tolist() == [0, 1, 2, 3, 4]
    assert since[1, -1] == 28


def test_a_value_is_carried_over_a_short_gap_and_an_entity_long_silent_is_gone():
    values = [1.0] * 10 + [np.nan] * 10
    found = to_features(readings([values]), NOTHING)
    assert feature(found, "errors:last", day=15) == 1.0
    assert np.isnan(feature(found, "errors:last", day=16))
    assert found.is_present[0].tolist() == [True] * 16 + [False] * 4
    assert feature(found, "missing_7d_ratio", day=12) == pytest.approx(3 / 7)
    assert feature(found, "missing_7d_ratio", day=9) == 0.0


def test_a_new_disk_has_no_past():
    values = [10.0 + n for n in range(20)] + [0.0] * 10
    replaced = Events(("disk/0",), np.array([20_019.5 * DAY_S]), np.array([20_020.2 * DAY_S]))
    world = readings([values])
    assert lives(world, replaced)[0].tolist() == [0] * 20 + [1] * 10
    found = to_features(world, replaced)
    assert np.isnan(feature(found, "errors:delta_7d", day=22))
    assert feature(found, "errors:max_28d", day=29) == 0.0
    assert feature(found, "age_28d", day=25) == 5.0
    assert feature(found, "errors:delta_7d", day=29) == 0.0
    assert feature(found, "errors:delta_7d", day=15) == 7.0


def test_a_replacement_to_come_changes_nothing_before_it():
    world = readings(np.random.default_rng(0).integers(0, 9, (3, 40)))
    replaced = Events(("disk/1",), np.array([20_030.0 * DAY_S]), np.array([20_031.0 * DAY_S]))
    without, with_it = to_features(world, NOTHING), to_features(world, replaced)
    assert np.array_equal(without.values[:, :, :31], with_it.values[:, :, :31], equal_nan=True)
    assert not np.array_equal(without.values[:, 1, 31:], with_it.values[:, 1, 31:], equal_nan=True)


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(30, 45)),
        elements=st.one_of(st.integers(0, 5).map(float), st.just(float("nan"))),
    ),
    st.integers(1, 29),
)
@settings(max_examples=40, deadline=None)
def test_features_of_a_day_do_not_know_later_days(values, day):
    whole = to_features(readings(values), NOTHING)
    cut = to_features(readings(values[:, : day + 1]), NOTHING)
    assert np.array_equal(whole.values[:, :, : day + 1], cut.values, equal_nan=True)
    assert np.array_equal(whole.is_present[:, : day + 1], cut.is_present)


@given(arrays(np.float64, (2, 60), elements=st.one_of(st.integers(0, 3).map(float), st.just(float("nan")))))
@settings(max_examples=30, deadline=None)
def test_features_depend_on_the_last_weeks_only(values):
    whole = to_features(readings(values), NOTHING)
    recent = to_features(readings(values[:, -36:], first_day=20_024), NOTHING)
    bounded = [n for n in whole.names if n != "age_28d" and not n.endswith("days_since_change")]
    rows = [whole.names.index(n) for n in bounded]
    assert np.array_equal(whole.values[rows, :, -1], recent.values[rows, :, -1], equal_nan=True)


def test_counters_of_worn_disks_grow_before_they_fail():
    world = fleet(2, disks=60, days=60, failing=0.5, visible=1.0)
    found = to_features(to_readings(world.points, METRICS, world.start, world.end), NOTHING)
    growth = found.values[found.names.index(f"{METRICS[2]}:delta_7d")]
    assert np.nanmax(growth) > 20


def test_the_day_of_an_instant_begins_at_midnight_utc():
    assert day_floor(END + timedelta(hours=13)) == END
    assert day_floor(END) == END
