"""Reads lines of JSON into columns: Arrow's parser where all is well, line by line where something is broken.

Three ways, each for what the one before cannot do, all with the same result: Arrow for flat objects of the expected
types; msgspec on the block for nested values and ids written as numbers; msgspec line by line to find broken ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.json

from aiops_jobs.adapters.sources.file_lines import Lines
from aiops_jobs.adapters.sources.file_pieces import Fault, Int64s, Piece

PEEKED_LINES = 100

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class JsonColumns:
    """Which members of each object are wanted, and as what.

    Args:
        text: Read as text.
        numbers: Read as numbers.
        nested: Whatever is there, as JSON text.
    """

    text: Sequence[str]
    numbers: Sequence[str] = ()
    nested: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [*self.text, *self.numbers, *self.nested]


def parse_names(lines: Sequence[str]) -> list[str]:
    """Return the names of members in the first lines, in order of appearance; broken lines say nothing."""
    names: dict[str, None] = {}
    for line in lines[:PEEKED_LINES]:
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(told, dict):
            names.update(dict.fromkeys(told))
    return list(names)


def parse_jsonl(lines: Lines, columns: JsonColumns) -> Piece:
    """Return the wanted members of each object, and the lines that are no objects."""
    if not len(lines):
        return Piece(pa.table({name: pa.array([], pa.string()) for name in columns.names}), lines.numbers, lines.faults)
    everything = np.arange(len(lines))
    rows = _by_arrow(lines, columns) if _is_flat(lines, columns) else None
    if rows is None:
        rows, everything, faults = _by_msgspec(lines, columns)
        lines = lines.only(slice(None), faults)
    return Piece(rows, lines.numbers[everything], lines.faults, lambda position: lines.text(int(everything[position])))


def _is_flat(lines: Lines, columns: JsonColumns) -> bool:
    try:
        first = orjson.loads(lines.line(0))
    except orjson.JSONDecodeError:
        return False
    if not isinstance(first, dict):
        return False
    texts = (first.get(name) for name in (*columns.text, *columns.nested))
    return all(value is None or isinstance(value, str) for value in texts)


def _by_arrow(lines: Lines, columns: JsonColumns) -> pa.Table | None:
    text = lines.joined()
    kinds = {name: pa.float64() if name in columns.numbers else pa.string() for name in columns.names}
    try:
        rows = pa.json.read_json(
            pa.BufferReader(text),
            read_options=pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=pa.json.ParseOptions(
                explicit_schema=pa.schema(list(kinds.items())), unexpected_field_behavior="ignore"
            ),
        )
    except pa.ArrowInvalid:
        return None
    return rows if rows.num_rows == len(lines) else None


def _by_msgspec(lines: Lines, columns: JsonColumns) -> tuple[pa.Table, Int64s, list[Fault]]:
    places = {name: f"c{index}" for index, name in enumerate(columns.names)}
    fields = [
        (place, msgspec.Raw, msgspec.Raw(b"null")) if name in columns.nested else (place, Scalar, None)
        for name, place in places.items()
    ]
    row = msgspec.defstruct("Row", fields, rename={place: name for name, place in places.items()}, gc=False)
    decoder = msgspec.json.Decoder(row)
    good, faults = np.arange(len(lines)), list[Fault]()
    try:
        objects = decoder.decode_lines(lines.joined())
    except (msgspec.DecodeError, RecursionError):
        objects = []
    if len(objects) != len(lines):
        objects, good, faults = _one_by_one(lines, decoder)
    arrays = {name: _column(objects, name, place, columns) for name, place in places.items()}
    return pa.table(arrays), good, faults


def _one_by_one(lines: Lines, decoder: msgspec.json.Decoder[Any]) -> tuple[list[Any], Int64s, list[Fault]]:
    objects, good, faults = [], [], []
    for position in range(len(lines)):
        try:
            objects.append(decoder.decode(lines.line(position)))
            good.append(position)
        except (msgspec.DecodeError, RecursionError) as error:
            number, raw = int(lines.numbers[position]), lines.text(position)
            faults.append(Fault(number, "BROKEN_LINE", f"it is no JSON object as expected: {error}", raw))
    return objects, np.array(good, np.int64), faults


def _column(objects: Sequence[Any], name: str, place: str, columns: JsonColumns) -> pa.Array:
    values = list(map(attrgetter(place), objects))
    if name in columns.nested:
        return pa.array([_text_of(bytes(value)) for value in values], pa.string())
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return pa.array(values, pa.string())
    if name in columns.numbers and kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    texts = [value if value is None or isinstance(value, str) else _written(value) for value in values]
    return pa.array(texts, pa.string())


def _text_of(raw: bytes) -> str | None:
    """Return nested JSON as text; a text inside is taken for what it says."""
    if raw == b"null":
        return None
    return str(orjson.loads(raw)) if raw[:1] == b'"' else raw.decode()


def _written(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
