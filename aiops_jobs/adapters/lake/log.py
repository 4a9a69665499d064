"""The Delta log of one table: what is current, what was ever written, and commits that happen wholly or not at all.

A commit succeeds only on the very version it was planned on (no automatic merging of concurrent commits), so whoever
loses a race plans again on what the winner left. Every commit names the parts it brought in its own metadata, those too
that are not current because something known later stands over them; from these records the lake answers as of any time.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import Schema
from deltalake.transaction import PostCommitHookProperties

from aiops_jobs.adapters import clock
from aiops_jobs.adapters.files import make_folder, sync
from aiops_jobs.adapters.lake.actions import Change, listed, parse_entry
from aiops_jobs.adapters.lake.encoding import delta_schema
from aiops_jobs.adapters.lake.parts import Part, to_micros
from aiops_jobs.contracts.table import Table
from aiops_jobs.errors import ConfigurationError, ConnectorError, ConnectorUnavailable

LOG_FOLDER = "_delta_log"
CHECKPOINT_EVERY = 100
_CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",  # the log holds the records; `maintain` cleans it when it has copied them
    "delta.setTransactionRetentionDuration": "interval 30 days",
}
_STRICT = CommitProperties(max_commit_retries=0)
_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)  # ours are durable
_FIRST_BATCH = 256
_MAX_TRIES = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The current parts of a table; those of one source never overlap."""

    version: int
    parts: tuple[Part, ...]


@dataclass(slots=True)
class _Memory:
    """What this process has read of the log so far."""

    snapshot: Snapshot | None = None
    parsed: dict[str, Part] = field(default_factory=dict)
    records: list[Part] = field(default_factory=list)
    records_version: int = -1
    complete_version: int = -1
    is_shaped: bool = False


