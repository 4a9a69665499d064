"""Which rows break which promise of a contract, found on dictionary codes and sorted integers instead of on rows.

Labels are judged by their few distinct values, keys by one integer a row: four million samples cost well under a
second where hashing their rows costs several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.constraints import Constraint, NotNull
from aiops_jobs.contracts.table import Column, Table

Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
LARGEST = 2**62
"""Combined codes beyond this are numbered anew, so that they cannot overflow."""


def broken_promises(table: Table, rows: pa.Table) -> list[tuple[Column, Constraint, Mask]]:
    """Return every broken promise of shaped ``rows`` with the mask of its rows, in the order of the contract."""
    found = []
    for column in table.columns:
        for rule in column.rules:
            mask = offending(rule, rows[column.name])
            if mask is not None:
                found.append((column, rule, mask))
    return found


def offending(rule: Constraint, values: pa.ChunkedArray) -> Mask | None:
    """Return the mask of the values that break ``rule``; ``None`` where none does."""
    if isinstance(rule, NotNull) and not _has_nulls(values):
        return None
    masks = [_chunk_mask(rule, chunk) for chunk in values.chunks]
    if not any(mask.any() for mask in masks):
        return None
    return np.concatenate(masks)


def _has_nulls(values: pa.ChunkedArray) -> bool:
    if values.null_count:
        return True
    return pa.types.is_dictionary(values.type) and any(chunk.dictionary.null_count for chunk in values.chunks)


def _chunk_mask(rule: Constraint, chunk: pa.Array) -> Mask:
    if not pa.types.is_dictionary(chunk.type):
        return _bools(rule.offenders(pa.chunked_array([chunk])))
    of_values = _bools(rule.offenders(pa.chunked_array([chunk.dictionary])))
    of_null = bool(_bools(rule.offenders(pa.chunked_array([pa.nulls(1, chunk.type.value_type)])))[0])
    if not of_null and not of_values.any():
        return np.zeros(len(chunk), bool)
    slots = np.append(of_values, of_null)
    return slots[_slots(chunk.indices, empty=len(of_values))]


def _bools(mask: pa.ChunkedArray) -> Mask:
    return np.asarray(mask.combine_chunks().to_numpy(zero_copy_only=False), dtype=bool)


def _slots(indices: pa.Array, *, empty: int) -> Codes:
    """Return dictionary indices as integers, nulls as ``empty``."""
    filled = indices.fill_null(empty) if indices.null_count else indices
    return np.asarray(filled.to_numpy(zero_copy_only=False)).astype(np.int64, copy=False)


# --- keys -----------------------------------------------------------------------------------------------------------


def key_codes(rows: pa.Table, key: Sequence[str]) -> Codes:
    """Return one integer a row; two rows have the same one exactly where they have the same key (nulls are equal).

    The order of the integers is that of the key for a sorted table of instants, and arbitrary but reproducible else.
    """
    codes = np.zeros(rows.num_rows, np.int64)
    size = 1
    for name in key:
        own, own_size = _column_codes(rows[name])
        if size * own_size > LARGEST:
            codes, size = _renumbered(codes)
            own, own_size = _renumbered(own)
        codes = codes * own_size + own
        size *= own_size
    return codes


def repeats(codes: Codes) -> Codes:
    """Return the positions of all rows whose code occurs more than once, equal codes side by side."""
    if codes.size < 2 or bool((np.diff(codes) > 0).all()):
        return np.zeros(0, np.int64)
    ordered = np.sort(codes)
    if not bool((ordered[1:] == ordered[:-1]).any()):
        return np.zeros(0, np.int64)
    order = np.argsort(codes, kind="stable")
    same = np.diff(codes[order]) == 0
    repeated: Codes = order[np.append(same, False) | np.append(False, same)].astype(np.int64)
    return repeated


def repeat_count(rows: pa.Table, key: Sequence[str]) -> int:
    """Return how many rows repeat the key of another row, the first of each key not counted."""
    codes = key_codes(rows, key)
    if codes.size < 2 or bool((np.diff(codes) > 0).all()):
        return 0
    ordered = np.sort(codes)
    return int((ordered[1:] == ordered[:-1]).sum())


def _column_codes(values: pa.ChunkedArray) -> tuple[Codes, int]:
    if pa.types.is_dictionary(values.type):
        return _label_codes(values)
    if pa.types.is_timestamp(values.type) or pa.types.is_integer(values.type):
        return _integer_codes(values)
    encoded = values.combine_chunks().dictionary_encode()
    return _slots(encoded.indices, empty=len(encoded.dictionary)), len(encoded.dictionary) + 1


def _label_codes(values: pa.ChunkedArray) -> tuple[Codes, int]:
    known = pc.unique(pa.chunked_array([chunk.dictionary for chunk in values.chunks], values.type.value_type))
    known = known.drop_null()
    codes = [
        np.append(_slots(pc.index_in(chunk.dictionary, known), empty=len(known)), len(known))[
            _slots(chunk.indices, empty=len(chunk.dictionary))
        ]
        for chunk in values.chunks
    ]
    return (np.concatenate(codes) if codes else np.zeros(0, np.int64)), len(known) + 1


def _integer_codes(values: pa.ChunkedArray) -> tuple[Codes, int]:
    numbers: Any = values.cast(pa.int64())
    bounds = pc.min_max(numbers).as_py()
    if bounds["min"] is None:
        return np.zeros(len(values), np.int64), 1
    least, most = bounds["min"], bounds["max"]
    if most - least >= LARGEST:
        encoded = numbers.combine_chunks().dictionary_encode()
        return _slots(encoded.indices, empty=len(encoded.dictionary)), len(encoded.dictionary) + 1
    filled = numbers.fill_null(most + 1) if numbers.null_count else numbers
    codes: Codes = np.asarray(filled.to_numpy()) - least
    return codes, most - least + 2


def _renumbered(codes: Codes) -> tuple[Codes, int]:
    known, numbers = np.unique(codes, return_inverse=True)
    return numbers.astype(np.int64), len(known) + 1
