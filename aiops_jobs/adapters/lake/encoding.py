"""Rows of one part as Parquet bytes and back: small, quick, checksummed, and the same bytes for the same rows.

Measured choices: zstd level 1; instants as deltas; labels and values that repeat as dictionaries, other numbers split
by byte; statistics for the key and the time only, where a reader can skip by them; a checksum on every page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.lake.order import with_canonical_labels
from aiops_jobs.adapters.lake.parts import Span
from aiops_jobs.contracts.table import Table
from aiops_jobs.errors import CorruptPartError

_SAMPLE_ROWS = 20_000
_REPEATING_SHARE = 0.3
_ROW_GROUP_ROWS = 1 << 20

_COARSEST_CLOCK_S = 2.0

_verified: set[tuple[str, int, int]] = set()
"""Files whose digest this process has checked: path, size and time of change in nanoseconds."""


def storage_schema(table: Table) -> pa.Schema:
    """Return the schema of a part: the contract's, without descriptions, which may be reworded."""
    return pa.schema([field.remove_metadata() for field in table.to_arrow()])


def delta_schema(table: Table) -> pa.Schema:
    """Return the schema readers of Delta tables see: labels are plain text."""
    return pa.schema([field.with_type(_plain(field.type)) for field in storage_schema(table)])


def encoded(table: Table, rows: pa.Table) -> memoryview:
    """Return ``rows``, arranged and of the contract's types, as the bytes of a Parquet file."""
    rows = pa.Table.from_arrays(with_canonical_labels(rows).columns, schema=storage_schema(table))
    dictionaries, encodings = [], {}
    for field in rows.schema:
        if pa.types.is_timestamp(field.type):
            encodings[field.name] = "DELTA_BINARY_PACKED"
        elif pa.types.is_dictionary(field.type) or _repeats(rows[field.name]):
            dictionaries.append(field.name)
        elif pa.types.is_floating(field.type):
            encodings[field.name] = "BYTE_STREAM_SPLIT"
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows,
        sink,
        compression="zstd",
        compression_level=1,
        use_dictionary=dictionaries,
        column_encoding=encodings,
        write_statistics=sorted({*table.key, table.time}),
        write_page_checksum=True,
        row_group_size=_ROW_GROUP_ROWS,
        version="2.6",
    )
    return memoryview(sink.getvalue())


def read_verified(table: Table, path: Path, sha256: str, columns: Sequence[str]) -> pa.Table:
    """Return ``columns`` of the part at ``path``; those the part is too old to have come back as nulls.

    The digest of the whole file is checked once a process and change of the file, page checksums every time. A file
    that changed a moment ago is checked again next time, as clocks of file systems are coarse.

    Raises:
        CorruptPartError: A byte is not what was written.
        FileNotFoundError: It is gone.
    """
    state = path.stat()
    seen = (str(path), state.st_size, state.st_mtime_ns)
    source: pa.Buffer | str = str(path)
    if seen not in _verified:
        data = path.read_bytes()
        actual = hashlib.sha256(data).hexdigest()
        if actual != sha256:
            raise CorruptPartError(str(path), sha256, actual)
        source = pa.py_buffer(data)
    try:
        rows = _columns(table, source, columns)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise CorruptPartError(str(path), sha256, f"unreadable ({error})") from error
    if clock.now().timestamp() - state.st_mtime > _COARSEST_CLOCK_S:
        _verified.add(seen)
    return rows


def within(rows: pa.Table, time: str, spans: Sequence[Span]) -> pa.Table:
    """Return the rows whose time lies in one of ``spans``; their order stays."""
    times = rows[time]
    keep = None
    for span in spans:
        inside = pc.and_(
            pc.greater_equal(times, pa.scalar(span.start, pa.int64()).cast(times.type)),
            pc.less(times, pa.scalar(span.end, pa.int64()).cast(times.type)),
        )
        keep = inside if keep is None else pc.or_(keep, inside)
    return rows.filter(keep)


def _columns(table: Table, source: pa.Buffer | str, columns: Sequence[str]) -> pa.Table:
    file = pq.ParquetFile(source, page_checksum_verification=True)
    present = set(file.schema_arrow.names)
    rows = file.read(columns=[name for name in columns if name in present])
    fields = [table.to_arrow().field(name) for name in columns]
    arrays = [
        rows[field.name].cast(field.type) if field.name in present else pa.nulls(rows.num_rows, field.type)
        for field in fields
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _repeats(column: pa.ChunkedArray) -> bool:
    """Tell from evenly spaced rows whether values come again often enough for a dictionary to pay."""
    if pa.types.is_boolean(column.type) or not len(column):
        return False
    step = max(1, len(column) // _SAMPLE_ROWS)
    sample = column.take(pa.array(np.arange(0, len(column), step)))
    return bool(pc.count_distinct(sample).as_py() <= _REPEATING_SHARE * len(sample))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
