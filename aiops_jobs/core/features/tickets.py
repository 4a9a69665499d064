"""Tickets as numbers: a key for each value of each column, and hashed pieces of words of the title.

A key is a digest of the column's name and the value, so a model that holds keys tells no caller's name to who opens
its file, and a value never seen before needs no vocabulary. Columns are whatever the caller has; none is special.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BUCKETS = 4096
"""Pieces of words share so many numbers."""
PIECE = 4
"""Letters of a piece of a word; Korean words are short, so a whole word counts beside its pieces."""
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True, eq=False)
class Tickets:
    """What is known of tickets when they are opened.

    Args:
        names: Names of the columns.
        levels: Key of each value, ``(R, C)``.
        row: Ticket of each piece of a title, in order.
        bucket: Number of each piece, below ``BUCKETS``.
        share: Weight of each piece; the squares of a ticket sum to 1.
        opened_s: Seconds since 1970, ``(R,)``.
    """

    names: tuple[str, ...]
    levels: Ints
    row: Ints
    bucket: Ints
    share: Floats
    opened_s: Floats

    def __len__(self) -> int:
        """Number of tickets."""
        return len(self.opened_s)

    def take(self, rows: Ints) -> Tickets:
        """Return some tickets, each at most once, in the order of ``rows``."""
        place = np.full(len(self), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        kept = np.flatnonzero(place[self.row] >= 0)
        kept = kept[np.argsort(place[self.row[kept]], kind="stable")]
        pieces = place[self.row[kept]], self.bucket[kept], self.share[kept]
        return Tickets(self.names, self.levels[rows], *pieces, self.opened_s[rows])


def to_tickets(columns: Mapping[str, Sequence[str | None]], titles: Sequence[str | None], opened_s: Floats) -> Tickets:
    """Return tickets as numbers.

    Args:
        columns: Values by name of the column, each ``R`` long; what is unknown is a value like others.
        titles: Free text of each ticket.
        opened_s: Seconds since 1970.
    """
    names = tuple(sorted(columns))
    levels = np.zeros((len(opened_s), len(names)), dtype=np.int64)
    for place, name in enumerate(names):
        levels[:, place] = _keys(name, columns[name])
    row, bucket, share = _pieces(titles)
    return Tickets(names, levels, row, bucket, share, np.asarray(opened_s, dtype=np.float64))


def crossed(levels: Ints, columns: Sequence[int]) -> Ints:
    """Return one key a row for the values of several columns together, ``(R,)``.

    The last step is the finaliser of SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195).
    """
    keys = levels.view(np.uint64)
    mixed = keys[:, columns[0]].copy()
    for column in columns[1:]:
        mixed = (mixed * np.uint64(0x9E3779B97F4A7C15)) ^ keys[:, column]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed.view(np.int64)


def _keys(name: str, values: Sequence[str | None]) -> Ints:
    different = sorted({value for value in values if value is not None})
    keys = {value: _digest(f"{name}={value}") for value in different}
    unknown = _digest(name)
    return np.fromiter((unknown if v is None else keys[v] for v in values), dtype=np.int64, count=len(values))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def _pieces(titles: Sequence[str | None]) -> tuple[Ints, Ints, Floats]:
    known: dict[str, tuple[Ints, Floats]] = {}
    for title in titles:
        if title and title not in known:
            known[title] = _of_title(title)
    parts = [(number, *known[title]) for number, title in enumerate(titles) if title]
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    row = np.repeat([number for number, _, _ in parts], [len(bucket) for _, bucket, _ in parts])
    bucket = np.concatenate([bucket for _, bucket, _ in parts])
    return row.astype(np.int64), bucket, np.concatenate([share for _, _, share in parts])


def _of_title(title: str) -> tuple[Ints, Floats]:
    """Return the pieces of a title: its words, and every four letters in a row of a longer word."""
    words = _WORD.findall(title.lower())
    pieces = {f"={word}" for word in words}
    pieces |= {word[start : start + PIECE] for word in words for start in range(len(word) - PIECE + 1)}
    buckets = np.array(sorted({zlib.crc32(piece.encode()) % BUCKETS for piece in pieces}), dtype=np.int64)
    return buckets, np.full(len(buckets), 1.0 / np.sqrt(max(len(buckets), 1)))
