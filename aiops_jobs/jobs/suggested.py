"""The parameters that an incident's recommendation, or the entity itself, gives a runbook."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from aiops_jobs.contracts.knowledge import RUNBOOK_RECOMMENDATIONS
from aiops_jobs.core.runbooks.matching import IncidentView, parameters_of
from aiops_jobs.core.runbooks.runbook import by_id
from aiops_jobs.errors import NotFoundError
from aiops_jobs.ports import Context, Filter

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def suggested_parameters(context: Context, runbook_id: str, entity_id: str, incident_id: str | None) -> dict[str, Any]:
    """Return parameters by name; those of the incident's recommendation win.

    Raises:
        NotFoundError: There is no such runbook, or the incident has no such recommendation.
    """
    runbook = by_id(context.runbooks).get(runbook_id)
    if runbook is None:
        raise NotFoundError("runbook", runbook_id, remedy="`aiops runbooks list` lists them.")
    found = parameters_of(IncidentView(entity_id, NEVER, "unknown", entity_id), runbook)
    if incident_id is not None:
        own = [Filter("incident_id", incident_id), Filter("runbook_id", runbook_id)]
        rows = context.warehouse.read(RUNBOOK_RECOMMENDATIONS, where=own).to_pylist()
        if not rows:
            remedy = f"`aiops explain {incident_id}` shows those that fit."
            raise NotFoundError("recommendation of", runbook_id, remedy=remedy)
        found |= json.loads(rows[0]["parameters"] or "{}")
    return found
