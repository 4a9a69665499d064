"""What the models of tickets look at, in closed tickets and in conclusions that want one: the same columns of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aiops_jobs.core.features.failures import seconds
from aiops_jobs.core.features.tickets import Tickets, to_tickets

Floats = npt.NDArray[np.float64]

COLUMNS: tuple[str, ...] = ("opened_at", "ticket_key", "title", "priority", "entity_id", "service_name", "host_name")
COLUMNS += ("assignment_group", "resolved_at", "source")
"""Of ``ticket_history``."""
LEVELS = ("priority", "entity_id", "service_name", "host_name")


def described(rows: Sequence[Mapping[str, Any]], opened: Sequence[datetime]) -> Tickets:
    """Return rows that have a title, a priority and a place as tickets; what a row lacks is unknown."""
    columns: dict[str, list[str | None]] = {name: [row.get(name) for row in rows] for name in LEVELS}
    entities = columns["entity_id"]
    columns["entity_kind"] = [entity.split("/")[0] if entity else None for entity in entities]
    opened_s = np.array([seconds(instant) for instant in opened], dtype=np.float64)
    return to_tickets(columns, [row.get("title") for row in rows], opened_s)


def in_order(tickets: pa.Table) -> list[dict[str, Any]]:
    """Return rows of ``ticket_history`` by time and key, so that nothing depends on how they were stored."""
    rows: list[dict[str, Any]] = tickets.to_pylist()
    return sorted(rows, key=lambda row: (row["opened_at"], row["source"], row["ticket_key"]))


def solved_s(rows: Sequence[Mapping[str, Any]]) -> Floats:
    """Return when each ticket was solved, seconds since 1970; infinity: not yet."""
    times = [seconds(row["resolved_at"]) if row["resolved_at"] is not None else np.inf for row in rows]
    return np.array(times, dtype=np.float64)
