"""The outbox: intended calls to sinks, each held by one dispatcher at a time, in order for each ticket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

import sqlalchemy as sa

from aiops_jobs.adapters.warehouse import process
from aiops_jobs.adapters.warehouse.schema import sql_table
from aiops_jobs.adapters.warehouse.seen import see, storable
from aiops_jobs.contracts.operations import TICKET_OUTBOX, TICKETS
from aiops_jobs.errors import NotFoundError, Superseded
from aiops_jobs.ports import DeliveryOutcome

WAITING = ("pending", "unknown")
UNSETTLED = (*WAITING, "sending")
DIGEST = "digest"
"""Prefix of the keys of tickets that speak for those held back."""

_OUTBOX = sql_table(TICKET_OUTBOX)
_BEFORE = _OUTBOX.alias()
_TICKETS = sql_table(TICKETS)


def claim(
    connection: sa.Connection,
    endpoint: str,
    *,
    limit: int,
    now: datetime,
    lease: timedelta,
    first_tries_only: bool = False,
    without_new_tickets: bool = False,
) -> list[dict[str, Any]]:
    """Take due calls to ``endpoint`` for this process; of each ticket only the first that is not settled.

    Args:
        first_tries_only: Leave what was tried before.
        without_new_tickets: Leave what would open a ticket; digests excepted.

    Returns:
        Rows as they are now, with ``previous_state``: ``pending`` was never sent (or surely refused), ``unknown`` and
        ``sending`` may have been; and what is known of the ticket: ``known_remote_key``, ``known_state``, ``told_at``
        (when a call about it was last answered).
    """
    columns, before = _OUTBOX.c, _BEFORE
    is_abandoned = (columns.lease_until <= now) | columns.holder.in_(_dead_holders(connection, endpoint))
    is_due = sa.or_(
        columns.outbox_state.in_(WAITING) & (columns.next_attempt_at.is_(None) | (columns.next_attempt_at <= now)),
        (columns.outbox_state == "sending") & is_abandoned,
    )
    same_ticket = (before.c.endpoint == columns.endpoint) & (before.c.external_key == columns.external_key)
    earlier = sa.tuple_(before.c.sequence, before.c.outbox_id) < sa.tuple_(columns.sequence, columns.outbox_id)
    has_predecessor = sa.exists().where(same_ticket, earlier, before.c.outbox_state.in_(UNSETTLED))
    query = (
        sa.select(_OUTBOX)
        .where(columns.endpoint == endpoint, is_due, ~has_predecessor.correlate(_OUTBOX))
        .order_by(columns.started_at, columns.sequence, columns.external_key, columns.outbox_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=_OUTBOX)
    )
    if first_tries_only:
        query = query.where(columns.attempt_count == 0)
    if without_new_tickets:
        query = query.where((columns.ticket_action != "create") | columns.external_key.like(f"{DIGEST}-%"))
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return [_taken(connection, row, now + lease) | _known(connection, row) for row in rows]


def intend(connection: sa.Connection, row: Mapping[str, Any], target_key: str) -> None:
    """Note, before it happens, that the call of a claimed ``row`` is about to create the ticket ``target_key``.

    Raises:
        Superseded: Another dispatcher has taken the row over.
    """
    meant = sa.update(_OUTBOX).where(_ours(row)).values(target_key=target_key)
    if connection.execute(meant).rowcount != 1:
        _lost(connection, row)


def retry(connection: sa.Connection, outbox_id: str, now: datetime) -> None:
    """Make a dead letter due again, as if it had been decided now.

    Raises:
        NotFoundError: There is no such dead letter.
    """
    columns = _OUTBOX.c
    state = sa.case((columns.target_key.is_(None), "pending"), else_="unknown")
    fresh = {"attempt_count": 0, "next_attempt_at": None, "enqueued_at": now, "told_until": None}
    dead = (columns.outbox_id == outbox_id) & (columns.outbox_state == "dead")
    if connection.execute(sa.update(_OUTBOX).where(dead).values(outbox_state=state, **fresh)).rowcount != 1:
        raise NotFoundError("dead letter", outbox_id, remedy="`aiops tickets --dead` lists them.")


def opened_since(connection: sa.Connection, endpoint: str, since: datetime) -> int:
    """Return how many new tickets were settled in a sink since an instant."""
    columns = _OUTBOX.c
    query = sa.select(sa.func.count()).where(
        columns.endpoint == endpoint,
        columns.outbox_state == "sent",
        columns.ticket_action == "create",
        columns.settled_at >= since,
        ~columns.external_key.like(f"{DIGEST}-%"),
    )
    return int(connection.execute(query).scalar() or 0)


def _known(connection: sa.Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of the ticket a row is about."""
    same = {"endpoint": row["endpoint"], "external_key": row["external_key"]}
    seen = connection.execute(sa.select(_TICKETS).filter_by(**same)).mappings().one_or_none()
    told = sa.select(sa.func.max(_OUTBOX.c.settled_at)).filter_by(**same, outbox_state="sent")
    return {
        "known_remote_key": seen["remote_key"] if seen else None,
        "known_state": seen["ticket_state"] if seen else None,
        "told_at": connection.execute(told).scalar(),
    }


