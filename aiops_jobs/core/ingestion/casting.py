"""Brings received columns into the shape of a contract, giving up single values instead of whole batches."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.table import ARROW_TYPES, Column, Kind, Table
from aiops_jobs.errors import ContractError

Mask = npt.NDArray[np.bool_]

LOOKS_RIGHT: dict[Kind, str] = {
    Kind.NUMBER: r"(?i)^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity|nan)$",
    Kind.INTEGER: r"^[+-]?\d{1,19}$",
    Kind.BOOLEAN: r"(?i)^(true|false|0|1)$",
    Kind.TIMESTAMP: r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$",
}
"""RE2 patterns that texts of a kind follow: a cheap first sieve, the cast itself decides."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Values of one column that are not of its kind; they are null in the shaped rows."""

    column: Column
    mask: Mask


def shaped_rows(table: Table, rows: pa.Table) -> tuple[pa.Table, list[Misfit]]:
    """Return ``rows`` in the shape of ``table``, and what had to be given up for that.

    Raises:
        ContractError: A required column is missing, one is unknown, or one as a whole is of the wrong type.
    """
    _insist_on_columns(table, rows.column_names)
    try:
        return table.shape(rows), []
    except ContractError:
        pass  # some values do not cast: look for them column by column
    misfits = []
    for column in table.columns:
        if column.name not in rows.column_names:
            continue
        values = rows[column.name]
        if not _casts(column, values):
            mask = _misfits(column, values)
            misfits.append(Misfit(column, mask))
            rows = rows.set_column(rows.column_names.index(column.name), column.name, _without(values, mask))
    return table.shape(rows), misfits


def _insist_on_columns(table: Table, present: list[str]) -> None:
    missing = [c.name for c in table.columns if c.is_required and c.name not in present]
    unknown = [name for name in present if name not in table.names]
    doubled = sorted({name for name in present if present.count(name) > 1})
    problems = [f"column `{name}` is missing" for name in missing]
    problems += [f"column `{name}` is delivered more than once" for name in doubled]
    for name in unknown:
        close = difflib.get_close_matches(name, [n for n in table.names if n not in present], n=1, cutoff=0.6)
        hint = f" (did you mean `{close[0]}`?)" if close else ""
        problems.append(f"column `{name}` is unknown{hint}")
    if problems:
        raise ContractError(table.name, problems)


def _cast(column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    alone = Table(name=column.name, grain="one value", columns=(column,), key=(column.name,), time=column.name)
    return alone.shape(pa.table({column.name: values}))[column.name]


def _casts(column: Column, values: pa.ChunkedArray) -> bool:
    try:
        _cast(column, values)
    except ContractError:
        return False
    return True


def _without(values: pa.ChunkedArray, mask: Mask) -> pa.ChunkedArray:
    plain = _plain(values)
    return pc.if_else(pa.array(~mask), plain, pa.scalar(None, plain.type))


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _misfits(column: Column, values: pa.ChunkedArray) -> Mask:
    """Return which values do not cast.

    Raises:
        ContractError: None does, because of the type of the whole column.
    """
    plain = _plain(values)
    kind = plain.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        mask = _misfitting_texts(column, plain)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or _is_zoned(kind):
        mask = _lossy(column, plain)
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        mask = np.zeros(len(plain), bool)
    else:
        _cast(column, plain)
        return np.zeros(len(plain), bool)
    rest = _without(plain, mask)
    return mask if _casts(column, rest) else mask | _failing(rest, lambda part: _casts(column, part))


def _is_zoned(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind)) and kind.tz is not None


def _misfitting_texts(column: Column, texts: pa.ChunkedArray) -> Mask:
    pattern = LOOKS_RIGHT.get(column.kind)
    if pattern is None:
        return np.zeros(len(texts), bool)
    fits = pc.fill_null(pc.match_substring_regex(texts, pattern), fill_value=True)
    return ~np.asarray(fits.to_numpy(zero_copy_only=False), dtype=bool)


def _lossy(column: Column, numbers: pa.ChunkedArray) -> Mask:
    """Return which numbers or instants are not the same after casting there and back."""
    target = ARROW_TYPES[column.kind]
    if pa.types.is_dictionary(target) or not _casts(column, numbers.slice(0, 0)):
        _cast(column, numbers)
    back = numbers.cast(target, safe=False).cast(numbers.type, safe=False)
    same = pc.fill_null(pc.equal(back, numbers), fill_value=True)
    return ~np.asarray(same.to_numpy(zero_copy_only=False), dtype=bool)


def _failing(values: pa.ChunkedArray, is_fine: Callable[[pa.ChunkedArray], bool]) -> Mask:
    """Return which values fail, by halving: few failures among many cost little."""
    mask = np.zeros(len(values), bool)
    suspects = [(0, len(values))]
    while suspects:
        start, size = suspects.pop()
        if size == 0 or is_fine(values.slice(start, size)):
            continue
        if size == 1:
            mask[start] = True
            continue
        half = size // 2
        suspects += [(start, half), (start + half, size - half)]
    return mask
