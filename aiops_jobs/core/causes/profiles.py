"""What a component says or calls now, compared with before: new lines, vanished lines, calls that are no longer made.

Lines are told apart by their text with everything that holds a digit masked; that needs no learned templates.
Counts are compared *within* a component: more traffic gives more of everything and surprises nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.columns import Floats, Ints

VARYING = r"[^\s\[\]():,=]*[0-9][^\s\[\]():,=]*"
MASK = "#"
"""What stands for what varies."""
WIDTH = 90
"""Characters of a line that tell its kind; what follows is mostly parameters."""
READ = 2 * WIDTH
"""Characters of a line that are read at all."""
SPREAD = 0.3
"""Counts of a kind vary by so much of themselves, beyond chance: the mix of requests is never the same twice."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """Kinds of lines (or calls) and how unexpected their number is, in standard deviations; below 0: too few."""

    owner: Ints
    kind: Ints
    seen: Floats
    expected: Floats
    sigmas: Floats


def kinds_of(bodies: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the kind of each line: its text with tokens masked that hold a digit, cut to ``WIDTH``.

    Example:
        >>> kinds_of(pa.array(["order 17 failed after 30ms", "order 99 failed after 8ms"])).unique().to_pylist()
        ['order # failed after #']
    """
    return pc.utf8_slice_codeunits(
        pc.replace_substring_regex(pc.utf8_slice_codeunits(bodies, 0, READ), VARYING, MASK), 0, WIDTH
    )


Counted = tuple[Ints, Ints, Floats]
"""Owner, kind and number of some events; owners and kinds are counted from 0."""


def surprise(before: Counted, after: Counted, *, kinds: int) -> Surprise:
    """Return how unexpected the number of each kind is after, given the shares before and how much its owner says.

    The expected number is ``e = share before x all of the owner's after``; its variance that of two Poisson counts,
    spread by ``SPREAD``, and one more, so that a kind never seen needs to come more than a few times.

    Args:
        before: Events before.
        after: Events after.
        kinds: Number of kinds.
    """
    keys = [owner.astype(np.int64) * kinds + kind for owner, kind, _ in (before, after)]
    unique, place = np.unique(np.concatenate(keys), return_inverse=True)
    usual = _sums(place[: len(keys[0])], before[2], len(unique))
    seen = _sums(place[len(keys[0]) :], after[2], len(unique))
    owner = unique // max(kinds, 1)
    ratio = np.bincount(owner, weights=seen)[owner] / np.maximum(np.bincount(owner, weights=usual)[owner], 1.0)
    expected = usual * ratio
    variance = expected * (1 + ratio) + (SPREAD * expected) ** 2 + 1.0
    return Surprise(owner, unique % max(kinds, 1), seen, expected, (seen - expected) / np.sqrt(variance))


def _sums(place: Ints, amount: Floats, count: int) -> Floats:
    return np.bincount(place, weights=amount, minlength=count).astype(np.float64)
