"""Judges received rows one by one, all at once: shape, promises, window, key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.table import Table
from aiops_jobs.core.ingestion.casting import Mask, shaped_rows
from aiops_jobs.core.ingestion.duplicates import settle
from aiops_jobs.core.ingestion.quarantine import PutAside, Redaction, raw_texts, to_quarantine
from aiops_jobs.core.ingestion.reasons import (
    CONFLICT,
    LATE,
    OUT_OF_WINDOW,
    PLAUSIBLE_FROM,
    WRONG_SOURCE,
    WRONG_TYPE,
    Reason,
)
from aiops_jobs.core.promises import broken_promises
from aiops_jobs.window import Window


class Rejected(Protocol):
    """Something the source could not even make a row of."""

    @property
    def locator(self) -> str:
        """Where it stood."""

    @property
    def reason_code(self) -> str:
        """Why it could not be read."""

    @property
    def detail(self) -> str:
        """The same in words."""

    @property
    def raw(self) -> str:
        """What it said."""

    @property
    def column_name(self) -> str | None:
        """The column at fault, if one was."""


@dataclass(frozen=True, slots=True)
class Received:
    """Rows of one table as a source delivered them; without ``locators`` a row is known by its position."""

    rows: pa.Table
    locators: pa.Array | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """What became of the rows of one window.

    Invariants: ``rows_in = rows_published + rows_quarantined + rows_duplicate + rows_late``; ``good`` conforms to its
    contract and lies in the window; ``quarantine`` holds one row for each quarantined or late one.
    """

    good: pa.Table
    """In order of arrival; which of several repetitions is kept does not depend on it."""
    quarantine: pa.Table
    rows_in: int
    rows_published: int
    rows_quarantined: int
    rows_duplicate: int
    rows_late: int

    @property
    def quarantined_ratio(self) -> float:
        """Share of the received rows that were put aside for what they are."""
        return self.rows_quarantined / self.rows_in if self.rows_in else 0.0

    @property
    def duplicate_ratio(self) -> float:
        """Share of the received rows that repeat another one."""
        return self.rows_duplicate / self.rows_in if self.rows_in else 0.0


def split(
    table: Table,
    received: Sequence[Received],
    *,
    window: Window,
    source: str,
    rejects: Sequence[Rejected] = (),
    redact: Redaction | None = None,
) -> Split:
    """Divide what ``source`` delivered for ``window`` into rows to publish and rows put aside.

    Args:
        table: The contract.
        received: All batches of the window: a key is unique across them.
        window: The window that was asked for.
        source: Configured name of the source; fills a missing ``source`` column.
        rejects: What could not be read at all; each counts as a row.
        redact: Applied to everything that is kept of rows put aside.

    Raises:
        ContractError: The rows as a whole are not of this table: a column is missing, unknown or of another type.
    """
    judged = [_Judged.of(table, batch, number, window, source) for number, batch in enumerate(received)]
    rows = pa.concat_tables([table.empty(), *(part.good for part in judged)], promote_options="none")
    rows = rows.unify_dictionaries()  # batches encode their labels each on their own
    origin = _Origin(judged)
    settled = settle(table, rows, origin.locator)
    aside = [item for part in judged for item in part.put_aside()]
    aside += [_rejected(item) for item in rejects]
    aside += origin.put_aside(settled.losers, _conflict(table))
    distinct = list({(item.locator, item.raw_sha256): item for item in aside}.values())
    late = sum(item.reason.code == LATE for item in distinct)
    good = _without(rows, np.append(settled.duplicates, settled.losers))
    return Split(
        good=good,
        quarantine=to_quarantine(table, distinct, source=source, window=window, redact=redact),
        rows_in=sum(batch.rows.num_rows for batch in received) + len(rejects),
        rows_published=good.num_rows,
        rows_quarantined=len(distinct) - late,
        rows_duplicate=settled.duplicates.size + len(aside) - len(distinct),
        rows_late=late,
    )


def _rejected(item: Rejected) -> PutAside:
    return PutAside(item.locator, Reason(item.reason_code, item.detail, item.column_name), item.raw)


def _conflict(table: Table) -> Reason:
    return Reason(CONFLICT, f"another row has the same key ({', '.join(table.key)}) and other content; it was kept")


def _without(rows: pa.Table, positions: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> pa.Table:
    if positions.size == 0:
        return rows
    keep = np.ones(rows.num_rows, bool)
    keep[positions] = False
    return rows.filter(pa.array(keep))


@dataclass(frozen=True, slots=True)
class _Judged:
    """One batch after the judgement of its rows, each by itself."""

    batch: Received
    number: int
    good: pa.Table
    kept: np.ndarray[tuple[int, ...], np.dtype[np.int64]] | None
    """Positions of ``good`` in the batch; null: all of it."""
    reasons: tuple[tuple[Reason, Mask], ...]

    @classmethod
    def of(cls, table: Table, batch: Received, number: int, window: Window, source: str) -> _Judged:
        rows = batch.rows
        if "source" in table.names and "source" not in rows.column_names:
            label = pa.DictionaryArray.from_arrays(np.zeros(rows.num_rows, np.int32), pa.array([source]))
            rows = rows.append_column("source", label)
        shaped, reasons = _reasons(table, rows, window, source)
        if not reasons:
            return cls(batch, number, shaped.cast(table.to_arrow()), None, ())
        keep = ~np.logical_or.reduce([mask for _, mask in reasons])
        good = shaped.filter(pa.array(keep)).cast(table.to_arrow())
        return cls(batch, number, good, np.flatnonzero(keep), tuple(reasons))

    def position(self, place: int) -> int:
        """Return where the row at ``place`` of ``good`` stood in the batch."""
        return place if self.kept is None else int(self.kept[place])

    def locator(self, position: int) -> str:
        """Return where the row at ``position`` of the batch stood in its source."""
        told = None if self.batch.locators is None else self.batch.locators[position].as_py()
        return f"batch {self.number}, row {position}" if told is None else str(told)

    def put_aside(self) -> list[PutAside]:
        """Return the rows that are not good: the first reason names them, the detail tells all."""
        if not self.reasons:
            return []
        matrix = np.stack([mask for _, mask in self.reasons], axis=1)
        positions = np.flatnonzero(matrix.any(axis=1))
        combinations, which = np.unique(matrix[positions], axis=0, return_inverse=True)
        merged = [_merged([r for (r, _), hit in zip(self.reasons, c, strict=True) if hit]) for c in combinations]
        raws = raw_texts(self.batch.rows.take(pa.array(positions)))
        return [
            PutAside(self.locator(int(at)), merged[int(number)], raw)
            for at, number, raw in zip(positions, which.ravel(), raws, strict=True)
        ]


def _merged(reasons: list[Reason]) -> Reason:
    return Reason(reasons[0].code, "; ".join(reason.detail for reason in reasons), reasons[0].column)


def _reasons(table: Table, rows: pa.Table, window: Window, source: str) -> tuple[pa.Table, list[tuple[Reason, Mask]]]:
    """Return shaped rows and every reason that hits at least one of them, the gravest first."""
    shaped, misfits = shaped_rows(table, rows)
    unreadable = {misfit.column.name: misfit.mask for misfit in misfits}
    found = [
        (Reason(WRONG_TYPE, f"column `{name}` must be a {table.column(name).kind}", name), mask)
        for name, mask in unreadable.items()
    ]
    for column, rule, mask in broken_promises(table, shaped):
        readable = mask & ~unreadable[column.name] if column.name in unreadable else mask
        found.append((Reason(rule.code, f"column `{column.name}` must be {rule.description}", column.name), readable))
    found += _misplaced(table, shaped, window, source)
    return shaped, [(reason, mask) for reason, mask in found if mask.any()]


def _misplaced(table: Table, shaped: pa.Table, window: Window, source: str) -> list[tuple[Reason, Mask]]:
    found = []
    if "source" in table.names:
        foreign = _true(pc.not_equal(shaped["source"].cast(pa.string()), source))
        found.append((Reason(WRONG_SOURCE, f"column `source` must be `{source}`", "source"), foreign))
    times = shaped[table.time]
    instant = times.type
    after = _true(pc.greater_equal(times, pa.scalar(window.end, instant)))
    absurd = _true(pc.less(times, pa.scalar(PLAUSIBLE_FROM, instant)))
    early = _true(pc.less(times, pa.scalar(window.start, instant)))
    wanted = f"column `{table.time}` must lie in the window"
    found.append((Reason(OUT_OF_WINDOW, f"{wanted}: it is not before its end", table.time), after))
    found.append((Reason(OUT_OF_WINDOW, f"{wanted}: it is before {PLAUSIBLE_FROM:%Y}", table.time), absurd))
    found.append((Reason(LATE, f"{wanted}: it is before its begin", table.time), early & ~absurd))
    return found


def _true(mask: pa.ChunkedArray) -> Mask:
    return np.asarray(pc.fill_null(mask, fill_value=False).to_numpy(zero_copy_only=False), dtype=bool)


class _Origin:
    """Knows where each row of the concatenated good rows came from."""

    def __init__(self, judged: Sequence[_Judged]) -> None:
        self._judged = judged
        self._ends = np.cumsum([part.good.num_rows for part in judged], dtype=np.int64)

    def _find(self, at: int) -> tuple[_Judged, int]:
        number = int(np.searchsorted(self._ends, at, side="right"))
        part = self._judged[number]
        return part, part.position(at - int(self._ends[number]) + part.good.num_rows)

    def locator(self, at: int) -> str:
        """Return where the row at position ``at`` of all good rows stood."""
        part, position = self._find(at)
        return part.locator(position)

    def put_aside(self, positions: np.ndarray[tuple[int, ...], np.dtype[np.int64]], reason: Reason) -> list[PutAside]:
        """Put the rows at ``positions`` of all good rows aside."""
        aside = []
        for at in positions.tolist():
            part, position = self._find(at)
            raw = raw_texts(part.batch.rows.slice(position, 1))[0]
            aside.append(PutAside(part.locator(position), reason, raw))
        return aside
