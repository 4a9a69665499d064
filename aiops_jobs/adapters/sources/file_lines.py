"""Cuts a text file into blocks of whole lines in UTF-8, with their numbers, however it is packed and encoded."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from aiops_jobs.adapters.sources.file_encoding import Encoding
from aiops_jobs.adapters.sources.file_pieces import RAW_CHARACTERS, WHOLE_FILE, Fault, Int64s, Mask

PACKED = (".gz", ".bz2", ".zst", ".lz4")
MAX_EXPANSION = 200
"""A file that unpacks to more than this times its size is refused: ordinary logs unpack to about four times."""
EXPANSION_CHECKED_BYTES = 256 << 20
LONGEST_LINE_BYTES = 256 << 20
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How a text file is cut."""

    encoding: str | None = None
    """Name of the encoding; none: byte order mark, else UTF-8, else CP949 where the file is that throughout."""
    is_multiline: bool = False
    """Whether line breaks inside double quotes belong to a value."""
    max_line_bytes: int = 1 << 20
    """Longer lines are put aside."""
    block_bytes: int = 8 << 20


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """Where a block stands, so that it can be read again without what is before it."""

    offset: int
    length: int
    first_number: int
    encoding: str | None
    """What the encoding was known to be before the block."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of one block, blank ones left out.

    Args:
        place: Where the block stands.
        data: UTF-8.
        starts: Where each line begins in ``data``.
        ends: Where it ends, line break excluded.
        numbers: Its number in the file, from 1.
        faults: Lines that were put aside.
    """

    place: BlockPlace
    data: bytes
    starts: Int64s
    ends: Int64s
    numbers: Int64s
    faults: list[Fault]

    def __len__(self) -> int:
        return len(self.numbers)

    def line(self, position: int) -> bytes:
        """Return one line."""
        return self.data[self.starts[position] : self.ends[position]]

    def text(self, position: int) -> str:
        """Return the begin of one line, to be shown."""
        return self.line(position)[: RAW_CHARACTERS * 4].decode("utf-8", errors="replace")[:RAW_CHARACTERS]

    def only(self, keep: Int64s | Mask | slice, faults: Sequence[Fault] = ()) -> Lines:
        """Return these lines, the faults of the others added."""
        numbers, starts, ends = self.numbers[keep], self.starts[keep], self.ends[keep]
        return replace(self, starts=starts, ends=ends, numbers=numbers, faults=[*self.faults, *faults])

    def joined(self) -> bytes:
        """Return the lines as one text."""
        count = len(self)
        if count:
            gaps, after = self.starts[1:] - self.ends[:-1], np.frombuffer(self.data, np.uint8)[self.ends[:-1]]
            if np.all((gaps == 1) | ((gaps == 2) & (after == _RETURN))):  # nothing but line breaks between them
                return self.data[self.starts[0] : self.ends[-1]]
        return b"\n".join(self.line(position) for position in range(count))


_NO_NUMBERS: Int64s = np.empty(0, np.int64)
NO_LINES = Lines(BlockPlace(0, 0, 1, None), b"", _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, [])


def read_lines(
    path: Path,
    options: TextOptions,
    *,
    places: Sequence[BlockPlace] | None = None,
    wanted: Callable[[int], bool] = lambda _: True,
) -> Iterator[tuple[int, Lines]]:
    """Yield the blocks of a file with their position among all blocks.

    Args:
        path: A file; packed ones are told by their suffix.
        options: How to cut it.
        places: The places of all blocks, where they are known from an earlier reading.
        wanted: Tells by its position whether a block is wanted; asked only where ``places`` are known.
    """
    if places is not None and path.suffix not in PACKED and not any(_is_wide(p.encoding) for p in places):
        with path.open("rb") as file:
            for ordinal, place in enumerate(places):
                if wanted(ordinal):
                    file.seek(place.offset)
                    yield ordinal, _lines(file.read(place.length), place, options)
        return
    encoding = Encoding(options.encoding)
    offset, number = 0, 1
    for ordinal, raw in enumerate(_blocks(path, options, encoding)):
        if isinstance(raw, Fault):
            yield ordinal, replace(NO_LINES, place=BlockPlace(offset, 0, number, encoding.name), faults=[raw])
            return
        place = BlockPlace(offset, len(raw), number, encoding.name)
        if places is None or wanted(ordinal):
            yield ordinal, _lines(raw, place, options, encoding)
        offset += len(raw)
        number += raw.count(b"\n")


class _Stream(Protocol):
    def read(self, nbytes: int, /) -> bytes: ...


