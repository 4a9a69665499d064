"""What an issue of GitHub is to say and what it tells, as a ticket; our key stands in a comment that nobody sees.

The comment is a line of its own at the end of the body. Telemetry cannot write one: its text arrives with every ``<``
replaced, and of several such lines the last counts, which is ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.ports import Draft, Renderer, Ticket

TITLE = Limit(256)
BODY = Limit(65_536)
ROOM = Limit(BODY.size - 400)
"""What the text may take beside the line with the key."""
LABEL = Limit(50)
_MARKER = re.compile(r"<!-- aiops:([A-Za-z0-9.-]{1,60})(?: sha256:([0-9A-Za-z]{1,64}))? -->")
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_MASTER = re.compile(r"^\s*duplicate of\s+#(\d+)", re.IGNORECASE)

Issue = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wording:
    """How priorities, groups and people are called in a repository."""

    label: str
    priorities: Mapping[str, str]
    group_prefix: str
    people: Mapping[str, str]

    def labels(self, draft: Draft, present: Sequence[str] = ()) -> list[str]:
        """Return the labels an issue is to have; those of people stay."""
        named = self.priorities.get(draft.priority)
        group = self.group_prefix + draft.assignment_group if draft.assignment_group and self.group_prefix else None
        ours = {*self.priorities.values()} if named else set()
        kept = [name for name in present if name not in ours and not (group and name.startswith(self.group_prefix))]
        wanted = [self.label, named, cut(group, LABEL) if group else None]
        return list(dict.fromkeys([*kept, *(name for name in wanted if name)]))

    def logins(self, draft: Draft) -> list[str]:
        """Return the account of the person who is to have it, where one is known."""
        who = self.people.get(draft.assignee or "", draft.assignee or "")
        return [who] if _LOGIN.fullmatch(who) else []

    def ticket(self, issue: Issue, more: History) -> Ticket:
        """Return the issue as a ticket, of no key where it carries none."""
        key, sha = marker_of(issue)
        labels = labels_of(issue)
        is_closed = issue.get("state") == "closed"
        reason = issue.get("state_reason")
        groups = [name for name in labels if self.group_prefix and name.startswith(self.group_prefix)]
        is_duplicate = is_closed and (reason == "duplicate" or (reason != "completed" and "duplicate" in labels))
        return Ticket(
            remote_key=str(issue["number"]),
            external_key=key,
            state="closed" if is_closed else "in_progress" if reason == "reopened" else "new",
            title=issue.get("title") or "",
            priority=next((p for p, name in self.priorities.items() if name in labels), ""),
            remote_url=issue.get("html_url"),
            assignment_group=groups[0].removeprefix(self.group_prefix) if groups else None,
            opened_at=instant(issue.get("created_at")),
            updated_at=instant(issue.get("updated_at")),
            resolved_at=instant(issue.get("closed_at")) if is_closed else None,
            content_sha256=sha,
            assignee=next((_login(user) for user in issue.get("assignees") or ()), None),
            resolution_code=reason if is_closed else None,
            is_duplicate=is_duplicate,
            merged_into=more.master if is_duplicate else None,
            acknowledged_at=more.acknowledged_at,
            resolved_by=_login(issue.get("closed_by")) if is_closed else None,
            cause=more.cause if is_closed else None,
            reopen_count=more.reopen_count,
        )


@dataclass(frozen=True, slots=True)
class History:
    """What events and comments of a closed issue tell; of an open one nobody asks."""

    acknowledged_at: datetime | None = None
    reopen_count: int | None = None
    master: str | None = None
    cause: str | None = None


def history(events: Sequence[Issue], comments: Sequence[Issue], me: str) -> History:
    """Return what people did to an issue, by its events and comments, oldest first."""
    theirs = [event for event in events if _login(event.get("actor")) != me]
    taken = (instant(e.get("created_at")) for e in theirs if e.get("event") in {"assigned", "closed"})
    said = [str(c.get("body") or "") for c in comments if _login(c.get("user")) != me]
    masters = [found[1] for text in said if (found := _MASTER.match(text))]
    notes = [text.strip() for text in said if text.strip() and not _MASTER.match(text)]
    return History(
        acknowledged_at=next(taken, None),
        reopen_count=sum(event.get("event") == "reopened" for event in events),
        master=masters[-1] if masters else None,
        cause=notes[-1] if notes else None,
    )


def body_of(draft: Draft, renderer: Renderer) -> str:
    """Return the body with the key behind it."""
    sha = draft.fields.get("content_sha256")
    told = f" sha256:{sha}" if sha else ""
    return f"{renderer.render(draft.body, ROOM)}\n\n<!-- aiops:{draft.external_key}{told} -->"


def title_of(draft: Draft) -> str:
    """Return the title, cut."""
    return cut(" ".join(draft.title.splitlines()), TITLE)


def marker_of(issue: Issue) -> tuple[str, str | None]:
    r"""Return key and digest in the last line that is nothing but our comment.

    Example:
        >>> marker_of({"body": "x\n\n<!-- aiops:inc-1 sha256:ab -->"})
        ('inc-1', 'ab')
    """
    for line in reversed((issue.get("body") or "").splitlines()):
        found = _MARKER.fullmatch(line.strip())
        if found:
            return found[1], found[2]
    return "", None


def labels_of(issue: Issue) -> list[str]:
    """Return the names of the labels of an issue."""
    return [str(label.get("name") if isinstance(label, Mapping) else label) for label in issue.get("labels") or ()]


def instant(text: str | None) -> datetime | None:
    """Return a moment such as ``2026-11-20T02:14:00Z``."""
    return datetime.fromisoformat(text) if text else None


def _login(user: Mapping[str, Any] | None) -> str | None:
    login = (user or {}).get("login")
    return str(login) if login else None
