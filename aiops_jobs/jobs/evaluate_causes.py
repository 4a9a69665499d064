"""Judge our causes by closed tickets, and calibrate the confidence in the next ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.knowledge import CAUSE_CURVES
from aiops_jobs.contracts.operations import RUNS, TICKET_OUTBOX, TICKETS
from aiops_jobs.contracts.outcomes import CAUSE_EVALUATIONS
from aiops_jobs.contracts.results import INCIDENTS, ROOT_CAUSES
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import TICKET_HISTORY
from aiops_jobs.core.columns import rows_from_records
from aiops_jobs.core.incidents.calibration import IDENTITY, CauseCalibration
from aiops_jobs.core.incidents.outcomes import evaluate, judged, match_outcomes
from aiops_jobs.jobs.feedback import labels_held
from aiops_jobs.jobs.running import INSTANT, Run, RunReport, open_run, report_of
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

JOB = "evaluate_causes"
MAY_HAVE_CLOSED = ["pending", "sending", "sent", "unknown", "dead"]
"""States of a call to resolve. One that was skipped has found the ticket closed by a person, or was not to be made."""


def evaluate_causes(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Publish hit rates, the abstention curve and the calibration that follow from the tickets closed by ``as_of``.

    Judged are the incidents that began within the policy's look-back before the end of ``window``. ``details`` of the
    report tell how many outcomes there are, AC@1, AC@3, Avg@5, and the calibration error before and after.
    """
    policy = context.policies.outcomes
    with open_run(context, JOB, window, as_of) as run:
        reach = Window(window.end - timedelta(seconds=policy.lookback_s), window.end)
        tickets = run.read(TICKET_HISTORY, Window(reach.start - timedelta(seconds=policy.slack_s), reach.end))
        outcomes = match_outcomes(
            known_rows(run, INCIDENTS, reach).to_pylist(),
            tickets.to_pylist(),
            own=own_tickets(run),
            closed_by_us=_closed_by_us(run),
            until=min(as_of, window.end),
            policy=policy,
            labels=labels_held(run),
        )
        result = evaluate(judged(outcomes, known_rows(run, ROOT_CAUSES, reach).to_pylist()), policy)
        common = {
            "window_start": reach.start,
            "window_end": reach.end,
            "policy_version": context.policies.version("outcomes"),
        }
        span = Window(reach.start, reach.start + INSTANT)
        run.publish(CAUSE_CURVES, rows_from_records(CAUSE_CURVES, [common | row for row in result.curves]), span=span)
        run.publish(CAUSE_EVALUATIONS, rows_from_records(CAUSE_EVALUATIONS, [common | result.row]), span=span)
        run.details.update(result.row)
    return report_of(run)


def calibration_known_to(run: Run) -> CauseCalibration:
    """Return the calibration that the newest evaluation up to a run's window and knowledge cut has left."""
    rows = run.context.warehouse.read(CAUSE_EVALUATIONS).to_pylist()
    known = [row for row in rows if row["as_of"] <= run.as_of and row["window_end"] <= run.window.end]
    if not known:
        return IDENTITY
    newest = max(known, key=lambda row: (row["window_end"], row["as_of"]))
    return CauseCalibration(newest["slope"], newest["shift"])


def known_rows(run: Run, table: Table, window: Window) -> pa.Table:
    """Return the published rows of a window that were known at the run's knowledge cut."""
    rows = run.context.warehouse.read(table, window=window)
    return rows.filter(pc.less_equal(rows["as_of"], pa.scalar(run.as_of, rows.schema.field("as_of").type)))


def own_tickets(run: Run) -> dict[str, str]:
    """Return the incident of each ticket that we have opened, by the key its system gave it."""
    rows = run.context.warehouse.read(TICKETS).select(["remote_key", "subject_id"]).to_pylist()
    return {row["remote_key"]: row["subject_id"] for row in rows}


def _closed_by_us(run: Run) -> set[str]:
    """Return the keys of the tickets that runs known to this one have resolved."""
    warehouse = run.context.warehouse
    where = [Filter("ticket_action", "resolve"), Filter("outbox_state", MAY_HAVE_CLOSED)]
    calls: list[dict[str, Any]] = warehouse.read(TICKET_OUTBOX, where=where).to_pylist()
    if not calls:
        return set()
    runs = warehouse.read(RUNS, where=[Filter("run_id", sorted({call["run_id"] for call in calls}))])
    early = {row["run_id"] for row in runs.to_pylist() if row["as_of"] <= run.as_of}
    resolved = {(call["endpoint"], call["external_key"]) for call in calls if call["run_id"] in early}
    tickets = warehouse.read(TICKETS).select(["endpoint", "external_key", "remote_key"]).to_pylist()
    return {t["remote_key"] for t in tickets if (t["endpoint"], t["external_key"]) in resolved}