def settle(connection: sa.Connection, row: Mapping[str, Any], outcome: DeliveryOutcome, now: datetime) -> None:
    """Record how the call of a claimed ``row`` ended, and the ticket as its system told it.

    Raises:
        Superseded: Another dispatcher has taken the row over.
    """
    ticket = outcome.ticket
    values = {
        "outbox_state": outcome.state,
        "last_error": storable(outcome.error),
        "next_attempt_at": now + outcome.retry_after if outcome.retry_after is not None else None,
        "settled_at": now,
        "lease_until": None,
        "holder": None,
    }
    if outcome.is_untried:
        values["attempt_count"] = _OUTBOX.c.attempt_count - 1
    if ticket is not None:
        values |= {"remote_key": storable(ticket.remote_key), "remote_url": storable(ticket.remote_url)}
    settled = sa.update(_OUTBOX).where(_ours(row), _OUTBOX.c.outbox_state == "sending").values(**values)
    if connection.execute(settled).rowcount != 1:
        _lost(connection, row)
    if ticket is not None:
        place = {name: row[name] for name in ("endpoint", "external_key", "subject_id")}
        written = row["content_sha256"] if outcome.state == "sent" else None
        # words of people are redacted before they are kept, which is the work of who reads tickets back
        see(connection, place, replace(ticket, cause=None), now, digest=written, keep=("cause_text",))


def _ours(row: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    return sa.and_(_OUTBOX.c.outbox_id == row["outbox_id"], _OUTBOX.c.lease_token == row["lease_token"])


def _lost(connection: sa.Connection, row: Mapping[str, Any]) -> NoReturn:
    holder = connection.execute(sa.select(_OUTBOX.c.holder).where(_OUTBOX.c.outbox_id == row["outbox_id"])).scalar()
    raise Superseded(f"outbox {row['outbox_id']}", holder or "nobody (it is settled)")


def _taken(connection: sa.Connection, row: dict[str, Any], until: datetime) -> dict[str, Any]:
    taken = {
        "outbox_state": "sending",
        "attempt_count": row["attempt_count"] + 1,
        "lease_until": until,
        "lease_token": (row["lease_token"] or 0) + 1,
        "holder": process.holder(),
    }
    connection.execute(sa.update(_OUTBOX).where(_OUTBOX.c.outbox_id == row["outbox_id"]).values(**taken))
    return {**row, **taken, "previous_state": row["outbox_state"]}


def _dead_holders(connection: sa.Connection, endpoint: str) -> list[str]:
    columns = _OUTBOX.c
    query = sa.select(columns.holder).where(columns.endpoint == endpoint, columns.outbox_state == "sending").distinct()
    return sorted(name for name in connection.execute(query).scalars() if process.is_dead(name))
