"""Prometheus remote read, streamed: the request out, series and chunks back, each frame checked.

API: https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/ (``STREAMED_XOR_CHUNKS``). The answer is a
sequence of frames: length as a varint, CRC-32C, a protobuf ``ChunkedReadResponse``. The few messages are read here
directly; a schema compiler for five of them would be one more thing to keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cramjam

from aiops_jobs.adapters.sources.prometheus_checksum import crc32c
from aiops_jobs.adapters.sources.prometheus_selectors import Matcher

READ_PATH = "/api/v1/read"
READ_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}
STREAMED_CONTENT_TYPE = "application/x-streamed-protobuf"
STREAMED_XOR_CHUNKS = 1
XOR_ENCODING = 1
MAX_FRAME_BYTES = 64 << 20
_MATCHER_TYPES = {"=": 0, "!=": 1, "=~": 2, "!~": 3}


class DamagedReplyError(ValueError):
    """The answer is not what the protocol says: cut off, or an error text in the middle of the stream."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """About 120 samples of one series."""

    encoding: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ChunkedSeries:
    """Some chunks of one series; the next frame may go on with the same series."""

    labels: tuple[tuple[str, str], ...]
    chunks: list[Chunk]


# --- out ------------------------------------------------------------------------------------------------------------


def read_request(matchers: Iterable[Matcher], start_ms: int, last_ms: int) -> bytes:
    """Return the body that asks for the chunks of all matching series from ``start_ms`` to ``last_ms``, inclusive."""
    query = _number(1, start_ms) + _number(2, last_ms)
    for matcher in matchers:
        query += _bytes(
            3,
            _number(1, _MATCHER_TYPES[matcher.operator])
            + _bytes(2, matcher.name.encode())
            + _bytes(3, matcher.value.encode()),
        )
    # Hints let the server skip what it need not load.
    query += _bytes(4, _number(3, start_ms) + _number(4, last_ms))
    body = _bytes(1, query) + _number(2, STREAMED_XOR_CHUNKS)
    return bytes(cramjam.snappy.compress_raw(body))


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


# --- back -----------------------------------------------------------------------------------------------------------


def frames(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a streamed answer into its frames as they arrive.

    Raises:
        DamagedReplyError: A checksum does not fit, or the stream ends inside a frame.
    """
    held = bytearray()
    for piece in pieces:
        held += piece
        begin = 0
        while (frame := _first_frame(held, begin)) is not None:
            begin, body = frame
            yield body
        del held[:begin]
    if held:
        raise DamagedReplyError(f"it ends inside a frame, {len(held)} bytes after the last whole one")


def _first_frame(held: bytearray, begin: int) -> tuple[int, bytes] | None:
    """Return where the frame at ``begin`` ends and its body, or ``None`` while it is not wholly there."""
    length = shift = 0
    place = begin
    while True:
        if place >= len(held):
            return None
        byte = held[place]
        place += 1
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    if length > MAX_FRAME_BYTES:
        raise DamagedReplyError(f"a frame announces {length} bytes")
    end = place + 4 + length
    if end > len(held):
        return None
    body = bytes(held[place + 4 : end])
    if crc32c(body) != int.from_bytes(held[place : place + 4], "big"):
        raise DamagedReplyError("a frame does not have its checksum")
    return end, body


def parse_frame(frame: bytes) -> list[ChunkedSeries]:
    """Return the series of one ``ChunkedReadResponse``.

    Raises:
        DamagedReplyError: It is no such message.
    """
    try:
        return [_series(frame, *span) for field, span in _fields(frame, 0, len(frame)) if field == 1]
    except (IndexError, UnicodeDecodeError) as error:
        raise DamagedReplyError("a frame is no ChunkedReadResponse") from error


def _series(data: bytes, begin: int, end: int) -> ChunkedSeries:
    labels, chunks = [], []
    for field, (start, stop) in _fields(data, begin, end):
        if field == 1:
            texts = {key: data[a:b].decode() for key, (a, b) in _fields(data, start, stop)}
            labels.append((texts.get(1, ""), texts.get(2, "")))
        elif field == 2:
            chunks.append(_chunk(data, start, stop))
    return ChunkedSeries(tuple(labels), chunks)


def _chunk(data: bytes, begin: int, end: int) -> Chunk:
    encoding, body = 0, b""
    for field, (start, stop) in _fields(data, begin, end):
        if field == 3:
            encoding = start
        elif field == 4:
            body = data[start:stop]
    return Chunk(encoding, body)


def _fields(data: bytes, place: int, end: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield each field with the span of its bytes; a number is given as the first of the pair."""
    while place < end:
        key, place = _read_varint(data, place)
        wire = key & 7
        if wire == 0:
            number, place = _read_varint(data, place)
            yield key >> 3, (number, 0)
            continue
        if wire == 2:
            length, place = _read_varint(data, place)
        elif wire in {1, 5}:
            length = 8 if wire == 1 else 4
        else:
            raise DamagedReplyError(f"a message has a field of wire type {wire}")
        if place + length > end:
            raise DamagedReplyError("a message ends inside a field")
        yield key >> 3, (place, place + length)
        place += length


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[place]
        place += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, place
        shift += 7
