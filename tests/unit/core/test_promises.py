"""Judging codes finds what judging rows finds."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.contracts.constraints import Between, Finite, MaxLength, NotNull, OneOf
from aiops_jobs.contracts.telemetry import SPANS
from aiops_jobs.core.promises import LARGEST, broken_promises, key_codes, offending, repeat_count, repeats

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
labels = st.lists(st.sampled_from(["a", "b", "weird", None]), max_size=8)


def chunked(parts, *, encoded):
    arrays = [pa.array(part, pa.string()) for part in parts]
    kind = pa.dictionary(pa.int32(), pa.string()) if encoded else pa.string()
    return pa.chunked_array([a.dictionary_encode() if encoded else a for a in arrays], kind)


@given(st.lists(labels, max_size=3), st.booleans())
@settings(max_examples=200, deadline=None)
def test_labels_are_judged_alike_in_any_encoding(parts, encoded):
    values = chunked(parts, encoded=encoded)
    flat = [v for part in parts for v in part]
    for rule, is_bad in (
        (NotNull(), lambda v: v is None),
        (OneOf(("a", "b")), lambda v: v == "weird"),
        (MaxLength(2), lambda v: v == "weird"),
    ):
        mask = offending(rule, values)
        assert (mask.tolist() if mask is not None else [False] * len(flat)) == [is_bad(v) for v in flat]


def test_a_null_hidden_in_a_dictionary_is_a_null():
    hidden = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None]))
    assert offending(NotNull(), pa.chunked_array([hidden])).tolist() == [False, True]


def test_numbers_are_judged_by_value():
    values = pa.chunked_array([pa.array([0.5, None, float("nan")]), pa.array([float("inf"), -1.0])])
    assert offending(Finite(), values).tolist() == [False, False, True, True, False]
    assert offending(Between(0, 1), values).tolist() == [False, False, False, True, True]
    assert offending(Between(-2), pa.chunked_array([pa.array([1.0])])) is None


def test_broken_promises_equal_what_the_contract_finds():
    rows = SPANS.shape(
        pa.table(
            {
                "observed_at": pa.array([NOON, None, NOON], pa.timestamp("us", tz="UTC")),
                "trace_id": ["t", "t", None],
                "span_id": ["a", "b", "c"],
                "service_name": ["s"] * 3,
                "span_name": ["GET"] * 3,
                "duration_s": [-1.0, float("nan"), 1.0],
                "status_code": ["ok", "odd", "error"],
                "source": ["otel"] * 3,
            }
        )
    )
    fast = [(c.name, rule, mask.tolist()) for c, rule, mask in broken_promises(SPANS, rows)]
    slow = [(c.name, rule, mask.to_pylist()) for c, rule, mask in SPANS.offenders(rows)]
    assert fast == slow
    assert len(fast) == 5


key_rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.sampled_from([0, 1, 2, 10**9, None]),
        st.sampled_from([0.5, -0.5, None]),
        st.sampled_from(["x", "y"]),
    ),
    max_size=25,
)


@given(key_rows, st.integers(0, 25))
@settings(max_examples=400, deadline=None)
def test_rows_have_one_code_exactly_where_they_have_one_key(rows, cut):
    def table(part):
        label, seconds, number, text = zip(*part, strict=True) if part else ((), (), (), ())
        times = [None if s is None else NOON + timedelta(seconds=s) for s in seconds]
        return pa.table(
            {
                "label": pa.array(label, pa.string()).dictionary_encode(),
                "at": pa.array(times, pa.timestamp("us", tz="UTC")),
                "number": pa.array(number, pa.float64()),
                "text": pa.array(text, pa.string()),
            }
        )

    whole = pa.concat_tables([table(rows[:cut]), table(rows[cut:])])
    codes = key_codes(whole, ["label", "at", "number", "text"])
    assert len(set(zip(codes.tolist(), rows, strict=True))) == len(set(codes.tolist())) == len(set(rows))
    counts = Counter(rows)
    assert repeat_count(whole, ["label", "at", "number", "text"]) == len(rows) - len(counts)
    found = repeats(codes)
    assert sorted(found.tolist()) == [i for i, row in enumerate(rows) if counts[row] > 1]
    assert (np.diff(codes[found]) >= 0).all()


@pytest.mark.parametrize("far", [LARGEST // 2, LARGEST * 2 - 1])
def test_keys_too_wide_for_one_integer_are_numbered_anew(far):
    rows = pa.table({"a": pa.array([0, far, 0, far, 7], pa.int64()), "b": pa.array([0, far, 0, 1, 7], pa.int64())})
    codes = key_codes(rows, ["a", "b"])
    assert (codes >= 0).all()
    assert codes[0] == codes[2]
    assert len(set(codes.tolist())) == 4
    assert repeats(codes).tolist() == [0, 2]


def test_a_sorted_unique_key_has_no_repeats():
    assert repeats(np.arange(5)).tolist() == []
    assert repeats(np.array([3, 1, 2])).tolist() == []
    assert repeats(np.array([], np.int64)).tolist() == []
