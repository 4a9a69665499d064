"""What the past says about the incidents of a run: similar ones among our own and among closed tickets."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.knowledge import SIMILAR_INCIDENTS
from aiops_jobs.contracts.results import ALERTS, INCIDENT_ALERTS, INCIDENTS
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import TICKET_HISTORY
from aiops_jobs.core.columns import names_without_lineage
from aiops_jobs.core.incidents.correlation import CorrelationResult
from aiops_jobs.core.incidents.memory import Told, to_past, to_subjects
from aiops_jobs.core.incidents.similar import to_similar_incidents
from aiops_jobs.core.tickets.redact import redact_columns
from aiops_jobs.jobs.evaluate_causes import known_rows, own_tickets
from aiops_jobs.jobs.running import Run
from aiops_jobs.ports import Filter
from aiops_jobs.window import Window


def remembered(run: Run, result: CorrelationResult) -> pa.Table:
    """Return ``similar_incidents`` of the incidents of ``result``, redacted.

    Remembered are the tickets of the policy's look-back, and our own incidents: those of this run, and those from
    before its span that were known at its knowledge cut.
    """
    policies, span = run.context.policies, run.span
    policy = policies.similarity
    if not result.incidents.num_rows:
        return SIMILAR_INCIDENTS.empty().select(names_without_lineage(SIMILAR_INCIDENTS))
    told = Told(result.incidents, result.incident_alerts, result.alerts)
    before = Window(span.start - timedelta(seconds=policy.incident_lookback_s), span.start)
    tickets = run.read(TICKET_HISTORY, Window(span.end - timedelta(seconds=policy.lookback_s), span.end))
    own = Told(
        _joined(INCIDENTS, run, before, told.incidents),
        _joined(INCIDENT_ALERTS, run, before, told.memberships),
        _joined(ALERTS, run, before, told.alerts),
    )
    past = to_past(tickets, own, own=own_tickets(run))
    rows = to_similar_incidents(to_subjects(told), past, policy=policy, policy_version=policies.version("similarity"))
    return redact_columns(SIMILAR_INCIDENTS, rows)


def with_earlier(run: Run, similar: pa.Table, result: CorrelationResult) -> pa.Table:
    """Return ``similar`` together with what was published about the incidents of ``result`` from before the span."""
    told = set(similar["incident_id"].to_pylist())
    earlier = [
        row["incident_id"]
        for row in result.incidents.select(["incident_id", "started_at"]).to_pylist()
        if row["started_at"] < run.span.start and row["incident_id"] not in told
    ]
    if not earlier:
        return similar
    rows = run.context.warehouse.read(SIMILAR_INCIDENTS, where=[Filter("incident_id", sorted(earlier))])
    return pa.concat_tables([similar, rows.select(similar.column_names).cast(similar.schema)]).unify_dictionaries()


def _joined(table: Table, run: Run, before: Window, now: pa.Table) -> pa.Table:
    """Return the rows of a table from before the span as they were known, and this run's own."""
    rows = known_rows(run, table, before).select(now.column_names).cast(now.schema)
    key = table.key[0] if len(table.key) == 1 else None
    if key:
        rows = rows.filter(pc.invert(pc.is_in(rows[key], now[key].combine_chunks())))
    return pa.concat_tables([rows, now]).unify_dictionaries()
