"""Axes are straight, their ticks are round and inside."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aiops_jobs.core.reports.scales import Scale, TimeScale, value_scale

START = datetime(2026, 11, 20, 7, 13, tzinfo=UTC)
finite = st.floats(-1e9, 1e9)


@given(finite, finite, st.lists(finite, min_size=2, max_size=5))
def test_a_scale_keeps_order_and_stays_in_the_picture(low, high, values):
    assume(high - low > 1e-6)
    scale = Scale(low, high, 100, 10)
    places = [scale(v) for v in sorted(values)]
    assert places == sorted(places, reverse=True)
    assert all(10 <= p <= 100 for p in places)
    assert scale(low) == pytest.approx(100)
    assert scale(high) == pytest.approx(10)


@given(finite, st.floats(1e-6, 1e9), st.integers(2, 8))
def test_ticks_are_inside_evenly_spaced_and_not_too_many(low, length, wanted):
    scale = Scale(low, low + length, 0, 1)
    assume(scale.high - scale.low > abs(low) * 1e-6)
    ticks = scale.ticks(wanted)
    assert 1 <= len(ticks) <= wanted + 2
    slack = (scale.high - scale.low) * 1e-6 + abs(low) * 1e-9
    assert all(scale.low - slack <= t <= scale.high + slack for t in ticks)


def test_ticks_are_round():
    assert Scale(0, 1, 0, 1).ticks(4) == [0, 0.25, 0.5, 0.75, 1]
    assert Scale(0.13, 9.4, 0, 1).ticks(5) == [2, 4, 6, 8]


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        (1, ["07:15", "07:30", "07:45", "08:00"]),
        (26, ["08:00", "12:00", "16:00", "20:00", "21 Nov", "04:00", "08:00"]),
        (24 * 20, ["23 Nov", "30 Nov", "7 Dec"]),
    ],
)
def test_time_ticks_lie_on_round_hours_and_days(hours, labels):
    scale = TimeScale(START, START + timedelta(hours=hours), 0, 100)
    ticks = scale.ticks(7)
    shown = [label for _, label in ticks]
    if hours == 26:
        assert all(moment.minute == 0 for moment, _ in ticks)
        assert "21 Nov" in shown
    else:
        assert shown == labels
    assert all(scale.contains(moment) for moment, _ in ticks)
    assert len(ticks) <= 8


def test_weekly_ticks_fall_on_mondays():
    scale = TimeScale(START, START + timedelta(days=60), 0, 1)
    assert {moment.weekday() for moment, _ in scale.ticks(9)} == {0}


def test_time_outside_the_picture_is_drawn_on_its_edge():
    scale = TimeScale(START, START + timedelta(hours=1), 10, 20)
    assert (scale(START - timedelta(days=1)), scale(START + timedelta(days=1))) == (10, 20)
    assert scale.at(1800) == 15
    assert not scale.contains(START + timedelta(hours=2))


def test_a_value_scale_has_air_shows_its_anchor_and_respects_its_floor():
    scale = value_scale([1.0, 2.0, float("nan")], 100, 0, anchor=(3.0,), floor=0.0)
    assert scale.low < 1.0
    assert scale.high > 3.0
    assert value_scale([0.0, 0.0], 100, 0, floor=0.0).low == 0.0
    flat = value_scale([5.0], 100, 0)
    assert flat.low < 5.0 < flat.high
    empty = value_scale([], 100, 0)
    assert empty.low < empty.high
