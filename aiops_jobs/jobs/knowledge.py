"""Searching what is known: runbooks, past incidents, past tickets; offline."""

from __future__ import annotations

from datetime import UTC, datetime

from aiops_jobs.contracts.results import INCIDENTS
from aiops_jobs.contracts.telemetry import TICKET_HISTORY
from aiops_jobs.core.runbooks.search import Document, Hit, Library, runbook_document
from aiops_jobs.core.tickets.redact import redact_columns
from aiops_jobs.ports import Context
from aiops_jobs.window import Window

EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
MOST = 20_000
"""Incidents and tickets looked at, the newest of each."""


def search_knowledge(context: Context, question: str, *, limit: int = 5, kind: str | None = None) -> list[Hit]:
    """Return what fits a question best, of all kinds or of one (``runbook``, ``incident``, ``ticket``)."""
    documents = [runbook_document(runbook) for runbook in context.runbooks]
    if kind in {None, "incident"}:
        documents += _incidents(context)
    if kind in {None, "ticket"}:
        documents += _tickets(context)
    chosen = [document for document in documents if kind in {None, document.kind}]
    return Library(chosen).search(question, limit=limit)


def _incidents(context: Context) -> list[Document]:
    rows = context.warehouse.read(INCIDENTS, order_by=["-started_at"], limit=MOST)
    return [
        Document(row["incident_id"], "incident", row["title"], f"{row['summary']} {row['cause_entity_id'] or ''}")
        for row in redact_columns(INCIDENTS, rows).to_pylist()
    ]


def _tickets(context: Context) -> list[Document]:
    rows = context.lake.read(TICKET_HISTORY, EVER).rows
    names = ["ticket_key", "title", "description", "resolution_code"]
    kept = redact_columns(TICKET_HISTORY, rows.slice(max(0, rows.num_rows - MOST))).select(names)
    latest = {row["ticket_key"]: row for row in kept.to_pylist()}
    return [
        Document(key, "ticket", row["title"], f"{row['description'] or ''} {row['resolution_code'] or ''}")
        for key, row in sorted(latest.items())
    ]
