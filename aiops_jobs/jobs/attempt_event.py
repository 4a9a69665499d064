"""One event to a target that takes events: told at least once, and changed in place where it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiops_jobs.core.tickets.delivery import content_of
from aiops_jobs.ports import DeliveryOutcome, Draft, Event, EventSink, Receipt, Ticket

STATES = {"trigger": "new", "update": "in_progress", "resolve": "resolved"}


def tell_event(sink: EventSink, row: Mapping[str, Any], *, mode: str, guard: Callable[[], None]) -> DeliveryOutcome:
    """Tell what a row of the outbox says; errors of the sink pass through.

    A resolution is told only of what was triggered before. What a target cannot change is not told again.
    """
    action = row["ticket_action"]
    is_open = row["known_state"] in {"new", "in_progress"}
    if action == "resolve" and not is_open:
        return DeliveryOutcome("skipped", error="nothing is open there that could be resolved", is_untried=True)
    if action == "update" and is_open and not sink.traits.can_update:
        return DeliveryOutcome("skipped", error="the target cannot change what it was told", is_untried=True)
    if action == "resolve" and not sink.traits.can_resolve:
        return DeliveryOutcome("skipped", error="the target cannot take back what it was told", is_untried=True)
    told = action if action != "create" and is_open else "trigger"
    if mode == "mock":
        return DeliveryOutcome("skipped", error=f"mode is `mock`: would {told}", is_untried=True)
    said = content_of(row["payload"])
    draft = draft_of(row, said, row["external_key"])
    previous = row["known_remote_key"] if told != "trigger" else None
    event = Event(told, row["outbox_id"], draft, note=said["note"] if told == "resolve" else None, previous=previous)
    guard()
    receipt = sink.emit(event)
    return DeliveryOutcome("sent", ticket=_as_ticket(receipt, draft, told))


def draft_of(row: Mapping[str, Any], said: Mapping[str, Any], key: str, *, more: str = "") -> Draft:
    """Return the draft of a row's content under a key, with ``more`` Markdown behind the body."""
    return Draft(
        external_key=key,
        title=said["title"],
        body=said["body"] + more,
        priority=said["priority"],
        assignment_group=said["assignment_group"],
        started_at=said["started_at"],
        fields={**said["fields"], "content_sha256": row["content_sha256"]},
        assignee=said["assignee"],
    )


def _as_ticket(receipt: Receipt, draft: Draft, told: str) -> Ticket:
    return Ticket(
        remote_key=receipt.ref,
        external_key=draft.external_key,
        state=STATES[told],
        title=draft.title,
        priority=draft.priority,
        remote_url=receipt.remote_url,
        assignment_group=draft.assignment_group,
    )
