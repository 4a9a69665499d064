"""Where an entity stands now: its service, its redundancy group, and how many are in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiops_jobs.contracts.telemetry import CONFIGURATION_ITEMS
from aiops_jobs.ports import Lake
from aiops_jobs.ports.remediation import Place
from aiops_jobs.window import Window

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class Places:
    """Answers from the configuration items of the lake.

    Args:
        lake: Where they are.
        now: Asked which version of an item is the current one.
    """

    def __init__(self, lake: Lake, now: Callable[[], datetime]) -> None:
        self._lake, self._now = lake, now
        self._items: dict[str, dict[str, Any]] | None = None

    def place(self, entity_id: str) -> Place:
        """Return where an entity stands; one that is in no inventory stands alone.

        Its group is its redundancy group or, where it has none, all items of its kind.
        """
        items = self._current()
        own = items.get(entity_id)
        if own is None:
            return Place()
        group = own["redundancy_group"]
        column, value = ("redundancy_group", group) if group else ("entity_kind", own["entity_kind"])
        size = sum(item[column] == value for item in items.values())
        return Place(own["service_name"], group, size)

    def _current(self) -> dict[str, dict[str, Any]]:
        if self._items is None:
            now = self._now()
            names = ("entity_id", "entity_kind", "service_name", "redundancy_group", "valid_from", "valid_to")
            rows = self._lake.read(CONFIGURATION_ITEMS, Window(BEGINNING, now + timedelta(days=1))).rows
            found = sorted(rows.select(list(names)).to_pylist(), key=lambda row: row["valid_from"])
            self._items = {row["entity_id"]: row for row in found if row["valid_to"] is None or row["valid_to"] > now}
        return self._items
