"""Numbers are told the way people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.core.reports import words as w

NOON = datetime(2026, 11, 20, 12, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.03149, "0.0315"), (0.00001, "1.00e−05"), (5, "5"), (99.95, "100"), (123.4, "123"), (1234.5, "1 234"),
        (9999, "9 999"), (81_234, "81.2 k"), (12_400_000, "12.4 M"), (-3.5, "−3.5"), (-1234, "−1 234"),
        (None, "–"), (float("nan"), "–"), (float("inf"), "–"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits(value, text):
    assert w.number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_is_never_told_wrong_by_more_than_a_percent(value):
    text = w.number(value).replace("−", "-").replace(" ", "")
    scale = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3}.get(text[-1], 1)
    assert float(text.rstrip("TGMk")) * scale == pytest.approx(value, rel=0.01, abs=1e-12)


@pytest.mark.parametrize(
    ("value", "unit", "metric", "text"),
    [
        (0.25, "s", "", "250 ms"), (1.42, "s", "", "1.42 s"), (3600, "s", "", "1 h"), (0.0005, "s", "", "500 µs"),
        (0.9, None, "request_duration_seconds", "900 ms"), (0.031, "1", "error_ratio", "3.1 %"),
        (0.985, None, "pool_utilization", "98.5 %"), (12, "1", "restarts", "12"), (2.5e9, "By", "", "2.33 GiB"),
        (512, "By", "", "512 B"), (420, "{message}", "", "420"), (905, "{request}/s", "", "905 /s"), (64, "1/s", "", "64 /s"),
        (37.2, "Cel", "", "37.2 Cel"), (None, "s", "", "–"), (float("nan"), "By", "", "–"),
    ],
)  # fmt: skip
def test_quantities_carry_the_unit_that_reads_best(value, unit, metric, text):
    assert w.quantity(value, unit, metric) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (42, "42 s"),
        (59.6, "1 min"),
        (7980, "2 h 13 min"),
        (200_000, "2 d 7 h"),
        (-300, "−5 min"),
        (None, "–"),
    ],
)
def test_durations_have_two_units(seconds, text):
    assert w.duration(seconds) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0, "0 %"), (0.001, "< 1 %"), (0.5, "50 %"), (0.995, "> 99 %"), (1, "100 %"), (None, "–")]
)
def test_percentages_are_honest_at_both_ends(ratio, text):
    assert w.percent(ratio) == text


def test_instants_are_told_in_utc():
    seoul = NOON.astimezone(timezone(timedelta(hours=9)))
    assert w.instant(seoul) == w.instant(NOON) == "20 Nov 12:05"
    assert w.instant(NOON, seconds=True) == "20 Nov 12:05:09"
    assert w.day(NOON) == "Fri 20 Nov"
    assert w.span(seoul, seoul) == "2026-11-20 12:05 to 2026-11-20 12:05 UTC"
    assert w.instant(None) == w.day(None) == "–"


def test_counts_agree_with_their_nouns():
    assert [w.count(n, "anomaly", "anomalies") for n in (0, 1, 2, 1200)] == [
        "no anomalies",
        "1 anomaly",
        "2 anomalies",
        "1 200 anomalies",
    ]
    assert w.whole(3_456_000) == "3 456 000"


def test_names_and_sentences():
    assert [w.name(t) for t in ("service/checkout", "disk/web-01:sda", "plain", None)] == [
        "checkout",
        "web-01:sda",
        "plain",
        "–",
    ]
    assert w.sentence("deploy CHG-1") == "Deploy CHG-1"
    assert w.sentence("") == ""
    assert w.shortened("abcdef", 4) == "abc…"
    assert w.shortened("abc", 4) == "abc"
