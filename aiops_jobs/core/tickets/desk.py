"""What closed tickets teach about the ones to come: who will solve them, and whether they will miss their target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiops_jobs.core.features.ticket_history import described
from aiops_jobs.core.models.routing import Router
from aiops_jobs.core.models.sla_risk import SlaRisk


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the models say of one ticket.

    Args:
        group: The likeliest group; ``None``: no model.
        certainty: How sure that is, 0…1.
        is_sure: Whether it reaches the group's own threshold.
        threshold: That threshold; infinity: the group never gets a ticket by this.
        router_version: Model that says so.
        risk: Probability that the target is missed; ``None``: no model.
        risk_version: Model that says so.
    """

    group: str | None = None
    certainty: float = 0.0
    is_sure: bool = False
    threshold: float = float("inf")
    router_version: str | None = None
    risk: float | None = None
    risk_version: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """The champions, loaded; either may be missing."""

    router: Router | None = None
    router_version: str | None = None
    risk: SlaRisk | None = None
    risk_version: str | None = None

    def foresee(self, rows: Sequence[Mapping[str, Any]]) -> list[Foreseen]:
        """Return what is foreseen of incidents or risks: rows with ``started_at``, title, priority and place."""
        if not rows or (self.router is None and self.risk is None):
            return [Foreseen()] * len(rows)
        tickets = described(rows, [row["started_at"] for row in rows])
        found: list[dict[str, Any]] = (
            [{"risk_version": self.risk_version} for _ in rows] if self.risk else [{} for _ in rows]
        )
        routed = None
        if self.router is not None:
            verdicts = self.router.assign(tickets)
            routed = self.router.groups, verdicts.probability
            for place, says in enumerate(found):
                kind = int(verdicts.first[place])
                says |= {
                    "group": self.router.groups[kind],
                    "certainty": float(verdicts.sure[place]),
                    "is_sure": bool(verdicts.given[place] >= 0),
                    "threshold": float(self.router.threshold[kind]),
                    "router_version": self.router_version,
                }
        if self.risk is not None:
            for says, value in zip(found, self.risk.probability(tickets, routed).tolist(), strict=True):
                says["risk"] = value
        return [Foreseen(**says) for says in found]


NO_HISTORY = Desk()
