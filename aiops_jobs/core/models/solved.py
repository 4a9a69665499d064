"""Tickets whose outcome is known, and since when: what a model of tickets may learn from as of an instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.features.tickets import Tickets

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Tickets whose group is known.

    Args:
        tickets: What was known when they were opened, oldest first.
        group: Code of the group that solved each, ``(R,)``.
        known_s: When that was known, seconds since 1970; infinity: not yet.
        groups: Names of the groups.
    """

    tickets: Tickets
    group: Ints
    known_s: Floats
    groups: tuple[str, ...]

    def take(self, rows: Ints) -> Solved:
        """Return some of the tickets, in order."""
        return Solved(self.tickets.take(rows), self.group[rows], self.known_s[rows], self.groups)

    def before(self, now_s: float) -> Solved:
        """Return the tickets opened and known before an instant."""
        return self.take(np.flatnonzero((self.tickets.opened_s < now_s) & (self.known_s < now_s)))

    def opened(self, begin_s: float, end_s: float) -> Solved:
        """Return the tickets opened within ``[begin_s, end_s)``."""
        opened = self.tickets.opened_s
        return self.take(np.flatnonzero((opened >= begin_s) & (opened < end_s)))


def to_solved(tickets: Tickets, group: Sequence[str | None], known_s: Floats, *, until_s: float = np.inf) -> Solved:
    """Return the tickets with a group that is known before an instant, oldest first; the groups are those of theirs.

    Args:
        tickets: What was known when they were opened.
        group: Who solved each; nothing: nobody has.
        known_s: Since when that is known; infinity: not yet.
        until_s: Nothing is known at this instant or later.
    """
    is_told = np.array([name is not None for name in group], dtype=bool)
    is_known = is_told & (known_s < until_s) & (tickets.opened_s < until_s)
    rows = np.flatnonzero(is_known)
    rows = rows[np.argsort(tickets.opened_s[rows], kind="stable")]
    own = [str(group[row]) for row in rows.tolist()]
    groups = tuple(sorted(set(own)))
    place = {name: code for code, name in enumerate(groups)}
    codes = np.fromiter((place[name] for name in own), dtype=np.int64, count=len(own))
    return Solved(tickets.take(rows), codes, known_s[rows], groups)
