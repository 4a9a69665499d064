"""What people announced: events that bring load, and work that was planned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiops_jobs.core.columns import OPEN, SECOND, to_micros
from aiops_jobs.core.incidents.case import TOLERANCE_S, Case


def announced(case: Case) -> dict[str, Any] | None:
    """Return the announced event under way when the incident began, if there is one; the latest."""
    changes = case.world.changes
    for place in reversed(range(len(changes.rows))):
        row: dict[str, Any] = changes.rows[place]
        if row["change_type"] == "event" and covers(row, case.began):
            return row
    return None


def covers(row: Mapping[str, Any], instant: int) -> bool:
    """Tell whether a change, by its planned times if it has any, was under way at an instant."""
    start, end = row["planned_start_at"] or row["started_at"], row["planned_end_at"] or row["ended_at"]
    last = to_micros(end) if isinstance(end, datetime) else OPEN
    return isinstance(start, datetime) and to_micros(start) - int(TOLERANCE_S * SECOND) <= instant < last
