"""Turns a piece of a file into rows of a contract: those of one window, with their places, and rejects for the rest.

A line that cannot be read has no time of its own. It is counted where the readable line before it belongs (the one
after it, at the begin of a file), so that each broken line is reported for one window, not for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.adapters.sources.derived import DERIVED, with_derived
from aiops_jobs.adapters.sources.file_columns import (
    Cells,
    ColumnPlan,
    alert_severities,
    joined_objects,
    log_severities,
    to_cells,
    to_numbers,
    translated,
)
from aiops_jobs.adapters.sources.file_pieces import WHOLE_FILE, Fault, Int64s, Mask, Piece
from aiops_jobs.adapters.sources.file_times import DETAILS, INSTANT, TimeRules, to_instants
from aiops_jobs.contracts.table import Kind
from aiops_jobs.contracts.telemetry import LOG_RECORDS, RAW_ALERTS
from aiops_jobs.ports import Batch, Reject
from aiops_jobs.window import Window


@dataclass(frozen=True, slots=True)
class RowRules:
    """How rows of one file are understood.

    Args:
        source: Name of the configured source.
        file: Name of the file, for locators.
        mark: What stands between file and number: a colon before lines, a hash before rows.
        plan: Which column is which.
        times: How times are written.
        translations: Their values and ours, by column of the contract.
        null_values: Texts that mean nothing.
    """

    source: str
    file: str
    mark: str
    plan: ColumnPlan
    times: TimeRules
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    null_values: Sequence[str] = ("",)


@dataclass(frozen=True, slots=True)
class Span:
    """When the rows of a piece and its faults happened, in microseconds since 1970."""

    first: int
    last: int
    is_open: bool = False
    """Holds faults that no readable row gives a time: they belong to every window."""

    def overlaps(self, window: Window) -> bool:
        """Tell whether the piece concerns ``window``."""
        return self.is_open or (self.first < micros(window)[1] and self.last >= micros(window)[0])


@dataclass(frozen=True, slots=True)
class Understood:
    """What a piece holds for a window.

    Args:
        batch: Rows and rejects of the window; none where there are neither.
        span: When everything in the piece happened; none where there is nothing.
        carry: Time of the last readable row up to here.
    """

    batch: Batch | None
    span: Span | None
    carry: int | None


def micros(window: Window) -> tuple[int, int]:
    """Return begin and end in microseconds since 1970."""
    start, end = (pa.scalar(instant, INSTANT).cast(pa.int64()).as_py() for instant in (window.start, window.end))
    return start, end


def understand(piece: Piece, rules: RowRules, window: Window, carry: int | None) -> Understood:
    """Return what ``piece`` holds for ``window``.

    Args:
        piece: As read.
        rules: How to understand it.
        window: Half open.
        carry: Time of the last readable row before the piece.

    Raises:
        UndeclaredError: The settings must say something about its times.
    """
    start, end = micros(window)
    at, faults = _times(piece, rules)
    known = at.is_valid().to_numpy(zero_copy_only=False)
    instants = at.cast(pa.int64()).to_numpy(zero_copy_only=False)[known].astype(np.int64)
    anchors = _anchors(piece.numbers[known], instants, faults, carry)
    inside = np.zeros(len(known), np.bool_)
    inside[known] = (instants >= start) & (instants < end)
    pairs = zip(faults, anchors, strict=True)
    reported = [fault for fault, anchor in pairs if anchor is None or start <= anchor < end]
    batch = None
    if inside.any() or reported:
        batch = _batch(piece, rules, np.flatnonzero(inside), at, reported)
    return Understood(batch, _span(instants, anchors), int(instants[-1]) if len(instants) else carry)


def _span(instants: Int64s, anchors: Sequence[int | None]) -> Span | None:
    seen = [anchor for anchor in anchors if anchor is not None]
    if len(instants):
        seen += [int(instants.min()), int(instants.max())]
    is_open = None in anchors
    return Span(min(seen, default=0), max(seen, default=0), is_open) if seen or is_open else None


def _times(piece: Piece, rules: RowRules) -> tuple[pa.Array, list[Fault]]:
    """Return the time of each row, and the faults of the piece with those whose time cannot be read."""
    plan = rules.plan
    name = plan.time_column or plan.table.time
    if plan.time_column is None:
        values = pa.array([plan.constants[name]] * piece.rows.num_rows, pa.string())
    else:
        values = piece.rows[name].combine_chunks()
    read = to_instants(values, rules.times)
    faults = list(piece.faults)
    for reason_code, mask in read.bad.items():
        faults += _cell_faults(piece, np.flatnonzero(mask), values, name, reason_code, DETAILS[reason_code])
    judged = np.logical_or.reduce([np.zeros(len(values), np.bool_), *read.bad.values()])
    empty = np.flatnonzero(~judged & ~read.values.is_valid().to_numpy(zero_copy_only=False))
    faults += _cell_faults(piece, empty, values, name, "NOT_AN_INSTANT", "it is empty")
    return read.values, faults


def _cell_faults(
    piece: Piece, positions: Int64s, values: pa.Array, name: str, reason_code: str, detail: str
) -> list[Fault]:
    shown = [str(value)[:80] for value in values.take(pa.array(positions)).to_pylist()] if len(positions) else []
    return [
        Fault(int(piece.numbers[p]), reason_code, f"`{name}` is `{text}`: {detail}", piece.raw(int(p)), name)
        for p, text in zip(positions, shown, strict=True)
    ]


def _anchors(numbers: Int64s, instants: Int64s, faults: Sequence[Fault], carry: int | None) -> list[int | None]:
    """Return the time each fault is counted at."""
    anchors: list[int | None] = []
    for fault in faults:
        before = int(np.searchsorted(numbers, fault.number))
        if fault.number == WHOLE_FILE:
            anchors.append(None)
        elif before:
            anchors.append(int(instants[before - 1]))
        else:
            anchors.append(carry if carry is not None else int(instants[0]) if len(instants) else None)
    return anchors


# --- rows -----------------------------------------------------------------------------------------------------------


def _batch(piece: Piece, rules: RowRules, positions: Int64s, at: pa.Array, faults: list[Fault]) -> Batch:
    plan = rules.plan
    inner = Piece(
        piece.rows.take(pa.array(positions)),
        piece.numbers[positions],
        [],
        lambda position: piece.raw(int(positions[position])),
    )
    at = at.take(pa.array(positions))
    columns, bad = _columns(inner, rules, faults)
    columns[plan.table.time] = at
    rows, numbers = pa.table(columns), inner.numbers
    if bad.any():
        rows, numbers = rows.filter(pa.array(~bad)), numbers[~bad]
        inner = Piece(inner.rows.filter(pa.array(~bad)), numbers, [], _shifted(inner, np.flatnonzero(~bad)))
    if plan.metrics:
        rows, numbers = _melted(inner, rows, rules, faults)
    locators = pc.binary_join_element_wise(rules.file + rules.mark, pa.array(numbers).cast(pa.string()), "")
    rows = with_derived(plan.table, rows, source=rules.source, locators=locators)
    rows = rows.select([name for name in plan.table.names if name in rows.column_names])
    rejects = tuple(_reject(fault, rules) for fault in sorted(faults, key=lambda fault: fault.number))
    return Batch(plan.table.shape(rows), locators, rejects)


def _shifted(piece: Piece, kept: Int64s) -> Any:
    return lambda position: piece.raw(int(kept[position]))


def _columns(piece: Piece, rules: RowRules, faults: list[Fault]) -> tuple[dict[str, pa.Array], Mask]:
    """Return all columns of the contract but the time, and which rows have a cell that is not what it should be."""
    plan, count = rules.plan, piece.rows.num_rows
    bad = np.zeros(count, np.bool_)
    columns: dict[str, pa.Array] = {}
    for name, theirs in plan.columns.items():
        if name == plan.table.time:
            continue
        column, values = plan.table.column(name), piece.rows[theirs].combine_chunks()
        is_told = column.is_required and name not in DERIVED and column.kind in {Kind.STRING, Kind.LABEL}
        if not is_told:  # an empty text in its own right
            values = _nulled(values, rules.null_values)
        cells = to_cells(column, values, rules.times)
        faults += _bad_cells(piece, cells, values, theirs)
        bad |= cells.bad
        columns[name] = _in_our_words(name, cells.values, rules)
    for name, constant in plan.constants.items():
        if name == plan.table.time:
            continue
        columns[name] = pa.array([constant], pa.string()).dictionary_encode().take(pa.array(np.zeros(count, np.int32)))
    if plan.labels:
        own = piece.rows.select(list(plan.labels))
        texts = pa.table({n: _nulled(own[n].combine_chunks(), rules.null_values) for n in plan.labels})
        columns["labels" if "labels" in plan.table.names else "attributes"] = joined_objects(texts, plan.labels)
    return columns, bad


def _bad_cells(piece: Piece, cells: Cells, values: pa.Array, name: str) -> list[Fault]:
    return _cell_faults(piece, np.flatnonzero(cells.bad), values, name, cells.reason_code, cells.detail)


def _in_our_words(name: str, values: pa.Array, rules: RowRules) -> pa.Array:
    if name in rules.translations:
        values = translated(values, rules.translations[name])
    if name == "severity_text" and rules.plan.table is LOG_RECORDS:
        return log_severities(values)
    if name == "severity" and rules.plan.table is RAW_ALERTS:
        return alert_severities(values)
    return values


def _nulled(values: pa.Array, null_values: Sequence[str]) -> pa.Array:
    if not null_values or not pa.types.is_string(values.type):
        return values
    means_nothing = pc.is_in(values, value_set=pa.array(list(null_values), pa.string()))
    return pc.if_else(means_nothing, pa.scalar(None, pa.string()), values)


def _melted(piece: Piece, rows: pa.Table, rules: RowRules, faults: list[Fault]) -> tuple[pa.Table, Int64s]:
    """Make one row of each cell of a metric column; an empty cell is no sample."""
    metrics = rules.plan.metrics
    values, kept = [], []
    for name in metrics:
        given = _nulled(piece.rows[name].combine_chunks(), rules.null_values)
        cells = to_numbers(given)
        faults += _bad_cells(piece, cells, given, name)
        keep = np.flatnonzero(cells.values.is_valid().to_numpy(zero_copy_only=False))
        values.append(cells.values.take(pa.array(keep)))
        kept.append(keep)
    positions = np.concatenate(kept) if kept else np.empty(0, np.int64)
    codes = np.repeat(np.arange(len(metrics), dtype=np.int32), [len(keep) for keep in kept])
    melted = rows.take(pa.array(positions))
    names = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(metrics), pa.string()))
    melted = melted.append_column("metric_name", names)
    melted = melted.append_column("value", pa.concat_arrays(values) if values else pa.array([], pa.float64()))
    return melted, piece.numbers[positions]


def _reject(fault: Fault, rules: RowRules) -> Reject:
    locator = rules.file if fault.number == WHOLE_FILE else f"{rules.file}{rules.mark}{fault.number}"
    return Reject(locator, fault.reason_code, fault.detail, fault.raw, fault.column_name)
