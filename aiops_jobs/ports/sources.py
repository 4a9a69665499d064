"""What the jobs ask of systems that telemetry is read from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from aiops_jobs.contracts.table import Table
from aiops_jobs.ports.checks import Check
from aiops_jobs.window import Window


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read: it goes to quarantine, its siblings go on."""

    locator: str
    reason_code: str
    detail: str
    raw: str
    column_name: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table as a source delivered them.

    Args:
        rows: Columns of the table's contract (nullable ones may be missing), not yet judged.
        locators: Where each row stood (``file:line``, ``page/index``), as long as ``rows``; ``None`` where
            the source has no such place: then the position in the batch is used.
        rejects: What could not even be read.
    """

    rows: pa.Table
    locators: pa.Array | None = None
    rejects: tuple[Reject, ...] = ()


class Source(Protocol):
    """A system telemetry is read from."""

    name: str
    tables: Sequence[Table]
    """Contracts it can deliver."""

    def check(self) -> Sequence[Check]:
        """Ask the system who it is and whether we may read; never raise for its answer."""

    def extract(self, table: Table, window: Window) -> Iterator[Batch]:
        """Yield the rows of ``table`` whose time lies in ``window``.

        Raises:
            ConnectorUnavailable: The system cannot answer now; the whole window is to be tried again.
            ConnectorError: It refuses.
        """
