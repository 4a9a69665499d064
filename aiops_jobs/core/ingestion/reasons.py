"""Why a row was put aside, beyond the reason codes of the contract's own rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

WRONG_TYPE = "WRONG_TYPE"
"""A value is not of its column's kind: text where a number belongs, an instant without zone."""
WRONG_SOURCE = "WRONG_SOURCE"
"""The row says it comes from another source than the one it was read from."""
OUT_OF_WINDOW = "OUT_OF_WINDOW"
"""Its time is not before the end of the window, or lies before `PLAUSIBLE_FROM`."""
CONFLICT = "CONFLICT"
"""Another row has the same key and other content, and was kept."""
LATE = "LATE"
"""Its time lies before the window: it belongs to one that was ingested earlier."""

PLAUSIBLE_FROM = datetime(2000, 1, 1, tzinfo=UTC)
"""Older instants are mistakes (an epoch of 0, seconds read as microseconds), not late data."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, in words and in code; it never quotes the value, which may be personal."""

    code: str
    detail: str
    column: str | None = None
