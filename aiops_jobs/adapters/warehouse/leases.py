"""Leases: one process at a time, and a number that tells a late one that its time is over.

The number (a fencing token) grows by one with every new holder. Whoever commits proves in the same transaction that
his is still the newest: a process that slept through its lease cannot overwrite its successor.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import sqlalchemy as sa

from aiops_jobs.adapters.warehouse import process
from aiops_jobs.adapters.warehouse.engine import Database
from aiops_jobs.adapters.warehouse.schema import insert_into, sql_table
from aiops_jobs.contracts.operations import LEASES
from aiops_jobs.errors import ConnectorError, Superseded

log = logging.getLogger(__name__)
_LEASES = sql_table(LEASES)


class SqlLease:
    """A lease held by this process.

    Invariants: ``token`` is larger than that of every earlier holder of ``name``.
    """

    def __init__(self, keeper: LeaseKeeper, name: str, token: int, holder: str) -> None:
        self.name, self.token, self.holder = name, token, holder
        self._keeper = keeper

    def verify(self) -> None:
        """Raise ``Superseded`` if another process has taken over."""
        with self._keeper.database.reading() as connection:
            row = connection.execute(sa.select(_LEASES).where(_LEASES.c.lease_name == self.name)).one_or_none()
        if row is None or (row.lease_token, row.holder) != (self.token, self.holder):
            raise Superseded(self.name, _who(row.holder if row else None))

    def confirm(self, connection: sa.Connection) -> None:
        """Renew inside the transaction of ``connection``: nobody can take over before it ends.

        Raises:
            Superseded: Another process has taken over.
        """
        if not self._keeper.renew(connection, self):
            current = connection.execute(sa.select(_LEASES.c.holder).where(_LEASES.c.lease_name == self.name)).scalar()
            raise Superseded(self.name, _who(current))


class LeaseKeeper:
    """Grants, renews and ends leases.

    Args:
        clock: Asked for the instant; the clocks of machines that share a warehouse must agree better than ``lease_s``.
        lease_s: How long a lease lives without renewal.
        heartbeat_s: How often it is renewed while held.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime], lease_s: float, heartbeat_s: float) -> None:
        self.database = database
        self._clock = clock
        self._length = timedelta(seconds=lease_s)
        self._heartbeat_s = heartbeat_s

    @contextmanager
    def hold(self, name: str) -> Iterator[SqlLease]:
        """Hold ``name`` for the length of the block; a background thread renews it.

        Raises:
            Superseded: Somebody else holds it and is alive.
        """
        lease = self._acquire(name)
        done = threading.Event()
        beat = threading.Thread(target=self._beat, args=(lease, done), name=f"lease {name}", daemon=True)
        beat.start()
        try:
            yield lease
        finally:
            done.set()
            beat.join()
            self._release(lease)

    def renew(self, connection: sa.Connection, lease: SqlLease) -> bool:
        """Prolong ``lease``; tell whether it was still ours."""
        query = sa.update(_LEASES).where(*_ours(lease)).values(expires_at=self._clock() + self._length)
        return connection.execute(query).rowcount == 1

    def _acquire(self, name: str) -> SqlLease:
        now, holder = self._clock(), process.holder()
        with self.database.writing() as connection:
            first = insert_into(connection, _LEASES).values(lease_name=name, lease_token=0, started_at=now)
            connection.execute(first.on_conflict_do_nothing())
            row = connection.execute(sa.select(_LEASES).where(_LEASES.c.lease_name == name).with_for_update()).one()
            is_free = row.holder is None or row.expires_at <= now or process.is_dead(row.holder)
            if not is_free:
                raise Superseded(name, row.holder)
            token = row.lease_token + 1
            taken = {"lease_token": token, "holder": holder, "expires_at": now + self._length, "started_at": now}
            connection.execute(sa.update(_LEASES).where(_LEASES.c.lease_name == name).values(**taken))
        if row.holder is not None:
            log.warning("took over the lease `%s` from %s", name, row.holder)
        return SqlLease(self, name, token, holder)

    def _beat(self, lease: SqlLease, done: threading.Event) -> None:
        while not done.wait(self._heartbeat_s):
            # A database that is away for a moment costs a beat, not the run.
            with suppress(ConnectorError), self.database.writing() as connection:
                if not self.renew(connection, lease):
                    log.warning("lost the lease `%s`", lease.name)
                    return

    def _release(self, lease: SqlLease) -> None:
        released = sa.update(_LEASES).where(*_ours(lease)).values(holder=None, expires_at=self._clock())
        try:
            with self.database.writing() as connection:
                connection.execute(released)
        except ConnectorError as error:
            log.warning("the lease `%s` was not given back, it runs out: %s", lease.name, error)


def _ours(lease: SqlLease) -> tuple[sa.ColumnElement[bool], ...]:
    columns = _LEASES.c
    return columns.lease_name == lease.name, columns.lease_token == lease.token, columns.holder == lease.holder


def _who(holder: str | None) -> str:
    return holder or "nobody (it was given back)"
