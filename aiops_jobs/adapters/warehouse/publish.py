"""Publication: everything a run concluded, in one transaction guarded by its lease, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Said:
    """All that a run says about one table."""

    table: Table
    rows: pa.Table
    """Conforming, with the scope of its statement beside each row."""
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A publication as it will be written: every table conforms. Made before the transaction, which stays short."""

    run: RunRecord
    said: tuple[Said, ...]
    replaced: tuple[tuple[Table, pa.Table], ...]
    """Tables whose rows of this run are replaced."""
    health: pa.Table
    outbox: pa.Table
    upserts: tuple[tuple[Table, pa.Table], ...]


def prepared(publication: Publication) -> Prepared:
    """Return ``publication`` ready to be written.

    Raises:
        ContractError: Rows broke their contract, or do not carry the lineage of the run.
    """
    run = publication.run
    by_table: dict[str, list[TableRows]] = {}
    for item in publication.tables:
        by_table.setdefault(item.table.name, []).append(item)
    said = tuple(_said(run, items) for items in by_table.values())
    replaced = {
        RUN_SPANS: _span_rows(run, said),
        RUN_INPUTS: _input_rows(run, publication.inputs),
        QUALITY_RESULTS: QUALITY_RESULTS.empty() if publication.quality is None else publication.quality,
    }
    health, outbox = publication.health, publication.outbox
    return Prepared(
        run=run,
        said=said,
        replaced=tuple((table, conforming(table, rows)) for table, rows in replaced.items()),
        health=conforming(SOURCE_HEALTH, SOURCE_HEALTH.empty() if health is None else health),
        outbox=conforming(TICKET_OUTBOX, TICKET_OUTBOX.empty() if outbox is None else outbox),
        upserts=tuple((item.table, conforming(item.table, item.rows)) for item in publication.upserts),
    )


def publish(connection: sa.Connection, ready: Prepared, *, attempt_id: str, lease: SqlLease, now: datetime) -> None:
    """Write everything inside the transaction of ``connection``.

    Raises:
        Superseded: Another process has taken over the lease.
    """
    run = ready.run
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(PUBLISHING)))
    lease.confirm(connection)
    runs.complete(connection, run, attempt_id, now)
    for item in ready.said:
        with incoming(connection, item.table, item.rows, extra=[SCOPE]) as staged:
            Merge(connection, item.table, staged, run, item.statements).apply()
    for table, rows in ready.replaced:
        target = sql_table(table)
        connection.execute(sa.delete(target).where(target.c.run_id == run.run_id))
        load(connection, target, rows)
    _upsert(connection, SOURCE_HEALTH, ready.health, later_wins=True)
    add_calls(connection, ready.outbox, now)
    for table, rows in ready.upserts:
        _upsert(connection, table, rows)


def _said(run: RunRecord, items: Sequence[TableRows]) -> Said:
    table = items[0].table
    statements = tuple(Statement(item.span or run.span, item.scope, scope_text(item.scope)) for item in items)
    rows = conforming(table, pa.concat_tables([item.rows for item in items], promote_options="permissive"))
    _insist_on_lineage(table, rows, run)
    scopes = [pa.repeat(said.scope_text, item.rows.num_rows) for said, item in zip(statements, items, strict=True)]
    return Said(table, rows.append_column(SCOPE, pa.chunked_array(scopes, pa.string())), statements)


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


def _span_rows(run: RunRecord, said: Sequence[Said]) -> pa.Table:
    rows = {
        (item.table.name, each.scope_text, each.span): {
            "run_id": run.run_id,
            "table_name": item.table.name,
            "scope": each.scope_text,
            "span_start": each.span.start,
            "span_end": each.span.end,
            "job": run.job,
            "window_end": run.window.end,
            "as_of": run.as_of,
        }
        for item in said
        for each in item.statements
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


def _upsert(connection: sa.Connection, table: Table, rows: pa.Table, *, later_wins: bool = False) -> None:
    """Write rows by key; with ``later_wins``, a row of a later ``as_of`` stays."""
    target = sql_table(table)
    if not rows.num_rows:
        return
    with incoming(connection, table, rows) as staged:
        insert = insert_into(connection, target).from_select(table.names, _all_of(staged))
        new = insert.excluded
        values = {name: new[name] for name in table.names if name not in table.key}
        where = new["as_of"] >= target.c.as_of if later_wins else None
        connection.execute(insert.on_conflict_do_update(index_elements=list(table.key), set_=values, where=where))


def add_calls(connection: sa.Connection, rows: pa.Table, now: datetime) -> None:
    """Put calls into the outbox, decided ``now``; one already there keeps its state."""
    place = rows.schema.get_field_index("enqueued_at")
    stamp = pa.array([now] * rows.num_rows, rows.schema.field(place).type)
    add_new(connection, TICKET_OUTBOX, rows.set_column(place, rows.schema.field(place), stamp))


def add_new(connection: sa.Connection, table: Table, rows: pa.Table) -> None:
    """Insert rows whose key is new; the others keep their state."""
    if not rows.num_rows:
        return
    with incoming(connection, table, rows) as staged:
        insert = insert_into(connection, sql_table(table)).from_select(table.names, _all_of(staged))
        connection.execute(insert.on_conflict_do_nothing())


def _all_of(staged: sa.Table) -> sa.Select[tuple[object, ...]]:
    # SQLite would read ON CONFLICT as part of the SELECT, were there no WHERE.
    return sa.select(*staged.c).where(sa.text("true"))
