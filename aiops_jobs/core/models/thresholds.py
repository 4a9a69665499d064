"""From probabilities to decisions: each group has its own bar, learned for a wanted precision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def assigned(probability: Floats, threshold: Floats) -> Ints:
    """Return the likeliest group of each row if its probability reaches the group's threshold, else -1."""
    if not len(probability):
        return np.zeros(0, dtype=np.int64)
    first = probability.argmax(axis=1)
    is_sure = probability[np.arange(len(first)), first] >= threshold[first]
    return np.where(is_sure, first, -1)


def thresholds(probability: Floats, group: Ints, *, precision: float, least: int) -> Floats:
    """Return, for each group, the lowest probability above which its assignments were right often enough.

    One wrong assignment is imagined beside those seen, so that few cases prove little. A higher precision never gives
    a lower threshold. Groups with fewer than ``least`` cases that they would have been given never get any.

    Args:
        probability: Of tickets that were not learned from, ``(R, K)``.
        group: Who solved them, ``(R,)``.
        precision: Wanted share of right assignments.
        least: Cases that prove anything.
    """
    found = np.full(probability.shape[1], np.inf)
    if not len(probability):
        return found
    first = probability.argmax(axis=1)
    for kind in range(probability.shape[1]):
        rows = np.flatnonzero(first == kind)
        if len(rows) < least:
            continue
        own = probability[rows, kind]
        order = np.argsort(-own, kind="stable")
        right = np.cumsum(group[rows][order] == kind)
        given = np.arange(1, len(rows) + 1)
        ranked = own[order]
        is_last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
        good = np.flatnonzero((right / (given + 1) >= precision) & is_last_of_tie)
        if len(good):
            found[kind] = ranked[good[-1]]
    return found
