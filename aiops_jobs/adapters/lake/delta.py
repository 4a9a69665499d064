"""The lake as Delta tables of our own Parquet parts: windows are replaced atomically, every past can be read again."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from aiops_jobs.adapters.files import locked
from aiops_jobs.adapters.lake.encoding import read_verified, within
from aiops_jobs.adapters.lake.log import Snapshot, TableLog
from aiops_jobs.adapters.lake.order import arranged, with_canonical_labels
from aiops_jobs.adapters.lake.painter import Piece, resolve
from aiops_jobs.adapters.lake.parts import Part, Span, to_micros
from aiops_jobs.adapters.lake.upkeep import forget, sweep
from aiops_jobs.adapters.lake.writing import WindowWrite, conforming
from aiops_jobs.contracts.table import Table
from aiops_jobs.errors import ConfigurationError, ConnectorUnavailable, ContractError, CorruptPartError
from aiops_jobs.ports import LakeCommit, LakeRead
from aiops_jobs.window import Window

ORPHAN_GRACE = timedelta(days=1)
_MAX_TRIES = 100
_MAX_PAUSE_S = 0.25
_MAX_READS = 5


class DeltaLake:
    """One Delta table a contract table, at ``<root>/<table>``.

    Args:
        root: A local folder; made when the first table is written.
        orphan_grace: How long a file without a commit may still belong to a living writer.

    Invariants: what Delta shows is what is known last; what was known before is on record; an acknowledged write is on
    the disk; two writers never both win one version. Safe for threads and processes; not to be carried over a fork.
    """

    def __init__(self, root: Path | str, *, orphan_grace: timedelta = ORPHAN_GRACE) -> None:
        if "://" in str(root) or "%" in str(root):  # delta-rs decodes the escape in local paths, too
            raise ConfigurationError(
                "lake_root",
                f"is {root}, an object store or a path with a percent sign",
                remedy="Use a local folder without percent signs; object stores are not built yet.",
            )
        self.root = Path(root).absolute()
        self._orphan_grace = orphan_grace
        self._logs: dict[str, TableLog] = {}
        self._lock = threading.Lock()
        self._dice = random.SystemRandom()

    def write(self, table: Table, rows: pa.Table, *, source: str, window: Window, as_of: datetime) -> LakeCommit:
        """Replace what ``source`` has in ``window`` by ``rows``, atomically and durably.

        Where a reader at ``as_of`` would see these very rows already, nothing happens: equal knowledge keeps its first
        witness. Where something learned later than ``as_of`` is there, it stays current, and the write is recorded for
        readers as of before it. No rows is knowledge too: the window is then covered and empty.

        Raises:
            ContractError: The rows are not the table's, or lie outside the window.
            CorruptPartError: A part that is partly replaced is damaged.
            ConnectorUnavailable: Others kept winning, or the file system refuses; try again.
        """
        log = self._log(table)
        write = WindowWrite(
            table,
            conforming(table, rows, window),
            log.folder,
            lambda pieces: self._rows(table, pieces, table.names)[0],
            source=source,
            window=window,
            as_of=to_micros(as_of),
        )
        with locked(self._lock_file(table), exclusive=False):
            for attempt in range(_MAX_TRIES):
                snapshot = log.prepared()
                known = _view(log, snapshot, within=write.span, as_of=write.as_of, sources={source})
                if write.repeats(known):
                    return _commit(table, snapshot.version, [piece.part for piece in known], changed=False)
                parts, change = write.plan([part for part in snapshot.parts if part.source == source])
                version = log.commit(snapshot, change)
                if version is not None:
                    return _commit(table, version, parts, changed=True)
                time.sleep(self._dice.uniform(0, min(_MAX_PAUSE_S, 0.002 * 2**attempt)))
        raise ConnectorUnavailable("lake", f"`{table.name}` was changed by others {_MAX_TRIES} times in a row")

    def read(
        self,
        table: Table,
        window: Window,
        *,
        as_of: datetime | None = None,
        columns: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
    ) -> LakeRead:
        """Return the rows whose time lies in ``window``, sorted by the table's key, as known at ``as_of``.

        Args:
            as_of: Null: everything known.
            columns: These, in this order; null: all.
            sources: Writers to listen to; null: all.

        Raises:
            CorruptPartError: A file that was read is not what was written.
        """
        wanted = list(table.names if columns is None else columns)
        unknown = [f"column `{name}` is unknown" for name in wanted if name not in table.names]
        if unknown:
            raise ContractError(table.name, unknown)
        log = self._log(table)
        snapshot = log.current()
        for attempt in range(_MAX_READS):
            if snapshot is None:
                break
            pieces = _view(
                log,
                snapshot,
                within=Span.of(window),
                as_of=None if as_of is None else to_micros(as_of),
                sources=None if sources is None else set(sources),
            )
            try:
                rows, parts = self._rows(table, pieces, wanted)
            except CorruptPartError:  # or replaced and swept while we were reading: then there is something newer
                newest = log.current()
                if newest == snapshot or attempt == _MAX_READS - 1:
                    raise
                snapshot = newest
                continue
            return LakeRead(rows, tuple(part.to_input(table.name) for part in parts))
        return LakeRead(table.empty().select(wanted), ())

    def windows(self, table: Table, *, source: str | None = None, as_of: datetime | None = None) -> list[Window]:
        """Return the windows of the writes that answer for some instant as of ``as_of``, in order, each once.

        Together they cover exactly what was ever asked for; a window wholly replaced by others is not listed.
        """
        log = self._log(table)
        snapshot = log.current()
        if snapshot is None:
            return []
        known = None if as_of is None else to_micros(as_of)
        pieces = _view(log, snapshot, within=None, as_of=known, sources=None if source is None else {source})
        return [span.to_window() for span in sorted({piece.part.window for piece in pieces})]

    def maintain(self, table: Table, *, keep: timedelta, as_of: datetime) -> int:
        """Remove files no reader as of ``as_of`` minus ``keep`` or later needs, and what dead writers left behind.

        Returns:
            How many files were removed.
        """
        log = self._log(table)
        gone = forget(log, cut=to_micros(as_of - keep))
        if log.current() is None:
            return 0
        with locked(self._lock_file(table), exclusive=True):
            return sweep(log, gone=gone, orphan_grace=self._orphan_grace)

    def _log(self, table: Table) -> TableLog:
        with self._lock:
            if table.name not in self._logs:
                self._logs[table.name] = TableLog(self.root / table.name, table)
            return self._logs[table.name]

    def _lock_file(self, table: Table) -> Path:
        return self.root / f".{table.name}.lock"

    def _rows(self, table: Table, pieces: Iterable[Piece], wanted: Sequence[str]) -> tuple[pa.Table, list[Part]]:
        """Return the rows of ``pieces``, arranged, and the parts that were opened for them."""
        spans: dict[Part, list[Span]] = defaultdict(list)
        for piece in pieces:
            if _may_hold_rows(piece):
                spans[piece.part].append(piece.span)
        parts = sorted(spans, key=lambda part: part.path)
        if not parts:
            return table.empty().select(list(wanted)), []
        needed = {*wanted, table.time, *(table.key if len(parts) > 1 else ())}
        names = [name for name in table.names if name in needed]
        found = pa.concat_tables([self._part_rows(table, part, spans[part], names) for part in parts])
        if len(parts) > 1:
            return arranged(table, found).select(list(wanted)), parts
        return with_canonical_labels(found.select(list(wanted))), parts

    def _part_rows(self, table: Table, part: Part, spans: Sequence[Span], names: Sequence[str]) -> pa.Table:
        path = self.root / table.name / part.path
        try:
            rows = read_verified(table, path, part.sha256, names)
        except FileNotFoundError as error:
            raise CorruptPartError(str(path), part.sha256, "none, as the file is missing") from error
        except OSError as error:
            raise ConnectorUnavailable("lake", f"{path}: {error.strerror or type(error).__name__}") from error
        if len(spans) == 1 and _holds(spans[0], part):
            return rows
        return within(rows, table.time, spans)


def _view(
    log: TableLog, snapshot: Snapshot, *, within: Span | None, as_of: int | None, sources: set[str] | None
) -> list[Piece]:
    """Return who answers for which interval as of ``as_of``.

    Where everything current was known at ``as_of``, it is the answer: whatever else is on record is older. Only where
    something current was learned later have the records to be asked.
    """
    current = [
        part
        for part in snapshot.parts
        if (sources is None or part.source in sources) and (within is None or part.span.overlaps(within))
    ]
    if as_of is None or all(part.as_of <= as_of for part in current):
        return [Piece(part, part.span if within is None else part.span.clipped(within)) for part in current]
    records = (part for part in log.records() if sources is None or part.source in sources)
    return resolve(records, as_of=as_of, within=within)


def _may_hold_rows(piece: Piece) -> bool:
    part, span = piece
    if part.rows == 0:
        return False
    return part.first is None or part.latest is None or (part.first < span.end and part.latest >= span.start)


def _holds(span: Span, part: Part) -> bool:
    return part.first is not None and part.latest is not None and span.start <= part.first and part.latest < span.end


def _commit(table: Table, version: int, parts: Iterable[Part], *, changed: bool) -> LakeCommit:
    return LakeCommit(version, tuple(part.to_input(table.name) for part in parts), changed)
