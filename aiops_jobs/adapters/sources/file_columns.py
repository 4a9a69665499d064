"""Which column of a file is which column of a contract, and how its cells become values of it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.adapters.sources.derived import DERIVED, combinations
from aiops_jobs.adapters.sources.file_pieces import Mask
from aiops_jobs.adapters.sources.file_times import TimeRules, to_instants
from aiops_jobs.adapters.sources.labels import ALERT_SEVERITIES
from aiops_jobs.contracts.table import Column, Kind, Table

_NUMBER = r"^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|[iI]nf(inity)?|[nN]a[nN])$"
EXACT_INTEGERS = 2.0**53
LOG_SEVERITIES = {
    "WARNING": "WARN",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    "CRITICAL": "FATAL",
    "CRIT": "FATAL",
    "EMERGENCY": "FATAL",
    "ALERT": "FATAL",
    "NOTICE": "INFO",
    "INFORMATION": "INFO",
    "FINE": "DEBUG",
    "VERBOSE": "DEBUG",
}
"""Other names of the six severities, in capitals."""


class UnknownColumnError(ValueError):
    """A file has no column of a name."""


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """What the settings say about the columns of a file.

    Args:
        columns: Column of the file, by column of the contract.
        constants: Fixed values, by column of the contract.
        labels: Columns of the file to be joined into ``labels`` or ``attributes``.
        metrics: Columns that are metrics (wide layout); an empty sequence means all that are nothing else; none: long.
        ignore: Columns of the file that are not to be read.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    labels: Sequence[str] = ()
    metrics: Sequence[str] | None = None
    ignore: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """What becomes of the columns of one file.

    Args:
        table: The contract.
        columns: Column of the file, by column of the contract.
        constants: Fixed values, by column of the contract.
        labels: Columns of the file that go into ``labels`` or ``attributes`` together.
        metrics: In the wide layout, columns of the file that are metrics.
    """

    table: Table
    columns: Mapping[str, str]
    constants: Mapping[str, str]
    labels: Sequence[str] = ()
    metrics: Sequence[str] = ()

    @property
    def time_column(self) -> str | None:
        """Column of the file that decides which window a row belongs to; none where it is a constant."""
        return self.columns.get(self.table.time)

    @property
    def wanted(self) -> list[str]:
        """All columns of the file that are used."""
        return list(dict.fromkeys([*self.columns.values(), *self.labels, *self.metrics]))


@dataclass(frozen=True, slots=True)
class Cells:
    """Values of one column, null where there is none; ``bad`` cells held something else."""

    values: pa.Array
    bad: Mask
    reason_code: str = ""
    detail: str = ""


def plan_columns(table: Table, header: Sequence[str], rules: ColumnRules, *, is_open: bool = False) -> ColumnPlan:
    """Find every column of the contract in a file: as mapped, else under its own name.

    Args:
        table: The contract.
        header: Column names of the file.
        rules: What the settings say.
        is_open: Whether later rows may have columns that ``header`` does not show, as in JSON.

    Raises:
        UnknownColumnError: A column is not there; the message has the nearest name.
    """
    columns, constants, metrics = rules.columns, rules.constants, rules.metrics
    is_wide = metrics is not None
    known = set(header) - set(rules.ignore)
    own = {name: name for name in table.names if name in known and name not in columns and name not in constants}
    found = {**own, **columns}
    free = DERIVED | constants.keys() | ({"metric_name", "value"} if is_wide else set())
    missing = [c.name for c in table.columns if c.is_required and c.name not in found and c.name not in free]
    if "entity_id" in missing and {"service_name", "host_name"} & found.keys():
        missing.remove("entity_id")
    asked = [*columns.values(), *rules.labels, *(metrics or ())]
    problems = [_not_there(name, header) for name in dict.fromkeys(asked) if name not in header]
    problems += [_not_there(name, header) for name in missing]
    if problems:
        raise UnknownColumnError(f"{'; '.join(problems)}; it has {', '.join(f'`{n}`' for n in list(header)[:30])}")
    if is_open:
        found = {**{name: name for name in table.names if name not in constants}, **found}
    found.pop("source", None)
    if is_wide and not metrics:
        used = {*found.values(), *rules.labels, *rules.ignore, *table.names}
        metrics = [name for name in header if name not in used]
    return ColumnPlan(table, found, constants, tuple(rules.labels), tuple(metrics or ()))


def _not_there(name: str, header: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, header, n=1, cutoff=0.5)
    return f"it has no column `{name}`" + (f" (did you mean `{close[0]}`?)" if close else "")


# --- cells ----------------------------------------------------------------------------------------------------------


def to_cells(column: Column, values: pa.Array, rules: TimeRules) -> Cells:
    """Return a file's values as values of a contract's column."""
    readers: dict[Kind, Callable[[pa.Array], Cells]] = {
        Kind.NUMBER: to_numbers,
        Kind.INTEGER: to_numbers,
        Kind.TIMESTAMP: lambda array: _instants(array, rules),
        Kind.JSON: to_objects,
    }
    if column.name == "labels":
        return to_objects(values)
    return readers.get(column.kind, to_text)(values)


