"""Findings in words: short titles, numbers a person can read, no more digits than are known."""

from __future__ import annotations

import math
from datetime import UTC, datetime

UNIT_WORDS = {"1": "", "s": "s", "By": "B", "%": "%", "ms": "ms", "By/s": "B/s", "1/s": "/s"}
"""UCUM codes as people write them; others are left out."""
LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
FAR = 100.0
"""Ratios beyond this say nothing a person can picture."""


def quantity(value: float, unit: str | None = None) -> str:
    """Return a number with its unit, three digits at most.

    Example:
        >>> quantity(1.2, "s"), quantity(12_345_678_901.0, "By"), quantity(0.97, "1"), quantity(-0.0)
        ('1.2 s', '12.3 GB', '0.97', '0')
    """
    word = UNIT_WORDS.get(unit or "", "")
    size = abs(value)
    scale, letter = next(((scale, letter) for scale, letter in LARGE if word == "B" and size >= scale), (1.0, ""))
    number = value / scale + 0.0
    digits = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    separator = " " if word and not word.startswith("/") else ""
    return f"{digits}{separator}{letter}{word}"


def comparison(observed: float, expected: float, unit: str | None = None) -> str:
    """Return what was seen against what was expected.

    Example:
        >>> comparison(1.2, 0.2, "s")
        '6.0x expected: 1.2 s instead of 0.2 s'
    """
    plain = f"{quantity(observed, unit)} instead of {quantity(expected, unit)}"
    ratio = observed / expected if expected else math.inf
    if not 0 < ratio <= FAR:
        return plain
    return f"{ratio:.1f}x expected: {plain}" if ratio >= 1 else f"{ratio:.2g}x expected: {plain}"


def clock(instant: datetime) -> str:
    """Return the time of day in UTC, for a title.

    Example:
        >>> clock(datetime(2026, 11, 20, 2, 14, tzinfo=UTC))
        '02:14Z'
    """
    return instant.astimezone(UTC).strftime("%H:%MZ")


def moment(instant: datetime) -> str:
    """Return date and time in UTC, for a sentence."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def name_of(entity_id: str) -> str:
    """Return what people call an entity: its id without the kind."""
    return entity_id.split("/", 1)[-1]


def fitted(text: str, limit: int) -> str:
    """Return ``text`` in one line, shortened to ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
