"""Pairs of sessions that are related: the kinds of relation there are, and a table of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiops_jobs.core.columns import Ints

DEPENDS, SERVICE, SHARED, STAND_IN, CONTEXT, BURST = 0, 1, 2, 3, 4, 5
KINDS = (
    "depends on",
    "belongs to the service of",
    "shares a silent component with",
    "stands in for",
    "is context of",
    "stands out together with",
)


@dataclass(frozen=True)
class Links:
    """Related pairs of sessions; arrays have one entry a pair.

    Args:
        child: The session that is explained.
        parent: The session it is explained by.
        hops: Distance in the topology.
        gap: Distance between their nearest begins, microseconds.
        kind: Position in ``KINDS``.
        via: Name of the silent component of a ``SHARED`` pair, or of the group of a ``STAND_IN`` pair; else empty.
    """

    child: Ints
    parent: Ints
    hops: Ints
    gap: Ints
    kind: Ints
    via: list[str]

    def __len__(self) -> int:
        return len(self.child)

    def taken(self, keep: Ints) -> Links:
        """Return the links at some positions."""
        arrays = (self.child[keep], self.parent[keep], self.hops[keep], self.gap[keep], self.kind[keep])
        return Links(*arrays, via=[self.via[i] for i in keep.tolist()])

    def cut(self, low: int, high: int) -> Links:
        """Return the links of a range of positions, without a copy."""
        own = slice(low, high)
        return Links(
            self.child[own], self.parent[own], self.hops[own], self.gap[own], self.kind[own], via=self.via[own]
        )

    @property
    def order(self) -> Ints:
        """Positions of the links, for each child the closest first."""
        return np.lexsort((self.parent, self.gap, self.kind, self.hops, self.child)).astype(np.int64)


def no_links() -> Links:
    """Return links without any pair."""
    none = np.zeros(0, np.int64)
    return Links(none, none, none, none, none, [])


def joined(parts: Sequence[Links]) -> Links:
    """Return all links of several."""
    return Links(
        child=np.concatenate([part.child for part in parts]),
        parent=np.concatenate([part.parent for part in parts]),
        hops=np.concatenate([part.hops for part in parts]),
        gap=np.concatenate([part.gap for part in parts]),
        kind=np.concatenate([part.kind for part in parts]),
        via=[via for part in parts for via in part.via],
    )
