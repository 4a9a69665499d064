"""How unusual an incident is: rules and metrics that seldom speak tell more than those that always do.

The surprise of one rule is the negative logarithm of its share of all that began in the day before (its
self-information, Shannon 1948, with one imagined earlier begin each, so that what was never heard of is finite). An
incident's is the sum over its different rules: a thousand alerts of one rule tell no more than one of them. Only what
began before the incident counts, so that it is the same for every window that is asked about.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiops_jobs.core.columns import SECOND
from aiops_jobs.core.incidents.members import Members


class Usual:
    """All begins of a context, by rule and time.

    Args:
        members: All members, in incidents or not.
        window_s: How far back is looked.
    """

    def __init__(self, members: Members, window_s: float) -> None:
        self.members = members
        self.window = int(window_s * SECOND)
        self.starts = np.sort(members.start)
        order = np.lexsort((members.start, members.name.codes))
        self.base = int(self.starts[0]) if len(self.starts) else 0
        self.width = int(self.starts[-1]) - self.base + 2 if len(self.starts) else 1
        self.places = members.name.codes[order] * self.width + (members.start[order] - self.base)

    def surprise(self, own: Sequence[int], began: int) -> float:
        """Return how unusual some members are together, in nats, judged at an instant."""
        rules = np.unique(self.members.name.codes[np.asarray(own, dtype=np.int64)])
        edges = np.clip(np.array([began - self.window, began]) - self.base, 0, self.width - 1)
        whole = np.diff(np.searchsorted(self.starts, edges + self.base))
        low, high = (np.searchsorted(self.places, rules * self.width + edge) for edge in edges)
        return float(np.log((whole + len(rules) + 1) / (high - low + 1)).sum())
