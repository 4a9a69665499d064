"""Deliver the ticket outbox to the sinks: find, then create or update, read back, settle. Each ticket once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiops_jobs.core.tickets.delivery import MAX_ATTEMPTS, Call, content_of, decide, wait_after
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, ConnectorUnavailable
from aiops_jobs.jobs.running import RunReport, open_run, report_of
from aiops_jobs.ports import Context, DeliveryOutcome, Draft, Ticket, TicketSink
from aiops_jobs.window import Window

CLAIMED = 1
"""Calls held at a time: if this process dies, no more than these are in doubt, and only they have used up a try."""


def deliver(context: Context, window: Window, as_of: datetime, *, limit: int = 1000) -> RunReport:
    """Make at most ``limit`` calls per sink that are due; what cannot be answered now stays for the next run.

    The window names the run and nothing more: the outbox holds whatever was decided and not yet answered.
    """
    with open_run(context, "deliver", window, as_of) as run:
        states: Counter[str] = Counter()
        for name, sink in sorted(context.sinks.items()):
            if not isinstance(sink, TicketSink):
                continue
            states += dispatch(context, sink, name, limit=limit)
        run.details.update(sorted(states.items()))
    return report_of(run)


def dispatch(context: Context, sink: TicketSink, endpoint: str, *, limit: int) -> Counter[str]:
    """Work through what is due for one sink; return how many calls ended in which state."""
    states: Counter[str] = Counter()
    while sum(states.values()) < limit:
        rows = context.warehouse.claim_outbox(endpoint, limit=CLAIMED)
        if not rows:
            break
        for row in rows:
            outcome = attempt(sink, row)
            context.warehouse.settle_outbox(row, outcome)
            states[outcome.state] += 1
            context.progress(f"{endpoint}: {row['ticket_action']} {row['external_key']}: {outcome.state}")
    return states


def attempt(sink: TicketSink, row: Mapping[str, Any]) -> DeliveryOutcome:
    """Make one call; an answer that did not come is unknown, never failed."""
    mode = row["delivery_mode"] if sink.traits.mode == "live" else sink.traits.mode
    if mode != "live":
        return DeliveryOutcome("skipped", error=f"mode is `{mode}`: nothing was sent")
    wait = wait_after(row["attempt_count"])
    may_have_been_sent = row["previous_state"] != "pending"
    if row["previous_state"] == "sending" and sink.traits.search_delay:
        # its sender died a moment ago: what it may have created is not yet to be found
        return DeliveryOutcome("unknown", error="the sender died", retry_after=sink.traits.search_delay)
    try:
        found = sink.find(row["external_key"])
        call = decide(row["ticket_action"], may_have_been_sent=may_have_been_sent, states=[t.state for t in found])
    except ConnectorUnavailable as error:
        state = "unknown" if may_have_been_sent else "pending"
        return _again(row, DeliveryOutcome(state, error=str(error), retry_after=wait))
    except ConnectorError as error:
        return DeliveryOutcome("dead", error=str(error))
    if call.act == "settle":
        ticket = found[call.target] if call.target is not None else None
        state = "sent" if may_have_been_sent or row["ticket_action"] == "create" else "skipped"
        return DeliveryOutcome(state, ticket=ticket, error=call.reason)
    try:
        return DeliveryOutcome("sent", ticket=_call(sink, call, found, row))
    except (AmbiguousDelivery, ConnectorUnavailable) as error:
        waiting = max(wait, sink.traits.search_delay)
        return _again(row, DeliveryOutcome("unknown", error=str(error), retry_after=waiting))
    except ConnectorError as error:
        return DeliveryOutcome("dead", error=str(error))


def _call(sink: TicketSink, call: Call, found: list[Ticket], row: Mapping[str, Any]) -> Ticket:
    said = content_of(row["payload"])
    draft = Draft(
        external_key=row["external_key"],
        title=said["title"],
        body=said["body"],
        priority=said["priority"],
        assignment_group=said["assignment_group"],
        started_at=said["started_at"],
        fields={**said["fields"], "content_sha256": row["content_sha256"]},
    )
    if call.act == "create" or call.target is None:
        return sink.create(draft)
    if call.act == "resolve":
        return sink.resolve(found[call.target], said["note"])
    return sink.update(found[call.target], draft)


def _again(row: Mapping[str, Any], outcome: DeliveryOutcome) -> DeliveryOutcome:
    """Return ``outcome``, or its end where it was tried often enough: a dead letter, with its reason, kept."""
    if row["attempt_count"] < MAX_ATTEMPTS:
        return outcome
    return DeliveryOutcome("dead", error=f"given up after {row['attempt_count']} tries: {outcome.error}")
