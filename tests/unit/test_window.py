from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.window import Window, parse_instant

instants = st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2099, 1, 1), timezones=st.just(UTC))


@given(instants, st.integers(1, 10**6), st.integers(1, 10**5))
def test_the_parts_of_a_window_follow_each_other_without_gap_or_overlap(start, seconds, step):
    step = max(step, seconds // 500 + 1)
    window = Window(start, start + timedelta(seconds=seconds))
    parts = list(window.split(timedelta(seconds=step)))
    assert parts[0].start == window.start
    assert parts[-1].end == window.end
    assert all(a.end == b.start for a, b in zip(parts, parts[1:], strict=False))
    assert all(p.duration <= timedelta(seconds=step) for p in parts)


def test_a_sample_at_the_end_belongs_to_the_next_window():
    first, second = Window.parse("2026-11-20T00:00:00Z", "2026-11-20T02:00:00Z").split(timedelta(hours=1))
    noon = first.end
    assert not first.contains(noon)
    assert second.contains(noon)
    assert not first.overlaps(second)


def test_every_zone_ends_up_as_the_same_window():
    seoul = timezone(timedelta(hours=9))
    here = Window(datetime(2026, 3, 8, 9, tzinfo=seoul), datetime(2026, 3, 8, 10, tzinfo=seoul))
    assert here == Window.parse("2026-03-08T00:00:00Z", "2026-03-08T01:00:00Z")
    assert str(here) == "2026-03-08T00:00:00Z/2026-03-08T01:00:00Z"


@pytest.mark.parametrize("text", ["2026-11-20T00:00:00", "2026-11-20", "yesterday"])
def test_a_time_without_a_zone_is_refused(text):
    with pytest.raises(ValueError):
        parse_instant(text)


def test_a_window_that_does_not_advance_is_refused():
    with pytest.raises(ValueError, match="must end after"):
        Window.parse("2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z")
    with pytest.raises(ValueError, match="positive"):
        list(Window.parse("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z").split(timedelta(0)))
