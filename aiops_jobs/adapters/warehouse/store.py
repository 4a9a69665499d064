"""`SqlWarehouse`: the port ``Warehouse`` over one SQLite file or one PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aiops_jobs.adapters import clock as wall_clock
from aiops_jobs.adapters.warehouse import outbox, runs, seen
from aiops_jobs.adapters.warehouse import pace as pacing
from aiops_jobs.adapters.warehouse.engine import Database
from aiops_jobs.adapters.warehouse.filters import column_of, condition, inside
from aiops_jobs.adapters.warehouse.leases import LeaseKeeper, SqlLease
from aiops_jobs.adapters.warehouse.migration import Schema
from aiops_jobs.adapters.warehouse.publish import add_calls, add_new, prepared, publish
from aiops_jobs.adapters.warehouse.schema import sql_table
from aiops_jobs.adapters.warehouse.transfer import conforming, fetch
from aiops_jobs.contracts import Table
from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.core.tickets.pacing import Pace
from aiops_jobs.errors import AiopsError, Superseded
from aiops_jobs.ports import Check, DeliveryOutcome, Filter, Lease, Publication, RunRecord, Ticket
from aiops_jobs.window import Window


class SqlWarehouse:
    """Result tables, runs, leases and the ticket outbox.

    Invariants: a publication is visible completely or not at all; rows are the same whichever database holds them;
    nobody writes into a schema that is not exactly the one this code knows.

    Args:
        url: ``sqlite:////folder/file.db`` or ``postgresql://user@host/name``.
        clock: Asked for the instant, by leases, tries and the outbox; never by results.
        lease_s: How long a lease outlives its last renewal.
        heartbeat_s: How often a held lease is renewed.
        outbox_lease_s: How long a claimed call is left to its dispatcher: longer than a batch takes to send.
        busy_timeout_s: How long a writer of SQLite waits for its turn.

    Raises:
        ConfigurationError: The URL is none of the two.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], datetime] = wall_clock.now,
        lease_s: float = 60.0,
        heartbeat_s: float = 10.0,
        outbox_lease_s: float = 300.0,
        busy_timeout_s: float = 30.0,
    ) -> None:
        self.database = Database(url, busy_timeout_s=busy_timeout_s)
        self._clock = clock
        self._outbox_lease = timedelta(seconds=outbox_lease_s)
        self._schema = Schema(self.database)
        self._leases = LeaseKeeper(self.database, clock, lease_s, heartbeat_s)

    def check(self) -> Sequence[Check]:
        """Connect, compare the schema with the contracts, tell what is missing; changes nothing, never raises."""
        return self._schema.check()

    def migrate(self) -> None:
        """Bring the schema to the newest version; many processes may ask at once.

        Raises:
            ConfigurationError: A newer version of this package has changed the schema.
        """
        self._schema.migrate()

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def read(
        self,
        table: Table,
        *,
        window: Window | None = None,
        where: Sequence[Filter] = (),
        order_by: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> pa.Table:
        """Return conforming rows; ``window`` filters the table's time column; default order is the key.

        Args:
            order_by: Column names; a leading ``-`` turns the order round. Text is ordered by its bytes, nulls come
                last, and the key decides between equals.

        Raises:
            NotFoundError: The table or a column does not exist.
        """
        self._schema.ensure_current()
        target = sql_table(table)
        query = sa.select(target).where(*(condition(table, target, item) for item in where))
        if window is not None:
            query = query.where(inside(table, target, window))
        for name in (*(order_by or ()), *table.key):
            column = column_of(table, target, name.removeprefix("-"))
            query = query.order_by((column.desc() if name.startswith("-") else column.asc()).nulls_last())
        if limit is not None:
            query = query.limit(limit)
        with self.database.reading() as connection:
            return fetch(connection, table, target, query)

    def lease(self, name: str) -> AbstractContextManager[SqlLease]:
        """Hold ``name`` exclusively, renewed in the background.

        Raises:
            Superseded: Somebody else holds it and is alive.
        """
        self._schema.ensure_current()
        return self._leases.hold(name)

    def begin(self, run: RunRecord) -> str:
        """Record that a try at ``run`` starts; return its ``attempt_id``."""
        self._schema.ensure_current()
        with self.database.writing() as connection:
            return runs.begin(connection, run, self._clock())

    def publish(self, publication: Publication, *, attempt_id: str, lease: Lease) -> None:
        """Commit ``publication`` and mark run and try completed, in one transaction guarded by ``lease``.

        Raises:
            Superseded: Another process has taken over; nothing is written, the try is marked so.
            ContractError: Rows broke their contract; nothing is written, the try is marked failed.
        """
        if not isinstance(lease, SqlLease):
            raise TypeError(f"publish needs a lease of this warehouse, not {type(lease).__name__}.")
        self._schema.ensure_current()
        try:
            ready = prepared(publication)
            with self.database.writing() as connection:
                publish(connection, ready, attempt_id=attempt_id, lease=lease, now=self._clock())
        except AiopsError as error:
            status = "superseded" if isinstance(error, Superseded) else "failed"
            with suppress(AiopsError):  # what went wrong first is what counts
                self._end(publication.run, attempt_id, status, str(error))
            raise

    def fail(self, run: RunRecord, *, attempt_id: str, error: str) -> None:
        """Record that the try failed; an earlier completed publication of the run stays."""
        self._schema.ensure_current()
        self._end(run, attempt_id, "failed", error)

    def claim_outbox(
        self, endpoint: str, *, limit: int, first_tries_only: bool = False, without_new_tickets: bool = False
    ) -> list[dict[str, Any]]:
        """Lease due rows of the outbox to this process, oldest and lowest ``sequence`` first, one per external key.

        Args:
            first_tries_only: Leave what was tried before.
            without_new_tickets: Leave what would open a ticket; digests excepted.

        Returns:
            Rows with ``previous_state``: ``pending`` was surely not done, ``unknown`` and ``sending`` may have been;
            and ``known_remote_key``, ``known_state``, ``told_at`` of the ticket as last seen.
        """
        self._schema.ensure_current()
        with self.database.writing() as connection:
            return outbox.claim(
                connection,
                endpoint,
                limit=limit,
                now=self._clock(),
                lease=self._outbox_lease,
                first_tries_only=first_tries_only,
                without_new_tickets=without_new_tickets,
            )

    def intend_outbox(self, row: Mapping[str, Any], target_key: str) -> None:
        """Note, before it happens, that a claimed call is about to create the ticket ``target_key``."""
        with self.database.writing() as connection:
            outbox.intend(connection, row, target_key)

    def settle_outbox(self, row: Mapping[str, Any], outcome: DeliveryOutcome, pace: Pace | None = None) -> None:
        """Record the outcome of one call, the ticket as seen and how the sink is doing, in one transaction.

        Raises:
            Superseded: Another dispatcher has taken the row over.
        """
        self._schema.ensure_current()
        with self.database.writing() as connection:
            outbox.settle(connection, row, outcome, self._clock())
            if pace is not None:
                pacing.save(connection, row["endpoint"], pace, self._clock())

    def enqueue_outbox(self, rows: pa.Table) -> None:
        """Put further calls into the outbox; one already there keeps its state."""
        self._schema.ensure_current()
        with self.database.writing() as connection:
            add_calls(connection, conforming(TICKET_OUTBOX, rows), self._clock())

    def retry_outbox(self, outbox_id: str) -> None:
        """Make a dead letter due again.

        Raises:
            NotFoundError: There is no such dead letter.
        """
        self._schema.ensure_current()
        with self.database.writing() as connection:
            outbox.retry(connection, outbox_id, self._clock())

    def see_ticket(self, known: Mapping[str, Any], ticket: Ticket | None) -> bool:
        """Record a ticket that was looked for; tell whether it was still the newest one of its key."""
        self._schema.ensure_current()
        place = {name: known[name] for name in ("endpoint", "external_key", "subject_id")}
        with self.database.writing() as connection:
            return seen.see_again(connection, place, ticket, known["remote_key"], self._clock())

    def add_feedback(self, table: Table, rows: pa.Table) -> None:
        """Add what people said, or what became of incidents; what is there already stays as it is."""
        self._schema.ensure_current()
        with self.database.writing() as connection:
            add_new(connection, table, conforming(table, rows))

    def opened_since(self, endpoint: str, since: datetime) -> int:
        """Return how many new tickets a sink has taken since an instant."""
        with self.database.reading() as connection:
            return outbox.opened_since(connection, endpoint, since)

    def pace_of(self, endpoint: str) -> Pace | None:
        """Return how a sink is doing; null if it was never called."""
        with self.database.reading() as connection:
            return pacing.load(connection, endpoint)

    def save_pace(self, endpoint: str, pace: Pace) -> None:
        """Remember how a sink is doing."""
        with self.database.writing() as connection:
            pacing.save(connection, endpoint, pace, self._clock())

    def stopped(self, name: str) -> str | None:
        """Return why people have stopped something; null if they have not."""
        with self.database.reading() as connection:
            return pacing.stopped(connection, name)

    def switch(self, name: str, reason: str, *, stop: bool, by: str) -> None:
        """Stop or start something, by its name."""
        self._schema.ensure_current()
        with self.database.writing() as connection:
            pacing.switch(connection, name, reason, self._clock(), stop=stop, by=by)

    def now(self) -> datetime:
        """Return the instant by the clock leases, tries and the outbox go by."""
        return self._clock()

    def _end(self, run: RunRecord, attempt_id: str, status: str, error: str) -> None:
        with self.database.writing() as connection:
            runs.fail(connection, run, attempt_id, self._clock(), status=status, error=error)