def _blocks(path: Path, options: TextOptions, encoding: Encoding) -> Iterator[bytes | Fault]:
    """Yield stretches of whole lines; ends with a fault where the rest of the file cannot be read."""
    held = b""
    try:
        with pa.input_stream(str(path), compression="detect" if path.suffix in PACKED else None) as packed:
            stream: _Stream = packed
            held = stream.read(4)
            mark = encoding.mark_of(held)
            held = held[mark:]
            if _is_wide(encoding.name):
                stream, held = _Transcoded(packed, encoding.name or "", held), b""
            seen = len(held)
            while piece := stream.read(options.block_bytes):
                seen += len(piece)
                if seen > EXPANSION_CHECKED_BYTES and seen > MAX_EXPANSION * path.stat().st_size:
                    yield _file_fault(f"it unpacks to more than {MAX_EXPANSION} times its size")
                    return
                held += piece
                cut = _cut(held, options)
                if cut:
                    yield held[:cut]
                    held = held[cut:]
                elif len(held) > LONGEST_LINE_BYTES:
                    yield _file_fault(f"a line is longer than {LONGEST_LINE_BYTES} bytes")
                    return
        if held:
            yield held
    except (FileNotFoundError, PermissionError):
        raise
    except (OSError, UnicodeDecodeError) as error:
        yield _file_fault(f"the rest of it cannot be read: {error}")


def _file_fault(detail: str) -> Fault:
    return Fault(WHOLE_FILE, "UNREADABLE_FILE", detail, "")


def _cut(held: bytes, options: TextOptions) -> int:
    """Return where the last whole line, or the last whole quoted record, ends."""
    if not options.is_multiline:
        return held.rfind(b"\n") + 1
    data = np.frombuffer(held, np.uint8)
    breaks = np.flatnonzero(data == _NEWLINE)
    outside = breaks[np.searchsorted(np.flatnonzero(data == _QUOTE), breaks) % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0


def _lines(raw: bytes, place: BlockPlace, options: TextOptions, encoding: Encoding | None = None) -> Lines:
    encoding = encoding or Encoding(place.encoding or options.encoding)
    data, unreadable = encoding.to_utf8(raw)
    if b"\0" in data:  # PostgreSQL takes no NUL, and nobody can read one
        data = data.replace(b"\0", "\ufffd".encode())
    bytes_ = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(bytes_ == _NEWLINE)
    starts = np.concatenate([[0], breaks + 1]).astype(np.int64)
    ends = np.concatenate([breaks, [len(data)]]).astype(np.int64)
    numbers = np.arange(place.first_number, place.first_number + len(starts), dtype=np.int64)
    if options.is_multiline:
        starts, ends, numbers = _records(bytes_, starts, ends, numbers)
    ends = ends - ((ends > starts) & (bytes_[np.maximum(ends - 1, 0)] == _RETURN)) if len(data) else ends
    length = ends - starts
    lines = Lines(place, data, starts, ends, numbers, [])
    too_long = np.flatnonzero(length > options.max_line_bytes)
    faults = [_too_long(lines, int(position)) for position in too_long]
    faults += [
        Fault(place.first_number + index, "BAD_ENCODING", detail, shown)
        for index, (detail, shown) in unreadable.items()
    ]
    return lines.only(np.flatnonzero((length > 0) & (length <= options.max_line_bytes)), faults)


def _records(data: np.ndarray, starts: Int64s, ends: Int64s, numbers: Int64s) -> tuple[Int64s, Int64s, Int64s]:  # type: ignore[type-arg]
    """Join lines whose break stands inside quotes; what is still open at the end stays single lines."""
    quotes = np.flatnonzero(data == _QUOTE)
    first = np.flatnonzero(np.searchsorted(quotes, starts) % 2 == 0)
    last = np.append(first[1:] - 1, len(starts) - 1)
    if len(quotes) % 2:  # the last record never closes its quote: give its lines back one by one
        tail = np.arange(first[-1], len(starts))
        first, last = np.concatenate([first[:-1], tail]), np.concatenate([last[:-1], tail])
    return starts[first], ends[last], numbers[first]


def _too_long(lines: Lines, position: int) -> Fault:
    line = lines.line(position)
    digest = hashlib.sha256(line).hexdigest()
    detail = f"the line is {len(line)} bytes long, SHA-256 {digest}; `max_line_bytes` allows less"
    return Fault(int(lines.numbers[position]), "LINE_TOO_LONG", detail, lines.text(position))


def _is_wide(encoding: str | None) -> bool:
    return encoding is not None and encoding.startswith(("utf-16", "utf-32"))


class _Transcoded:
    """A stream of UTF-16 or UTF-32 read as UTF-8: its line breaks are not single bytes."""

    def __init__(self, stream: _Stream, encoding: str, held: bytes) -> None:
        self._stream, self._held = stream, held
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, nbytes: int, /) -> bytes:
        while True:
            raw = self._held + self._stream.read(nbytes)
            self._held = b""
            text = self._decoder.decode(raw, final=not raw)
            if text or not raw:
                return text.encode()
