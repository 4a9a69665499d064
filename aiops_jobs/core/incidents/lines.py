"""What an entity's log says now and did not before: the most surprising kind of line.

Lines that are missing are no evidence here: who suffers does less of everything, and says so less.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.causes.profiles import MASK, kinds_of, surprise
from aiops_jobs.core.columns import Ints, codes_of, micros_of, plain

MOST_LINES = 8000
"""Lines of one side that are looked at, evenly spread over it: shares need no more."""
MIN_PIECE = 12
"""A shorter constant part of a line would be found in others too."""


Span = tuple[int, int]
Asked = tuple[str, str, Span, Span]


@dataclass(frozen=True, slots=True)
class Unusual:
    """A kind of line whose number surprises.

    Args:
        piece: Its longest constant part, by which it is found again.
        count: Lines that hold the piece.
        expected: How many of the kind would have been usual.
        sigmas: How far the number is above that, in standard deviations.
    """

    piece: str
    count: int
    expected: float
    sigmas: float


@dataclass(frozen=True)
class Lines:
    """Log records near the incidents, asked by owner and window."""

    logs: pa.Table

    def unusual(self, column: str, owner: str, calm: Span, sick: Span) -> Unusual | None:
        """Return the kind of line of an owner that surprises most, or none where either window is empty.

        Args:
            column: ``service_name`` or ``host_name``.
            owner: Its value.
            calm: The window before, microseconds.
            sick: The window asked about.
        """
        asked = column, owner, calm, sick
        if asked not in self._answers:
            self._answers[asked] = self._unusual(*asked)
        return self._answers[asked]

    @cached_property
    def _answers(self) -> dict[Asked, Unusual | None]:
        """What was found so far: several candidates of one incident may stand at one entity."""
        return {}

    def _unusual(self, column: str, owner: str, calm: Span, sick: Span) -> Unusual | None:
        everything = self._bodies(column, owner, sick)
        before, after = _thinned(self._bodies(column, owner, calm)), _thinned(everything)
        if not len(before) or not len(after):
            return None
        encoded = kinds_of(pa.concat_arrays([before, after])).dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        parts = codes[: len(before)], codes[len(before) :]
        counted = [(np.zeros(len(part), np.int64), part, np.ones(len(part))) for part in parts]
        found = surprise(counted[0], counted[1], kinds=len(encoded.dictionary))
        best = int(np.argmax(found.sigmas))
        piece = max(str(encoded.dictionary[int(found.kind[best])]).split(MASK), key=len).strip()
        if len(piece) < MIN_PIECE:
            return None
        count = pc.sum(pc.match_substring(everything, piece, ignore_case=True)).as_py() or 0
        return Unusual(piece, count, float(found.expected[best]), float(found.sigmas[best]))

    def _bodies(self, column: str, owner: str, window: Span) -> pa.Array:
        return self._text.take(pa.array(self._by[column].rows(owner, *window)))

    @cached_property
    def _text(self) -> pa.Array:
        return plain(self.logs["body"])

    @cached_property
    def _by(self) -> dict[str, _Owners]:
        at = micros_of(self.logs["observed_at"])
        return {name: _owners(self.logs[name], at) for name in ("service_name", "host_name")}


def _thinned(bodies: pa.Array) -> pa.Array:
    if len(bodies) <= MOST_LINES:
        return bodies
    return bodies.take(pa.array(np.linspace(0, len(bodies) - 1, MOST_LINES).astype(np.int64)))


@dataclass(frozen=True, slots=True)
class _Owners:
    """Rows by owner and instant."""

    codes: dict[str, int]
    order: Ints
    code: Ints
    at: Ints

    def rows(self, owner: str, start: int, end: int) -> Ints:
        """Return the rows of an owner in ``[start, end)``, by time."""
        code = self.codes.get(owner)
        if code is None:
            return np.zeros(0, np.int64)
        first, last = np.searchsorted(self.code, [code, code + 1], side="left")
        low, high = first + np.searchsorted(self.at[first:last], [start, end], side="left")
        return self.order[low : max(low, high)]


def _owners(names: pa.ChunkedArray, at: Ints) -> _Owners:
    codes, words = codes_of(names)
    order = np.lexsort((at, codes))
    return _Owners({word: i for i, word in enumerate(words) if word}, order, codes[order], at[order])
