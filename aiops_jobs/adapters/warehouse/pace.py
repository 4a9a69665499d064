"""How sinks are doing, and what people have stopped: two small tables beside the outbox."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from aiops_jobs.adapters.warehouse.schema import insert_into, sql_table
from aiops_jobs.contracts.operations import SINK_STATES, SWITCHES
from aiops_jobs.core.tickets.pacing import Pace

_STATES, _SWITCHES = sql_table(SINK_STATES), sql_table(SWITCHES)


def load(connection: sa.Connection, endpoint: str) -> Pace | None:
    """Return how a sink is doing; null if it was never called."""
    row = connection.execute(sa.select(_STATES).where(_STATES.c.endpoint == endpoint)).mappings().one_or_none()
    if row is None:
        return None
    return Pace(
        state=row["sink_state"],
        failures=row["failure_count"],
        refusals=row["refusal_count"],
        tokens=row["retry_tokens"],
        retry_at=row["retry_at"],
        reason=row["reason"],
        updated_at=row["updated_at"],
    )


def save(connection: sa.Connection, endpoint: str, pace: Pace, now: datetime) -> None:
    """Remember how a sink is doing."""
    values = {
        "sink_state": pace.state,
        "failure_count": pace.failures,
        "refusal_count": pace.refusals,
        "retry_tokens": pace.tokens,
        "retry_at": pace.retry_at,
        "reason": pace.reason.replace("\0", "\N{REPLACEMENT CHARACTER}"),
        "updated_at": pace.updated_at or now,
    }
    insert = insert_into(connection, _STATES).values(endpoint=endpoint, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=["endpoint"], set_=values))


def stopped(connection: sa.Connection, name: str) -> str | None:
    """Return why something stands still; null if it does not."""
    query = sa.select(_SWITCHES.c.reason).where(_SWITCHES.c.switch_name == name, _SWITCHES.c.is_stopped)
    reason: str | None = connection.execute(query).scalar()
    return reason


def switch(connection: sa.Connection, name: str, reason: str, now: datetime, *, stop: bool, by: str) -> None:
    """Stop or start something."""
    values = {"is_stopped": stop, "reason": reason, "changed_by": by, "updated_at": now}
    insert = insert_into(connection, _SWITCHES).values(switch_name=name, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=["switch_name"], set_=values))