class TableLog:
    """One table's log.

    Args:
        folder: Of the table.

    Invariants: a snapshot is immutable and consistent; `commit` on an outdated one changes nothing.
    """

    def __init__(self, folder: Path, table: Table) -> None:
        self.folder = folder
        self._contract = table
        self._lock = threading.RLock()
        self._delta: DeltaTable | None = None
        self._memory = _Memory()

    def current(self) -> Snapshot | None:
        """Return the newest snapshot, or ``None`` where the table was never written."""
        with self._lock:
            delta = self._refreshed()
            if delta is None:
                return None
            memory = self._memory
            if memory.snapshot is None or memory.snapshot.version != delta.version():
                memory.snapshot = Snapshot(delta.version(), self._parts(delta))
            return memory.snapshot

    def prepared(self) -> Snapshot:
        """Return the newest snapshot of a table that exists and has all columns of the contract.

        Raises:
            ConnectorUnavailable: Others change the table all the time; try again.
        """
        with self._lock:
            for _ in range(_MAX_TRIES):
                delta = self._refreshed()
                if delta is None:
                    self._create()
                elif self._memory.is_shaped or self._has_columns(delta):
                    snapshot = self.current()
                    if snapshot is not None:
                        return snapshot
        raise ConnectorUnavailable("lake", f"{self.folder} could not be prepared in {_MAX_TRIES} tries")

    def records(self) -> list[Part]:
        """Return every part that `commit` was ever told of and `maintain` has not let go, current ones included."""
        with self._lock:
            snapshot = self.current()
            if snapshot is None or self._delta is None:
                return []
            if self._memory.records_version < snapshot.version:
                self._read_records(self._delta, snapshot.version)
            known = {part.path for part in self._memory.records}
            return self._memory.records + [part for part in snapshot.parts if part.path not in known]

    def unsummarised(self) -> int:
        """Return how many commits came after the last that remembers everything before it; call `records` first."""
        with self._lock:
            return self._memory.records_version - self._memory.complete_version

    def commit(self, base: Snapshot, change: Change) -> int | None:
        """Commit ``change`` on ``base`` and make it durable; return its version, or ``None`` if ``base`` is outdated.

        The files of ``added`` must be durable already.

        Raises:
            ConnectorUnavailable: The store refuses for now.
        """
        with self._lock:
            delta = self._refreshed()
            if delta is None or delta.version() != base.version:
                return None
            now_ms = to_micros(clock.now()) // 1000
            transactions = [Transaction(*change.transaction, now_ms)] if change.transaction else None
            try:
                delta.create_write_transaction(
                    change.actions(self.folder, self._contract.time, at_ms=now_ms),
                    mode="append",
                    schema=delta_schema(self._contract),
                    commit_properties=CommitProperties(change.metadata(), 0, transactions),
                    post_commithook_properties=_HOOKS,
                )
            except CommitFailedError:
                return None
            except DeltaError as error:
                raise ConnectorUnavailable("lake", f"commit to {self.folder}: {_first_line(error)}") from error
            version = base.version + 1
            self._make_durable(version)
            if version % CHECKPOINT_EVERY == 0:
                self.checkpoint()
            return version

    def checkpoint(self, *, clean: bool = False) -> None:
        """Write a checkpoint of the newest version, durably; ``clean``: then drop log files past their retention."""
        with self._lock:
            delta = self._refreshed()
            if delta is None:
                return
            delta.create_checkpoint()
            log = self.folder / LOG_FOLDER
            for path in (*log.glob(f"{delta.version():020d}.checkpoint*.parquet"), log / "_last_checkpoint", log):
                sync(path)
            if clean:
                delta.cleanup_metadata()

    # --- how -----------------------------------------------------------------------------------------------------

    def _refreshed(self) -> DeltaTable | None:
        if not (self.folder / LOG_FOLDER).is_dir():  # never written, or deleted under our feet
            self._delta, self._memory = None, _Memory()
            return None
        if self._delta is not None:
            try:
                self._delta.update_incremental()
            except DeltaError:  # the log was cleaned behind our back
                self._delta = None
        if self._delta is None:
            self._delta = self._opened()
        return self._delta

    def _opened(self) -> DeltaTable | None:
        try:
            return DeltaTable(str(self.folder))
        except TableNotFoundError:
            return None
        except DeltaError as error:
            if not self._set_torn_entry_aside():
                raise ConnectorError("lake", f"log of {self.folder}: {_first_line(error)}") from error
        return DeltaTable(str(self.folder))

    def _set_torn_entry_aside(self) -> bool:
        """Rename the newest entry if a power cut tore it; no commit is acknowledged before its entry is durable."""
        newest = max((self.folder / LOG_FOLDER).glob("*.json"), default=None)
        if newest is None:
            return False
        try:
            for line in newest.read_bytes().splitlines():
                json.loads(line)
        except ValueError:
            newest.rename(newest.with_suffix(".torn"))
            return True
        return False

    def _create(self) -> None:
        make_folder(self.folder)
        try:
            self._delta = DeltaTable.create(
                str(self.folder),
                schema=delta_schema(self._contract),
                name=self._contract.name,
                description=self._contract.grain,
                configuration=_CONFIGURATION,
                commit_properties=_STRICT,
                post_commithook_properties=_HOOKS,
            )
        except DeltaError as error:
            if self._refreshed() is None:
                raise ConnectorUnavailable("lake", f"creating {self.folder}: {_first_line(error)}") from error
            return
        sync(self.folder)
        self._make_durable(0)

    def _has_columns(self, delta: DeltaTable) -> bool:
        """Tell whether all columns of the contract are there; if not, try to add them."""
        present = {field.name for field in delta.schema().fields}
        missing = [field.with_nullable(True) for field in delta_schema(self._contract) if field.name not in present]
        self._memory.is_shaped = not missing
        if missing:
            fields = Schema.from_arrow(pa.schema(missing)).fields
            try:
                delta.alter.add_columns(fields, commit_properties=_STRICT, post_commithook_properties=_HOOKS)
                self._make_durable(delta.version())
            except CommitFailedError:
                return False
        return self._memory.is_shaped

    def _make_durable(self, version: int) -> None:
        """Flush commit ``version`` and the one it stands on, whose author may have died before doing so."""
        log = self.folder / LOG_FOLDER
        for path in (log / f"{number:020d}.json" for number in (version - 1, version)):
            if path.exists():
                sync(path)
        sync(log)

    def _parts(self, delta: DeltaTable) -> tuple[Part, ...]:
        parsed: dict[str, Part] = {}
        for path, part in listed(pa.table(delta.get_add_actions()), self._contract.time, self._memory.parsed):
            if part is None:
                raise ConfigurationError(
                    "lake_root",
                    f"holds the file {path} in table `{self._contract.name}`, which this program did not write",
                    remedy="Restore the table to the version before (no OPTIMIZE, no writes by others).",
                )
            parsed[path] = part
        self._memory.parsed = parsed
        return tuple(sorted(parsed.values(), key=lambda part: (part.source, part.span)))

    def _read_records(self, delta: DeltaTable, version: int) -> None:
        """Bring the records to ``version``, reading commits backwards until one that remembers all before it."""
        memory = self._memory
        is_first = memory.records_version < 0
        limit = _FIRST_BATCH if is_first else version - memory.records_version
        while True:
            commits = delta.history(limit)
            parts: list[Part] = []
            for commit in commits:
                entry = parse_entry(commit)
                parts += entry.parts
                if entry.is_complete:
                    memory.complete_version = commit["version"]
                    break
            else:
                if is_first and len(commits) == limit:
                    limit *= 8
                    continue
                parts += memory.records
            memory.records, memory.records_version = parts, version
            return


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
