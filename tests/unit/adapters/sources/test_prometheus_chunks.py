"""The decoder gives back every sample bit for bit, or says that a chunk is damaged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xor_chunks import bits_of, double, encode

from aiops_jobs.adapters.sources.prometheus_chunks import DamagedChunkError, decode_chunks
from aiops_jobs.adapters.sources.prometheus_read import frames, parse_frame

STEPS = st.one_of(
    st.just(15_000),
    st.integers(14_000, 16_000),
    st.integers(0, 2**13 + 15_000),
    st.integers(0, 2**20),
    st.integers(0, 2**45),
)
VALUES = st.one_of(
    st.integers(0, 5).map(float),
    st.floats(-1e3, 1e3).map(lambda x: round(x, 2)),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(0, 2**64 - 1).map(double),
)


@st.composite
def chunk_samples(draw):
    steps = draw(st.lists(STEPS, max_size=40))
    at = draw(st.integers(-(2**40), 2**42))
    samples = [(at, draw(VALUES))]
    for step in steps:
        at += step
        samples.append((at, draw(VALUES)))
    return samples


@given(st.lists(chunk_samples(), max_size=8))
@settings(max_examples=150, deadline=None)
def test_every_sample_comes_back_bit_for_bit(chunks):
    decoded = decode_chunks([encode(samples) for samples in chunks])
    flat = [sample for samples in chunks for sample in samples]
    assert decoded.counts.tolist() == [len(samples) for samples in chunks]
    assert decoded.timestamps_ms.tolist() == [at for at, _ in flat]
    assert decoded.values.view(np.uint64).tolist() == [bits_of(value) for _, value in flat]


RECORDED = bytes.fromhex(  # what Prometheus 2.42.0 streamed for the metric `m`
    "56109f60da0a540a0d0a085f5f6e616d655f5f12016d12430880d095ffbc311084c0a5ffbc3118012231000780a0abfef9623fe0000000000000"
    "9875d61640326033ffefe730017fe0000000000003c298111f980e6b645a1cac80"
)


def test_what_prometheus_itself_streamed_is_read():
    (series,) = [one for body in frames([RECORDED]) for one in parse_frame(body)]
    assert series.labels == (("__name__", "m"),)
    decoded = decode_chunks([chunk.data for chunk in series.chunks])
    since = decoded.timestamps_ms - 1_700_000_000_000
    assert since.tolist() == [0, 15_000, 30_000, 45_100, 60_100, 160_100, 260_100]
    np.testing.assert_array_equal(decoded.values, [0.5, 1.5, 1.5, -3.0, np.nan, 12345.678, 12345.678])


def test_chunks_of_very_different_lengths_do_not_mix():
    chunks = [[(1000 * i + k, float(k * i)) for k in range(n)] for i, n in enumerate((1, 120, 2, 0, 900, 1))]
    decoded = decode_chunks([encode(samples) for samples in chunks])
    assert decoded.counts.tolist() == [1, 120, 2, 0, 900, 1]
    assert decoded.values.tolist() == [value for samples in chunks for _, value in samples]


def test_no_chunks_are_no_samples():
    assert len(decode_chunks([]).values) == 0
    assert len(decode_chunks([b"\0\0"]).values) == 0


@given(chunk_samples().filter(lambda s: len(s) > 3), st.data())
@settings(max_examples=60, deadline=None)
def test_a_chunk_cut_short_is_noticed(samples, data):
    whole = encode(samples)
    cut = whole[: data.draw(st.integers(0, len(whole) - 2))]
    with pytest.raises(DamagedChunkError):
        decode_chunks([encode([(1, 2.0)]), cut])


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_decoded_or_refused_but_never_read_beyond(noise):
    try:
        decoded = decode_chunks([noise, encode([(5, 1.0), (6, 2.0)])])
    except DamagedChunkError:
        return
    assert decoded.counts[1] == 2
    assert decoded.values[-2:].tolist() == [1.0, 2.0]


def test_a_forged_count_allocates_nothing():
    with pytest.raises(DamagedChunkError, match="more samples than it can hold"):
        decode_chunks([b"\xff\xff" + bytes(20)])


@pytest.mark.parametrize(
    ("chunk", "why"),
    [
        (b"\0\x01" + b"\xff" * 12 + bytes(8), "number of more than 64 bits"),
        (
            b"\0\x02\0" + bytes(8) + b"\x01" + bytes([0b11111111, 0b11111111, 0xFF]) + bytes(9),
            "value of more than 64 bits",
        ),
    ],
)
def test_numbers_wider_than_they_can_be_are_refused(chunk, why):
    with pytest.raises(DamagedChunkError, match=why):
        decode_chunks([chunk])
