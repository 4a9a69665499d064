"""What was known of alerts before a day: the only thing that learned suppression looks at.

Every judgement about an alert rests on episodes that began, and ends that were seen, before 00:00 UTC of the day it
begins on, within a fixed length of time. So it is the same whatever window a run is asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.alerts.subjects import Subjects, nodes_of, shared_codes
from aiops_jobs.core.columns import SECOND, Bools, Ints, plain

DAY = 86400 * SECOND
ALERT, RULE, SERVICE, EVERYTHING = range(4)
"""From the alert itself to the whole estate: positions in `Past.levels`."""


@dataclass(frozen=True)
class Past:
    """Alerts to be judged, and all episodes that are known, with common numbers for what they have in common.

    Args:
        now: The alerts to be judged.
        then: Episodes of the past and of now, in any order.
        length: How far back is looked, microseconds.
    """

    now: Subjects
    then: Subjects
    length: int

    @cached_property
    def levels(self) -> Sequence[Level]:
        """What alerts have in common with episodes: the alert, its rule, its service, and that they are alerts."""
        columns = [(plain(a["alert_fingerprint"]), plain(a["alert_name"]), service_of(a)) for a in self._both]
        pairs = [shared_codes(now, then) for now, then in zip(*columns, strict=True)]
        nothing = Level(np.zeros(len(self.now), np.int64), np.zeros(len(self.then), np.int64), 1)
        return (*(Level(now, then, max(len(words), 1)) for (now, then), words in pairs), nothing)

    @property
    def _both(self) -> tuple[pa.Table, pa.Table]:
        return self.now.alerts, self.then.alerts

    def days(self) -> Iterator[tuple[int, Ints, Bools]]:
        """Yield each day on which alerts begin: its first instant, these alerts, and which episodes it may know."""
        day = self.now.start // DAY * DAY
        for first in np.unique(day).tolist():
            known = (self.then.start < first) & (self.then.start >= first - self.length)
            yield first, np.flatnonzero(day == first), np.asarray(known, dtype=bool)


@dataclass(frozen=True)
class Level:
    """Numbers of one thing that alerts have in common.

    Args:
        now: Number for each alert to be judged.
        then: Number for each episode.
        count: How many numbers there are.
    """

    now: Ints
    then: Ints
    count: int


def service_of(alerts: pa.Table) -> pa.Array:
    """Return the service of each alert; its node where it names none."""
    return pc.coalesce(plain(alerts["service_name"]), nodes_of(alerts))
