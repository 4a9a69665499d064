"""Between Arrow columns and NumPy arrays: instants as microseconds, texts as codes, and back into contract rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.results import LINEAGE
from aiops_jobs.contracts.table import ARROW_TYPES, Table

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SECOND = 1_000_000
"""Microseconds in a second; all instants inside the core's arithmetic are microseconds since the epoch."""
OPEN = np.iinfo(np.int64).max // 4
"""The end of what has not ended: later than any instant, and far enough from overflow."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(instant: datetime) -> int:
    """Return an instant as microseconds since the epoch."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def to_instant(micros: int) -> datetime:
    """Return microseconds since the epoch as an instant in UTC."""
    return EPOCH + timedelta(microseconds=int(micros))


def to_instant_or_none(micros: int) -> datetime | None:
    """Return an instant, or nothing for what has not ended."""
    return None if micros >= OPEN else to_instant(micros)


def micros_of(column: pa.ChunkedArray, *, missing: int = OPEN) -> Ints:
    """Return a timestamp column as microseconds; nulls become ``missing``."""
    numbers = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).fill_null(missing)
    return np.asarray(numbers.combine_chunks().to_numpy(zero_copy_only=False), dtype=np.int64)


def instants(micros: Ints) -> pa.Array:
    """Return microseconds as a timestamp column; open ends become nulls."""
    return pa.array(micros, pa.int64(), mask=micros >= OPEN).cast(pa.timestamp("us", tz="UTC"))


def instant_texts(micros: Ints) -> list[str]:
    """Return instants as ids write them: ISO 8601 with microseconds and the offset of UTC."""
    return [f"{text}+00:00" for text in np.datetime_as_string(micros.astype("datetime64[us]")).tolist()]


def worded(is_one: Bools, one: str, other: str) -> pa.Array:
    """Return a text column that says one thing where something holds, and another where not."""
    return pa.array([other, one], pa.string()).take(pa.array(is_one.astype(np.int8)))


def plain(column: pa.ChunkedArray) -> pa.Array:
    """Return a text column as one plain array, dictionaries decoded."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    joined = column.combine_chunks()
    return joined if isinstance(joined, pa.Array) else pa.array([], column.type)


def texts_of(column: pa.ChunkedArray) -> list[str | None]:
    """Return a text column as Python strings."""
    texts: list[str | None] = plain(column).to_pylist()
    return texts


T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True, eq=False)
class Words(Sequence[T], Generic[T]):
    """One value a row, each distinct value kept once: what is computed from a value is computed once.

    Args:
        codes: Position in ``values`` of each row.
        values: What the codes stand for.
    """

    codes: Ints
    values: Sequence[T]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Words[str | None]:
        """Return a text column; values are distinct and sorted."""
        return Words(*codes_of(column))

    @classmethod
    def repeated(cls, value: T, count: int) -> Words[T]:
        """Return one value, ``count`` times."""
        return Words(np.zeros(count, np.int64), [value])

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Words[T]: ...
    def __getitem__(self, place: int | slice) -> T | Words[T]:
        if isinstance(place, slice):
            return Words(self.codes[place], self.values)
        return self.values[int(self.codes[place])]

    def __iter__(self) -> Iterator[T]:
        values = self.values
        return (values[code] for code in self.codes.tolist())

    def taken(self, order: Ints) -> Words[T]:
        """Return the values of these rows, in this order."""
        return Words(self.codes[order], self.values)

    def mapped(self, change: Callable[[T], S]) -> Words[S]:
        """Return what becomes of each row; ``change`` is called once a value."""
        return Words(self.codes, [change(value) for value in self.values])

    def where(self, test: Callable[[T], object]) -> Bools:
        """Tell for which rows a test of their value holds."""
        return np.array([bool(test(value)) for value in self.values], dtype=bool)[self.codes]

    def followed(self, other: Words[T]) -> Words[T]:
        """Return these rows and then others; equal values may then have several codes."""
        codes = np.concatenate([self.codes, other.codes + len(self.values)])
        return Words(codes, [*self.values, *other.values])

    def unified(self) -> Words[T]:
        """Return the same rows with one code for each distinct value in use."""
        used = np.flatnonzero(np.bincount(self.codes, minlength=len(self.values)))
        known: dict[T, int] = {}
        back = np.zeros(len(self.values), np.int64)
        for code in used.tolist():
            back[code] = known.setdefault(self.values[code], len(known))
        return Words(back[self.codes], list(known))


def combined(*columns: Words[Any]) -> Words[tuple[Any, ...]]:
    """Return the tuples that several columns form; each combination in use is kept once."""
    code = columns[0].codes
    for column in columns[1:]:
        code = compact(code * len(column.values) + column.codes)[0]
    code, first = compact(code)
    return Words(code, [tuple(column[int(row)] for column in columns) for row in first.tolist()])


def compact(keys: Ints) -> tuple[Ints, Ints]:
    """Return keys numbered from 0 in the order in which they first occur, and the first row of each (by hashing)."""
    encoded = pa.array(keys).dictionary_encode()
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False)).astype(np.int64)
    first = np.full(len(encoded.dictionary), len(keys), np.int64)
    first[codes[::-1]] = np.arange(len(keys))[::-1]
    return codes, first


def stable_order(codes: Ints) -> Ints:
    """Return a stable order of codes from 0 on; few different ones are sorted by counting, in linear time."""
    few = len(codes) and int(codes.max()) < np.iinfo(np.uint16).max
    return np.argsort(codes.astype(np.uint16) if few else codes, kind="stable")


def codes_of(column: pa.ChunkedArray) -> tuple[Ints, list[str | None]]:
    """Return a text column as codes, and the texts they stand for, sorted (the null, if any, is last)."""
    encoded = _encoded(column)
    order = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False))
    return rank[codes], encoded.dictionary.take(order).to_pylist()


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a text column with one code for each distinct text, nulls among them; a dictionary is used as it is."""
    if column.null_count == len(column):
        return pa.DictionaryArray.from_arrays(np.zeros(len(column), np.int32), pa.array([None], pa.string()))
    if not pa.types.is_dictionary(column.type):
        return plain(column).dictionary_encode(null_encoding="encode")
    joined = column.unify_dictionaries().combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        return pa.array([], pa.string()).dictionary_encode()
    words = joined.dictionary
    is_whole = not joined.null_count and len(pc.unique(joined.indices)) == len(words)
    if is_whole and pc.count_distinct(words, mode="all").as_py() == len(words):
        return joined
    return plain(column).dictionary_encode(null_encoding="encode")


