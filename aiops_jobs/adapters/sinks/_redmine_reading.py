"""How Redmine tells issues: an issue with its journals and relations, read into `Ticket`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops_jobs.ports import Ticket
from aiops_jobs.window import parse_instant

FINAL = {"resolved", "closed"}


@dataclass(frozen=True, slots=True)
class Names:
    """What is called how there: names to ids."""

    statuses: Mapping[str, int]
    closed: frozenset[int]
    """Statuses in which an issue is closed."""
    first: frozenset[int]
    """Statuses in which new issues begin."""
    priorities: Mapping[str, int]
    """From the lowest to the highest."""
    trackers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the settings and the lists of names say about reading.

    Args:
        names: The lists.
        key_field: Id of the custom field of our key.
        digest_field: Id of that of the digest of the last content, if there is one.
        cause_field: Id of that in which people say the cause, if there is one.
        priorities: P1 … P5 -> name there.
        resolved_status: Name of the status we resolve with.
        groups: Assignment group or person -> id of the user or group there.
        me: Id of our user.
        url: Address of the web pages.
    """

    names: Names
    key_field: int
    digest_field: int | None
    cause_field: int | None
    priorities: Mapping[str, str]
    resolved_status: str
    groups: Mapping[str, int]
    me: int
    url: str

    def ticket(self, issue: Mapping[str, Any]) -> Ticket:
        """Return an issue with its journals and relations as a ticket."""
        number = str(issue["id"])
        state = self.state(issue["status"]["id"])
        journals: Sequence[Mapping[str, Any]] = issue.get("journals") or ()
        closing = self._closing(journals) if state in FINAL else None
        master = self._master(issue) if state in FINAL else None
        assigned = issue.get("assigned_to") or {}
        return Ticket(
            remote_key=number,
            external_key=field_of(issue, self.key_field) or "",
            state=state,
            title=issue["subject"],
            priority=self._priority(issue["priority"]["id"]),
            remote_url=f"{self.url}/issues/{number}",
            assignment_group=next((name for name, who in self.groups.items() if who == assigned.get("id")), None),
            opened_at=_instant(issue["created_on"]),
            updated_at=_instant(issue["updated_on"]),
            resolved_at=self._resolved_at(issue, closing) if state in FINAL else None,
            content_sha256=field_of(issue, self.digest_field),
            assignee=assigned.get("name"),
            resolution_code=issue["status"]["name"] if state in FINAL else None,
            is_duplicate=master is not None,
            merged_into=master,
            acknowledged_at=self._acknowledged_at(journals),
            resolved_by=closing["user"]["name"] if closing and closing.get("user") else None,
            cause=field_of(issue, self.cause_field) or self._note_of_a_person(closing),
            reopen_count=self._reopened(journals) if "journals" in issue else None,
        )

    def state(self, status: int) -> str:
        """Return what a status means; a status we resolve with need not be a closed one."""
        if status == self.names.statuses.get(self.resolved_status):
            return "resolved"
        if status in self.names.closed:
            return "closed"
        return "new" if status in self.names.first else "in_progress"

    def _priority(self, told: int) -> str:
        """Return P1 … P5: the first whose name there is not above what is told."""
        order = list(self.names.priorities.values())
        for name, theirs in self.priorities.items():
            known = self.names.priorities.get(theirs)
            if known is not None and told in order and order.index(told) >= order.index(known):
                return name
        return list(self.priorities)[-1]

    def _master(self, issue: Mapping[str, Any]) -> str | None:
        for relation in issue.get("relations") or ():
            if relation["relation_type"] == "duplicates" and relation["issue_id"] == issue["id"]:
                return str(relation["issue_to_id"])
        return None

    def _closing(self, journals: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        last = None
        for journal, _, new in _changes(journals, "status_id"):
            last = journal if self._is_final(new) else None
        return last

    def _acknowledged_at(self, journals: Sequence[Mapping[str, Any]]) -> datetime | None:
        taken = [journal for journal, old, _ in _changes(journals, "status_id") if int(old or 0) in self.names.first]
        taken += [journal for journal, _, new in _changes(journals, "assigned_to_id") if new]
        theirs = [_instant(journal["created_on"]) for journal in taken if not self._is_ours(journal)]
        return min(filter(None, theirs), default=None)

    def _reopened(self, journals: Sequence[Mapping[str, Any]]) -> int:
        return sum(self._is_final(old) and not self._is_final(new) for _, old, new in _changes(journals, "status_id"))

    def _note_of_a_person(self, closing: Mapping[str, Any] | None) -> str | None:
        return closing.get("notes") or None if closing and not self._is_ours(closing) else None

    def _resolved_at(self, issue: Mapping[str, Any], closing: Mapping[str, Any] | None) -> datetime | None:
        return _instant((closing or {}).get("created_on") or issue.get("closed_on") or issue["updated_on"])

    def _is_ours(self, journal: Mapping[str, Any]) -> bool:
        return bool((journal.get("user") or {}).get("id") == self.me)

    def _is_final(self, status: str | None) -> bool:
        return bool(status) and self.state(int(status or 0)) in FINAL


def names_of(statuses: Sequence[Any], priorities: Sequence[Any], trackers: Sequence[Any]) -> Names:
    """Return the lists of a Redmine as names; new issues begin where its trackers say, else in the first status."""
    first = {int(tracker["default_status"]["id"]) for tracker in trackers if tracker.get("default_status")}
    return Names(
        statuses={each["name"]: each["id"] for each in statuses},
        closed=frozenset(each["id"] for each in statuses if each.get("is_closed")),
        first=frozenset(first or {each["id"] for each in statuses[:1]}),
        priorities={each["name"]: each["id"] for each in priorities},
        trackers={each["name"]: each["id"] for each in trackers},
    )


def field_of(issue: Mapping[str, Any], field: int | None) -> str | None:
    """Return the value of a custom field, if there is one."""
    values = (each.get("value") for each in issue.get("custom_fields") or () if each["id"] == field)
    return next((value for value in values if isinstance(value, str) and value), None)


def _changes(
    journals: Sequence[Mapping[str, Any]], name: str
) -> Iterator[tuple[Mapping[str, Any], str | None, str | None]]:
    """Yield the journals that changed an attribute, with its value before and after."""
    for journal in journals:
        for detail in journal.get("details") or ():
            if (detail["property"], detail["name"]) == ("attr", name):
                yield journal, detail.get("old_value"), detail.get("new_value")


def _instant(text: str | None) -> datetime | None:
    return parse_instant(text) if text else None
