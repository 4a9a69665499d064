"""Which risks a run has to speak of: those told now, those that still have a ticket, and which of these are gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.results import CAPACITY_RISKS, FAILURE_RISKS, FINDINGS
from aiops_jobs.core.tickets.subjects import risk_key
from aiops_jobs.jobs.earlier import LONGEST
from aiops_jobs.jobs.evaluate_causes import known_rows
from aiops_jobs.jobs.running import INSTANT, Run
from aiops_jobs.window import Window

PREDICTORS = ("forecast", "score_failures")


def remembered_risks(run: Run) -> pa.Table:
    """Return the risks told in the last weeks, up to the end of the run's span."""
    return run.read(FINDINGS, Window(run.span.end - LONGEST, run.span.end + INSTANT), sources=PREDICTORS)


def risks_to_speak_of(run: Run, risks: pa.Table, with_calls: set[str]) -> pa.Table:
    """Return the risks told in the run's span, and all rows of those about whose key a call has been made."""
    keys = [risk_key(row) for row in risks.to_pylist()]
    is_new = pc.greater_equal(risks["started_at"], pa.scalar(run.span.start, risks.schema.field("started_at").type))
    return risks.filter(pc.or_(is_new, pa.array([key in with_calls for key in keys], pa.bool_())))


def risks_gone(run: Run, risks: pa.Table) -> set[str]:
    """Return the keys of the risks that were told for the last time long enough ago, and were looked at since.

    Looked at means that a forecast or a score of the very series or entity was issued at the end of the window: that
    nobody looked is no reason to call a risk gone.
    """
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(risks.to_pylist(), key=lambda r: (r["started_at"], r["finding_id"])):
        newest[risk_key(row)] = row
    calm = run.window.end - timedelta(seconds=run.context.policies.tickets.risk_calm_s)
    quiet = {key: row for key, row in newest.items() if row["started_at"] <= calm}
    if not quiet:
        return set()
    issue = Window(run.window.end, run.window.end + INSTANT)
    seen = {
        *known_rows(run, CAPACITY_RISKS, issue)["series_id"].to_pylist(),
        *known_rows(run, FAILURE_RISKS, issue)["entity_id"].to_pylist(),
    }
    return {key for key, row in quiet.items() if (row["subject_series_id"] or row["entity_id"]) in seen}
