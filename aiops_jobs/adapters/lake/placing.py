"""How one write finds its place among what is there: what it replaces, what is left over, what stands over it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from aiops_jobs.adapters.lake.painter import Piece, subtract
from aiops_jobs.adapters.lake.parts import Part, Span

HOUR = 3_600_000_000
PART_ROWS = 1 << 20
"""Aim for parts of at most so many rows: they are read whole, so a small question should not open a large one."""
_STEPS = (7 * 24 * HOUR, 24 * HOUR, 6 * HOUR, HOUR)


@dataclass(frozen=True, slots=True)
class Place:
    """What a write of some window does to the current parts of its source.

    Args:
        removed: Parts that are wholly or partly replaced.
        leftovers: What stays of them, to be written anew.
        shown: Where the write becomes current.
        hidden: Where something known later stays current.
    """

    removed: tuple[Part, ...]
    leftovers: tuple[Piece, ...]
    shown: tuple[Span, ...]
    hidden: tuple[Span, ...]


def find_place(parts: Iterable[Part], window: Span, as_of: int, *, rows: int = 0) -> Place:
    """Return the place of a write of ``rows`` rows among the current ``parts`` of its source."""
    touched = [part for part in parts if part.span.overlaps(window)]
    removed = [part for part in touched if part.as_of <= as_of]
    shown = subtract(window, [part.span for part in touched if part.as_of > as_of])
    hidden = subtract(window, shown)
    step = _step(window, rows)
    return Place(
        removed=tuple(removed),
        leftovers=tuple(Piece(part, left) for part in removed for left in subtract(part.span, [window])),
        shown=tuple(slice_ for span in shown for slice_ in _sliced(span, step)),
        hidden=tuple(slice_ for span in hidden for slice_ in _sliced(span, step)),
    )


def _step(window: Span, rows: int) -> int | None:
    """Return how long parts of a write shall be: the longest step that keeps them small, or ``None``: in one piece."""
    if rows <= PART_ROWS:
        return None
    length = window.end - window.start
    return next((step for step in _STEPS if rows * step <= PART_ROWS * length), _STEPS[-1])


def _sliced(span: Span, step: int | None) -> list[Span]:
    if step is None:
        return [span]
    first_edge = (span.start // step + 1) * step
    edges = [span.start, *range(first_edge, span.end, step), span.end]
    return [Span(start, end) for start, end in pairwise(edges)]
