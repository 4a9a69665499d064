"""The answer to *does this connection work*."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing ``aiops check`` found about a connection."""

    name: str
    is_ok: bool
    detail: str
    remedy: str = ""


def all_ok(checks: Iterable[Check]) -> bool:
    """Tell whether every check is fine."""
    return all(check.is_ok for check in checks)
