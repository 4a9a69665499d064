"""The one place that asks the wall clock; everywhere else time is an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return this instant in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the one place
