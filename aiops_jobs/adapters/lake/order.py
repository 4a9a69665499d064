"""Rows in the order of their table's key, and labels in one canonical spelling: equal rows, equal bytes.

Sorting works on integers: a label is its rank in its sorted dictionary, an instant its microseconds. The ranks of all
key columns are packed into one integer where they fit, so that a sort is one pass and the check whether one is needed
is one comparison a row. Parts that are merged are sorted runs, which the stable sort merges in linear time.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.table import Table

Integers: TypeAlias = npt.NDArray[np.int64]
_PACKABLE = 1 << 62


def arranged(table: Table, rows: pa.Table) -> pa.Table:
    """Return ``rows`` sorted by the key of ``table``, labels canonical, each column one chunk; nulls come last.

    Args:
        table: Its key must be among the columns of ``rows``.
        rows: In any order and chunking.
    """
    rows = with_canonical_labels(rows)
    if rows.num_rows < 2:
        return rows
    order = _order([_ranks(rows[name].chunk(0)) for name in table.key])
    return rows if order is None else rows.take(pa.array(order))


def with_canonical_labels(rows: pa.Table) -> pa.Table:
    """Return ``rows`` as one chunk a column, each dictionary sorted and holding used values only."""
    columns = [_canonical(_one_chunk(column)) for column in rows.columns]
    return pa.Table.from_arrays(columns, schema=rows.schema)


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    if column.num_chunks == 0:
        return pa.array([], column.type)
    return pa.concat_arrays(column.unify_dictionaries().chunks)


def _canonical(values: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(values.type):
        return values
    words = values.dictionary
    if words.null_count or pc.count_distinct(words).as_py() != len(words):
        values = values.cast(words.type).dictionary_encode()
        words = values.dictionary
    codes = values.indices
    known = _numpy(codes.drop_null() if codes.null_count else codes)
    used = np.flatnonzero(np.bincount(known, minlength=len(words)))
    ranking = _numpy(pc.sort_indices(words.take(pa.array(used))))
    if len(used) == len(words) and np.array_equal(ranking, np.arange(len(words))):
        return pa.DictionaryArray.from_arrays(codes, words)
    rank_of = np.zeros(max(len(words), 1), np.int32)
    rank_of[used[ranking]] = np.arange(len(used), dtype=np.int32)
    ranks = pa.array(rank_of[_numpy(codes.fill_null(0))], mask=_null_mask(codes))
    return pa.DictionaryArray.from_arrays(ranks, words.take(pa.array(used[ranking])))


def _ranks(values: pa.Array) -> Integers:
    """Return integers that sort as the values do, nulls last."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        codes = values.indices.cast(pa.int64()).fill_null(len(values.dictionary))
    elif (pa.types.is_timestamp(kind) or pa.types.is_integer(kind)) and not values.null_count:
        codes = values.cast(pa.int64())
    else:
        encoded = values.dictionary_encode()
        ranks = np.full(len(encoded.dictionary) + 1, len(encoded.dictionary), np.int64)
        ranks[_numpy(pc.sort_indices(encoded.dictionary))] = np.arange(len(encoded.dictionary))
        ranked: Integers = ranks[_numpy(encoded.indices.cast(pa.int64()).fill_null(len(encoded.dictionary)))]
        return ranked
    return _numpy(codes)


def _order(keys: list[Integers]) -> Integers | None:
    """Return the stable order of the rows by ``keys``, first key first, or ``None`` where they are in order already."""
    lows = [int(key.min()) for key in keys]
    widths = [int(key.max()) - low + 1 for key, low in zip(keys, lows, strict=True)]
    room = 1
    for width in widths:
        room *= width
    if room > _PACKABLE:
        order: Integers = np.lexsort(keys[::-1])
        return order
    packed = np.zeros(len(keys[0]), np.int64)
    for key, low, width in zip(keys, lows, widths, strict=True):
        packed *= width
        packed += key - low
    if bool((packed[1:] >= packed[:-1]).all()):
        return None
    return np.argsort(packed, kind="stable")


def _null_mask(values: pa.Array) -> npt.NDArray[np.bool_] | None:
    return values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None


def _numpy(values: pa.Array) -> npt.NDArray[np.int64]:
    array: npt.NDArray[np.int64] = values.to_numpy(zero_copy_only=False)
    return array
