"""Contracts as SQL tables: derived, never written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from aiops_jobs.contracts import WAREHOUSE_TABLES, Kind, Table
from aiops_jobs.contracts.operations import RUN_SPANS, TICKET_OUTBOX
from aiops_jobs.errors import NotFoundError

EXTRA_INDEXES: dict[str, tuple[tuple[str, ...], ...]] = {
    RUN_SPANS.name: (("table_name", "job", "scope", "as_of", "window_end"),),
    TICKET_OUTBOX.name: (("endpoint", "external_key", "sequence"), ("endpoint", "outbox_state")),
}
"""Indexes beyond the key, the time column and ``run_id``: for questions the warehouse asks itself."""


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant: aware in Python, UTC in the database, also where the database keeps no zone (SQLite).

    Raises:
        ValueError: A naive datetime: its zone would be a guess.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return ``value`` in UTC, without its zone where the database keeps none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"`{value.isoformat()}` has no time zone; the warehouse keeps instants.")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the stored instant with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


# Compared and sorted by bytes, so that both databases agree on order and equality whatever their locale.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

SQL_TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    Kind.STRING: TEXT,
    Kind.LABEL: TEXT,
    Kind.INTEGER: sa.BigInteger(),
    Kind.NUMBER: sa.Double(),
    Kind.BOOLEAN: sa.Boolean(),
    Kind.TIMESTAMP: UtcDateTime(),
    Kind.JSON: TEXT,
}


def to_columns(table: Table, *, comments: bool = False) -> list[sa.Column[object]]:
    """Return the SQL columns of ``table``, without key or index."""
    return [
        sa.Column(
            column.name,
            SQL_TYPES[column.kind],
            nullable=not column.is_required,
            comment=column.description if comments else None,
        )
        for column in table.columns
    ]


def to_metadata(tables: Iterable[Table]) -> sa.MetaData:
    """Return the SQL tables of ``tables``: NOT NULL where required, key, an index on time and on ``run_id``."""
    metadata = sa.MetaData()
    for table in tables:
        columns = to_columns(table, comments=True)
        key = sa.PrimaryKeyConstraint(*table.key, name=f"pk_{table.name}")
        target = sa.Table(table.name, metadata, *columns, key, comment=table.grain)
        for names in index_columns(table):
            sa.Index(f"ix_{table.name}_{'_'.join(names)}", *(target.c[name] for name in names))
    return metadata


def index_columns(table: Table) -> list[tuple[str, ...]]:
    """Return the columns of each index of ``table``; the key has its own and serves its first column."""
    single = [name for name in (table.time, "run_id") if name in table.names and name != table.key[0]]
    return [*((name,) for name in single), *EXTRA_INDEXES.get(table.name, ())]


@cache
def warehouse_metadata() -> sa.MetaData:
    """Return the SQL tables of all contracts of the warehouse."""
    return to_metadata(WAREHOUSE_TABLES.values())


def sql_table(table: Table) -> sa.Table:
    """Return the SQL table of a contract of the warehouse.

    Raises:
        NotFoundError: The contract is none of the warehouse's.
    """
    tables = warehouse_metadata().tables
    if table.name not in tables:
        raise NotFoundError("warehouse table", table.name, remedy=f"There are: {', '.join(sorted(tables))}.")
    return tables[table.name]


def insert_into(connection: sa.Connection, target: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, in the dialect of ``connection``."""
    return sqlite.insert(target) if connection.dialect.name == "sqlite" else postgresql.insert(target)
