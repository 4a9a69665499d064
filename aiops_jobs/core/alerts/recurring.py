"""When maintenance windows happen: once, or on weekdays at a local time, every recurrence, whatever the clocks do.

A small part of RFC 5545 (``FREQ=WEEKLY``/``MONTHLY`` with ``BYDAY``): a local time that the clocks skip is read with
the offset before the jump, one that comes twice is the first, and a duration is elapsed time.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aiops_jobs.core.policies.suppression import WEEKDAYS, MaintenanceWindow


def occurrences(window: MaintenanceWindow, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the (begin, end) of each time a window happens that overlaps ``[start, end)``, in UTC, by begin."""
    if window.start is not None and window.end is not None:
        found = [(window.start.astimezone(UTC), window.end.astimezone(UTC))]
    else:
        found = list(_recurrences(window, start, end))
    return [(begin, stop) for begin, stop in found if begin < end and stop > start]


def _recurrences(window: MaintenanceWindow, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    zone, clock = ZoneInfo(window.timezone), time.fromisoformat(window.local_start)
    length = timedelta(seconds=window.duration_s)
    day = (start - length).astimezone(zone).date() - timedelta(days=1)
    last = end.astimezone(zone).date()
    found = []
    while day <= last:
        if _falls_on(window, day):
            begin = datetime.combine(day, clock, zone).astimezone(UTC)
            if (window.valid_from is None or begin >= window.valid_from) and (
                window.valid_to is None or begin < window.valid_to
            ):
                found.append((begin, begin + length))
        day += timedelta(days=1)
    return found


def _falls_on(window: MaintenanceWindow, day: date) -> bool:
    if WEEKDAYS[day.weekday()] not in window.days:
        return False
    if not window.weeks_of_month:
        return True
    is_last = day.day + 7 > monthrange(day.year, day.month)[1]
    return (day.day - 1) // 7 + 1 in window.weeks_of_month or (is_last and -1 in window.weeks_of_month)
