"""Reads Parquet row group by row group; groups whose statistics lie outside the window are never opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from aiops_jobs.adapters.sources.file_pieces import RAW_CHARACTERS, WHOLE_FILE, BadHeaderError, Fault, Piece
from aiops_jobs.window import Window

BATCH_ROWS = 1 << 20
ZONE_MARGIN = timedelta(days=1)
"""Statistics of times without a zone are this far off at most."""


def parquet_names(path: Path) -> list[str]:
    """Return the column names of a file.

    Raises:
        BadHeaderError: A name stands there twice.
        OSError: It cannot be read.
        pyarrow.ArrowException: It is no Parquet.
    """
    names = pq.read_schema(path).names
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise BadHeaderError(f"it names a column twice: {', '.join(f'`{name}`' for name in repeated)}")
    return list(names)


def read_parquet(
    path: Path,
    columns: Sequence[str],
    *,
    time_column: str | None,
    window: Window,
    wanted: Callable[[int], bool] = lambda _: True,
) -> Iterator[tuple[int, Piece]]:
    """Yield the row groups that may hold rows of the window, in pieces, with their position; rows count from 1.

    Pages are checked against their checksums. What is damaged ends the file with a fault.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            first = 1
            for group in range(file.num_row_groups):
                metadata = file.metadata.row_group(group)
                if wanted(group) and _may_hold(metadata, time_column, window):
                    yield from ((group, piece) for piece in _pieces(file, group, columns, first))
                first += metadata.num_rows
    except (FileNotFoundError, PermissionError):
        raise
    except (OSError, pa.ArrowException) as error:
        empty = pa.table({name: pa.array([], pa.string()) for name in columns})
        fault = Fault(WHOLE_FILE, "UNREADABLE_FILE", f"the rest of it cannot be read: {error}"[:500], "")
        yield 0, Piece(empty, np.empty(0, np.int64), [fault])


def _pieces(file: pq.ParquetFile, group: int, columns: Sequence[str], first: int) -> Iterator[Piece]:
    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=list(columns)):
        rows = pa.Table.from_batches([batch])
        yield Piece(rows, np.arange(first, first + rows.num_rows, dtype=np.int64), [], _shown(rows))
        first += rows.num_rows


def _shown(rows: pa.Table) -> Callable[[int], str]:
    def show(position: int) -> str:
        row = rows.slice(position, 1).to_pylist()[0]
        return orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS).decode()[:RAW_CHARACTERS]

    return show


def _may_hold(group: Any, time_column: str | None, window: Window) -> bool:
    """Tell from a row group's statistics whether it may hold rows of the window."""
    for index in range(group.num_columns):
        column = group.column(index)
        if column.path_in_schema == time_column and column.statistics and column.statistics.has_min_max:
            low, high = _instant(column.statistics.min), _instant(column.statistics.max)
            if low is None or high is None:
                return True
            return low - ZONE_MARGIN < window.end and high + ZONE_MARGIN >= window.start
    return True


def _instant(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None
