"""Reads lines of CSV into text columns: nothing is guessed, no broken line takes its neighbours with it.

Every cell is text here: ids keep their zeros and a host called ``NA`` stays one. Arrow's parser does the work; lines it
cannot place are put aside with their number.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv

from aiops_jobs.adapters.sources.file_lines import Lines
from aiops_jobs.adapters.sources.file_pieces import BadHeaderError, Fault, Int64s, Piece

_QUOTE = 34
csv.field_size_limit(1 << 28)  # lines are capped before they come here; the usual limit is 128 KB a cell


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """How lines are cut into cells."""

    delimiter: str = ","
    is_multiline: bool = False
    """Whether line breaks inside double quotes belong to a value."""


def parse_header(line: str, options: CsvOptions) -> list[str]:
    """Return the column names in a header line.

    Raises:
        BadHeaderError: A name stands there twice: nobody could tell which column is meant.
    """
    names = [name.strip() for name in next(csv.reader([line], delimiter=options.delimiter), [])]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise BadHeaderError(f"its header names a column twice: {', '.join(f'`{name}`' for name in repeated)}")
    return names


def parse_csv(lines: Lines, header: Sequence[str], wanted: Sequence[str], options: CsvOptions) -> Piece:
    """Return the cells of ``wanted`` columns as text, and the lines that do not fit the header.

    Args:
        lines: Without the header.
        header: Names of all columns, in order.
        wanted: Some of them.
        options: How to cut.
    """
    if not options.is_multiline:
        lines = _closed(lines, options)
    if not len(lines):
        return Piece(pa.table({name: pa.array([], pa.string()) for name in wanted}), lines.numbers, lines.faults)
    ragged: dict[int, pa.csv.InvalidRow] = {}

    def put_aside(row: pa.csv.InvalidRow) -> str:
        ragged[row.number - 1] = row
        return "skip"

    text = lines.joined()
    rows = pa.csv.read_csv(
        pa.BufferReader(text),
        # One thread: only then rows are numbered. Column names given: no line is taken for a header.
        read_options=pa.csv.ReadOptions(column_names=list(header), use_threads=False, block_size=len(text) + 1),
        parse_options=pa.csv.ParseOptions(
            delimiter=options.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=put_aside,
        ),
        convert_options=pa.csv.ConvertOptions(
            include_columns=list(wanted),
            column_types=dict.fromkeys(header, pa.string()),
            strings_can_be_null=False,
        ),
    )
    if rows.num_rows + len(ragged) != len(lines):  # a bare carriage return, most likely
        return _slowly(lines, header, wanted, options)
    faults = [_ragged(lines, position, len(header), row.actual_columns) for position, row in ragged.items()]
    return _piece(rows, lines, np.delete(np.arange(len(lines)), list(ragged)), faults)


def _piece(rows: pa.Table, lines: Lines, good: Int64s, faults: list[Fault]) -> Piece:
    return Piece(rows, lines.numbers[good], [*lines.faults, *faults], lambda position: lines.text(int(good[position])))


def _ragged(lines: Lines, position: int, expected: int, actual: int) -> Fault:
    detail = f"it has {actual} cells, the header has {expected}"
    return Fault(int(lines.numbers[position]), "RAGGED_ROW", detail, lines.text(position))


def _closed(lines: Lines, options: CsvOptions) -> Lines:
    """Put aside lines with a quote that is not closed: Arrow would read on into the next lines."""
    if b'"' not in lines.data:
        return lines
    quotes = np.flatnonzero(np.frombuffer(lines.data, np.uint8) == _QUOTE)
    counts = np.searchsorted(quotes, lines.ends) - np.searchsorted(quotes, lines.starts)
    odd = np.flatnonzero(counts % 2)
    is_open = [int(position) for position in odd if not _closes(lines.line(int(position)), options)]
    if not is_open:
        return lines
    detail = "a quote is not closed; set `multiline = true` where values hold line breaks"
    faults = [Fault(int(lines.numbers[p]), "UNCLOSED_QUOTE", detail, lines.text(p)) for p in is_open]
    return lines.only(np.delete(np.arange(len(lines)), is_open), faults)


def _closes(line: bytes, options: CsvOptions) -> bool:
    try:
        next(csv.reader([line.decode()], delimiter=options.delimiter, strict=True))
    except csv.Error:
        return False
    return True


def _slowly(lines: Lines, header: Sequence[str], wanted: Sequence[str], options: CsvOptions) -> Piece:
    """Read line by line, for blocks Arrow counts otherwise than we do."""
    cells: list[list[str]] = []
    good, faults = [], []
    for position in range(len(lines)):
        text = lines.line(position).decode()
        found = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=options.delimiter) for cell in row]
        if len(found) == len(header):
            good.append(position)
            cells.append(found)
        else:
            faults.append(_ragged(lines, position, len(header), len(found)))
    columns = dict(zip(header, zip(*cells, strict=True), strict=True)) if cells else dict.fromkeys(header, ())
    rows = pa.table({name: pa.array(columns[name], pa.string()) for name in wanted})
    return _piece(rows, lines, np.array(good, np.int64), faults)
