"""How numbers, instants and entities are told to people in titles, statements and causal chains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiops_jobs.core.columns import SECOND, to_instant

SYMPTOM_WORDS = {"latency": "latency", "errors": "errors"}


def short(entity: str | None) -> str:
    """Return what a person calls an entity: its name without its kind."""
    return entity.partition("/")[2] or entity if entity else "unknown"


def capitalised(text: str) -> str:
    """Return text with a capital at its begin, the rest as it is."""
    return text[:1].upper() + text[1:]


def quantity(value: float, unit: str | None, metric_name: str = "") -> str:
    """Return a number with its unit, as a person would say it.

    Example:
        >>> quantity(0.97, "1", "pool_utilization_ratio"), quantity(0.25, "s"), quantity(3.0, None)
        ('97 %', '250 ms', '3')
    """
    if unit == "s" or (unit is None and metric_name.endswith("_seconds")):
        return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
    if metric_name.endswith(("_ratio", "utilization")) and unit in {"1", None, ""}:
        return f"{value * 100:.3g} %"
    if unit == "By":
        return f"{value / 2**30:.3g} GiB"
    number = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{number} {unit}" if unit not in {"1", None, ""} else number


def duration(micros: int) -> str:
    """Return a length of time in the largest unit that tells it well.

    Example:
        >>> duration(90_000_000), duration(7_200_000_000)
        ('90 s', '2 h')
    """
    seconds = abs(micros) / SECOND
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.3g} h" if seconds < 48 * 3600 else f"{seconds / 86400:.3g} d"


def moment(micros: int) -> str:
    """Return an instant as ``2026-11-20 10:05 UTC``."""
    return f"{to_instant(micros):%Y-%m-%d %H:%M} UTC"


def listed(names: Sequence[str], *, most: int = 3) -> str:
    """Return names joined for a sentence, the rest as a number.

    Example:
        >>> listed(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun.

    Example:
        >>> plural(1, "alert"), plural(3, "service")
        ('1 alert', '3 services')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def observed_words(details: dict[str, Any] | None) -> str:
    """Return what was seen and what was expected, or nothing where it is not known."""
    if not details:
        return ""
    unit, name = details.get("unit"), str(details.get("metric_name") or "")
    seen, usual = quantity(details["observed"], unit, name), quantity(details["expected"], unit, name)
    return f"{seen} (usually {usual})"
