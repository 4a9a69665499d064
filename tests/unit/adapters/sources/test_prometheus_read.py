"""Remote read: what is asked is what Google's protobuf reads, what is answered is read as Google's protobuf wrote it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_messages import MESSAGES, asked, chunked, crc32c, frame
from xor_chunks import encode

from aiops_jobs.adapters.sources import prometheus_checksum
from aiops_jobs.adapters.sources.prometheus_read import DamagedReplyError, frames, parse_frame, read_request
from aiops_jobs.adapters.sources.prometheus_selectors import Matcher, parse_selector


def test_the_request_says_window_matchers_and_the_streamed_type():
    matchers = parse_selector('node_load1{job="node",dc!="x",env=~"pr.*",zone!~"[ab]"}')
    request = asked(read_request(matchers, -5, 1_700_000_000_000))
    (query,) = request.queries
    assert (query.start_timestamp_ms, query.end_timestamp_ms) == (-5, 1_700_000_000_000)
    assert (query.hints.start_ms, query.hints.end_ms) == (-5, 1_700_000_000_000)
    assert [(m.type, m.name, m.value) for m in query.matchers] == [
        (0, "__name__", "node_load1"),
        (0, "job", "node"),
        (1, "dc", "x"),
        (2, "env", "pr.*"),
        (3, "zone", "[ab]"),
    ]
    assert list(request.accepted_response_types) == [1]


def test_frames_are_found_however_the_network_cuts_them():
    series = [({"__name__": "up", "instance": f"h{i}"}, [[(1000 * i, 1.0), (1000 * i + 1, 0.0)]]) for i in range(3)]
    stream = b"".join(chunked([one]) for one in series)
    randomly = random.Random(4)
    for _ in range(50):
        cuts = sorted(randomly.randrange(len(stream)) for _ in range(6))
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        read = [one for body in frames(pieces) for one in parse_frame(body)]
        assert [dict(one.labels) for one in read] == [labels for labels, _ in series]
        assert [one.chunks[0].data for one in read] == [encode(chunks[0]) for _, chunks in series]
        assert {one.chunks[0].encoding for one in read} == {1}


def test_unknown_fields_are_passed_over():
    message = MESSAGES["ChunkedReadResponse"](query_index=7)
    series = message.chunked_series.add()
    series.labels.add(name="a", value="")
    body = message.SerializeToString() + bytes([0x7D, 1, 2, 3, 4])  # field 15, four fixed bytes
    (read,) = parse_frame(body)
    assert read.labels == (("a", ""),)
    assert read.chunks == []


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda s: s[:-1], "ends inside a frame"),
        (lambda s: s[:-1] + bytes([s[-1] ^ 1]), "checksum"),
        (
            lambda s: (
                s + b"remote error: query processing would load too many samples into memory in query execution " * 3
            ),
            "checksum",
        ),
        (lambda _: b"\xff\xff\xff\xff\xff\x01" + bytes(9), "announces"),
    ],
)
def test_a_damaged_stream_is_noticed(spoil, why):
    stream = spoil(chunked([({"__name__": "up"}, [[(1, 1.0)]])]))
    with pytest.raises(DamagedReplyError, match=why):
        [parse_frame(body) for body in frames([stream])]


def test_a_frame_that_is_no_message_is_noticed():
    for body in (b"\x0a\xff\x01", b"\x0b", b"\x0a\x03\x0a\x7f\x00", b"\x0a"):
        with pytest.raises(DamagedReplyError):
            [parse_frame(one) for one in frames([frame(body)])]


@given(st.binary(max_size=3000))
def test_the_checksum_is_castagnolis(data):
    assert prometheus_checksum.crc32c(data) == crc32c(data)


@pytest.mark.parametrize("length", [3, 4, 511, 512, 513, 1024, 1025, 5000])
def test_the_checksum_of_long_frames_is_joined_from_stretches(length):
    data = random.Random(length).randbytes(length)
    assert prometheus_checksum.crc32c(data) == crc32c(data)


# --- selectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ("up", [("__name__", "=", "up")]),
        (" job:rate5m { } ", [("__name__", "=", "job:rate5m")]),
        ("{job='a\\'b', x=`c\\d`,}", [("job", "=", "a'b"), ("x", "=", "c\\d")]),
        (r'{a="\u00e9\x41\101\n"}', [("a", "=", "éAA\n")]),
        ('{"my.metric", "k8s.pod"=~"w.*"}', [("__name__", "=", "my.metric"), ("k8s.pod", "=~", "w.*")]),
        ('{__name__=~"node_.+",a="b}, c"}', [("__name__", "=~", "node_.+"), ("a", "=", "b}, c")]),
    ],
)
def test_selectors_are_read_as_prometheus_does(text, matchers):
    assert parse_selector(text) == tuple(Matcher(*one) for one in matchers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{a=~".*"}',
        '{a!="b"}',
        "up[5m]",
        "rate(up)",
        "up offset 1d",
        'up{job="a"',
        "up{job=a}",
        "{a}",
        "up{a=='b'}",
    ],
)
def test_what_is_no_plain_selector_is_refused(text):
    with pytest.raises(ValueError, match=r"matches every series|no series selector"):
        parse_selector(text)
