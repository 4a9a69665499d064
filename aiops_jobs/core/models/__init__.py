"""Models that are trained, judged on a later period, promoted, and asked for a forecast or a probability.

To add a model: a module that fits and asks it (its artefact is plain data and arrays, so that loading runs no code),
a module ``<name>_training`` whose function returns a `Trial`, and a line in `NAMES`; then a call in the `train` job.
"""

from __future__ import annotations

from aiops_jobs.core.models.capacity_training import NAME as CAPACITY
from aiops_jobs.core.models.failure_risk import NAME as FAILURE_RISK
from aiops_jobs.core.models.promotion import Trial, champion_at
from aiops_jobs.core.models.routing import NAME as TICKET_ROUTING
from aiops_jobs.core.models.sla_risk import NAME as SLA_RISK

NAMES = (CAPACITY, FAILURE_RISK, TICKET_ROUTING, SLA_RISK)
"""Every model that can be trained."""

__all__ = ["CAPACITY", "FAILURE_RISK", "NAMES", "SLA_RISK", "TICKET_ROUTING", "Trial", "champion_at"]
