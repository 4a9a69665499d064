"""The tables a page is made of, and which of their rows it may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.table import Table

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows of contract tables around a window; a table that is not given is empty.

    Args:
        tables: Conforming rows by the name of their contract.
        bands: By series: ``observed_at, value, expected, lower, upper`` around its anomalies.
        histories: By series: ``observed_at, value`` before a forecast.
        units: Unit of a series, where it is known.
        asked: Every table of every configured source: what is not in ``source_health`` was never asked for.
    """

    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    bands: Mapping[str, pa.Table] = field(default_factory=dict)
    histories: Mapping[str, pa.Table] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    asked: Sequence[tuple[str, str]] = ()

    def __getitem__(self, table: Table) -> pa.Table:
        """Return the rows of a contract."""
        return self.tables[table.name] if table.name in self.tables else table.empty()

    def known_at(self, as_of: datetime) -> tuple[Facts, int]:
        """Return the facts without rows learned after ``as_of``, and how many those were."""
        kept = {name: _known_at(rows, as_of) for name, rows in self.tables.items()}
        dropped = sum(rows.num_rows - kept[name].num_rows for name, rows in self.tables.items())
        return replace(self, tables=kept), dropped


def _known_at(rows: pa.Table, as_of: datetime) -> pa.Table:
    if "as_of" not in rows.column_names:
        return rows
    return rows.filter(pc.less_equal(rows["as_of"], pa.scalar(as_of, rows["as_of"].type)))


def rows_by(table: pa.Table, column: str) -> dict[str, list[Row]]:
    """Return the rows of a small table by one of its columns, in their order."""
    found: dict[str, list[Row]] = {}
    for row in table.to_pylist():
        found.setdefault(str(row[column]), []).append(row)
    return found
