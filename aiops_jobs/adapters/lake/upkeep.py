"""Forgetting: files nobody can ask for any more, what dead writers left behind, and log entries already copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.files import TEMPORARY_PREFIX
from aiops_jobs.adapters.lake.actions import Change
from aiops_jobs.adapters.lake.log import CHECKPOINT_EVERY, LOG_FOLDER, Snapshot, TableLog
from aiops_jobs.adapters.lake.painter import resolve
from aiops_jobs.adapters.lake.parts import Part
from aiops_jobs.errors import ConnectorUnavailable

_MAX_TRIES = 20


def forget(log: TableLog, *, cut: int) -> set[str]:
    """Let go of the records no reader at ``cut`` or later needs, in one commit; return the paths let go.

    Raises:
        ConnectorUnavailable: Writers are too busy; try again.
    """
    for _ in range(_MAX_TRIES):
        snapshot = log.current()
        if snapshot is None:
            return set()
        records = log.records()
        kept = _needed(records, snapshot, cut)
        gone = {part.path for part in records} - {part.path for part in kept}
        if not gone and log.unsummarised() < CHECKPOINT_EVERY:
            return set()
        if log.commit(snapshot, Change(records=kept)) is not None:
            log.checkpoint(clean=True)
            return gone
    raise ConnectorUnavailable("lake", f"{log.folder} changed {_MAX_TRIES} times while it was to be maintained")


def sweep(log: TableLog, *, gone: set[str], orphan_grace: timedelta) -> int:
    """Delete files: those in ``gone``, and those no record names that are older than the grace; return how many.

    The caller keeps writers out meanwhile. A file without a record younger than the grace may belong to a writer on
    another machine that is about to commit.
    """
    referenced = {part.path for part in log.records()}
    oldest = clock.now() - orphan_grace
    deleted = 0
    for path in list(_candidates(log.folder)):
        name = path.relative_to(log.folder).as_posix()
        if name in referenced:
            continue
        if name in gone or path.stat().st_mtime < oldest.timestamp():
            path.unlink()
            deleted += 1
            _drop_empty(path.parent, log.folder)
    return deleted


def _needed(records: list[Part], snapshot: Snapshot, cut: int) -> list[Part]:
    """Return what a reader at ``cut`` sees, everything learned since, and everything current.

    What is hidden at ``cut`` stays hidden: later knowledge only ever covers more.
    """
    visible = {piece.part for piece in resolve(records, as_of=cut)}
    current = {part.path for part in snapshot.parts}
    return [part for part in records if part in visible or part.as_of > cut or part.path in current]


def _candidates(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        in_log = LOG_FOLDER in path.relative_to(folder).parts
        is_part = not in_log and path.suffix == ".parquet"
        is_leftover = path.name.startswith(TEMPORARY_PREFIX) or (in_log and (path.suffix == ".tmp" or "#" in path.name))
        if is_part or is_leftover:
            yield path


def _drop_empty(folder: Path, top: Path) -> None:
    while folder != top:
        with suppress(OSError):
            folder.rmdir()
        if folder.exists():
            return
        folder = folder.parent
