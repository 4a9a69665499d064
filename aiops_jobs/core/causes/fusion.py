"""Several witnesses, one ranking: what each says is weighed by how far it stands out of what it says of others.

A witness (metrics, waits, logs, traces) gives each component a number of its own unit. Its *noise* is the level the
witness reaches without a fault, set by its statistics (a deviation of 1 is the edge of the usual; the largest of many
counts strays by two standard deviations). Evidence is the logarithm of the number over that noise, never below zero:
witnesses that see nothing do not speak against a component, and a shout of one is damped. Sums of such logarithms are
an additive score, as of independent likelihood ratios.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from aiops_jobs.core.columns import Floats

NOISE = {"metrics": 1.0, "waits": 2.0, "logs": 2.0, "calls": 2.0}
"""What each witness says where nothing is wrong: deviations 1 (by construction); waits double; counts 2 sigmas."""


def evidence(values: Floats, *, noise: float) -> Floats:
    """Return what numbers of one witness are worth: 0 up to its noise, then growing as their logarithm."""
    return np.asarray(np.log(np.maximum(values / noise, 1.0)), dtype=np.float64)


def fused(told: Iterable[tuple[str, Floats]]) -> Floats:
    """Return the sum of the evidence of all witnesses, one number per component.

    Args:
        told: Name of each witness (a key of ``NOISE``) and what it says of each component.
    """
    return np.asarray(sum(evidence(values, noise=NOISE[name]) for name, values in told), dtype=np.float64)