def floats_of(column: pa.ChunkedArray) -> Floats:
    """Return a number column; nulls become NaN."""
    filled = column.cast(pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)
    return np.asarray(filled, dtype=np.float64)


def between(rows: pa.Table, column: str, start: int, end: int) -> pa.Table:
    """Return the rows whose instant lies in ``[start, end)`` (microseconds)."""
    kind = rows.schema.field(column).type
    first, last = (pa.scalar(to_instant(edge), kind) for edge in (start, end))
    return rows.filter(pc.and_(pc.greater_equal(rows[column], first), pc.less(rows[column], last)))


def names_without_lineage(table: Table) -> list[str]:
    """Return the columns a core function fills: all but those that a run stamps."""
    stamped = {column.name for column in LINEAGE}
    return [name for name in table.names if name not in stamped]


def rows_from(table: Table, columns: Mapping[str, Any]) -> pa.Table:
    """Return rows of a result table, lineage left out, from arrays or lists by column name.

    A nullable column that is not given is null.
    """
    names = names_without_lineage(table)
    count = next((len(values) for values in columns.values()), 0)
    arrays = []
    for name in names:
        kind = ARROW_TYPES[table.column(name).kind]
        if name not in columns and not table.column(name).is_required:
            arrays.append(pa.nulls(count, kind))
            continue
        values = columns[name]
        array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
        if pa.types.is_dictionary(array.type):
            array = array.cast(array.type.value_type)
        if pa.types.is_dictionary(kind):
            array = array.cast(kind.value_type).dictionary_encode()
        arrays.append(array.cast(kind))
    return pa.table(arrays, names=names)


def rows_from_records(table: Table, records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows of a result table, lineage left out, from one mapping a row (for the few, not the many)."""
    names = names_without_lineage(table)
    plain_types = {n: _plain_type(table, n) for n in names}
    return rows_from(table, {n: pa.array([r.get(n) for r in records], plain_types[n]) for n in names})


def _plain_type(table: Table, name: str) -> pa.DataType:
    kind = ARROW_TYPES[table.column(name).kind]
    return kind.value_type if pa.types.is_dictionary(kind) else kind
