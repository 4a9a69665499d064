"""Whose own excess explains what a component suffers: trouble is followed along calls and left where it starts.

Latency and failures travel from callee to caller. So what a caller has too much of is first charged to its callees
(their excess counts per call, weighted with how many calls there are), and only the rest is its own. A component is
blamed for as much of the victim's excess as its own excess covers *at the same time*; this is an amount, in the
victim's units (seconds waited, requests failed), so that a lively component of four requests a minute cannot win
against one of eight hundred. The amount is compared with what chance gives on the calm rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiops_jobs.core.columns import Floats

Bools = npt.NDArray[np.bool_]
CHANCE = 0.95
"""Quantile of the calm windows' amounts that counts as chance."""
LEAST = 0.01
"""Share of the victim's excess below which nothing is told apart from chance."""
CERTAIN = 3.0
"""Amounts this many times beyond chance are blamed: 19 of 20 calm windows stay below it."""


@dataclass(frozen=True, slots=True)
class Blame:
    """How much each component explains.

    Args:
        beyond_chance: Explained amount over what chance explains; 0 for what the victim does not depend on.
        amount: The explained amount, in units of the excess.
    """

    beyond_chance: Floats
    amount: Floats

    @property
    def is_certain(self) -> bool:
        """Whether somebody explains clearly more than chance would."""
        return bool(len(self.beyond_chance)) and float(self.beyond_chance.max()) >= CERTAIN


def excess(values: Floats, weight: Floats, usual: Floats, *, rises: bool) -> Floats:
    """Return how much too much there is of something bad, summed over the requests of a row.

    Args:
        values: Rows by component: latency (s), or share that succeeds; NaN where nothing was asked.
        weight: Requests in each row.
        usual: The usual value of each component.
        rises: True where more is worse.
    """
    change = values - usual if rises else usual - values
    return np.asarray(np.nan_to_num(np.maximum(change, 0.0)) * np.nan_to_num(weight), dtype=np.float64)


def own_excess(total: Floats, calls: Bools) -> Floats:
    """Return what is left of each component's excess when that of the components it calls is taken away.

    Args:
        total: Rows by component.
        calls: ``calls[u, v]``: u calls v.
    """
    others = calls & ~np.eye(len(calls), dtype=bool)
    return np.asarray(np.maximum(total - total @ others.T.astype(np.float64), 0.0), dtype=np.float64)


def reachable(calls: Bools, start: int) -> Bools:
    """Return what a component depends on, directly or not; itself left out."""
    reached = np.zeros(len(calls), dtype=bool)
    border = calls[start]
    while (border & ~reached).any():
        reached |= border
        border = calls[reached].any(axis=0)
    reached[start] = False
    return reached


def blame(calm: Floats, sick: Floats, calls: Bools, victim: int) -> Blame:
    """Return how much of the victim's excess each component explains.

    Args:
        calm: Excess by row and component while all was well.
        sick: The same in the rows asked about.
        calls: ``calls[u, v]``: u calls v.
        victim: Position of the component that complains.
    """
    count = len(sick)
    if not count or len(calm) < count:
        return Blame(np.zeros(len(calls)), np.zeros(len(calls)))
    total = np.concatenate([calm, sick])
    joint = np.minimum(own_excess(total, calls), total[:, [victim]])
    joint[:, ~reachable(calls, victim)] = 0.0
    running = np.concatenate([np.zeros((1, joint.shape[1])), np.cumsum(joint, axis=0)])
    windows = running[count : len(calm) + 1] - running[: len(calm) + 1 - count]
    amount = running[-1] - running[len(calm)]
    least = LEAST * float(sick[:, victim].sum())
    chance = np.quantile(windows, CHANCE, axis=0) + least
    beyond = np.divide(amount, chance, out=np.zeros_like(amount), where=chance > 0)
    return Blame(beyond, amount)
