"""What a call of the outbox means, given the tickets that already carry its key. Pure: the job makes the calls.

The rules, in order of what they protect:

* at most one ticket per key: a call that may have been sent before adopts whatever ticket is there;
* a ticket that a person closed stays closed: an update or a resolution of it is settled without a call;
* trouble that comes back after its ticket was closed is a new ticket (the old one keeps its history).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiops_jobs.window import parse_instant

OPEN_STATES = ("new", "in_progress", "unknown")
MAX_ATTEMPTS = 12
MAX_WAIT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be done about one row of the outbox.

    Args:
        act: ``create``, ``update``, ``resolve``, or ``settle`` where nothing is to be called.
        target: Position of the ticket in ``found``; null for ``create``.
        reason: Why, where nothing is called.
    """

    act: str
    target: int | None = None
    reason: str | None = None


def decide(action: str, *, may_have_been_sent: bool, states: Sequence[str]) -> Call:
    """Return the call for ``action`` (create | update | resolve), given the states of the tickets with its key.

    Args:
        action: What was intended.
        may_have_been_sent: An earlier try of this very row ended without an answer.
        states: ``ticket_state`` of each ticket that carries the key, oldest first.

    Example:
        >>> decide("create", may_have_been_sent=True, states=["closed"]).act
        'settle'
    """
    newest_open = max((k for k, state in enumerate(states) if state in OPEN_STATES), default=None)
    newest = len(states) - 1
    if newest_open is not None:
        return Call("resolve" if action == "resolve" else "update", newest_open)
    if action == "create":
        if states and may_have_been_sent:
            return Call("settle", newest, "was created by an earlier try and closed since")
        return Call("create")
    if not states:
        return Call("create") if action == "update" else Call("settle", None, "there is no ticket to resolve")
    return Call("settle", newest, "the ticket was closed; it is not touched again")


def wait_after(attempt: int) -> timedelta:
    """Return how long to wait before the next try: 5 s doubling, at most five minutes."""
    return min(timedelta(seconds=5 * 2.0 ** min(attempt, 10)), MAX_WAIT)


def content_of(payload: str) -> Mapping[str, Any]:
    """Return what an outbox row says: ``title, body, priority, assignment_group, started_at, fields, note``."""
    said: dict[str, Any] = json.loads(payload)
    return {
        "title": said["title"],
        "body": said["body"],
        "priority": said["priority"],
        "assignment_group": said.get("assignment_group"),
        "started_at": parse_instant(said["started_at"]),
        "fields": said.get("fields", {}),
        "note": said.get("note", "The incident is over."),
    }
