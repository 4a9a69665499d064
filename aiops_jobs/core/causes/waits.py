"""Time lost between components: what a caller waits beyond what the callee says it took.

Delay of a network shows in no span of the callee. It shows in the difference between the caller's span and the
callee's. If all edges into a component lose time, the component is cut off; if all edges out of one do, it is itself.
"""

from __future__ import annotations

import numpy as np

from aiops_jobs.core.columns import Floats, Ints


def blamed_for_waits(caller: Ints, callee: Ints, growth: Floats, *, count: int) -> Floats:
    """Return how many times longer is waited at each component; 1 where nothing grew.

    Args:
        caller: Position of the caller of each edge.
        callee: Position of the callee.
        growth: Natural logarithm of the edge's wait after over before.
        count: Number of components.

    Returns:
        The larger of: the smallest growth of the edges into a component; the smallest of those out of it, if it has
        more than one (a single edge out of it says nothing about which end is slow, and is charged to its callee).
    """
    into, out = np.full(count, np.inf), np.full(count, np.inf)
    np.minimum.at(into, callee, growth)
    np.minimum.at(out, caller, growth)
    several = np.bincount(caller, minlength=count) > 1
    worst = np.maximum(np.where(np.isfinite(into), into, 0.0), np.where(several & np.isfinite(out), out, 0.0))
    return np.asarray(np.exp(worst.clip(0.0)), dtype=np.float64)
