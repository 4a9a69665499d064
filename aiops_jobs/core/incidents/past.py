"""What tickets of the past let expect of an incident: can anybody act on it, and how long will it last?

Shares and means are shrunk: the tickets of a service stand on those of all services, and these on what the policy
believes (Efron and Morris 1975: Data Analysis Using Stein's Estimator). Only tickets closed before an incident began
are looked at, so a back-fill says what could have been known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from aiops_jobs.core.columns import OPEN, SECOND, Bools, Ints, micros_of, texts_of
from aiops_jobs.core.policies.cost import CostPolicy

SERVICE = "service/"
PAST_COLUMNS = (
    "ticket_key",
    "opened_at",
    "resolved_at",
    "resolution_code",
    "cause_entity_id",
    "service_name",
    "entity_id",
)
"""All that is read of ``ticket_history``."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the past lets expect.

    Args:
        actionable: Probability that somebody can act.
        duration_s: Expected length, seconds.
        own: Closed tickets of the services in question.
        all: Closed tickets of everything.
    """

    actionable: float
    duration_s: float
    own: int
    all: int


@dataclass(frozen=True)
class Past:
    """Closed tickets about incidents, sorted by when they were closed; arrays have one entry a ticket."""

    resolved: Ints
    lasted: Ints
    service: list[str | None]
    is_actionable: Bools

    def outlook(self, services: Sequence[str], began: int, policy: CostPolicy) -> Outlook:
        """Return what was to be expected of an incident when it began.

        Args:
            services: Those it affects.
            began: Its begin, microseconds.
            policy: Priors, and how far to look back.
        """
        first = int(np.searchsorted(self.resolved, began - int(policy.lookback_s * SECOND), side="left"))
        last = int(np.searchsorted(self.resolved, began, side="right"))
        closed = np.arange(first, last)
        wanted = set(services)
        own = np.array([i for i in closed.tolist() if self.service[i] in wanted], np.int64)
        length = np.minimum(self.lasted / SECOND, policy.longest_s)
        weight = policy.prior_weight
        actionable, duration = policy.prior_actionable_ratio, policy.prior_duration_s
        for rows in (closed, own):
            actionable = (weight * actionable + float(self.is_actionable[rows].sum())) / (weight + len(rows))
            duration = (weight * duration + float(length[rows].sum())) / (weight + len(rows))
        return Outlook(actionable, duration, len(own), len(closed))


def to_past(tickets: pa.Table | None, policy: CostPolicy) -> Past:
    """Return the closed tickets of ``ticket_history`` that were about incidents.

    A ticket without a resolution code counts as one somebody acted on if a cause was found, and is left out otherwise.
    """
    if tickets is None or not tickets.num_rows:
        none = np.zeros(0, np.int64)
        return Past(none, none, [], np.zeros(0, bool))
    codes = [_code(code) for code in texts_of(tickets["resolution_code"])]
    causes = texts_of(tickets["cause_entity_id"])
    opened, resolved = micros_of(tickets["opened_at"]), micros_of(tickets["resolved_at"])
    keep = (resolved < OPEN) & (resolved >= opened)
    keep &= np.array([code not in policy.request_codes for code in codes], dtype=bool)
    keep &= np.array([bool(code or cause) for code, cause in zip(codes, causes, strict=True)], dtype=bool)
    services = [
        service or (entity.removeprefix(SERVICE) if entity and entity.startswith(SERVICE) else None)
        for service, entity in zip(texts_of(tickets["service_name"]), texts_of(tickets["entity_id"]), strict=True)
    ]
    acted = np.array([code not in policy.unactionable_codes for code in codes], dtype=bool)
    rows = np.flatnonzero(keep)
    rows = rows[np.lexsort((opened[rows], resolved[rows]))]
    return Past(resolved[rows], (resolved - opened)[rows], [services[i] for i in rows.tolist()], acted[rows])


def _code(code: str | None) -> str:
    return "_".join((code or "").lower().replace("-", " ").replace("_", " ").split())
