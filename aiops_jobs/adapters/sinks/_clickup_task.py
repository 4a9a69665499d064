"""What a task of ClickUp tells, as a ticket: state by the type of its status, moments in milliseconds as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiops_jobs.ports import Ticket

PRIORITIES = {"P1": 1, "P2": 2, "P3": 3, "P4": 4, "P5": 4}
"""Urgent, high, normal, low; there is no fifth."""
_OURS = {1: "P1", 2: "P2", 3: "P3", 4: "P4"}
_STATES = {"open": "new", "unstarted": "new", "custom": "in_progress", "done": "resolved", "closed": "closed"}
FINAL = frozenset({"resolved", "closed"})

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """How tasks of one List are read."""

    key_field: str
    """Id of the custom field of our key."""
    digest_field: str | None
    cause_field: str | None
    group_prefix: str
    duplicates: Sequence[str]
    """Statuses and tags that say: a duplicate; in lower case."""
    me: str

    def ticket(self, task: Task, note: str | None = None) -> Ticket:
        """Return the task as a ticket; ``note`` is what people said last about a closed one."""
        state = state_of(task)
        is_done = state in FINAL
        tags, status = tags_of(task), str((task.get("status") or {}).get("status") or "")
        is_duplicate = is_done and bool({status.casefold(), *tags} & set(self.duplicates))
        groups = [tag for tag in tags if self.group_prefix and tag.startswith(self.group_prefix.casefold())]
        cause = value_of(task, self.cause_field)
        return Ticket(
            remote_key=str(task["id"]),
            external_key=value_of(task, self.key_field) or "",
            state=state,
            title=str(task.get("name") or ""),
            priority=_OURS.get(priority_of(task) or 0, ""),
            remote_url=task.get("url"),
            assignment_group=groups[0][len(self.group_prefix) :] if groups else None,
            opened_at=instant(task.get("date_created")),
            updated_at=instant(task.get("date_updated")),
            resolved_at=instant(task.get("date_done") or task.get("date_closed")) if is_done else None,
            content_sha256=value_of(task, self.digest_field),
            assignee=next((u.get("email") or u.get("username") for u in task.get("assignees") or ()), None),
            resolution_code=status if is_done else None,
            is_duplicate=is_duplicate,
            merged_into=self._master(task) if is_duplicate else None,
            cause=(cause or note) if is_done else None,
        )

    def _master(self, task: Task) -> str | None:
        """Return the one task a person linked it to; which of several is meant is not told."""
        mine = str(task["id"])
        links = [link for link in task.get("linked_tasks") or () if str(link.get("userid")) != self.me]
        ends = {str(link.get(end)) for link in links for end in ("task_id", "link_id")} - {mine}
        return ends.pop() if len(ends) == 1 else None


def state_of(task: Task) -> str:
    """Return the state by the type of the status."""
    return _STATES.get(str((task.get("status") or {}).get("type")), "unknown")


def priority_of(task: Task) -> int | None:
    """Return the number of the priority, 1 to 4."""
    told = (task.get("priority") or {}).get("id")
    return int(told) if told is not None and str(told).isdigit() else None


def value_of(task: Task, field: str | None) -> str | None:
    """Return the text in a custom field."""
    for each in task.get("custom_fields") or ():
        if field is not None and each.get("id") == field:
            return str(each["value"]) if each.get("value") not in {None, ""} else None
    return None


def tags_of(task: Task) -> list[str]:
    """Return the tags; ClickUp keeps them in lower case."""
    return [str(tag.get("name")).casefold() for tag in task.get("tags") or ()]


def instant(told: Any) -> datetime | None:
    """Return a moment given as milliseconds since 1970, in a text."""
    return datetime.fromtimestamp(int(told) / 1000, UTC) if told else None


def said_last(comments: Sequence[Mapping[str, Any]], me: str) -> str | None:
    """Return the newest comment that is not ours."""
    theirs = [c for c in comments if str((c.get("user") or {}).get("id")) != me and str(c.get("comment_text")).strip()]
    newest = max(theirs, key=lambda c: int(c.get("date") or 0), default=None)
    return str(newest["comment_text"]).strip() if newest else None
