"""How long people had to wait: times to detect, to acknowledge and to resolve, in seconds; null where not known.

* time to detect: from the begin of the incident to when it could first be known;
* time to acknowledge: from then to when a person first took on a ticket of it;
* time to resolve: from the begin of the incident to the resolution of the last of its tickets.

Their means are MTTD, MTTA and MTTR. A time that would be negative is not known: two clocks disagree, or somebody knew
before us.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np


@dataclass(frozen=True, slots=True)
class Spread:
    """Durations of several incidents, in seconds; null where there is none.

    Args:
        count: How many are known.
    """

    count: int
    mean_s: float | None
    p50_s: float | None
    p90_s: float | None


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds from one instant to another; null if one is not known, or the order is wrong."""
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds()


def spread(durations: Iterable[float | None]) -> Spread:
    """Return mean, median and 90 % quantile of those that are known.

    Example:
        >>> spread([60.0, None, 120.0]).mean_s
        90.0
    """
    values = np.array([value for value in durations if value is not None], np.float64)
    if not len(values):
        return Spread(0, None, None, None)
    p50, p90 = np.quantile(values, (0.5, 0.9))
    return Spread(len(values), float(values.mean()), float(p50), float(p90))
