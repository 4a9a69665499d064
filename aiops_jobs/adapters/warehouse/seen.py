"""Tickets as last seen in their systems, and what people said: the first is brought up to date, the rest added to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aiops_jobs.adapters.warehouse.schema import insert_into, sql_table
from aiops_jobs.contracts.constraints import MaxLength
from aiops_jobs.contracts.operations import TICKETS
from aiops_jobs.contracts.table import Table
from aiops_jobs.ports import Ticket

_TICKETS = sql_table(TICKETS)
UNTOLD = ("remote_url", "assignment_group", "updated_at", "assignee", "acknowledged_at", "reopen_count")
"""What stays as it was known where the sink does not tell."""


def see(
    connection: sa.Connection,
    place: dict[str, str],
    ticket: Ticket,
    now: datetime,
    *,
    digest: str | None = None,
    keep: tuple[str, ...] = (),
) -> None:
    """Write the ticket as last seen; what the sink did not tell stays as it was known.

    Args:
        connection: In a transaction.
        place: ``endpoint, external_key, subject_id``.
        ticket: As its system told it.
        now: The instant.
        digest: Of what we have just written into it.
        keep: Columns that stay as they are.
    """
    digest = ticket.content_sha256 or digest
    seen = {
        **place,
        "remote_key": ticket.remote_key,
        "remote_url": ticket.remote_url,
        "ticket_state": ticket.state,
        "title": ticket.title,
        "priority": ticket.priority,
        "assignment_group": ticket.assignment_group,
        "opened_at": ticket.opened_at or now,
        "updated_at": ticket.updated_at,
        "resolved_at": ticket.resolved_at,
        "content_sha256": digest or "",
        "assignee": ticket.assignee,
        "resolution_code": ticket.resolution_code,
        "cause_text": ticket.cause,
        "is_duplicate": ticket.is_duplicate,
        "merged_into": ticket.merged_into,
        "reopen_count": ticket.reopen_count,
        "acknowledged_at": ticket.acknowledged_at,
        "closed_by": ticket.resolved_by,
        "seen_at": now,
    }
    seen = {name: storable(value, TICKETS, name) for name, value in seen.items()}
    insert = insert_into(connection, _TICKETS).values(**seen)
    values: dict[str, Any] = {name: insert.excluded[name] for name in seen if name not in TICKETS.key}
    for name in UNTOLD:
        values[name] = sa.func.coalesce(insert.excluded[name], _TICKETS.c[name])
    untold = {"opened_at": ticket.opened_at, "content_sha256": digest}
    values |= {name: _TICKETS.c[name] for name, value in untold.items() if value is None}
    values |= {name: _TICKETS.c[name] for name in keep}
    connection.execute(insert.on_conflict_do_update(index_elements=list(TICKETS.key), set_=values))


def see_again(
    connection: sa.Connection, place: dict[str, str], ticket: Ticket | None, known_key: str, now: datetime
) -> bool:
    """Write a ticket that was looked for; tell whether it was still the one we meant.

    Args:
        connection: In a transaction.
        place: ``endpoint, external_key, subject_id``.
        ticket: As its system told it; null where it was not found.
        known_key: Key of the ticket that was looked for: if a delivery has opened the next one since, that one stays.
        now: The instant.
    """
    ours = sa.and_(_TICKETS.c.endpoint == place["endpoint"], _TICKETS.c.external_key == place["external_key"])
    mark = sa.update(_TICKETS).where(ours, _TICKETS.c.remote_key == known_key).values(seen_at=now)
    is_same = connection.execute(mark).rowcount == 1
    if is_same and ticket is not None:
        see(connection, place, ticket, now)
    return is_same


def storable(value: Any, table: Table | None = None, name: str = "") -> Any:
    """Return a text of a foreign system as a database can hold it: an odd title must not lose the receipt."""
    if not isinstance(value, str):
        return value
    text = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    limits = [rule.limit for rule in table.column(name).constraints if isinstance(rule, MaxLength)] if table else []
    return text[: min(limits)] if limits else text
