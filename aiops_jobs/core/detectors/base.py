"""The promise every detector keeps, and what it says about a grid."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.features.grid import Floats, Grid


class SeriesState(IntEnum):
    """Whether a series can be judged."""

    INSUFFICIENT = 0
    """Too little history: nothing is known, which is not the same as health."""
    NO_VARIANCE = 1
    """Never changed: any change is unusual, but how unusual cannot be measured."""
    JUDGED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """What was to be expected of each bucket, and how far from it the values are; all arrays are [S, T].

    Args:
        lower: Lower edge; a deviation to here scores 1 where falling is bad.
        upper: Upper edge; a deviation to here scores 1 where rising is bad.
        scores: 0 as expected or better, 1 on the edge of the band, more outside; NaN where not judged.
        states: One `SeriesState` a series, [S].
    """

    expected: Floats
    lower: Floats
    upper: Floats
    scores: Floats
    states: npt.NDArray[np.int8]

    def take(self, rows: npt.NDArray[np.bool_]) -> Bands:
        """Return what is thought of some of the series."""
        return Bands(self.expected[rows], self.lower[rows], self.upper[rows], self.scores[rows], self.states[rows])


class Detector(Protocol):
    """Scores buckets; learned attributes end in ``_`` and never change the parameters."""

    name: str

    def fit(self, history: Grid) -> Self:
        """Learn from the past."""

    def anomaly_scores(self, grid: Grid) -> Floats:
        """Score each bucket, [S, T] in the order of ``grid``: at least 0, 1.0 the boundary, NaN where not judged.

        The score of a bucket depends on the history and on that bucket, never on what came after it.

        Raises:
            NotTrainedError: Not fitted.
        """

    def bands(self, grid: Grid) -> Bands:
        """Return what was expected of each bucket, with the scores."""
