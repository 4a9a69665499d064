"""CRC-32C of the frames Prometheus streams, in NumPy: the standard library has only the other polynomial.

The remainder is linear: equal stretches of the data are reduced side by side, then joined pairwise, each time pushing
the left half past the length of the right. Reference: zlib's ``crc32_combine``, M. Adler.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

UInt32s = npt.NDArray[np.uint32]

_CASTAGNOLI = 0x82F63B78


def _byte_table() -> UInt32s:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_CASTAGNOLI), table >> 1)
    return table


_TABLE = _byte_table()
_LANE_BYTES = 64


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of ``data``.

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    if len(data) < 4:
        remainder = 0xFFFFFFFF
        for byte in data:
            remainder = int(_TABLE[(remainder ^ byte) & 255]) ^ (remainder >> 8)
        return remainder ^ 0xFFFFFFFF
    body = np.frombuffer(data, np.uint8).copy()
    body[:4] ^= np.uint8(255)  # the start value
    lanes = 1 << (-(-len(body) // _LANE_BYTES) - 1).bit_length()
    padded = np.zeros(lanes * _LANE_BYTES, np.uint8)  # zeros in front do not change a remainder that starts at zero
    padded[len(padded) - len(body) :] = body
    columns = np.ascontiguousarray(padded.reshape(lanes, _LANE_BYTES).T)
    remainders = np.zeros(lanes, np.uint32)
    for column in columns:
        remainders = _TABLE[(remainders ^ column) & 255] ^ (remainders >> 8)
    level = 0
    while len(remainders) > 1:
        remainders = _pushed(_push(level), remainders[0::2]) ^ remainders[1::2]
        level += 1
    return int(remainders[0]) ^ 0xFFFFFFFF


@cache
def _push(level: int) -> UInt32s:
    """Return, for each byte of a remainder and each value, what ``2 ** level`` lanes of zero bytes make of it."""
    if level:
        half = _push(level - 1)
        return _pushed(half, half.reshape(-1)).reshape(half.shape)
    states = (np.arange(256, dtype=np.uint32)[None, :] << np.array([[0], [8], [16], [24]], np.uint32)).astype(np.uint32)
    for _ in range(_LANE_BYTES):
        states = _TABLE[states & 255] ^ (states >> 8)
    return states


def _pushed(push: UInt32s, states: UInt32s) -> UInt32s:
    low = push[0][states & 255] ^ push[1][(states >> 8) & 255]
    joined: UInt32s = low ^ push[2][(states >> 16) & 255] ^ push[3][states >> 24]
    return joined
