"""Maps values and instants to places in a picture, and finds round numbers and hours for its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_STEPS_S = (60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 7 * 86400, 14 * 86400, 28 * 86400)


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values to places.

    Args:
        low: Value at ``start``.
        high: Value at ``end``; must differ from ``low``.
        start: Place of ``low``.
        end: Place of ``high``.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of ``value``, never outside the picture."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))

    def ticks(self, wanted: int) -> list[float]:
        """Return about ``wanted`` round values inside the scale."""
        raw = (self.high - self.low) / max(1, wanted)
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= raw * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class TimeScale:
    """A straight line from instants to places."""

    first: datetime
    last: datetime
    start: float
    end: float

    def __call__(self, moment: datetime) -> float:
        """Return the place of ``moment``, never outside the picture."""
        return self.at((moment - self.first).total_seconds())

    def at(self, seconds: float) -> float:
        """Return the place of an instant so many seconds after the first."""
        total = max(1.0, (self.last - self.first).total_seconds())
        return self.start + (self.end - self.start) * min(1.0, max(0.0, seconds / total))

    def contains(self, moment: datetime) -> bool:
        """Tell whether ``moment`` lies in the picture."""
        return self.first <= moment <= self.last

    def ticks(self, wanted: int) -> list[tuple[datetime, str]]:
        """Return about ``wanted`` round instants with their labels: hours, or days where the span is long."""
        total = max(1.0, (self.last - self.first).total_seconds())
        step = next((s for s in _STEPS_S if total / s <= wanted), _STEPS_S[-1])
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        # weeks begin on a Monday: 1970-01-05 was one
        anchor = epoch + timedelta(days=4) if step >= 7 * 86400 else epoch
        number = math.ceil((self.first - anchor).total_seconds() / step)
        ticks = []
        moment = anchor + timedelta(seconds=number * step)
        while moment <= self.last:
            ticks.append((moment, _label(moment, step)))
            moment += timedelta(seconds=step)
        return ticks


def value_scale(
    values: Sequence[float], start: float, end: float, *, anchor: Sequence[float] = (), floor: float | None = None
) -> Scale:
    """Return a scale that shows all finite ``values`` and ``anchor`` with some air.

    Args:
        values: What is drawn.
        start: Place of the lowest value.
        end: Place of the highest.
        anchor: Values that must be visible too, such as a limit.
        floor: Nothing is shown below it, as the quantity cannot be there.
    """
    shown = [v for v in (*values, *anchor) if math.isfinite(v)]
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    air = (high - low) * 0.08 or max(abs(high) * 0.1, 1e-9)
    low, high = low - air, high + air
    if floor is not None and low < floor:
        low = floor
    return Scale(low, high if high > low else low + 1.0, start, end)


def _label(moment: datetime, step: float) -> str:
    if step >= 86400 or (moment.hour == 0 and moment.minute == 0):
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M}"
