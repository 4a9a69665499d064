"""One write on its way into the lake: checked, encoded once, planned as often as others get in between."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.adapters.files import sha256_of, write_atomic
from aiops_jobs.adapters.lake.actions import Change
from aiops_jobs.adapters.lake.encoding import encoded
from aiops_jobs.adapters.lake.order import arranged
from aiops_jobs.adapters.lake.painter import Piece, subtract
from aiops_jobs.adapters.lake.parts import Part, Span, part_path
from aiops_jobs.adapters.lake.placing import find_place
from aiops_jobs.contracts.table import Table
from aiops_jobs.errors import ConnectorUnavailable, ContractError, CorruptPartError
from aiops_jobs.window import Window


def conforming(table: Table, rows: pa.Table, window: Window) -> pa.Table:
    """Return ``rows`` shaped and arranged, after the checks that cost next to nothing.

    Raises:
        ContractError: A column is missing or unknown, a required value is null, or a row lies outside ``window``.
    """
    shaped = rows if rows.schema.equals(table.to_arrow()) else table.shape(rows)
    nulls = [(column.name, shaped[column.name].null_count) for column in table.columns if column.is_required]
    problems = [f"column `{name}` must be never null: {count} rows are" for name, count in nulls if count]
    if shaped.num_rows and not problems:
        ends = pc.min_max(shaped[table.time]).as_py()
        if not (window.contains(ends["min"]) and window.contains(ends["max"])):
            problems.append(f"column `{table.time}` must lie in {window}: it spans {ends['min']} to {ends['max']}")
    if problems:
        raise ContractError(table.name, problems)
    return arranged(table, shaped)


class WindowWrite:
    """One write of one source's window.

    Args:
        rows: Conforming and arranged.
        folder: Of the table.
        read: Returns the rows of some pieces, arranged.

    Invariants: equal rows make equal files, so a part that exists already need not be told from one of ours.
    """

    def __init__(
        self,
        table: Table,
        rows: pa.Table,
        folder: Path,
        read: Callable[[Sequence[Piece]], pa.Table],
        *,
        source: str,
        window: Window,
        as_of: int,
    ) -> None:
        self.table, self.rows, self.folder = table, rows, folder
        self.source, self.span, self.as_of = source, Span.of(window), as_of
        self._read = read
        self._name = f"{source}/{window}"
        self._times = rows[table.time].cast(pa.int64()).to_numpy()
        self._encoded: dict[tuple[Part | None, Span], tuple[Part, memoryview]] = {}
        self._stored: set[str] = set()

    def plan(self, current: Sequence[Part]) -> tuple[list[Part], Change]:
        """Put files in place; return the write's own parts and the change that makes them known.

        Args:
            current: Current parts of the source.

        Raises:
            CorruptPartError: A part of which something is left over is damaged.
            ConnectorUnavailable: The file system refuses.
        """
        place = find_place(current, self.span, self.as_of, rows=self.rows.num_rows)
        shown = [self._own(span) for span in place.shown]
        hidden = [self._own(span) for span in place.hidden]
        kept = [self._leftover(piece) for piece in place.leftovers]
        self._store([*shown, *hidden, *kept])
        again = {part.path for part in shown}  # a piece of the write may be as it was: Delta adds it once more
        return [*shown, *hidden], Change(
            added=[*shown, *kept],
            recorded=hidden,
            removed=[part for part in place.removed if part.path not in again],
            transaction=(self._name, self.as_of),
        )

    def repeats(self, pieces: Sequence[Piece]) -> bool:
        """Tell whether ``pieces``, all that is known of the window at ``as_of``, are these very rows.

        Damaged files of theirs are mended, as the bytes are at hand.
        """
        if subtract(self.span, [piece.span for piece in pieces]):
            return False
        if any(piece.span != piece.part.span for piece in pieces):
            return self._equals(pieces)
        if sum(piece.part.rows for piece in pieces) != self.rows.num_rows:
            return False
        mine = [self._own(piece.span) for piece in pieces]
        if any(part.sha256 != piece.part.sha256 for part, piece in zip(mine, pieces, strict=True)):
            return False
        for part, piece in zip(mine, pieces, strict=True):
            path = self.folder / piece.part.path
            if not path.exists() or sha256_of(path) != part.sha256:
                self._write(piece.part.path, self._encoded[None, piece.span][1])
        return True

    def _equals(self, pieces: Sequence[Piece]) -> bool:
        """Compare row by row: the files were cut elsewhere, so their digests say nothing."""
        if sum(piece.part.rows for piece in pieces) < self.rows.num_rows:
            return False
        try:
            there = self._read(pieces)
        except CorruptPartError:
            return False
        return there.num_rows == self.rows.num_rows and encoded(self.table, there) == encoded(self.table, self.rows)

    def _own(self, span: Span) -> Part:
        if (None, span) not in self._encoded:
            inside = (self._times >= span.start) & (self._times < span.end)
            rows = self.rows if inside.all() else self.rows.filter(pa.array(inside))
            self._encoded[None, span] = self._encode(rows, window=self.span, span=span, as_of=self.as_of)
        return self._encoded[None, span][0]

    def _leftover(self, piece: Piece) -> Part:
        part, span = piece
        if (part, span) not in self._encoded:
            self._encoded[part, span] = self._encode(
                self._read([piece]), window=part.window, span=span, as_of=part.as_of
            )
        return self._encoded[part, span][0]

    def _encode(self, rows: pa.Table, *, window: Span, span: Span, as_of: int) -> tuple[Part, memoryview]:
        data = encoded(self.table, rows)
        sha256 = hashlib.sha256(data).hexdigest()
        ends = pc.min_max(rows[self.table.time].cast(pa.int64())).as_py()
        part = Part(
            path=part_path(self.source, window, span, as_of, sha256),
            source=self.source,
            window=window,
            span=span,
            as_of=as_of,
            sha256=sha256,
            rows=rows.num_rows,
            first=ends["min"],
            latest=ends["max"],
        )
        return part, data

    def _store(self, parts: Iterable[Part]) -> None:
        data = {part.path: content for part, content in self._encoded.values()}
        for part in parts:
            if part.path not in self._stored:
                self._write(part.path, data[part.path])
                self._stored.add(part.path)

    def _write(self, name: str, data: memoryview) -> None:
        try:
            write_atomic(self.folder / name, data)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ConnectorUnavailable("lake", f"{self.folder / name} ({len(data)} bytes): {reason}") from error
