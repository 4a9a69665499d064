"""A profile says what counting by hand says, and ``None`` where there is nothing to count."""

import math
import statistics
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.contracts.constraints import Between
from aiops_jobs.contracts.render import to_profile_expectations
from aiops_jobs.contracts.table import Column, Kind, Table
from aiops_jobs.core.profile import MEASURES, Measure, contract_profile, profile
from aiops_jobs.window import Window

WINDOW = Window.parse("2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z")
T = Table(
    name="t",
    grain="one thing",
    columns=(
        Column("seen_at", Kind.TIMESTAMP, "When."),
        Column("until_at", Kind.TIMESTAMP, "Until when."),
        Column("colour", Kind.LABEL, "Colour."),
        Column("size", Kind.NUMBER, "Size.", constraints=(Between(0, 10),)),
    ),
    key=("seen_at",),
    time="seen_at",
)
some_rows = st.lists(
    st.fixed_dictionaries(
        {
            "seen_at": st.sampled_from([0, 5, 17, 59, None]),
            "until_at": st.sampled_from([0, 5, 30, None]),
            "colour": st.sampled_from(["red", "blue", "green", None]),
            "size": st.sampled_from([0.0, 1.5, 2.0, 11.0, -3.0, float("nan"), float("inf"), None]),
        }
    ),
    max_size=15,
)
ALL = (
    Measure("row_count"),
    Measure("freshness_lag_s"),
    Measure("largest_gap_s"),
    Measure("null_ratio", "colour"),
    Measure("not_finite_ratio", "size"),
    Measure("distinct_count", "colour"),
    Measure("distinct_ratio", "colour"),
    Measure("minimum", "size"),
    Measure("maximum", "size"),
    Measure("mean", "size"),
    Measure("quantile", "size", at=0.5),
    Measure("share", "colour", values=("red", "green")),
    Measure("pair_count", "until_at", relation="<", other="seen_at"),
    Measure("pair_count", "until_at", relation="=", other="seen_at"),
)


def instant(minute):
    return None if minute is None else WINDOW.start + timedelta(minutes=minute)


def table(rows, *, chunks=2):
    parts = [rows[i::chunks] for i in range(chunks)]
    return pa.concat_tables(
        [T.shape(pa.Table.from_pylist([_instants(r) for r in p], schema=_nullable())) for p in parts]
    )


def _instants(row):
    return {**row, "seen_at": instant(row["seen_at"]), "until_at": instant(row["until_at"])}


def _nullable():
    return pa.schema([field.with_nullable(True) for field in T.to_arrow()])


def by_hand(rows):
    seen = sorted(r["seen_at"] for r in rows if r["seen_at"] is not None)
    edges = [0, *seen, 60]
    colours = [r["colour"] for r in rows]
    named = [c for c in colours if c is not None]
    sizes = [r["size"] for r in rows if r["size"] is not None]
    finite = [s for s in sizes if math.isfinite(s)]
    pairs = [(r["until_at"], r["seen_at"]) for r in rows if None not in (r["until_at"], r["seen_at"])]
    n = len(rows)
    return {
        "row_count": float(n),
        "freshness_lag_s": 60.0 * (60 - seen[-1]) if seen else None,
        "largest_gap_s": 60.0 * max(b - a for a, b in zip(edges, edges[1:], strict=False)) if seen else None,
        "null_ratio(colour)": colours.count(None) / n if n else None,
        "not_finite_ratio(size)": (len(sizes) - len(finite)) / len(sizes) if sizes else None,
        "distinct_count(colour)": float(len(set(named))),
        "distinct_ratio(colour)": len(set(named)) / len(named) if named else None,
        "minimum(size)": min(finite, default=None),
        "maximum(size)": max(finite, default=None),
        "mean(size)": statistics.fmean(finite) if finite else None,
        "quantile(size, 0.5)": float(np.quantile(finite, 0.5)) if finite else None,
        "share(colour in red, green)": (named.count("red") + named.count("green")) / n if n else None,
        "pair_count(until_at < seen_at)": float(sum(a < b for a, b in pairs)),
        "pair_count(until_at = seen_at)": float(sum(a == b for a, b in pairs)),
    }


@given(some_rows)
@settings(max_examples=300, deadline=None)
def test_every_measure_equals_counting_by_hand(rows):
    got = profile(T, table(rows), ALL, window=WINDOW)
    wanted = by_hand(rows)
    assert set(got) == set(wanted)
    for name, value in wanted.items():
        assert got[name] == (None if value is None else pytest.approx(value)), name
    assert {measure.name for measure in ALL} == set(MEASURES)


@given(some_rows)
@settings(max_examples=200, deadline=None)
def test_the_contract_profile_counts_the_rows_that_break_each_promise(rows):
    times = [r["seen_at"] for r in rows]
    sizes = [r["size"] for r in rows if r["size"] is not None]
    assert contract_profile(T, table(rows)) == {
        "offender_count(size, OUT_OF_RANGE)": sum(s < 0 or s > 10 for s in sizes),
        "offender_count(size, NOT_FINITE)": sum(not math.isfinite(s) for s in sizes),
        "offender_count(seen_at, REPEATED_KEY)": len(times) - len(set(times)),
    }


def test_the_contract_profile_has_a_number_for_every_profile_expectation():
    names = [item["kwargs"]["column"] for item in to_profile_expectations(T)]
    assert list(contract_profile(T, T.empty())) == names


def test_nothing_measured_from_nothing_is_a_number():
    empty = profile(T, T.empty(), ALL, window=WINDOW)
    counts = {"row_count", "distinct_count(colour)", "pair_count(until_at < seen_at)", "pair_count(until_at = seen_at)"}
    assert {name for name, value in empty.items() if value is not None} == counts
    assert all(empty[name] == 0 for name in counts)


def test_rows_newer_than_the_window_have_a_negative_lag():
    late = table([{"seen_at": 61, "until_at": None, "colour": "red", "size": 1.0}])
    assert profile(T, late, [Measure("freshness_lag_s")], window=WINDOW) == {"freshness_lag_s": -60.0}
    assert datetime(2026, 11, 20, 1, 1, tzinfo=UTC) == instant(61)
