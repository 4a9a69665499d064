"""Decoder of Prometheus XOR chunks: thousands of chunks at once, one sample of each per step.

A chunk holds about 120 samples of one series as a stream of bits, so samples must be read in order; chunks need not.
Each step of the loop decodes the k-th sample of every chunk that has one, in NumPy.

Reference: T. Pelkonen et al., *Gorilla: A Fast, Scalable, In-Memory Time Series Database*, PVLDB 8(12), 2015,
https://doi.org/10.14778/2824032.2824078, as changed by Prometheus (``tsdb/chunkenc/xor.go``: milliseconds, delta of
delta in 14, 17, 20 or 64 bits).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

MIN_CHUNK_BYTES = 2
PADDING_BYTES = 40
"""One sample takes at most 145 bits, so a step can read this far beyond a chunk that ends early."""
VARINT_BYTES = 10

# The delta of delta begins with 0, 10, 110, 1110 or 1111; looked up by its next four bits.
_PREFIX_BITS = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4, 4], np.int64)
_DELTA_BITS = np.array([0] * 8 + [14] * 4 + [17] * 2 + [20, 64], np.int64)


class DamagedChunkError(ValueError):
    """A chunk ends before its last sample."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of many chunks, chunk after chunk, in the order of the chunks.

    Args:
        counts: Samples of each chunk.
        timestamps_ms: Milliseconds since 1970, ``counts.sum()`` of them.
        values: As stored, bit for bit.
    """

    counts: Int64s
    timestamps_ms: Int64s
    values: Floats


def decode_chunks(chunks: Sequence[bytes]) -> Samples:
    """Decode XOR chunks exactly.

    Raises:
        DamagedChunkError: One is shorter than its own count of samples says.
    """
    lengths = np.fromiter((len(c) for c in chunks), np.int64, len(chunks))
    if len(chunks) == 0 or lengths.min() < MIN_CHUNK_BYTES:
        return _nothing(lengths)
    data = np.frombuffer(b"".join(chunks) + bytes(PADDING_BYTES), np.uint8)
    begins = np.cumsum(lengths) - lengths
    counts = (data[begins].astype(np.int64) << 8) | data[begins + 1]
    if np.any(counts * 2 > lengths * 8 + 256):  # a sample takes two bits at least: never allocate for a forged count
        raise DamagedChunkError("a chunk announces more samples than it can hold")
    order = np.argsort(-counts, kind="stable")  # chunks still active at step k are then a prefix
    reader = _Reader(data, begins[order], lengths[order], counts[order])
    firsts = (np.cumsum(counts) - counts)[order]
    timestamps, values = np.empty(int(counts.sum()), np.int64), np.empty(int(counts.sum()), np.uint64)
    for step in range(int(counts.max())):
        active = reader.advance(step)
        places = firsts[:active] + step
        timestamps[places] = reader.timestamps[:active]
        values[places] = reader.values[:active]
    return Samples(counts, timestamps, values.view(np.float64))


def _nothing(lengths: Int64s) -> Samples:
    if len(lengths):
        raise DamagedChunkError("a chunk has no header")
    return Samples(lengths, np.empty(0, np.int64), np.empty(0, np.float64))


class _Reader:
    """State of every chunk between two samples; arrays are ordered by descending count of samples."""

    def __init__(self, data: npt.NDArray[np.uint8], begins: Int64s, lengths: Int64s, counts: Int64s) -> None:
        self._data = data
        self._words = _words(data)
        self._ends = (begins + lengths) * 8
        self._descending = -counts
        chunks = len(counts)
        self._bits = (begins + MIN_CHUNK_BYTES) * 8  # where the next unread bit stands
        self._deltas = np.zeros(chunks, np.int64)
        self._leading = np.zeros(chunks, np.int64)
        self._widths = np.full(chunks, 64, np.int64)
        self.timestamps = np.zeros(chunks, np.int64)
        self.values = np.zeros(chunks, np.uint64)

    def advance(self, step: int) -> int:
        """Decode the sample number ``step`` of every chunk that has one; return how many have."""
        active = int(np.searchsorted(self._descending, -step, side="left"))
        if step == 0:
            self._read_first(active)
        else:
            if step == 1:
                delta, self._bits[:active] = self._varints(self._bits[:active])
                self._deltas[:active] = delta.astype(np.int64)
            else:
                self._read_delta_of_delta(active)
            self.timestamps[:active] += self._deltas[:active]
            self._read_value(active)
        if np.any(self._bits[:active] > self._ends[:active]):
            raise DamagedChunkError("a chunk ends before its last sample")
        return active

    def _read_first(self, active: int) -> None:
        zigzag, bits = self._varints(self._bits[:active])
        self.timestamps[:active] = (zigzag >> np.uint64(1)).astype(np.int64) ^ -(zigzag & np.uint64(1)).astype(np.int64)
        self.values[:active] = self._words[bits >> 3]
        self._bits[:active] = bits + 64

    def _read_delta_of_delta(self, active: int) -> None:
        bits = self._bits[:active]
        prefix = self._peek(bits, 4).astype(np.int64)
        sizes = _DELTA_BITS[prefix]
        bits += _PREFIX_BITS[prefix]
        changed = np.flatnonzero(sizes)
        if not len(changed):
            return
        size = sizes[changed]
        short = np.where(size == 64, 20, size)
        delta = self._peek(bits[changed], short).astype(np.int64)
        delta -= np.where(delta > (1 << (short - 1)), 1 << short, 0)
        wide = size == 64
        if wide.any():
            delta[wide] = self._peek_wide(bits[changed[wide]], np.full(int(wide.sum()), 64)).astype(np.int64)
        self._deltas[changed] += delta
        bits[changed] += size

    def _read_value(self, active: int) -> None:
        bits = self._bits[:active]
        control = self._peek(bits, 2)  # 0: as before; 10: same window of bits; 11: new window
        bits += np.where(control >= 2, 2, 1)
        changed = np.flatnonzero(control >= 2)
        if not len(changed):
            return
        renewed = changed[control[changed] == 3]
        if len(renewed):
            header = self._peek(bits[renewed], 11).astype(np.int64)
            width = header & 63
            self._leading[renewed] = header >> 6
            self._widths[renewed] = np.where(width == 0, 64, width)
            bits[renewed] += 11
        width = self._widths[changed]
        shift = 64 - self._leading[changed] - width
        if shift.min() < 0:
            raise DamagedChunkError("a chunk describes a value of more than 64 bits")
        self.values[changed] ^= self._peek_wide(bits[changed], width) << shift.astype(np.uint64)
        bits[changed] += width

    def _peek(self, bits: Int64s, width: int | Int64s) -> UInt64s:
        """Return the next ``width`` (1 to 57) bits at each place."""
        words: UInt64s = self._words[bits >> 3].astype(np.uint64) << (bits & 7).astype(np.uint64)
        return words >> (np.uint64(64) - np.asarray(width).astype(np.uint64))

    def _peek_wide(self, bits: Int64s, width: Int64s) -> UInt64s:
        """Return the next ``width`` (1 to 64) bits at each place."""
        high = np.minimum(width, 32)
        low = width - high
        rest = np.where(low > 0, self._peek(bits + high, np.maximum(low, 1)), np.uint64(0))
        return (self._peek(bits, high) << low.astype(np.uint64)) | rest

    def _varints(self, bits: Int64s) -> tuple[UInt64s, Int64s]:
        """Return the varint at each place (a whole byte) and the place after it."""
        places = bits >> 3
        result = np.zeros(len(places), np.uint64)
        going = np.ones(len(places), np.bool_)
        for turn in range(VARINT_BYTES):
            byte = self._data[places]
            part = (byte & np.uint8(127)).astype(np.uint64) << np.uint64(7 * turn)
            result |= np.where(going, part, np.uint64(0))
            places = places + going
            going &= byte >= 128
            if not going.any():
                return result, places << 3
        raise DamagedChunkError("a chunk holds a number of more than 64 bits")


def _words(data: npt.NDArray[np.uint8]) -> UInt64s:
    """Return a view of the big-endian 64 bits that begin at each byte but the last seven: nothing is copied."""
    return np.ndarray((len(data) - 7,), dtype=">u8", buffer=data, strides=(1,))
