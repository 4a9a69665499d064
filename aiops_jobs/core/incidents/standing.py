"""Which of several equally urgent incidents to look at first: the unusual ones, and what goes on beside them.

Trouble that spreads shows in places that know nothing of each other, often as one modest alert. What goes on at the
same time as something very unusual is therefore read next to it, though nothing links the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiops_jobs.core.columns import OPEN, Floats, Ints, to_micros

NOVELTY = "novelty"


def standing(start: Ints, end: Ints, novelty: Floats) -> Floats:
    """Return how much each incident stands out: its novelty, or the mean of it and the largest beside it, if more.

    Args:
        start: Begins, microseconds, ``(N,)``.
        end: Ends, exclusive, ``(N,)``; `OPEN` where it goes on.
        novelty: How unusual each is by itself, in nats, ``(N,)``.
    """
    beside = (start[:, None] <= end[None, :]) & (end[:, None] >= start[None, :])
    np.fill_diagonal(beside, val=False)
    company = np.where(beside, novelty[None, :], 0.0).max(axis=1, initial=0.0)
    return np.asarray(np.maximum(novelty, (novelty + company) / 2), dtype=np.float64)


def standings(incidents: Sequence[Mapping[str, Any]], factors: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the standing of incidents by id.

    Args:
        incidents: Rows of ``incidents``.
        factors: Rows of ``priority_factors``; an incident without the factor `novelty` has none.
    """
    told = {row["incident_id"]: float(row["raw_value"]) for row in factors if row["factor"] == NOVELTY}
    start = np.array([to_micros(row["started_at"]) for row in incidents], np.int64)
    end = np.array([to_micros(row["ended_at"]) if row["ended_at"] else OPEN for row in incidents], np.int64)
    novelty = np.array([told.get(row["incident_id"], 0.0) for row in incidents], np.float64)
    ids = [row["incident_id"] for row in incidents]
    return dict(zip(ids, standing(start, end, novelty).tolist(), strict=True))
