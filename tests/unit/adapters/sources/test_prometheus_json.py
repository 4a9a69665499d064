"""The JSON of range queries becomes exactly the numbers Python's own reader sees."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.adapters.sources.prometheus_json import BadReplyError, parse_matrix

VALUES = st.one_of(st.floats(allow_nan=False).map(repr), st.sampled_from(["NaN", "+Inf", "-Inf", "1e+06", "0.1", "-0"]))
SERIES = st.lists(st.tuples(st.integers(0, 4_000_000_000_000), VALUES), max_size=20)


def reply(series, *, separators=(",", ":"), **more):
    result = [{"metric": labels, "values": [[at / 1000, text] for at, text in samples]} for labels, samples in series]
    told = {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}
    return json.dumps(told, separators=separators).encode()


@settings(deadline=None)
@given(st.lists(SERIES, max_size=5), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_samples_come_out_as_they_were_written(series, separators):
    labelled = [({"__name__": "m", "n": str(i), "odd": '[1,"2"]; }'}, samples) for i, samples in enumerate(series)]
    matrix = parse_matrix(reply(labelled, separators=separators))
    assert matrix.labels == [labels for labels, _ in labelled]
    assert matrix.counts.tolist() == [len(samples) for samples in series]
    flat = [sample for samples in series for sample in samples]
    assert matrix.timestamps_ms.tolist() == [at for at, _ in flat]
    expected = np.array([float(text.replace("Inf", "inf")) for _, text in flat], np.float64)
    np.testing.assert_array_equal(matrix.values, expected)


def test_whole_seconds_and_fractions_may_stand_side_by_side():
    body = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1700000000,"1"],[1700000000.015,"2"]]}]}}'
    matrix = parse_matrix(body)
    assert matrix.timestamps_ms.tolist() == [1700000000000, 1700000000015]


def test_a_native_histogram_has_no_values():
    body = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"histograms":[[1,{"count":"2"}]]}]}}'
    matrix = parse_matrix(body)
    assert (matrix.labels, matrix.counts.tolist(), len(matrix.values)) == ([{"a": "b"}], [0], 0)


def test_warnings_are_kept():
    assert parse_matrix(reply([], warnings=["a store is down"])).warnings == ("a store is down",)


def test_numbers_are_exact_to_the_last_bit():
    texts = ["0.1", "2.2250738585072014e-308", "1.7976931348623157e+308", "123456789.12345679", "5e-324"]
    matrix = parse_matrix(reply([({}, [(i, text) for i, text in enumerate(texts)])]))
    assert [math.ldexp(v, 0) for v in matrix.values] == [float(t) for t in texts]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "not the JSON"),
        (b"", "not the JSON"),
        (b'{"status":"error","errorType":"bad_data","error":"parse error at char 3"}', "parse error at char 3"),
        (b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}', "a vector"),
        (b'{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}', "not the JSON"),
        (
            b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}',
            "no number",
        ),
        (
            b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2",3]]}]}}',
            "no number",
        ),
        (b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}}', "no number"),
        (b'{"status":"success"}', "status"),
        (b'{"status":"success","data":{"resultType":"matrix","result":' + b"[" * 100_000, "not the JSON"),
    ],
)
def test_anything_else_is_refused_in_words(body, why):
    with pytest.raises(BadReplyError, match=why):
        parse_matrix(body)
