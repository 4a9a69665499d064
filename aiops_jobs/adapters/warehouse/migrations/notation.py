"""A schema written down: short enough to read, frozen so that a migration makes the same tables for ever.

    findings: finding_id
        index started_at; run_id
        finding_id:text! severity:text! score:number! ended_at:instant

The key follows the name. Types are those of the warehouse; ``!`` means NOT NULL.
"""

from __future__ import annotations

import textwrap
from typing import Any

import sqlalchemy as sa
from alembic import op

from aiops_jobs.adapters.warehouse.schema import TEXT, UtcDateTime

TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": TEXT,
    "integer": sa.BigInteger(),
    "number": sa.Double(),
    "flag": sa.Boolean(),
    "instant": UtcDateTime(),
}
WIDTH = 116


def create_tables(schema: str) -> None:
    """Create the tables of a schema in this notation."""
    for block in schema.strip().split("\n\n"):
        head, indexes, *body = block.splitlines()
        name, _, key = head.partition(": ")
        columns = [_column(text) for text in " ".join(body).split()]
        op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key.split(), name=f"pk_{name}"))
        for names in filter(None, (text.split() for text in indexes.strip().removeprefix("index").split(";"))):
            op.create_index(f"ix_{name}_{'_'.join(names)}", name, names)


def add_columns(table: str, columns: str) -> None:
    """Add columns in this notation to a table; they must be nullable, for the rows that are there."""
    for text in columns.split():
        op.add_column(table, _column(text))


def written(metadata: sa.MetaData) -> str:
    """Return the tables of ``metadata`` in this notation."""
    return "\n\n".join(_written_table(metadata.tables[name]) for name in sorted(metadata.tables))


def _column(text: str) -> sa.Column[object]:
    name, kind = text.split(":")
    return sa.Column(name, TYPES[kind.rstrip("!")], nullable=not kind.endswith("!"))


def _written_table(table: sa.Table) -> str:
    key = " ".join(column.name for column in table.primary_key)
    indexes = "; ".join(sorted(" ".join(column.name for column in index.columns) for index in table.indexes))
    columns = " ".join(f"{c.name}:{_kind(c)}{'' if c.nullable else '!'}" for c in table.columns)
    body = textwrap.fill(columns, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return f"{table.name}: {key}\n    index {indexes}\n{body}"


def _kind(column: sa.Column[object]) -> str:
    return next(name for name, kind in TYPES.items() if type(kind) is type(column.type))
