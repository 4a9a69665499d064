"""Reads one file for one window, and remembers which parts of it concern which times.

A text file has no statistics. The first reading notes when the rows of each block happened; later windows then read
only the blocks they need, as long as the file is the same (name, size, time of change).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from aiops_jobs.adapters.sources.file_columns import ColumnPlan, ColumnRules, plan_columns
from aiops_jobs.adapters.sources.file_csv import CsvOptions, parse_csv, parse_header
from aiops_jobs.adapters.sources.file_jsonl import PEEKED_LINES, JsonColumns, parse_jsonl, parse_names
from aiops_jobs.adapters.sources.file_lines import NO_LINES, BlockPlace, Lines, TextOptions, read_lines
from aiops_jobs.adapters.sources.file_parquet import parquet_names, read_parquet
from aiops_jobs.adapters.sources.file_pieces import WHOLE_FILE, BadHeaderError, Piece
from aiops_jobs.adapters.sources.file_rows import RowRules, Span, understand
from aiops_jobs.adapters.sources.file_settings import STEM, FileTable, format_of, stem_of
from aiops_jobs.adapters.sources.file_times import TimeRules
from aiops_jobs.contracts.table import Kind, Table
from aiops_jobs.ports import Batch, Reject
from aiops_jobs.window import Window

PEEKED_BYTES = 1 << 20


class UnreadableFileError(ValueError):
    """Nothing of a file can be read."""


@dataclass(frozen=True, slots=True)
class Block:
    """What an earlier reading noted about one block of a text file."""

    place: BlockPlace
    carry: int | None
    """Time of the last readable row before it."""
    span: Span | None


BlockNotes = dict[tuple[object, ...], list[Block]]
"""Blocks of each file, by its identity."""


@dataclass(frozen=True, slots=True)
class FileReader:
    """Reads one file as one table.

    Args:
        source: Name of the configured source.
        path: The file.
        name: What locators call it.
        table: The contract.
        spec: What the settings say.
        timezone: The source's zone, where the table has none.
        notes: Kept between readings.
    """

    source: str
    path: Path
    name: str
    table: Table
    spec: FileTable
    timezone: str | None
    notes: BlockNotes

    def columns(self) -> ColumnPlan | None:
        """Return which column of the file is which; none where the file is empty.

        Raises:
            UnknownColumnError: A column is not there.
            BadHeaderError: The header cannot be read, or names a column twice.
            UnreadableFileError: The file is damaged.
        """
        header, _ = self._opened()
        return self._plan(header) if header else None

    def batches(self, window: Window) -> Iterator[Batch]:
        """Yield what the file holds for ``window``; a damaged file is a reject."""
        try:
            header, first_number = self._opened()
        except UnreadableFileError as error:
            yield Batch(self.table.empty(), rejects=(Reject(self.name, "UNREADABLE_FILE", str(error), ""),))
            return
        if not header:
            return
        times = TimeRules(self.spec.timezone or self.timezone, self.spec.time_unit, self.spec.time_format)
        mark = "#" if self._format == "parquet" else ":"
        spec = self.spec
        rules = RowRules(self.source, self.name, mark, self._plan(header), times, spec.values, spec.null_values)
        if self._format == "parquet":
            yield from self._from_parquet(rules, window)
        else:
            yield from self._from_text(rules, window, header, first_number)

    def _plan(self, header: Sequence[str]) -> ColumnPlan:
        spec = self.spec
        constants = {name: value.replace(STEM, stem_of(self.path)) for name, value in spec.constants.items()}
        metrics = spec.metrics if spec.layout == "wide" else None
        rules = ColumnRules(spec.columns, constants, spec.labels, metrics, spec.ignore)
        return plan_columns(self.table, header, rules, is_open=self._format == "jsonl" and metrics is None)

    # --- formats ----------------------------------------------------------------------------------------------------

    @property
    def _format(self) -> str:
        return format_of(self.path, self.spec) or ""

    @property
    def _csv(self) -> CsvOptions:
        is_tabbed = self.spec.delimiter == "," and ".tsv" in self.path.suffixes
        return CsvOptions("\t" if is_tabbed else self.spec.delimiter, self.spec.multiline)

    @property
    def _text(self) -> TextOptions:
        return TextOptions(self.spec.encoding, self.spec.multiline, self.spec.max_line_bytes)

    def _opened(self) -> tuple[Sequence[str], int]:
        """Return the names of the columns, and the number of the first line after the header."""
        if self._format == "parquet":
            try:
                return parquet_names(self.path), 1
            except (FileNotFoundError, PermissionError):
                raise
            except (OSError, pa.ArrowException) as error:
                raise UnreadableFileError(f"it cannot be read: {error}"[:500]) from error
        first = self._first_lines()
        if self._format == "jsonl":
            return parse_names([first.line(i).decode() for i in range(min(len(first), PEEKED_LINES))]), 1
        if self.spec.header:
            return self.spec.header, self.spec.skip_lines + 1
        position = int(np.searchsorted(first.numbers, self.spec.skip_lines, side="right"))
        if position >= len(first):
            return [], 1
        number = int(first.numbers[position])
        if any(self.spec.skip_lines < fault.number < number for fault in first.faults):
            raise BadHeaderError("its header line cannot be read")
        return parse_header(first.line(position).decode(), self._csv), number + 1

    def _first_lines(self) -> Lines:
        """Return the first lines.

        Raises:
            UnreadableFileError: There are none because the file is damaged.
        """
        peek = TextOptions(self.spec.encoding, is_multiline=False, block_bytes=PEEKED_BYTES)
        _, lines = next(read_lines(self.path, peek), (0, NO_LINES))
        if not len(lines) and lines.faults and lines.faults[0].number == WHOLE_FILE:
            raise UnreadableFileError(lines.faults[0].detail)
        return lines

    def _from_parquet(self, rules: RowRules, window: Window) -> Iterator[Batch]:
        plan = rules.plan
        for _, piece in read_parquet(self.path, plan.wanted, time_column=plan.time_column, window=window):
            batch = understand(piece, rules, window, None).batch
            if batch is not None:
                yield batch

    def _from_text(self, rules: RowRules, window: Window, header: Sequence[str], first_number: int) -> Iterator[Batch]:
        state = self.path.stat()
        key = (str(self.path), state.st_size, state.st_mtime_ns, self.table.name)
        known = self.notes.get(key)
        places = [block.place for block in known] if known is not None else None

        def is_wanted(ordinal: int) -> bool:
            span = known[ordinal].span if known is not None else None
            return known is None or (span is not None and span.overlaps(window))

        read: list[Block] = []
        carry: int | None = None
        for ordinal, lines in read_lines(self.path, self._text, places=places, wanted=is_wanted):
            carry = known[ordinal].carry if known is not None else carry
            piece = self._parsed(lines.only(lines.numbers >= first_number), rules.plan, header)
            understood = understand(piece, rules, window, carry)
            read.append(Block(lines.place, carry, understood.span))
            carry = understood.carry
            if understood.batch is not None:
                yield understood.batch
        if known is None:
            self.notes[key] = read

    def _parsed(self, lines: Lines, plan: ColumnPlan, header: Sequence[str]) -> Piece:
        if self._format == "jsonl":
            return parse_jsonl(lines, _members(plan))
        return parse_csv(lines, header, plan.wanted, self._csv)


def _members(plan: ColumnPlan) -> JsonColumns:
    """Return as what each wanted member of a JSON object is read."""
    kinds = {theirs: plan.table.column(ours) for ours, theirs in plan.columns.items()}
    nested = [n for n, column in kinds.items() if column.kind is Kind.JSON or column.name == "labels"]
    numbers = [*plan.metrics, *(n for n, column in kinds.items() if column.kind is Kind.NUMBER)]
    text = [name for name in plan.wanted if name not in {*nested, *numbers}]
    return JsonColumns(text, numbers, nested)
