"""One event to a target that takes events: told at least once, and changed in place where it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from aiops_jobs.contracts.operations import TICKETS
from aiops_jobs.core.tickets.delivery import content_of
from aiops_jobs.core.tickets.markdown import escape
from aiops_jobs.ports import DeliveryOutcome, Draft, Event, EventSink, Filter, Receipt, SinkTraits, Ticket, Warehouse

STATES = {"trigger": "new", "update": "in_progress", "resolve": "resolved"}


def tell_event(
    sink: EventSink,
    row: Mapping[str, Any],
    *,
    mode: str,
    guard: Callable[[], None],
    in_flight: timedelta,
    warehouse: Warehouse,
) -> DeliveryOutcome:
    """Tell what a row of the outbox says; errors of the sink pass through.

    A resolution is told only of what was triggered before. What a target cannot change is not told again.

    Args:
        in_flight: How long a call whose sender died may still be under way: a target that can be read is not looked at
            sooner.
        warehouse: Knows the tickets that speak of the same: the event names them.
    """
    is_open = row["known_state"] in {"new", "in_progress"}
    told = _told(row["ticket_action"], is_open=is_open)
    silent = _why_not(told, sink.traits, is_open=is_open) or (
        f"mode is `mock`: would {told}" if mode == "mock" else None
    )
    if silent:
        return DeliveryOutcome("skipped", error=silent, is_untried=True)
    if row["previous_state"] == "sending" and sink.traits.can_recall:
        wait = sink.traits.search_delay + in_flight
        return DeliveryOutcome("unknown", error="the sender died", retry_after=wait, is_untried=True)
    said = content_of(row["payload"])
    draft = draft_of(row, said, row["external_key"], more=_tickets_line(row, warehouse))
    event = Event(
        action=told,
        event_id=row["outbox_id"],
        draft=draft,
        note=said["note"] if told == "resolve" else None,
        previous=row["known_remote_key"] if told != "trigger" else None,
        may_be_told=_may_be_told(row),
    )
    guard()
    receipt = sink.emit(event)
    return DeliveryOutcome("sent", ticket=_as_ticket(receipt, draft, told))


def _tickets_line(row: Mapping[str, Any], warehouse: Warehouse) -> str:
    """Return a line that leads to the tickets about the same in other systems, where they can be reached."""
    known = warehouse.read(TICKETS, where=[Filter("external_key", row["external_key"])]).to_pylist()
    links = [
        f"[{escape(each['remote_key'])}]({each['remote_url']})"
        for each in sorted(known, key=lambda each: each["endpoint"])
        if each["endpoint"] != row["endpoint"] and str(each["remote_url"]).startswith(("https://", "http://"))
    ]
    return f"\n\n**Ticket:** {', '.join(links)}" if links else ""


def _told(action: str, *, is_open: bool) -> str:
    """Return the action of the event: what is open there is changed, whatever the outbox calls it, never told anew."""
    if action == "resolve":
        return action
    return "update" if is_open else "trigger"


def _why_not(told: str, traits: SinkTraits, *, is_open: bool) -> str | None:
    if told == "resolve" and not is_open:
        return "nothing is open there that could be resolved"
    if told == "update" and not traits.can_update:
        return "the target cannot change what it was told"
    if told == "resolve" and not traits.can_resolve:
        return "the target cannot take back what it was told"
    return None


def _may_be_told(row: Mapping[str, Any]) -> bool:
    """Tell whether an earlier try may have been told; of a dead letter sent again nobody knows any more."""
    is_sent_again = row["attempt_count"] == 1 and row["last_error"] is not None
    return row["previous_state"] in {"unknown", "sending"} or is_sent_again


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
