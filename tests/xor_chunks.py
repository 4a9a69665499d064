"""An encoder of Prometheus XOR chunks, bit by bit as the format is described: the oracle of the vectorised decoder."""

import struct

DELTAS = ((14, "10"), (17, "110"), (20, "1110"), (64, "1111"))


def varint(number):
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def bits_of(value):
    return struct.unpack(">Q", struct.pack(">d", value))[0]


def double(bits):
    return struct.unpack(">d", struct.pack(">Q", bits))[0]


def _delta_bits(dod):
    if dod == 0:
        return "0"
    for size, prefix in DELTAS:
        if size == 64 or -(1 << (size - 1)) + 1 <= dod <= 1 << (size - 1):
            return prefix + format(dod & ((1 << size) - 1), f"0{size}b")
    raise AssertionError


class _Values:
    def __init__(self, first):
        self.before = bits_of(first)
        self.leading = None
        self.trailing = 0

    def bits(self, value):
        now = bits_of(value)
        changed, self.before = now ^ self.before, now
        if changed == 0:
            return "0"
        leading, trailing = min(64 - changed.bit_length(), 31), (changed & -changed).bit_length() - 1
        if self.leading is not None and leading >= self.leading and trailing >= self.trailing:
            return "10" + format(changed >> self.trailing, f"0{64 - self.leading - self.trailing}b")
        self.leading, self.trailing = leading, trailing
        width = 64 - leading - trailing
        return "11" + format(leading, "05b") + format(width & 63, "06b") + format(changed >> trailing, f"0{width}b")


def encode(samples):
    """Return the chunk of ``(milliseconds, value)`` pairs, times not falling."""
    out = struct.pack(">H", len(samples))
    if not samples:
        return out
    first_at, first = samples[0]
    out += varint(first_at * 2 if first_at >= 0 else -first_at * 2 - 1) + struct.pack(">d", first)
    values, stream, delta = _Values(first), "", 0
    for index in range(1, len(samples)):
        step = samples[index][0] - samples[index - 1][0]
        if index == 1:
            out += varint(step)
        else:
            stream += _delta_bits(step - delta)
        delta = step
        stream += values.bits(samples[index][1])
    stream += "0" * (-len(stream) % 8)
    return out + int("0" + stream, 2).to_bytes(len(stream) // 8, "big")
