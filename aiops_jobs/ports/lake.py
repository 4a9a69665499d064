"""What the jobs ask of the lake: windowed tables of files whose past can be read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from aiops_jobs.contracts.table import Table
from aiops_jobs.window import Window


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of the lake that was read, as lineage records it."""

    path: str
    table_name: str
    sha256: str
    rows: int
    first_event_at: datetime | None
    latest_event_at: datetime | None


@dataclass(frozen=True, slots=True)
class LakeRead:
    """Rows of a window, with the files they came from."""

    rows: pa.Table
    inputs: tuple[InputFile, ...]


@dataclass(frozen=True, slots=True)
class LakeCommit:
    """What a write did."""

    version: int
    parts: tuple[InputFile, ...]
    changed: bool
    """False where the very same rows were already there."""


class Lake(Protocol):
    """Windowed tables of files: a window is replaced, never appended twice; the past can be read again."""

    def write(self, table: Table, rows: pa.Table, *, source: str, window: Window, as_of: datetime) -> LakeCommit:
        """Replace what ``source`` has in ``window`` by ``rows`` (conforming; time inside the window), atomically.

        ``source`` names the writer: a configured source, or a job that hands a result on. What was written with
        a later ``as_of`` stays current; every version stays readable by ``as_of`` until `maintain` removes it.
        """

    def read(
        self,
        table: Table,
        window: Window,
        *,
        as_of: datetime | None = None,
        columns: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
    ) -> LakeRead:
        """Return the rows whose time lies in ``window``, sorted by the table's key, as known at ``as_of``."""

    def windows(self, table: Table, *, source: str | None = None, as_of: datetime | None = None) -> list[Window]:
        """Return the windows that were written, in order: what is not covered here was never asked for."""

    def maintain(self, table: Table, *, keep: timedelta, as_of: datetime) -> int:
        """Remove files no longer referenced for longer than ``keep``; return how many."""
