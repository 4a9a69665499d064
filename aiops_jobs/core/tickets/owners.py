"""Who gets the ticket: what the catalogue says about the cause, else about what suffers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa


class Owners:
    """Answers questions about the catalogue as it was at an instant.

    Args:
        items: All versions of ``configuration_items``.
    """

    def __init__(self, items: pa.Table) -> None:
        self._versions: dict[str, list[dict[str, Any]]] = {}
        names = ["entity_id", "valid_from", "valid_to", "assignment_group", "service_criticality", "source"]
        for row in sorted(items.select(names).to_pylist(), key=lambda r: (r["valid_from"], r["source"])):
            self._versions.setdefault(row["entity_id"], []).append(row)

    def group_for(self, *candidates: str | None, at: datetime) -> str | None:
        """Return the assignment group of the first candidate that has one; a service may be given by its name."""
        for name in candidates:
            entity = name if name is None or "/" in name else f"service/{name}"
            group = self._said(entity, "assignment_group", at)
            if group:
                return group
        return None

    def criticality(self, entity: str, *, at: datetime) -> str | None:
        """Return how much the business depends on an entity, if the catalogue says so."""
        return self._said(entity, "service_criticality", at)

    def _said(self, entity: str | None, column: str, at: datetime) -> str | None:
        for row in reversed(self._versions.get(entity or "", [])):
            if row["valid_from"] <= at and (row["valid_to"] is None or row["valid_to"] > at):
                said: str | None = row[column]
                return said
        return None
