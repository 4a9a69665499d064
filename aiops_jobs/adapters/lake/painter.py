"""Which write answers for which instant: later knowledge painted over earlier.

Every write paints its span in one colour. Writes are painted in the order of (as_of, commit), so what shows in the end
is what was known last. Leaving out the writes with an ``as_of`` after T gives the picture as known at T.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from aiops_jobs.adapters.lake.parts import Part, Span


class Piece(NamedTuple):
    """One part and the interval in which it answers."""

    part: Part
    span: Span


def resolve(parts: Iterable[Part], *, as_of: int | None = None, within: Span | None = None) -> list[Piece]:
    """Return which part of each source answers for which interval, sorted by source and time.

    Args:
        parts: Any parts of one table, of any sources.
        as_of: Parts that were learned later are left out; null: none is.
        within: Only intervals in this span, cut to it.
    """
    by_source: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        if (as_of is None or part.as_of <= as_of) and (within is None or part.span.overlaps(within)):
            by_source[part.source].append(part)
    return [piece for source in sorted(by_source) for piece in _painted(by_source[source], within)]


def subtract(span: Span, holes: Iterable[Span]) -> list[Span]:
    """Return what is left of ``span``, in order.

    Example:
        >>> subtract(Span(0, 10), [Span(2, 4), Span(3, 5), Span(9, 12)])
        [Span(start=0, end=2), Span(start=5, end=9)]
    """
    left, begin = [], span.start
    for hole in sorted(holes):
        if hole.start > begin:
            left.append(Span(begin, min(hole.start, span.end)))
        begin = max(begin, hole.end)
        if begin >= span.end:
            return left
    left.append(Span(begin, span.end))
    return left


def _painted(parts: Sequence[Part], within: Span | None) -> list[Piece]:
    ordered = sorted(parts, key=lambda part: (part.as_of, part.version, part.path))
    spans = np.array([part.span if within is None else part.span.clipped(within) for part in ordered], np.int64)
    edges = np.unique(spans)
    colour = np.full(len(edges) - 1, -1, np.int64)
    for number, (begin, end) in enumerate(np.searchsorted(edges, spans)):
        colour[begin:end] = number
    starts = np.flatnonzero(np.diff(colour, prepend=-2))
    stops = np.append(starts[1:], len(colour))
    return [
        Piece(ordered[colour[begin]], Span(int(edges[begin]), int(edges[end])))
        for begin, end in zip(starts, stops, strict=True)
        if colour[begin] >= 0
    ]
