"""What failure models learn from: entity-days, whether a failure followed within the horizon, and what is not known.

A label speaks of the future of its day, so it exists only once that future is over and its tickets are settled. Days
too young for that are not healthy days; they are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.features.failures import Events, Failures
from aiops_jobs.core.features.smart import DAY_S, Features, Readings

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Examples:
    """Entity-days as rows, ordered by day, then entity.

    Args:
        names: Feature names.
        matrix: ``(R, F)``.
        entity: Row of the entity in the readings, ``(R,)``.
        at_s: End of the day: the instant the features speak from, ``(R,)``, seconds since 1970.
        failure_s: Time of the failure within the horizon, infinity where there was none, ``(R,)``.
    """

    names: tuple[str, ...]
    matrix: npt.NDArray[np.float32]
    entity: Ints
    at_s: Floats
    failure_s: Floats

    @property
    def labels(self) -> Bools:
        """Whether a failure followed within the horizon."""
        return np.isfinite(self.failure_s)

    @property
    def failures(self) -> int:
        """Number of different failures."""
        hit = self.labels
        return len({*zip(self.entity[hit].tolist(), self.failure_s[hit].tolist(), strict=True)})

    def between(self, begin_s: float, end_s: float) -> Examples:
        """Return the examples of the days that end in ``(begin_s, end_s]``."""
        return self.take(np.flatnonzero((self.at_s > begin_s) & (self.at_s <= end_s)))

    def take(self, rows: Ints) -> Examples:
        """Return some of the examples."""
        return Examples(self.names, self.matrix[rows], self.entity[rows], self.at_s[rows], self.failure_s[rows])


def to_examples(features: Features, readings: Readings, failures: Failures, *, horizon_s: float) -> Examples:
    """Return every entity-day whose label is known.

    Left out are: entities not heard of, days between a failure and its replacement, days whose horizon is not over
    at ``failures.known_s``, and days within the horizon before or after the opening of a ticket that is still open:
    it may be the failure.
    """
    ends = readings.day_ends_s
    row_of = {entity: row for row, entity in enumerate(readings.entities)}
    next_failure = np.full(features.is_present.shape, np.inf)
    is_usable = features.is_present & (ends + horizon_s <= failures.known_s)
    entity, began, ended = _known(failures.confirmed, row_of)
    ahead = (ends < began[:, None]) & (began[:, None] <= ends + horizon_s)
    event, day = np.nonzero(ahead)
    np.minimum.at(next_failure, (entity[event], day), began[event])
    event, day = np.nonzero((began[:, None] <= ends) & (ends < ended[:, None]))
    is_usable[entity[event], day] = False
    entity, began, _ = _known(failures.unsettled, row_of)
    event, day = np.nonzero(np.abs(ends - began[:, None]) <= horizon_s)
    is_usable[entity[event], day] &= np.isfinite(next_failure[entity[event], day])
    days, rows = np.nonzero(is_usable.T)
    matrix = np.ascontiguousarray(features.values[:, rows, days].T)
    return Examples(features.names, matrix, rows, ends[days], next_failure[rows, days])


def thinned(examples: Examples, every: int) -> tuple[Ints, Floats]:
    """Return rows to fit on and what each stands for: all failing days, and every n-th of the others.

    Neighbouring days of a healthy disk are nearly the same row; which are taken depends on entity and day alone.
    """
    turn = (examples.entity + (examples.at_s // DAY_S).astype(np.int64)) % every == 0
    rows = np.flatnonzero(turn | examples.labels)
    return rows, np.where(examples.labels[rows], 1.0, float(every))


def _known(events: Events, row_of: dict[str, int]) -> tuple[Ints, Floats, Floats]:
    chosen = [i for i, entity in enumerate(events.entities) if entity in row_of]
    rows = np.array([row_of[events.entities[i]] for i in chosen], dtype=np.int64)
    return rows, events.began_s[chosen], events.ended_s[chosen]
