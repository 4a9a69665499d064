"""Arrow in, Arrow out: rows travel in bulk and by columns, never one by one.

Into PostgreSQL by COPY, into SQLite by one ``executemany``; out of both as integers, numbers and text that Arrow
casts column by column. What comes out is bit for bit the same on both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from aiops_jobs.adapters.warehouse.schema import TEXT, to_columns
from aiops_jobs.contracts import Kind, Table
from aiops_jobs.errors import ContractError

COPY_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
COPY_NULL = "\\N"
COPY_BATCH = 10_000
ANALYSE_FROM = 100
"""Rows from which the planner is told how many there are."""


def conforming(table: Table, rows: pa.Table) -> pa.Table:
    """Return ``rows`` as the contract wants them and both databases can hold them.

    Negative zero becomes zero: SQLite does not know it.

    Raises:
        ContractError: The contract is broken, or a text holds U+0000, which PostgreSQL cannot store.
    """
    rows = table.conform(rows)
    problems = []
    for index, column in enumerate(table.columns):
        values = rows.column(index)
        if column.kind is Kind.NUMBER:
            rows = rows.set_column(index, rows.field(index), pc.add(values, 0.0))
        elif pa.types.is_string(values.type) or pa.types.is_dictionary(values.type):
            count = pc.sum(pc.match_substring(values.cast(pa.string()), "\0")).as_py()
            if count:
                problems.append(f"column `{column.name}` holds the character U+0000 in {count} rows")
    if problems:
        raise ContractError(table.name, problems)
    return rows


@contextmanager
def incoming(
    connection: sa.Connection, table: Table, rows: pa.Table, *, extra: Sequence[str] = ()
) -> Iterator[sa.Table]:
    """Load ``rows`` into a temporary table, keyed like ``table``, for the length of the block.

    Args:
        rows: Conforming rows, followed by the text columns named in ``extra``.
    """
    staged = staging(table, tuple(extra))
    staged.create(connection, checkfirst=False)
    load(connection, staged, rows)
    if rows.num_rows >= ANALYSE_FROM:
        connection.exec_driver_sql(f"ANALYZE {staged.name}")
    yield staged
    staged.drop(connection, checkfirst=False)


@cache
def staging(table: Table, extra: tuple[str, ...]) -> sa.Table:
    """Return the temporary table for ``table``: one object for the life of the process, so compiled SQL is reused."""
    items: list[sa.schema.SchemaItem] = [*to_columns(table), sa.PrimaryKeyConstraint(*table.key)]
    items += [sa.Column(name, TEXT) for name in extra]
    return sa.Table(f"incoming_{table.name}", sa.MetaData(), *items, prefixes=["TEMPORARY"])


def load(connection: sa.Connection, target: sa.Table, rows: pa.Table) -> None:
    """Append ``rows`` to ``target``; columns are matched by name."""
    if not rows.num_rows:
        return
    quote = connection.dialect.identifier_preparer
    place = f"{quote.format_table(target)} ({', '.join(quote.quote(name) for name in rows.column_names)})"
    if connection.dialect.name == "sqlite":
        values = ", ".join("?" * rows.num_columns)
        columns = [_sqlite_values(column) for column in rows.columns]
        connection.exec_driver_sql(f"INSERT INTO {place} VALUES ({values})", list(zip(*columns, strict=True)))
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {place} FROM STDIN") as copy:
        for start in range(0, rows.num_rows, COPY_BATCH):
            copy.write(_copy_lines(rows.slice(start, COPY_BATCH)))


def fetch(connection: sa.Connection, table: Table, target: sa.Table, query: sa.Select[Any]) -> pa.Table:
    """Return the rows ``query`` finds in ``target`` as a table of the contract's types."""
    is_sqlite = connection.dialect.name == "sqlite"
    plain = [_plain(target.c[column.name], column.kind, is_sqlite=is_sqlite) for column in table.columns]
    found = connection.execute(query.with_only_columns(*plain, maintain_column_froms=True)).fetchall()
    schema = table.to_arrow()
    columns: list[Any] = list(zip(*found, strict=True)) if found else [()] * len(plain)
    arrays = [_arrow_values(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _sqlite_values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = _as_text(column)
    elif pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    is_quick = pa.types.is_string(column.type) or not column.null_count  # else NumPy would make NaN of null
    values: list[Any] = column.to_numpy().tolist() if is_quick else column.to_pylist()
    return values


def _as_text(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write instants the way SQLAlchemy's SQLite dialect does: UTC without a zone, six decimals."""
    return instants.cast(pa.timestamp("us")).cast(pa.string())


def _copy_lines(rows: pa.Table) -> bytes:
    fields = [_copy_field(column) for column in rows.combine_chunks().columns]
    lines = pc.binary_join_element_wise(*fields, "\t", null_handling="replace", null_replacement=COPY_NULL)
    return ("\n".join(lines.to_pylist()) + "\n").encode()


def _copy_field(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.string())
    text = column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_dictionary(column.type):
        for found, escaped in COPY_ESCAPES:
            text = pc.replace_substring(text, found, escaped)
    return text


def _plain(column: sa.Column[Any], kind: Kind, *, is_sqlite: bool) -> sa.ColumnElement[Any]:
    """Return ``column`` as a value the driver hands over without work per row."""
    if kind is Kind.TIMESTAMP:
        if is_sqlite:
            return sa.type_coerce(column, sa.Text()).label(column.name)
        seconds = sa.extract("epoch", column)
        return sa.cast(seconds * 1_000_000, sa.BigInteger()).label(column.name)
    if kind is Kind.BOOLEAN and is_sqlite:
        return sa.type_coerce(column, sa.Integer()).label(column.name)
    return column


def _arrow_values(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        if isinstance(next((value for value in values if value is not None), None), str):
            return pa.array(values, pa.string()).cast(pa.timestamp("us")).cast(kind)
        return pa.array(values, pa.int64()).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array(values).cast(kind) if values else pa.array([], kind)
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, kind)