def _instants(values: pa.Array, rules: TimeRules) -> Cells:
    read = to_instants(values, rules)
    bad = np.logical_or.reduce([np.zeros(len(values), np.bool_), *read.bad.values()])
    return Cells(read.values, bad, "NOT_AN_INSTANT", "it is no plausible instant with a zone")


def to_numbers(values: pa.Array) -> Cells:
    """Return numbers as 64-bit floats; text is taken only if it is a plain number, such as ``-1.5e3`` or ``NaN``."""
    values = _plain(values)
    none = np.zeros(len(values), np.bool_)
    if not pa.types.is_string(values.type):
        return Cells(values.cast(pa.float64(), safe=False), none)
    try:
        return Cells(values.cast(pa.float64()), none)
    except pa.ArrowInvalid:
        pass  # find the cells that are no numbers
    trimmed = pc.utf8_trim_whitespace(values)
    is_number = pc.fill_null(pc.match_substring_regex(trimmed, _NUMBER), fill_value=False)
    numbers = pc.if_else(is_number, trimmed, pa.scalar(None, pa.string())).cast(pa.float64())
    bad = ~is_number.to_numpy(zero_copy_only=False) & values.is_valid().to_numpy(zero_copy_only=False)
    return Cells(numbers, bad, "NOT_A_NUMBER", "it is no number")


def to_text(values: pa.Array) -> Cells:
    """Return values as text, for ids are text: whole numbers are written out; a float too large to be exact is bad."""
    values = _plain(values)
    none = np.zeros(len(values), np.bool_)
    if pa.types.is_string(values.type):
        return Cells(values, none)
    if not pa.types.is_floating(values.type):
        return Cells(values.cast(pa.string()), none)
    values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)  # pandas has no other null for numbers
    whole = pc.fill_null(pc.equal(values, pc.floor(values)), fill_value=False)
    exact = pc.fill_null(pc.less(pc.abs(values), EXACT_INTEGERS), fill_value=False)
    integers = pc.if_else(pc.and_(whole, exact), values, pa.scalar(None, values.type)).cast(pa.int64())
    text = pc.coalesce(
        integers.cast(pa.string()), pc.if_else(whole, pa.scalar(None, pa.string()), values.cast(pa.string()))
    )
    bad = (pc.and_(whole, pc.invert(exact))).to_numpy(zero_copy_only=False)
    return Cells(text, bad, "NOT_TEXT", "it is a number too large to be exact; write ids as text")


def to_objects(values: pa.Array) -> Cells:
    """Return JSON objects as text with sorted keys; each distinct text is read once."""
    if pa.types.is_nested(values.type) and not pa.types.is_dictionary(values.type):
        told = [None if value is None else _sorted(dict(value)) for value in values.to_pylist()]
        return Cells(pa.array(told, pa.string()), np.zeros(len(values), np.bool_))
    encoded = _plain(values).dictionary_encode()
    read = [_canonical(text) for text in encoded.dictionary.to_pylist()]
    canonical = pa.DictionaryArray.from_arrays(encoded.indices, pa.array(read, pa.string())).cast(pa.string())
    bad = values.is_valid().to_numpy(zero_copy_only=False) & ~canonical.is_valid().to_numpy(zero_copy_only=False)
    return Cells(canonical, bad, "NOT_AN_OBJECT", "it is no JSON object")


def joined_objects(rows: pa.Table, names: Sequence[str]) -> pa.Array:
    """Return several columns as one JSON object a row, without its nulls; null where nothing remains."""
    codes, firsts = combinations(rows, names)
    texts = []
    for row in rows.select(list(names)).take(firsts).to_pylist():
        kept = {name: value for name, value in row.items() if value is not None}
        texts.append(_sorted(kept) if kept else None)
    return pa.array(texts, pa.string()).dictionary_encode().take(pa.array(codes))


def translated(values: pa.Array, translation: Mapping[str, str]) -> pa.Array:
    """Return labels in our words: each distinct value is looked up once; what is not listed stays."""
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    ours = [translation.get(text, text) for text in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(ours, pa.string())).cast(pa.string())


def log_severities(values: pa.Array) -> pa.Array:
    """Return log severities as the contract spells them, where they are common ones."""
    capitals = pc.utf8_upper(pc.utf8_trim_whitespace(_plain(values)))
    return translated(capitals, LOG_SEVERITIES)


def alert_severities(values: pa.Array) -> pa.Array:
    """Return severities of alerts as the contract spells them; a word nobody knows stays and will be quarantined."""
    words = _plain(values)
    known = {w: ALERT_SEVERITIES.get(w.strip().lower(), w) for w in pc.unique(words).to_pylist() if w is not None}
    return translated(words, known)


def _canonical(text: str) -> str | None:
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return _sorted(told) if isinstance(told, dict) else None


def _sorted(told: Mapping[str, object]) -> str:
    return orjson.dumps(told, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()


def _plain(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values.cast(pa.string()) if pa.types.is_large_string(values.type) else values
