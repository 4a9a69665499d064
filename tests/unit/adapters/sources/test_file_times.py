"""Whatever a file calls a time is an instant in UTC, or is put aside with the reason."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.adapters.sources.file_times import TimeRules, UndeclaredError, to_instants

NOTHING = TimeRules()
SEOUL = TimeRules(timezone="Asia/Seoul")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23)).map(lambda t: t.replace(tzinfo=UTC))


def read(values, rules=NOTHING, kind=None):
    got = to_instants(pa.array(values, kind), rules)
    bad = {code: [i for i, is_bad in enumerate(mask) if is_bad] for code, mask in got.bad.items()}
    return got.values.to_pylist(), bad


@settings(deadline=None)
@given(st.lists(INSTANTS, min_size=1, max_size=8), st.sampled_from(["UTC", "Asia/Seoul", "America/St_Johns"]))
def test_iso_times_with_any_offset_are_the_same_instants(instants, zone):
    texts = [instant.astimezone(ZoneInfo(zone)).isoformat() for instant in instants]
    assert read(texts) == (instants, {})


@settings(deadline=None)
@given(st.lists(INSTANTS, min_size=1, max_size=8))
def test_naive_times_take_the_declared_zone(instants):
    texts = [instant.astimezone(ZoneInfo("Asia/Seoul")).replace(tzinfo=None).isoformat() for instant in instants]
    assert read(texts, SEOUL) == (instants, {})


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-20T12:00:00Z", NOON),
        ("2026-11-20 12:00:00+00:00", NOON),
        ("2026-11-20T12:00Z", NOON),
        (" 2026-11-20T21:00:00+0900 ", NOON),
        ("2026-11-20T12:00:00.5Z", NOON + timedelta(microseconds=500_000)),
        ("2026-11-20T12:00:00,25Z", NOON + timedelta(microseconds=250_000)),
        ("2026-11-20T12:00:00.123456789Z", NOON + timedelta(microseconds=123_456)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_spellings_of_iso_8601(text, instant):
    assert read([text]) == ([instant], {})
    assert read([text, "2026-11-20T12:00:00Z"])[0] == [instant, NOON]


def test_what_is_no_instant_is_put_aside_and_its_neighbours_are_read():
    texts = [
        "2026-11-20T12:00:00Z",
        "2026-13-20T12:00:00Z",
        "soon",
        None,
        "",
        "2026-02-30T00:00:00Z",
        "2026-11-20T21:00:00+09:00",
    ]
    values, bad = read(texts)
    assert values == [NOON, None, None, None, None, None, NOON]
    assert bad == {"NOT_AN_INSTANT": [1, 2, 5]}


def test_times_without_a_zone_are_never_guessed():
    with pytest.raises(UndeclaredError, match="have no zone, such as 2026-11-20 12:00:00") as caught:
        read(["2026-11-20 12:00:00"])
    assert caught.value.setting == "timezone"
    values, bad = read(["2026-11-20T12:00:00Z", "2026-11-20 12:00:00"])
    assert values == [NOON, None]
    assert bad == {"NAIVE_TIME": [1]}
    assert read(["2026-11-20T12:00:00Z", "2026-11-20 21:00:00"], SEOUL) == ([NOON, NOON], {})
    with pytest.raises(UndeclaredError):
        read([datetime(2026, 11, 20)], kind=pa.timestamp("ms"))
    with pytest.raises(UndeclaredError):
        read([date(2026, 11, 20)])


def test_times_that_daylight_saving_doubles_or_skips_are_put_aside():
    texts = ["2026-03-08 01:59:59", "2026-03-08 02:30:00", "2026-11-01 01:30:00", "2026-11-01 02:00:00"]
    values, bad = read(texts, TimeRules(timezone="America/New_York"))
    assert bad == {"AMBIGUOUS_TIME": [1, 2]}
    assert [v and v.hour for v in values] == [6, None, None, 7]
    typed = [datetime.fromisoformat(text) for text in texts]
    assert read(typed, TimeRules(timezone="America/New_York"), pa.timestamp("us")) == (values, bad)


@pytest.mark.parametrize(
    ("unit", "number"),
    [("s", 1763640000), ("ms", 1763640000123), ("us", 1763640000123456), ("ns", 1763640000123456789)],
)
@pytest.mark.parametrize("written", [False, True], ids=["number", "text"])
def test_numbers_are_read_in_the_declared_unit(unit, number, written):
    exact = datetime(2025, 11, 20, 12, 0, tzinfo=UTC)
    values, bad = read([str(number) if written else number], TimeRules(unit=unit))
    assert bad == {}
    assert abs(values[0] - exact) < timedelta(seconds=1)
    if unit in {"s", "ms", "us"}:
        assert values[0] == exact + timedelta(microseconds=number * {"s": 10**6, "ms": 1000, "us": 1}[unit] % 10**6)


def test_numbers_without_a_unit_are_refused():
    for values in ([1763640000], [1763640000.5], ["1763640000"], ["1763640000.5", "x"]):
        with pytest.raises(UndeclaredError, match="such as 1763640000") as caught:
            read(values)
        assert caught.value.setting == "time_unit"


def test_fractions_of_seconds_and_texts_among_numbers():
    assert read(["1763640000.25", "n/a", "1763640000"], TimeRules(unit="s")) == (
        [datetime(2025, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC), None, datetime(2025, 11, 20, 12, 0, tzinfo=UTC)],
        {"NOT_AN_INSTANT": [1]},
    )


def test_a_wrong_unit_is_noticed_because_its_times_are_absurd():
    assert read([1763640000], TimeRules(unit="ms")) == ([None], {"ABSURD_TIME": [0]})
    assert read([1763640000000], TimeRules(unit="s")) == ([None], {"ABSURD_TIME": [0]})
    assert read([2**62, -(2**62)], TimeRules(unit="s"))[1] == {"ABSURD_TIME": [0, 1]}
    assert read([1e300, float("nan")], TimeRules(unit="s"))[0] == [None, None]
    assert read(["0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "1999-12-31T23:59:59Z"])[1] == {
        "ABSURD_TIME": [0, 1, 2]
    }


def test_a_declared_pattern_is_the_only_one():
    rules = TimeRules(timezone="Europe/Berlin", pattern="%d.%m.%Y %H:%M")
    values, bad = read(["20.11.2026 13:00", "2026-11-20T12:00:00Z", None], rules)
    assert (values, bad) == ([NOON, None, None], {"NOT_AN_INSTANT": [1]})
    zoned = TimeRules(pattern="%d/%m/%Y %H:%M:%S %z")
    assert read(["20/11/2026 21:00:00 +0900"], zoned) == ([NOON], {})
    with pytest.raises(UndeclaredError):
        read(["20.11.2026 13:00"], TimeRules(pattern="%d.%m.%Y %H:%M"))


def test_typed_times_keep_their_instant_whatever_their_resolution():
    for unit in ("s", "ms", "us", "ns"):
        assert read([NOON], kind=pa.timestamp(unit, tz="Asia/Seoul")) == ([NOON], {})
    assert read([None, None], kind=pa.null()) == ([None, None], {})
    encoded = pa.array(["2026-11-20T12:00:00Z"] * 3).dictionary_encode()
    assert to_instants(encoded, TimeRules()).values.to_pylist() == [NOON] * 3
