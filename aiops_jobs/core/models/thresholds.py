"""From certainties to decisions: each group has its own bar, learned for a wanted precision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def assigned(first: Ints, sure: Floats, threshold: Floats) -> Ints:
    """Return the likeliest group of each ticket if it is sure enough for that group's threshold, else -1.

    Args:
        first: Code of the likeliest group, ``(R,)``.
        sure: How sure it is, ``(R,)``.
        threshold: Of each group, ``(K,)``.
    """
    return np.where(sure >= threshold[first], first, -1) if len(first) else np.zeros(0, dtype=np.int64)


def thresholds(first: Ints, sure: Floats, group: Ints, kinds: int, *, precision: float, least: int) -> Floats:
    """Return, for each group, the lowest certainty above which its assignments were right often enough, ``(K,)``.

    One wrong assignment is imagined beside those seen, so that few cases prove little. A higher precision never gives
    a lower threshold. Where even the least certain case is a good one, nothing speaks against lower certainties: the
    wanted precision itself is the threshold then, if that is less. Groups with fewer than ``least`` cases that they
    would have been given never get any.

    Args:
        first: Likeliest group of tickets that were not learned from, ``(R,)``.
        sure: How sure it is, ``(R,)``.
        group: Who solved them, ``(R,)``.
        kinds: Number of groups.
        precision: Wanted share of right assignments.
        least: Cases that prove anything.
    """
    found = np.full(kinds, np.inf)
    for kind in range(kinds):
        rows = np.flatnonzero(first == kind)
        if len(rows) < least:
            continue
        rows = rows[np.argsort(-sure[rows], kind="stable")]
        ranked = sure[rows]
        precisions = np.cumsum(group[rows] == kind) / np.arange(2, len(rows) + 2)
        is_last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
        good = np.flatnonzero((precisions >= precision) & is_last_of_tie)
        if len(good):
            is_all = good[-1] == len(rows) - 1
            found[kind] = min(ranked[good[-1]], precision) if is_all else ranked[good[-1]]
    return found
