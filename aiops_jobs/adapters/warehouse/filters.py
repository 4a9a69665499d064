"""Filters and windows of a question, as SQL."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aiops_jobs.contracts import Table
from aiops_jobs.errors import NotFoundError
from aiops_jobs.identity import canonical_json
from aiops_jobs.ports import Filter
from aiops_jobs.window import Window


def condition(table: Table, target: sa.FromClause, item: Filter) -> sa.ColumnElement[bool]:
    """Return ``column = value`` or ``column in values``; null is a value like any other.

    Raises:
        NotFoundError: The table has no such column.
        ValueError: A naive datetime.
    """
    column = column_of(table, target, item.column)
    values = values_of(item)
    known = [value for value in values if value is not None]
    wanted = column == known[0] if len(known) == 1 else column.in_(known)
    return sa.or_(wanted, column.is_(None)) if len(known) < len(values) else wanted


def inside(table: Table, target: sa.FromClause, window: Window) -> sa.ColumnElement[bool]:
    """Return that the row's time lies in ``[start, end)``."""
    time = target.c[table.time]
    return sa.and_(time >= window.start, time < window.end)


def column_of(table: Table, target: sa.FromClause, name: str) -> sa.ColumnElement[Any]:
    """Return the column called ``name``.

    Raises:
        NotFoundError: The table has no such column.
    """
    if name not in table.names:
        raise NotFoundError(f"column of `{table.name}`", name, remedy=f"There are: {', '.join(table.names)}.")
    return target.c[name]


def values_of(item: Filter) -> list[Any]:
    """Return the values a filter allows."""
    is_many = isinstance(item.value, Collection) and not isinstance(item.value, (str, bytes))
    values = list(item.value) if is_many else [item.value]
    for value in values:
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError(f"Filter on `{item.column}`: `{value.isoformat()}` has no time zone.")
    return values


def scope_text(scope: Sequence[Filter]) -> str:
    """Return ``scope`` in one spelling, so that equal scopes are equal text."""
    spelled = [[item.column, sorted({canonical_json(value) for value in values_of(item)})] for item in scope]
    return canonical_json([[column, [json.loads(value) for value in values]] for column, values in sorted(spelled)])
