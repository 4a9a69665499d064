"""One description of a table, from which every other description is derived."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.constraints import Constraint, Finite, NotNull
from aiops_jobs.errors import ContractError


class Kind(StrEnum):
    """What a value is, before any store has its say."""

    STRING = "string"
    LABEL = "label"
    """Text with few distinct values: dictionary-encoded in Arrow."""
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    JSON = "json"


ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.STRING: pa.string(),
    Kind.LABEL: pa.dictionary(pa.int32(), pa.string()),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Kind.JSON: pa.string(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column, defined once, wherever it appears.

    Args:
        unit: UCUM code, as in OpenTelemetry: ``s``, ``By``, ``1``.
        semconv: The OpenTelemetry attribute this column carries, if any.
        sensitive: May hold personal data: redacted before it leaves the house.
    """

    name: str
    kind: Kind
    description: str
    unit: str | None = None
    semconv: str | None = None
    constraints: tuple[Constraint, ...] = ()
    sensitive: bool = False

    def required(self) -> Column:
        """Return this column, never null."""
        return self if self.is_required else replace(self, constraints=(NotNull(), *self.constraints))

    @property
    def is_required(self) -> bool:
        """Whether the column may not be null."""
        return any(isinstance(rule, NotNull) for rule in self.constraints)

    @property
    def rules(self) -> tuple[Constraint, ...]:
        """All promises; a number is always finite."""
        if self.kind is Kind.NUMBER:
            return (*self.constraints, Finite())
        return self.constraints


@dataclass(frozen=True, slots=True)
class Table:
    """A named, ordered set of columns with a key and a time column.

    Args:
        grain: One row per what; the sentence a reader needs first.
        key: Columns that identify a row; writing twice replaces, never duplicates.
        time: The column that decides which window a row belongs to.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    time: str

    def __post_init__(self) -> None:
        unknown = [n for n in (*self.key, self.time) if n not in self.names]
        if unknown or len(set(self.names)) != len(self.names):
            raise ValueError(f"Table `{self.name}`: key and time must be columns, each column once: {unknown}")

    @property
    def names(self) -> list[str]:
        """Column names, in order."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """Return the column called ``name``."""
        return next(column for column in self.columns if column.name == name)

    def to_arrow(self) -> pa.Schema:
        """Return the Arrow schema; descriptions and units travel as field metadata."""
        return pa.schema(
            pa.field(
                c.name,
                ARROW_TYPES[c.kind],
                nullable=not c.is_required,
                metadata={"description": c.description, "unit": c.unit or ""},
            )
            for c in self.columns
        )

    def empty(self) -> pa.Table:
        """Return this table without rows."""
        return self.to_arrow().empty_table()

    def shape(self, data: pa.Table) -> pa.Table:
        """Return ``data`` with exactly these columns, in this order and of these types.

        Missing nullable columns are added as nulls. Values are not judged: see `violations`.

        Raises:
            ContractError: A required column is missing, one is unknown, or one does not cast losslessly.
        """
        present = set(data.column_names)
        problems = [f"column `{c.name}` is missing" for c in self.columns if c.is_required and c.name not in present]
        problems += [f"column `{n}` is unknown" for n in data.column_names if n not in self.names]
        arrays = []
        for column in self.columns:
            kind = ARROW_TYPES[column.kind]
            if column.name not in present:
                arrays.append(pa.chunked_array([pa.nulls(data.num_rows, kind)]))
                continue
            try:
                arrays.append(_cast(data[column.name], kind))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
                problems.append(f"column `{column.name}` is not a {column.kind}: {error}")
        if problems:
            raise ContractError(self.name, problems)
        schema = self.to_arrow()
        return pa.Table.from_arrays(arrays, schema=pa.schema([f.with_nullable(True) for f in schema]))

    def offenders(self, data: pa.Table) -> list[tuple[Column, Constraint, pa.ChunkedArray]]:
        """Return every broken promise of shaped ``data`` with the mask of its rows."""
        found = []
        for column in self.columns:
            for rule in column.rules:
                mask = rule.offenders(_decoded(data[column.name]))
                if pc.any(mask).as_py():
                    found.append((column, rule, mask))
        return found

    def violations(self, data: pa.Table) -> list[str]:
        """Return every broken promise of shaped ``data`` in words, with counts."""
        return [
            f"column `{column.name}` must be {rule.description}: {pc.sum(mask).as_py()} of {data.num_rows} rows are not"
            for column, rule, mask in self.offenders(data)
        ]

    def conform(self, data: pa.Table) -> pa.Table:
        """Shape ``data`` and insist on every promise and on the key.

        Raises:
            ContractError: Anything is not as the contract says; the message lists all problems.
        """
        shaped = self.shape(data)
        problems = self.violations(shaped)
        keys = shaped.select(list(self.key)).unify_dictionaries()
        duplicates = shaped.num_rows - keys.group_by(list(self.key)).aggregate([]).num_rows
        if duplicates:
            problems.append(f"key ({', '.join(self.key)}) must be unique: {duplicates} rows repeat it")
        if problems:
            raise ContractError(self.name, problems)
        return shaped.cast(self.to_arrow())


def _decoded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        return values.cast(values.type.value_type)
    return values


def _cast(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if values.type == kind:
        return values
    plain = _decoded(values)
    if pa.types.is_timestamp(kind) and pa.types.is_timestamp(plain.type) and plain.type.tz is None:
        raise ValueError("naive timestamps; a zone is needed")
    if pa.types.is_dictionary(kind):
        return plain.cast(kind.value_type).dictionary_encode()
    return plain.cast(kind)
