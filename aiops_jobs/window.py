"""Time, as this project sees it: half-open windows in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def parse_instant(text: str) -> datetime:
    """Return an instant in UTC from ISO 8601 text.

    Raises:
        ValueError: The text is no ISO instant, or has no zone: a naive time is a guess.

    Example:
        >>> parse_instant("2026-11-20T09:00:00+09:00").isoformat()
        '2026-11-20T00:00:00+00:00'
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"`{text}` has no time zone; write it as {text}Z.")
    return instant.astimezone(UTC)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The interval ``[start, end)``: a sample at ``end`` belongs to the next window.

    Example:
        >>> w = Window.parse("2026-11-20T00:00:00Z", "2026-11-20T02:00:00Z")
        >>> [str(part) for part in w.split(timedelta(hours=1))]
        ['2026-11-20T00:00:00Z/2026-11-20T01:00:00Z', '2026-11-20T01:00:00Z/2026-11-20T02:00:00Z']
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("A Window needs time zone aware datetimes.")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.end <= self.start:
            raise ValueError(f"A Window must end after it starts, got {self}.")

    @classmethod
    def parse(cls, start: str, end: str) -> Window:
        """Return the window between two ISO instants with zones."""
        return cls(parse_instant(start), parse_instant(end))

    @property
    def duration(self) -> timedelta:
        """How long the window is."""
        return self.end - self.start

    def split(self, step: timedelta) -> Iterator[Window]:
        """Yield consecutive windows of ``step``; the last may be shorter."""
        if step <= timedelta(0):
            raise ValueError("A window is split by a positive step.")
        begin = self.start
        while begin < self.end:
            stop = min(begin + step, self.end)
            yield Window(begin, stop)
            begin = stop

    def extended(self, *, before: timedelta = timedelta(0), after: timedelta = timedelta(0)) -> Window:
        """Return this window with a look-back ``before`` and a look-ahead ``after`` it."""
        return Window(self.start - before, self.end + after)

    def contains(self, instant: datetime) -> bool:
        """Tell whether ``instant`` lies in ``[start, end)``."""
        return self.start <= instant < self.end

    def overlaps(self, other: Window) -> bool:
        """Tell whether the two windows share an instant."""
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        return f"{_iso(self.start)}/{_iso(self.end)}"


def _iso(instant: datetime) -> str:
    text = instant.astimezone(UTC).isoformat(timespec="microseconds" if instant.microsecond else "seconds")
    return text.replace("+00:00", "Z")
