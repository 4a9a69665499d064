"""What the jobs ask of the warehouse: result tables, runs, leases and the ticket outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from aiops_jobs.contracts.table import Table
from aiops_jobs.core.tickets.pacing import Pace
from aiops_jobs.ports.checks import Check
from aiops_jobs.ports.lake import InputFile
from aiops_jobs.ports.sinks import DeliveryOutcome, Ticket
from aiops_jobs.window import Window


@dataclass(frozen=True, slots=True)
class Filter:
    """``column = value`` or, for a sequence, ``column in values``."""

    column: str
    value: Any


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows to publish into one table: all that the run knows about ``span``.

    Later knowledge wins, and equal knowledge keeps its first witness, so the order of runs does not matter:

    * a stored row with the same key and equal content (lineage columns aside) keeps the lineage of the earlier
      ``as_of``; with other content, the row of the later ``as_of`` stays;
    * a stored row of the table whose time lies in ``span``, that matches ``scope``, whose ``as_of`` is not later
      than this run's and that is not in ``rows``, is deleted;
    * a row whose key is not stored and whose time lies in the span of a completed run of the same job with a
      later ``as_of`` is not inserted: that run knew better.

    Rows whose time lies before ``span`` are upserted by the first rule and never delete anything.
    """

    table: Table
    rows: pa.Table
    scope: tuple[Filter, ...] = ()
    span: Window | None = None
    """Defaults to the run's span."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The question a run answers, and what it used."""

    run_id: str
    job: str
    window: Window
    span: Window
    """What the run speaks about: its window and the look-back it revises."""
    as_of: datetime
    code_version: str
    config_hash: str
    parameters: str
    input_manifest_id: str | None = None
    rows_in: int = 0
    rows_published: int = 0


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything a run concluded; committed in one transaction or not at all."""

    run: RunRecord
    tables: tuple[TableRows, ...] = ()
    inputs: tuple[InputFile, ...] = ()
    quality: pa.Table | None = None
    """Rows of ``quality_results``."""
    health: pa.Table | None = None
    """Rows of ``source_health``."""
    outbox: pa.Table | None = None
    """Rows of ``ticket_outbox``; a row already there keeps its state."""
    upserts: tuple[TableRows, ...] = ()
    """Rows written by key alone, without window semantics (``model_versions``, ``policies``, …)."""


class Lease(Protocol):
    """The right to publish; renewed in the background while held."""

    token: int

    def verify(self) -> None:
        """Raise ``Superseded`` if another process has taken over."""


class Warehouse(Protocol):
    """Result tables, runs, leases and the ticket outbox."""

    def check(self) -> Sequence[Check]:
        """Connect, compare the schema with the contracts, tell what is missing."""

    def migrate(self) -> None:
        """Bring the schema to the newest version."""

    def read(
        self,
        table: Table,
        *,
        window: Window | None = None,
        where: Sequence[Filter] = (),
        order_by: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> pa.Table:
        """Return conforming rows; ``window`` filters the table's time column; default order is the key."""

    def lease(self, name: str) -> AbstractContextManager[Lease]:
        """Hold ``name`` exclusively.

        Raises:
            Superseded: Somebody else holds it and is alive.
        """

    def begin(self, run: RunRecord) -> str:
        """Record that a try at ``run`` starts; return its ``attempt_id``."""

    def publish(self, publication: Publication, *, attempt_id: str, lease: Lease) -> None:
        """Commit ``publication`` and mark run and try completed, in one transaction guarded by ``lease``."""

    def fail(self, run: RunRecord, *, attempt_id: str, error: str) -> None:
        """Record that the try failed; an earlier completed publication of the run stays."""

    def claim_outbox(
        self, endpoint: str, *, limit: int, first_tries_only: bool = False, without_new_tickets: bool = False
    ) -> list[dict[str, Any]]:
        """Lease due rows of the outbox to this process, oldest and lowest ``sequence`` first, one per external key."""

    def intend_outbox(self, row: Mapping[str, Any], target_key: str) -> None:
        """Note, before it happens, that a claimed call is about to create the ticket ``target_key``."""

    def settle_outbox(self, row: Mapping[str, Any], outcome: DeliveryOutcome, pace: Pace | None = None) -> None:
        """Record the outcome of one call, and the ticket as seen, in one transaction; refuse a lost lease."""

    def enqueue_outbox(self, rows: pa.Table) -> None:
        """Put further calls into the outbox; one already there keeps its state."""

    def retry_outbox(self, outbox_id: str) -> None:
        """Make a dead letter due again."""

    def see_ticket(self, known: Mapping[str, Any], ticket: Ticket | None) -> bool:
        """Record a ticket that was looked for; tell whether it was still the newest one of its key.

        Args:
            known: Row of ``tickets`` that was looked for.
            ticket: As its system told it; null where it was not found.
        """

    def add_feedback(self, table: Table, rows: pa.Table) -> None:
        """Add rows of ``labels`` or ``incident_outcomes``; what is there already stays as it is."""

    def opened_since(self, endpoint: str, since: datetime) -> int:
        """Return how many new tickets a sink has taken since an instant."""

    def pace_of(self, endpoint: str) -> Pace | None:
        """Return how a sink is doing; null if it was never called."""

    def save_pace(self, endpoint: str, pace: Pace) -> None:
        """Remember how a sink is doing."""

    def stopped(self, name: str) -> str | None:
        """Return why people have stopped something; null if they have not."""

    def switch(self, name: str, reason: str, *, stop: bool, by: str) -> None:
        """Stop or start something, by its name."""

    def now(self) -> datetime:
        """Return the instant by the clock leases, tries and the outbox go by."""
