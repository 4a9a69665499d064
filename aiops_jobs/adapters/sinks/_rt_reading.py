"""How Request Tracker tells tickets: rows of a search and transactions of a history, read into `Ticket`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiops_jobs.ports import Ticket
from aiops_jobs.window import parse_instant

STATES = {
    "new": "new",
    "open": "in_progress",
    "stalled": "in_progress",
    "resolved": "resolved",
    "rejected": "closed",
    "deleted": "closed",
}
"""Statuses of the life cycle ``default``."""
FINAL = {"resolved", "closed"}
NOBODY = "Nobody"
LABELS = {"high": 100, "medium": 50, "low": 0}
"""Numbers of the names RT gives to priorities (``%PriorityAsString``) where nobody has changed them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the settings say about reading.

    Args:
        key_field: Custom field of our key.
        digest_field: Custom field of the digest of the last content, if there is one.
        cause_field: Custom field in which people say the cause, if there is one.
        priorities: What each priority is in RT.
        states: What each status means.
        queues: Assignment group -> queue.
        me: Name of our user.
        url: Address of the web pages.
    """

    key_field: str
    digest_field: str | None
    cause_field: str | None
    priorities: Mapping[str, int | str]
    states: Mapping[str, str]
    queues: Mapping[str, str]
    me: str
    url: str

    def ticket(self, row: Mapping[str, Any], history: Sequence[Mapping[str, Any]] = ()) -> Ticket:
        """Return a row of a search, or a single record, as a ticket."""
        number, master = str(row["id"]), _id_of(row["EffectiveId"])
        status = row["Status"]
        state = self.states.get(status, "unknown")
        is_merged = master != number
        if is_merged:
            state = "closed"
        fields = {field["name"]: field["values"] for field in row.get("CustomFields") or ()}
        owner, closing = row["Owner"]["id"], self._closing(history)
        return Ticket(
            remote_key=number,
            external_key=_first(fields, self.key_field) or "",
            state=state,
            title=row["Subject"],
            priority=self._priority(row["Priority"]),
            remote_url=f"{self.url}/Ticket/Display.html?id={number}",
            assignment_group=next(
                (g for g, queue in self.queues.items() if queue == (row.get("Queue") or {}).get("Name")), None
            ),
            opened_at=_instant(row["Created"]),
            updated_at=_instant(row["LastUpdated"]),
            resolved_at=(_instant(row["Resolved"]) or _instant(row["LastUpdated"])) if state in FINAL else None,
            content_sha256=_first(fields, self.digest_field),
            assignee=None if owner == NOBODY else owner,
            resolution_code="merged" if is_merged else status if state in FINAL else None,
            is_duplicate=is_merged,
            merged_into=master if is_merged else None,
            acknowledged_at=self._acknowledged_at(history),
            resolved_by=closing["Creator"]["id"] if closing and state in FINAL else None,
            cause=_first(fields, self.cause_field),
            reopen_count=self._reopened(history) if history else None,
        )

    def has_history(self, row: Mapping[str, Any]) -> bool:
        """Tell whether anything happened to a ticket that its history would tell more of."""
        return self.states.get(row["Status"]) != "new" or row["Owner"]["id"] != NOBODY

    def _priority(self, told: str) -> str:
        """Return P1 … P5 for RT's number or label: the first that is not above it."""
        for name, value in self.priorities.items():
            if str(value).lower() == str(told).lower():
                return name
        number = _number(told)
        known = [(name, _number(value)) for name, value in self.priorities.items()]
        return next((name for name, least in known if number >= least), list(self.priorities)[-1])

    def _acknowledged_at(self, history: Sequence[Mapping[str, Any]]) -> datetime | None:
        for told in history:
            is_taken = told["Field"] == "Owner" or (told["Type"] == "Status" and told["OldValue"] in self._first_states)
            if is_taken and told["Creator"]["id"] not in {self.me, "RT_System"}:
                return _instant(told["Created"])
        return None

    def _closing(self, history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        changes = [told for told in history if told["Type"] == "Status"]
        return next((told for told in reversed(changes) if self._is_final(told["NewValue"])), None)

    def _reopened(self, history: Sequence[Mapping[str, Any]]) -> int:
        changes = [told for told in history if told["Type"] == "Status"]
        return sum(self._is_final(told["OldValue"]) and not self._is_final(told["NewValue"]) for told in changes)

    def _is_final(self, status: str) -> bool:
        return self.states.get(status) in FINAL

    @property
    def _first_states(self) -> set[str]:
        return {status for status, state in self.states.items() if state == "new"}


def quoted(text: str) -> str:
    r"""Return a text as TicketSQL takes it.

    Example:
        >>> quoted("it's")
        "'it\\'s'"
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _id_of(told: Any) -> str:
    return str(told["id"] if isinstance(told, Mapping) else told)


def _first(fields: Mapping[str, Sequence[str]], name: str | None) -> str | None:
    return next(iter(fields.get(name) or ()), None) if name else None


def _instant(text: str | None) -> datetime | None:
    instant = parse_instant(text) if text else None
    return instant if instant and instant > datetime(1970, 1, 2, tzinfo=UTC) else None


def _number(told: int | str) -> float:
    text = str(told).lower()
    return float(text) if text.lstrip("-").isdigit() else float(LABELS.get(text, 0))
