"""Columns a file may leave out because they follow from the others: ids, fingerprints, configuration items.

Most ids are computed once for each distinct combination of values and spread over the rows; only a log record has one
of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.adapters.sources.file_pieces import Int64s
from aiops_jobs.adapters.sources.labels import alert_fingerprint, entity_of
from aiops_jobs.contracts.table import Table
from aiops_jobs.identity import ID_HEX_DIGITS, fingerprint

DERIVED = frozenset({"source", "series_id", "record_id", "event_id", "alert_fingerprint", "entity_id", "entity_kind"})
"""Columns that need not be in a file."""

SERIES = ("metric_name", "entity_id", "service_name", "host_name", "labels")
ALERT = ("alert_name", "entity_id", "service_name", "host_name", "labels")
RECORD = ("observed_at", "service_name", "host_name", "severity_text", "body", "trace_id", "span_id", "attributes")


def with_derived(table: Table, rows: pa.Table, *, source: str, locators: pa.Array) -> pa.Table:
    """Return ``rows`` with the columns of `DERIVED` that ``table`` has, filled where they were missing or null.

    Args:
        table: The contract.
        rows: Some of its columns.
        source: Name of the configured source.
        locators: Where each row stood.
    """
    rows = _set(rows, "source", _same(source, rows.num_rows))
    if "entity_id" in table.names:
        rows = _fill(rows, "entity_id", lambda: _spread(rows, ("service_name", "host_name"), _entity))
    if "entity_kind" in table.names:
        rows = _fill(rows, "entity_kind", lambda: _spread(rows, ("entity_id",), _kind))
    if "series_id" in table.names:
        rows = _fill(rows, "series_id", lambda: _spread(rows, SERIES, lambda row: _id("ser", source, row)))
    if "alert_fingerprint" in table.names:
        rows = _fill(
            rows, "alert_fingerprint", lambda: _spread(rows, ALERT, lambda row: alert_fingerprint(source=source, **row))
        )
    if "event_id" in table.names:
        parts = ("alert_fingerprint", "alert_status", "observed_at")
        rows = _fill(rows, "event_id", lambda: _spread(rows, parts, lambda row: _id("evt", source, row)))
    if "record_id" in table.names:
        rows = _fill(rows, "record_id", lambda: _record_ids(rows, source, locators))
    return rows


def _id(kind: str, source: str, row: dict[str, Any]) -> str:
    return fingerprint(kind, source=source, **row)


def _entity(row: dict[str, Any]) -> str | None:
    return entity_of(row["service_name"], row["host_name"])


def _kind(row: dict[str, Any]) -> str | None:
    return row["entity_id"].partition("/")[0] if row["entity_id"] else None


def _fill(rows: pa.Table, name: str, make: Callable[[], pa.Array]) -> pa.Table:
    if name not in rows.column_names:
        return _set(rows, name, make())
    if rows[name].null_count:
        return _set(rows, name, pc.coalesce(_plain(rows[name]), _plain(make())))
    return rows


def _set(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    if name in rows.column_names:
        return rows.set_column(rows.column_names.index(name), name, values)
    return rows.append_column(name, values)


def _plain(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _same(value: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([value], pa.string()))


def _spread(rows: pa.Table, names: Sequence[str], make: Callable[[dict[str, Any]], str | None]) -> pa.Array:
    """Compute ``make`` once for each distinct combination of ``names`` and return the result for every row."""
    present = [name for name in names if name in rows.column_names]
    codes, firsts = combinations(rows, present)
    distinct = rows.select(present).take(firsts).to_pylist() if present else [{}] * len(firsts)
    made = pa.array([make({name: row.get(name) for name in names}) for row in distinct], pa.string())
    return made.dictionary_encode().take(pa.array(codes))


def combinations(rows: pa.Table, names: Sequence[str]) -> tuple[Int64s, Int64s]:
    """Return for each row the number of its combination of values, and the first row of each combination."""
    codes = np.zeros(rows.num_rows, np.int64)
    for name in names:
        column = rows[name].combine_chunks()
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        own = pc.fill_null(encoded.indices.cast(pa.int64()), -1).to_numpy() + 1
        codes = pd.factorize(codes * (len(encoded.dictionary) + 1) + own)[0].astype(np.int64)
    firsts = np.empty(int(codes.max(initial=-1)) + 1, np.int64)
    firsts[codes[::-1]] = np.arange(rows.num_rows - 1, -1, -1)  # the last one written is the first
    return codes, firsts


def _record_ids(rows: pa.Table, source: str, locators: pa.Array) -> pa.Array:
    """Return the digest of each log record and its place; each part goes in with its length, so none runs on."""
    present = [_plain(rows[name]) for name in RECORD if name in rows.column_names]
    counted = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in present]
    parts = [_measured(column.cast(pa.string())) for column in (*counted, locators)]
    joined = pc.binary_join_element_wise(*parts, _measured(_plain(_same(source, rows.num_rows))), "")
    ids = [hashlib.sha256(text).hexdigest()[:ID_HEX_DIGITS] for text in joined.cast(pa.binary()).to_pylist()]
    return pc.binary_join_element_wise("rec", pa.array(ids, pa.string()), "-")


def _measured(values: pa.Array) -> pa.Array:
    length = pc.binary_length(values).cast(pa.string())
    return pc.fill_null(pc.binary_join_element_wise(length, values, ":"), "-")
