"""Says numbers, instants and durations the way a person reads them at three in the morning."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
DASH = "–"
_PREFIXES = ((1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
"""From which size on a number is divided by what, and what it is called then."""
_BINARY = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))


def number(value: float | None) -> str:
    """Return a number with three significant digits: ``1 234``, ``0.0315``, ``12.4 M``.

    Example:
        >>> [number(v) for v in (0, 0.03149, 5, 1234.5, 81_234, 12_400_000)]
        ['0', '0.0315', '5', '1 234', '81.2 k', '12.4 M']
    """
    if value is None or not math.isfinite(value):
        return DASH
    size = abs(value)
    for least, scale, prefix in _PREFIXES:
        if size >= least:
            return f"{value / scale:.3g} {prefix}".replace("-", "−")
    if size >= 1000:
        return f"{value:,.0f}".replace(",", " ").replace("-", "−")
    if size >= 100:
        return f"{value:.0f}".replace("-", "−")
    if size < 1e-4:
        return "0" if size == 0 else f"{value:.2e}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def whole(amount: int) -> str:
    """Return a number of things to the last one: ``3 456 000``."""
    return f"{amount:,}".replace(",", " ")


def quantity(value: float | None, unit: str | None, metric: str = "") -> str:
    """Return a value in its unit (a UCUM code), with the prefix that reads best.

    Example:
        >>> quantity(0.25, "s"), quantity(0.031, "1", "error_ratio"), quantity(2.5e9, "By"), quantity(12, None)
        ('250 ms', '3.1 %', '2.33 GiB', '12')
    """
    if value is None or not math.isfinite(value):
        return DASH
    if is_share(unit, metric):
        return f"{number(value * 100)} %"
    if unit == "s" or (not unit and metric.endswith(("_seconds", "_s"))):
        return _seconds(value)
    if unit == "By" or (not unit and metric.endswith("_bytes")):
        return _bytes(value)
    return f"{number(value)} {_spoken(unit)}".rstrip()


def is_share(unit: str | None, metric: str) -> bool:
    """Tell whether a metric is a share of one, to be shown in percent."""
    words = ("_ratio", "utilization", "utilisation", "_usage", "error_rate", "success_rate")
    return unit in ("1", "", None) and any(word in metric.lower() for word in words)


def percent(ratio: float | None) -> str:
    """Return a ratio in percent, honest at both ends: neither 0 % nor 100 % unless it is."""
    if ratio is None or not math.isfinite(ratio):
        return DASH
    if 0 < ratio < 0.01:
        return "< 1 %"
    if 0.99 < ratio < 1:
        return "> 99 %"
    return f"{ratio * 100:.0f} %"


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units.

    Example:
        >>> [duration(s) for s in (0, 42, 300, 7980, 200_000)]
        ['0 s', '42 s', '5 min', '2 h 13 min', '2 d 8 h']
    """
    if seconds is None or not math.isfinite(seconds):
        return DASH
    whole = round(abs(seconds))
    sign = "−" if seconds < 0 and whole else ""
    if whole < MINUTE:
        return f"{sign}{whole} s"
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes = rest // 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    shown = [f"{count} {name}" for count, name in parts if count][:2]
    return sign + " ".join(shown)


def instant(moment: datetime | None, *, seconds: bool = False) -> str:
    """Return an instant in UTC, without the year: ``20 Nov 02:14``."""
    if moment is None:
        return DASH
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %H:%M:%S}" if seconds else f"{utc.day} {utc:%b %H:%M}"


def day(moment: datetime | None) -> str:
    """Return the day of an instant in UTC: ``Fri 20 Nov``."""
    return DASH if moment is None else f"{moment.astimezone(UTC):%a} {moment.astimezone(UTC).day} {moment:%b}"


def span(start: datetime, end: datetime) -> str:
    """Return a window in full: ``2026-11-20 00:00 to 2026-11-21 00:00 UTC``."""
    return f"{start.astimezone(UTC):%Y-%m-%d %H:%M} to {end.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 incident``, ``3 incidents``, ``no incidents``."""
    words = noun if amount == 1 else plural or f"{noun}s"
    return f"no {words}" if amount == 0 else f"{amount:,} {words}".replace(",", " ")


def sentence(text: str) -> str:
    """Return ``text`` with a capital at its begin; nothing else changes."""
    return text[:1].upper() + text[1:]


def name(text: str | None) -> str:
    """Return the readable part of an entity id: ``service/checkout`` is ``checkout``."""
    return DASH if not text else text.split("/", 1)[-1]


def shortened(text: str, limit: int) -> str:
    """Return ``text`` cut to ``limit`` characters with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _seconds(value: float) -> str:
    size = abs(value)
    if size == 0 or size >= 120:
        return duration(value)
    if size < 0.001:
        return f"{number(value * 1e6)} µs"
    return f"{number(value * 1e3)} ms" if size < 1 else f"{number(value)} s"


def _bytes(value: float) -> str:
    for scale, prefix in _BINARY:
        if abs(value) >= scale:
            return f"{value / scale:.3g} {prefix}"
    return f"{number(value)} B"


def _spoken(unit: str | None) -> str:
    """Return a UCUM code without its annotations: a count of ``{message}`` is just a number."""
    return "" if unit in (None, "1") else re.sub(r"\{[^}]*\}|^1(?=/)", "", str(unit))
