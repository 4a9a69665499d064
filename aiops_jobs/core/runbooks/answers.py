"""Reading what an executor answered: does a check hold, and how much would a step free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.runbooks.runbook import Check, Listing


@dataclass(frozen=True, slots=True)
class Reading:
    """What a check found."""

    name: str
    holds: bool | None
    """Null: the answer could not be read, which is neither yes nor no."""
    seen: str
    wanted: str

    @property
    def text(self) -> str:
        """The finding in words."""
        return f"{self.name}: {self.seen or 'nothing'} (wanted: {self.wanted})"


def read_check(check: Check, answer: str, *, is_ok: bool) -> Reading:
    """Return whether ``answer`` is what ``check`` asks for."""
    wanted = _wanted(check)
    if not is_ok:
        return Reading(check.name, None, answer.strip()[:200], wanted)
    value = _value(check, answer)
    if value is None:
        return Reading(check.name, None, answer.strip()[:200], wanted)
    return Reading(check.name, _holds(check, value), value[:200], wanted)


def _value(check: Check, answer: str) -> str | None:
    text = answer.strip()
    if check.pattern is None:
        return text
    named = check.pattern.replace("(", "(?P<value>", 1) if "(?" not in check.pattern else check.pattern
    if "(?P<value>" not in named:
        named = f"(?P<value>{check.pattern})"
    found = pc.extract_regex(pa.array([text]), named)[0].as_py()
    return None if found is None else str(found["value"])


def _holds(check: Check, value: str) -> bool | None:
    if check.equals is not None and value != check.equals:
        return False
    if check.below is None and check.above is None:
        return True
    try:
        number = float(value)
        is_below = check.below is None or number < float(check.below)
        is_above = check.above is None or number > float(check.above)
    except ValueError:
        return None
    return is_below and is_above


def _wanted(check: Check) -> str:
    bounds = [
        f"below {check.below}" if check.below is not None else "",
        f"above {check.above}" if check.above is not None else "",
        f"{check.equals or 'nothing'}" if check.equals is not None else "",
    ]
    return " and ".join(filter(None, bounds)) or "any answer"


@dataclass(frozen=True, slots=True)
class Listed:
    """What one part of a dry run told."""

    name: str
    lines: tuple[str, ...]
    frees_bytes: tuple[int, int] | None
    """Least and most that would be freed; null where it frees nothing."""


def read_listing(listing: Listing, answer: str) -> Listed:
    """Return what a dry run's answer says; where it frees space, each line begins with bytes."""
    lines = tuple(line.rstrip() for line in answer.splitlines() if line.strip())
    if listing.frees_ratio is None:
        return Listed(listing.name, lines, None)
    total = sum(_size(line) for line in lines)
    low, high = listing.frees_ratio
    return Listed(listing.name, lines, (int(total * low), int(total * high)))


def frees(listed: Sequence[Listed]) -> tuple[int, int] | None:
    """Return the least and the most bytes that a whole dry run says would be freed."""
    known = [part.frees_bytes for part in listed if part.frees_bytes is not None]
    return (sum(low for low, _ in known), sum(high for _, high in known)) if known else None


def _size(line: str) -> int:
    first = line.split(maxsplit=1)[0]
    return int(first) if first.isdecimal() else 0
