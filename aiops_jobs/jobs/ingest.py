"""Copy one table of one source into the lake for a window; put aside what is wrong; say how the source stands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.operations import SOURCE_HEALTH
from aiops_jobs.contracts.results import FINDINGS
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import INGESTED, QUARANTINE
from aiops_jobs.core.ingestion import Received, Rejected, Split, split
from aiops_jobs.core.ingestion.health import (
    PARTIAL,
    SILENT,
    UNREACHABLE,
    Delivery,
    Standing,
    blocking_problems,
    standing,
    to_findings,
    to_source_health,
)
from aiops_jobs.core.tickets.redact import redact
from aiops_jobs.errors import ConnectorError, ContractError, NotFoundError, Superseded
from aiops_jobs.jobs.redacting import redacted
from aiops_jobs.jobs.running import Run, RunReport, critical_failures, open_run, report_of
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

TABLES: Mapping[str, Table] = {table.name: table for table in INGESTED}


@dataclass(slots=True)
class _Question:
    """What one run is asked, and how far it came: kept outside the run so that a failure can be told from it."""

    context: Context
    source: str
    table: Table
    window: Window
    as_of: datetime
    split: Split | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What makes this question different from that about another source or table."""
        return {"source": self.source, "table": self.table.name}


def ingest(context: Context, source: str, table_name: str, window: Window, as_of: datetime) -> RunReport:
    """Replace what the lake knows of one table from one source in ``window``.

    Bad rows go to the quarantine with their reasons. Too many of them, or a critical expectation that fails, and
    nothing is published: what was known before stays. However it ends, ``source_health`` says how the source stands,
    and where the data is not sound there is a finding of kind ``data_quality``.

    Raises:
        NotFoundError: There is no such source, or it does not deliver this table.
        ConnectorUnavailable: The source cannot answer now; the window counts as missing until it does.
        ConnectorError: It refuses.
        ContractError: What it delivered is not fit to be published.
    """
    question = _Question(context, source, _deliverable(context, source, table_name), window, as_of)
    try:
        with _opened(question, "ingest") as run:
            _work(run, question)
    except (ConnectorError, ContractError) as error:
        with suppress(Superseded):  # then another process is telling the same
            _mark_missing(question, error)
        raise
    published = 0 if question.split is None else question.split.rows_published
    return replace(report_of(run), rows_published=published)


def _deliverable(context: Context, source: str, table_name: str) -> Table:
    if source not in context.sources:
        known = ", ".join(sorted(context.sources)) or "none"
        raise NotFoundError("source", source, remedy=f"Configured sources: {known}.")
    offered = {table.name for table in context.sources[source].tables} & set(TABLES)
    if table_name not in offered:
        remedy = f"`{source}` delivers: {', '.join(sorted(offered)) or 'nothing'}."
        raise NotFoundError("table", table_name, remedy=remedy)
    return TABLES[table_name]


def _opened(question: _Question, job: str) -> Any:
    return open_run(
        question.context,
        job,
        question.window,
        question.as_of,
        parameters=question.parameters,
        config_hash=question.context.source_hashes[question.source],
    )


def _work(run: Run, question: _Question) -> None:
    context, table, source = question.context, question.table, question.source
    question.split = outcome = _extracted(question)
    run.rows_in += outcome.rows_in
    verdicts = run.judge(table, outcome.good, stage="ingest", source=source)
    # a writer of its own for each table: what a writer has in a window is replaced as a whole
    context.lake.write(
        QUARANTINE,
        outcome.quarantine,
        source=f"{source}:{table.name}",
        window=question.window,
        as_of=question.as_of,
    )
    problems = blocking_problems(outcome, context.policies.ingest) + critical_failures(verdicts)
    if problems:
        raise ContractError(table.name, problems)
    state = standing(outcome, verdicts, context.policies.ingest)
    if state.state != SILENT:  # no rows where there must be some: what was known before stays
        context.lake.write(table, outcome.good, source=source, window=question.window, as_of=question.as_of)
    _tell(run, question, state, published=True)


def _extracted(question: _Question) -> Split:
    """Read the window to its end before anything is judged: a key is unique across batches."""
    source = question.context.sources[question.source]
    received: list[Received] = []
    rejects: list[Rejected] = []
    for batch in source.extract(question.table, question.window):
        received.append(Received(batch.rows, batch.locators))
        rejects += batch.rejects
    outcome = split(
        question.table, received, window=question.window, source=question.source, rejects=rejects, redact=redact
    )
    return replace(outcome, good=redacted(question.context, question.table, outcome.good))


def _tell(run: Run, question: _Question, state: Standing, *, published: bool) -> None:
    """Queue how the source stands: health, and a finding where the data is not sound."""
    delivery = Delivery(question.table, question.source, question.window, question.split)
    run.health = to_source_health(delivery, state, run_id=run.record.run_id, as_of=question.as_of, published=published)
    findings = to_findings(delivery, state, policy_version=question.context.policies.version("ingest"))
    scope = (Filter("finding_kind", "data_quality"), Filter("entity_id", delivery.entity_id))
    # What a job hands on through the lake is replaced as a whole, and every table of every source is a run of this job.
    run.publish(FINDINGS, findings, scope=scope, is_handed_on=False)
    counts = run.health.select([n for n in SOURCE_HEALTH.names if n.startswith("rows_")]).to_pylist()[0]
    run.details |= {**question.parameters, "state": state.state, **counts}


def _mark_missing(question: _Question, error: ConnectorError | ContractError) -> None:
    """Record, in a run of its own, that the window is missing: the run that failed has published nothing.

    A window that was delivered before and merely cannot be read again is not missing.
    """
    is_unreachable = isinstance(error, ConnectorError)
    if is_unreachable and _was_delivered(question):
        return
    state = Standing(UNREACHABLE if is_unreachable else PARTIAL, "critical", str(error))
    with _opened(question, "mark_missing") as run:
        if question.split is not None:
            run.rows_in += question.split.rows_in
            run.judge(question.table, question.split.good, stage="ingest", source=question.source)
        _tell(run, question, state, published=False)


def _was_delivered(question: _Question) -> bool:
    known = question.context.warehouse.read(
        SOURCE_HEALTH,
        window=question.window,
        where=[
            Filter("source", question.source),
            Filter("table_name", question.table.name),
            Filter("window_end", question.window.end),
        ],
    )
    delivered = pc.and_(
        pc.equal(known["window_start"], pa.scalar(question.window.start, known["window_start"].type)),
        pc.greater(known["rows_published"], 0),
    )
    return bool(pc.any(delivered, min_count=0).as_py())
