"""What a call of the outbox means, given the tickets that already carry its key. Pure: the job makes the calls.

The rules, in order of what they protect:

* at most one ticket per key: a call that may have created a ticket before adopts whatever is there;
* what a person closed after the call was decided, or closed as the duplicate of another, stays closed;
* trouble that goes on, or comes back, under a closed ticket reopens it within the policy's window, else opens the next
  one, linked to it; a closed ticket is never changed in silence;
* nothing is sent that the ticket says already.

The tickets of one lasting trouble are its *rounds*. The first carries the external key, the next ones the key with
``.2``, ``.3``, …: so each round, too, is created once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiops_jobs.core.policies.delivery import DeliveryPolicy
from aiops_jobs.core.tickets.limits import Limit, cut
from aiops_jobs.core.tickets.redact import redact_text
from aiops_jobs.window import parse_instant

OPEN_STATES = ("new", "in_progress", "unknown")
MOST_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest ticket of the newest round, as far as a decision needs it."""

    state: str
    closed_at: datetime | None = None
    content_sha256: str | None = None
    is_duplicate: bool = False
    merged_into: str | None = None
    can_reopen: bool = False
    can_comment: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be done about one row of the outbox.

    Args:
        act: ``create`` (the first ticket), ``follow`` (the next round, linked), ``update``, ``resolve``, ``reopen``
            (and update), ``tell_master``, or ``settle`` where nothing is to be called.
        reason: Why, in words for the operator.
        is_done: Of ``settle``: the call has had its effect, by an earlier try or by a person.
    """

    act: str
    reason: str = ""
    is_done: bool = False


def round_key(external_key: str, number: int) -> str:
    """Return the key that the ticket of a round carries, counted from 1.

    Example:
        >>> round_key("inc-1", 1), round_key("inc-1", 2)
        ('inc-1', 'inc-1.2')
    """
    return external_key if number == 1 else f"{external_key}.{number}"


def decide(
    row: Mapping[str, Any], seen: Seen | None, *, current_key: str, policy: DeliveryPolicy, now: datetime
) -> Call:
    """Return the call for a row of the outbox.

    Args:
        row: ``ticket_action``, ``content_sha256``, ``target_key`` (key under which an earlier try meant to create),
            ``enqueued_at``, ``sequence``, ``started_at``.
        seen: The newest ticket of the newest round; null where there is none.
        current_key: The key that ticket carries.
        policy: What is done about closed tickets.
        now: The instant.
    """
    action = row["ticket_action"]
    if seen is None:
        return Call("settle", "there is no ticket to resolve") if action == "resolve" else Call("create")
    is_ours = row.get("target_key") == current_key
    if seen.state in OPEN_STATES:
        return _about_open(row, seen, is_ours=is_ours, policy=policy)
    return _about_closed(row, seen, is_ours=is_ours, policy=policy, now=now)


def _about_open(row: Mapping[str, Any], seen: Seen, *, is_ours: bool, policy: DeliveryPolicy) -> Call:
    if row["ticket_action"] == "resolve":
        if policy.resolve_on == "never":
            return Call("settle", "the policy leaves resolving to people")
        return Call("resolve")
    if is_ours:
        return Call("settle", "was created by an earlier try", is_done=True)
    if seen.content_sha256 and seen.content_sha256 == row["content_sha256"]:
        return Call("settle", "the ticket says so already", is_done=True)
    return Call("update")


def _about_closed(row: Mapping[str, Any], seen: Seen, *, is_ours: bool, policy: DeliveryPolicy, now: datetime) -> Call:
    if is_ours:
        return Call("settle", "was created by an earlier try and closed since", is_done=True)
    if row["ticket_action"] == "resolve":
        return Call("settle", "the ticket is closed already", is_done=True)
    if seen.is_duplicate or seen.merged_into:
        if seen.merged_into and seen.can_comment:
            return Call("tell_master", f"a person closed it as the duplicate of {seen.merged_into}")
        return Call("settle", "a person closed it as a duplicate; it is not touched again")
    decided_at = row.get("enqueued_at")
    if seen.closed_at and decided_at and seen.closed_at >= decided_at:
        return Call("settle", "the ticket was closed after this was decided; it is not touched again")
    if seen.can_reopen and seen.closed_at and now - seen.closed_at <= timedelta(seconds=policy.reopen_window_s):
        return Call("reopen", f"closed on {seen.closed_at:%Y-%m-%d %H:%M} UTC, within the window for reopening")
    return Call("follow", "its ticket is closed")


def why_too_old(row: Mapping[str, Any], policy: DeliveryPolicy) -> str | None:
    """Return why a call is not made because of the age of what it tells, or nothing."""
    told_until, decided_at = row.get("told_until"), row.get("enqueued_at")
    if not told_until or not decided_at:
        return None
    age_s = (decided_at - told_until).total_seconds()
    if age_s <= policy.max_age_s:
        return None
    return f"decided {age_s / 3600:.0f} h after the end of its window: a back-fill makes no call"


def why_given_up(row: Mapping[str, Any], policy: DeliveryPolicy, now: datetime) -> str | None:
    """Return why a call that failed again is not tried any more, or nothing."""
    if row["attempt_count"] >= policy.max_attempts:
        return f"given up after {row['attempt_count']} tries"
    since = row.get("enqueued_at")
    if since and now - since >= timedelta(seconds=policy.give_up_after_s):
        return f"given up after {(now - since).total_seconds() / 3600:.1f} h and {row['attempt_count']} tries"
    return None


def not_applied(act: str, *, wanted_title: str, limit: Limit, title: str, state: str) -> str | None:
    """Return what a system has not done although it accepted the call, given the ticket read back; or nothing."""
    if act == "resolve":
        return f"the ticket is still `{state}`" if state in OPEN_STATES else None
    if state not in OPEN_STATES:
        return f"the ticket is `{state}`"
    if act != "reopen" and " ".join(title.split()) != " ".join(cut(wanted_title, limit).split()):
        return "the ticket still has another title"
    return None


def content_of(payload: str) -> dict[str, Any]:
    """Return what an outbox row says: ``title, body, priority, assignment_group, started_at, fields, note``.

    Redacted once more: the row may have been written before a pattern was known.
    """
    said: dict[str, Any] = json.loads(payload)
    said |= {name: redact_text(said[name]) for name in ("title", "body", "note") if said.get(name)}
    return {
        "title": said["title"],
        "body": said["body"],
        "priority": said["priority"],
        "assignment_group": said.get("assignment_group"),
        "assignee": said.get("assignee"),
        "started_at": parse_instant(said["started_at"]),
        "fields": said.get("fields", {}),
        "note": said.get("note", "The incident is over."),
    }
