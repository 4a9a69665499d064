"""Publication: everything a run concluded, in one transaction guarded by its lease, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from aiops_jobs.adapters.warehouse import runs
from aiops_jobs.adapters.warehouse.filters import scope_text
from aiops_jobs.adapters.warehouse.knowledge import LINEAGE_NAMES, SCOPE, Merge, Statement
from aiops_jobs.adapters.warehouse.leases import SqlLease
from aiops_jobs.adapters.warehouse.schema import insert_into, sql_table
from aiops_jobs.adapters.warehouse.transfer import conforming, incoming, load
from aiops_jobs.contracts import Table
from aiops_jobs.contracts.operations import QUALITY_RESULTS, RUN_INPUTS, RUN_SPANS, SOURCE_HEALTH, TICKET_OUTBOX
from aiops_jobs.errors import ContractError
from aiops_jobs.ports import InputFile, Publication, RunRecord, TableRows

PUBLISHING = 7_261_350_442
"""Key of PostgreSQL's advisory lock: publications take turns, as they do on SQLite."""


def publish(
    connection: sa.Connection, publication: Publication, *, attempt_id: str, lease: SqlLease, now: datetime
) -> None:
    """Write everything inside the transaction of ``connection``.

    Raises:
        Superseded: Another process has taken over the lease.
        ContractError: Rows broke their contract, or do not carry the lineage of the run.
    """
    run = publication.run
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(PUBLISHING)))
    lease.confirm(connection)
    runs.complete(connection, run, attempt_id, now)
    statements = _merge_tables(connection, run, publication.tables)
    _replace_for_run(connection, RUN_SPANS, run, _span_rows(run, statements))
    _replace_for_run(connection, RUN_INPUTS, run, _input_rows(run, publication.inputs))
    quality = publication.quality
    _replace_for_run(connection, QUALITY_RESULTS, run, QUALITY_RESULTS.empty() if quality is None else quality)
    if publication.health is not None:
        _upsert(connection, SOURCE_HEALTH, publication.health, later_wins=True)
    if publication.outbox is not None:
        _add_new(connection, TICKET_OUTBOX, publication.outbox)
    for item in publication.upserts:
        _upsert(connection, item.table, item.rows)


def _merge_tables(
    connection: sa.Connection, run: RunRecord, items: Sequence[TableRows]
) -> list[tuple[Table, Statement]]:
    said: list[tuple[Table, Statement]] = []
    for name in dict.fromkeys(item.table.name for item in items):
        parts = [item for item in items if item.table.name == name]
        table = parts[0].table
        statements = [Statement(part.span or run.span, part.scope, scope_text(part.scope)) for part in parts]
        rows = conforming(table, pa.concat_tables([part.rows for part in parts], promote_options="permissive"))
        _insist_on_lineage(table, rows, run)
        scopes = [[item.scope_text] * part.rows.num_rows for part, item in zip(parts, statements, strict=True)]
        rows = rows.append_column(SCOPE, pa.array([text for part in scopes for text in part], pa.string()))
        with incoming(connection, table, rows, extra=[SCOPE]) as staged:
            Merge(connection, table, staged, run, statements).apply()
        said += [(table, statement) for statement in statements]
    return said


def _insist_on_lineage(table: Table, rows: pa.Table, run: RunRecord) -> None:
    """A row must carry the lineage of the run that says it: who knew first is found by it."""
    problems = []
    for name in LINEAGE_NAMES:
        if name not in table.names:
            raise ContractError(table.name, [f"column `{name}` is missing: the table keeps no lineage; use upserts"])
        column, value = rows[name], getattr(run, name)
        wanted = pa.scalar(value, column.type)
        fine = pc.is_null(column) if value is None else pc.fill_null(pc.equal(column, wanted), fill_value=False)
        if not pc.all(fine, min_count=0).as_py():
            problems.append(f"column `{name}` must be that of run `{run.run_id}`")
    if problems:
        raise ContractError(table.name, problems)


def _span_rows(run: RunRecord, said: Sequence[tuple[Table, Statement]]) -> pa.Table:
    rows = {
        (table.name, item.scope_text, item.span): {
            "run_id": run.run_id,
            "table_name": table.name,
            "scope": item.scope_text,
            "span_start": item.span.start,
            "span_end": item.span.end,
            "job": run.job,
            "window_end": run.window.end,
            "as_of": run.as_of,
        }
        for table, item in said
    }
    return pa.Table.from_pylist(list(rows.values()), schema=RUN_SPANS.to_arrow())


def _input_rows(run: RunRecord, inputs: Sequence[InputFile]) -> pa.Table:
    rows = [
        {
            "run_id": run.run_id,
            "path": item.path,
            "input_manifest_id": run.input_manifest_id,
            "table_name": item.table_name,
            "sha256": item.sha256,
            "rows": item.rows,
            "first_event_at": item.first_event_at,
            "latest_event_at": item.latest_event_at,
            "window_start": run.window.start,
        }
        for item in inputs
    ]
    return pa.Table.from_pylist(rows, schema=RUN_INPUTS.to_arrow())


def _replace_for_run(connection: sa.Connection, table: Table, run: RunRecord, rows: pa.Table) -> None:
    target = sql_table(table)
    connection.execute(sa.delete(target).where(target.c.run_id == run.run_id))
    load(connection, target, conforming(table, rows))


def _upsert(connection: sa.Connection, table: Table, rows: pa.Table, *, later_wins: bool = False) -> None:
    """Write rows by key; with ``later_wins``, a row of a later ``as_of`` stays."""
    target = sql_table(table)
    with incoming(connection, table, conforming(table, rows)) as staged:
        insert = insert_into(connection, target).from_select(table.names, _all_of(staged))
        new = insert.excluded
        values = {name: new[name] for name in table.names if name not in table.key}
        where = new["as_of"] >= target.c.as_of if later_wins else None
        connection.execute(insert.on_conflict_do_update(index_elements=list(table.key), set_=values, where=where))


def _add_new(connection: sa.Connection, table: Table, rows: pa.Table) -> None:
    """Insert rows whose key is new; the others keep their state."""
    with incoming(connection, table, conforming(table, rows)) as staged:
        insert = insert_into(connection, sql_table(table)).from_select(table.names, _all_of(staged))
        connection.execute(insert.on_conflict_do_nothing())


def _all_of(staged: sa.Table) -> sa.Select[tuple[object, ...]]:
    # SQLite would read ON CONFLICT as part of the SELECT, were there no WHERE.
    return sa.select(*staged.c).where(sa.text("true"))
