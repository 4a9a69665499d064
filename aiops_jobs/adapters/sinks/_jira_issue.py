"""What an issue of Jira tells, as a ticket: its state by the category of its status, and its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops_jobs.adapters.markup.adf import text_of
from aiops_jobs.ports import Ticket

PROPERTY = "aiops.finding"
FIELDS = (
    "summary",
    "description",
    "status",
    "priority",
    "labels",
    "assignee",
    "created",
    "updated",
    "resolution",
    "resolutiondate",
    "statuscategorychangedate",
    "issuelinks",
    "components",
    "comment",
)
_STATES = {"new": "new", "indeterminate": "in_progress", "done": "resolved"}

Issue = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """How issues of one site are read."""

    priorities: Mapping[str, str]
    """Our priorities to the site's names."""
    duplicate_link: str
    duplicate_resolutions: Sequence[str]
    group_field: str
    group_prefix: str
    cause_field: str
    browse: str
    """Address before the key of an issue."""
    me: str
    """Our account; what it did is nobody's acknowledgement."""

    def ticket(self, issue: Issue, key: str, label: str) -> Ticket:
        """Return the issue as the ticket of ``key``, or of no key where it does not carry exactly its label."""
        fields, changes = issue["fields"], _Changes(issue.get("changelog") or {}, self.me)
        state = state_of(issue)
        is_done = state in {"resolved", "closed"}
        master = self._master(fields)
        resolution = (fields.get("resolution") or {}).get("name")
        alike = {name.casefold() for name in self.duplicate_resolutions}
        is_duplicate = is_done and (master is not None or (resolution or "").casefold() in alike)
        written = property_of(issue)
        return Ticket(
            remote_key=str(issue["key"]),
            external_key=key if label in (fields.get("labels") or ()) else "",
            state=state,
            title=fields.get("summary") or "",
            priority=self._priority(fields, written),
            remote_url=f"{self.browse}/browse/{issue['key']}",
            assignment_group=self._group(fields),
            opened_at=instant(fields.get("created")),
            updated_at=instant(fields.get("updated")),
            resolved_at=self._resolved_at(fields, changes) if is_done else None,
            content_sha256=written.get("content_sha256"),
            assignee=_person(fields.get("assignee")),
            resolution_code=resolution if is_done else None,
            is_duplicate=is_duplicate,
            merged_into=master if is_duplicate else None,
            acknowledged_at=changes.acknowledged_at(),
            resolved_by=changes.last_status_by() if is_done else None,
            cause=self._cause(fields) if is_done else None,
            reopen_count=changes.reopen_count(),
        )

    def _priority(self, fields: Mapping[str, Any], written: Mapping[str, Any]) -> str:
        name = (fields.get("priority") or {}).get("name")
        ours = next((p for p, theirs in self.priorities.items() if theirs == name), None)
        return ours or str(written.get("priority") or "")

    def _group(self, fields: Mapping[str, Any]) -> str | None:
        if self.group_field == "labels":
            found = [label for label in fields.get("labels") or () if label.startswith(self.group_prefix)]
            return found[0].removeprefix(self.group_prefix) if found else None
        value = fields.get(self.group_field) if self.group_field else None
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, Mapping):
            value = value.get("name") or value.get("value")
        return value if isinstance(value, str) else None

    def _master(self, fields: Mapping[str, Any]) -> str | None:
        """Return the key of the issue this one duplicates: the outward end of a link of that type."""
        for link in fields.get("issuelinks") or ():
            is_meant = (link.get("type") or {}).get("name", "").casefold() == self.duplicate_link.casefold()
            if is_meant and link.get("outwardIssue"):
                return str(link["outwardIssue"]["key"])
        return None

    def _resolved_at(self, fields: Mapping[str, Any], changes: _Changes) -> datetime | None:
        told = fields.get("resolutiondate") or fields.get("statuscategorychangedate")
        return instant(told) or changes.last_status_at()

    def _cause(self, fields: Mapping[str, Any]) -> str | None:
        value = fields.get(self.cause_field) if self.cause_field else None
        if isinstance(value, Mapping) and value.get("type") != "doc":
            value = value.get("value") or value.get("name")
        if text_of(value):
            return text_of(value)
        comments = (fields.get("comment") or {}).get("comments") or ()
        theirs = [text_of(c.get("body")) for c in comments if account_of(c.get("author")) != self.me]
        return next((text for text in reversed(theirs) if text), None)


class _Changes:
    """The history of an issue, oldest first; where the answer holds a part of it only, it tells less."""

    def __init__(self, changelog: Mapping[str, Any], me: str) -> None:
        told = sorted(changelog.get("histories") or (), key=lambda change: str(change.get("created")))
        self._is_whole = "histories" in changelog and len(told) >= (changelog.get("total") or 0)
        self._me = me
        self._items = [(change, item) for change in told for item in change.get("items") or ()]

    def acknowledged_at(self) -> datetime | None:
        """Return when a person first took it on: assigned it, or moved it on."""
        for change, item in self._items if self._is_whole else ():
            taken = item.get("field") == "status" or (item.get("field") == "assignee" and item.get("to"))
            if taken and account_of(change.get("author")) != self._me:
                return instant(change.get("created"))
        return None

    def last_status_by(self) -> str | None:
        """Return who moved it last."""
        return next((_person(change.get("author")) for change, _ in reversed(self._of("status"))), None)

    def last_status_at(self) -> datetime | None:
        """Return when it was moved last."""
        return next((instant(change.get("created")) for change, _ in reversed(self._of("status"))), None)

    def reopen_count(self) -> int | None:
        """Return how often a resolution was taken back; unknown where a workflow sets none."""
        resolutions = self._of("resolution")
        if not self._is_whole or (not resolutions and len(self._of("status")) > 1):
            return None
        return sum(not item.get("to") for _, item in resolutions)

    def _of(self, field: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        return [(change, item) for change, item in self._items if item.get("field") == field]


def state_of(issue: Issue) -> str:
    """Return the state by the category of the status; a status called closed is closed."""
    status = issue["fields"].get("status") or {}
    state = _STATES.get((status.get("statusCategory") or {}).get("key", ""), "unknown")
    return "closed" if state == "resolved" and str(status.get("name")).casefold() == "closed" else state


def property_of(issue: Issue) -> Mapping[str, Any]:
    """Return what we keep beside the fields of the issue."""
    value = (issue.get("properties") or {}).get(PROPERTY)
    return value if isinstance(value, Mapping) else {}


def account_of(user: Mapping[str, Any] | None) -> str:
    """Return the account of a user: its id on Jira Cloud, its name on Data Center."""
    return str((user or {}).get("accountId") or (user or {}).get("name") or "")


def instant(text: str | None) -> datetime | None:
    """Return a moment such as ``2026-11-20T02:14:00.000+0000``."""
    return datetime.fromisoformat(text) if text else None


def _person(user: Mapping[str, Any] | None) -> str | None:
    name = (user or {}).get("emailAddress") or (user or {}).get("displayName") or (user or {}).get("name")
    return str(name) if name else None
