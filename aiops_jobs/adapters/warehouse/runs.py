"""Runs and tries: a run is a question and holds nothing of the clock; a try is one process at one time."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aiops_jobs.adapters.warehouse import process
from aiops_jobs.adapters.warehouse.schema import insert_into, sql_table
from aiops_jobs.contracts.operations import RUN_ATTEMPTS, RUNS
from aiops_jobs.errors import NotFoundError
from aiops_jobs.ports import RunRecord

_RUNS = sql_table(RUNS)
_ATTEMPTS = sql_table(RUN_ATTEMPTS)
FLOW_RUN = "PREFECT__FLOW_RUN_ID"
"""Set by Prefect in the process of a flow run."""


def begin(connection: sa.Connection, run: RunRecord, now: datetime) -> str:
    """Record that a try at ``run`` starts; a run that was completed stays so. Return the try's id."""
    row = as_row(run, status="running")
    insert = insert_into(connection, _RUNS).values(**row)
    is_open = _RUNS.c.run_status != "completed"
    connection.execute(insert.on_conflict_do_update(index_elements=["run_id"], set_=row, where=is_open))
    # The lease is ours: whoever tried before us and did not end is dead, or will be refused when it publishes.
    silent = (_ATTEMPTS.c.run_id == run.run_id) & (_ATTEMPTS.c.run_status == "running")
    ended = {"run_status": "superseded", "ended_at": now, "last_error": "Its process ended without a word."}
    connection.execute(sa.update(_ATTEMPTS).where(silent).values(**ended))
    attempt_id = f"try-{secrets.token_hex(10)}"
    attempt = {
        "attempt_id": attempt_id,
        "run_id": run.run_id,
        "job": run.job,
        "started_at": now,
        "run_status": "running",
        "host_process": process.holder(),
        "prefect_flow_run_id": os.environ.get(FLOW_RUN),
    }
    connection.execute(sa.insert(_ATTEMPTS).values(**attempt))
    return attempt_id


def complete(connection: sa.Connection, run: RunRecord, attempt_id: str, now: datetime) -> None:
    """Mark run and try completed.

    Raises:
        NotFoundError: The try was never begun.
    """
    row = as_row(run, status="completed")
    insert = insert_into(connection, _RUNS).values(**row)
    connection.execute(insert.on_conflict_do_update(index_elements=["run_id"], set_=row))
    end_attempt(connection, attempt_id, "completed", now)


def fail(connection: sa.Connection, run: RunRecord, attempt_id: str, now: datetime, *, status: str, error: str) -> None:
    """Mark the try ``status``, and the run failed unless it was completed before."""
    end_attempt(connection, attempt_id, status, now, error=error)
    if status == "failed":
        is_open = (_RUNS.c.run_id == run.run_id) & (_RUNS.c.run_status != "completed")
        connection.execute(sa.update(_RUNS).where(is_open).values(run_status="failed"))


def end_attempt(
    connection: sa.Connection, attempt_id: str, status: str, now: datetime, *, error: str | None = None
) -> None:
    """Record how a try ended.

    Raises:
        NotFoundError: The try was never begun.
    """
    text = error.replace("\0", "\N{REPLACEMENT CHARACTER}") if error else None
    ended = {"run_status": status, "ended_at": now, "last_error": text}
    query = sa.update(_ATTEMPTS).where(_ATTEMPTS.c.attempt_id == attempt_id).values(**ended)
    if connection.execute(query).rowcount != 1:
        raise NotFoundError("try", attempt_id, remedy="Begin a run before it is published or failed.")


def as_row(run: RunRecord, *, status: str) -> dict[str, Any]:
    """Return the row of ``runs`` for one run."""
    return {
        "run_id": run.run_id,
        "job": run.job,
        "window_start": run.window.start,
        "window_end": run.window.end,
        "span_start": run.span.start,
        "span_end": run.span.end,
        "as_of": run.as_of,
        "run_status": status,
        "code_version": run.code_version,
        "config_hash": run.config_hash,
        "input_manifest_id": run.input_manifest_id,
        "parameters": run.parameters,
        "rows_in": run.rows_in,
        "rows_published": run.rows_published,
    }
