"""One call to a ticket system: find what is there, do what is due, believe only what is read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiops_jobs.core.policies.delivery import DeliveryPolicy
from aiops_jobs.core.tickets.delivery import (
    MOST_ROUNDS,
    OPEN_STATES,
    Call,
    Seen,
    content_of,
    decide,
    not_applied,
    round_key,
)
from aiops_jobs.core.tickets.markdown import code
from aiops_jobs.errors import AmbiguousDelivery, ConnectorError, Retryable
from aiops_jobs.jobs.attempt_event import draft_of
from aiops_jobs.ports import DeliveryOutcome, Ticket, TicketSink, Warehouse

VANISHED_AFTER = 3
"""A ticket that was there and is not found so often was deleted by a person."""
LOOK_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Found:
    """The rounds of one trouble in the other system, as far as they matter."""

    ticket: Ticket | None = None
    """Newest round's."""
    number: int = 0
    """Of the newest round; 0: there is none."""
    earlier: Ticket | None = None
    """The round before it."""


@dataclass(slots=True)
class _Try:
    """One try at one row."""

    sink: TicketSink
    row: Mapping[str, Any]
    guard: Callable[[], None]
    warehouse: Warehouse
    policy: DeliveryPolicy

    def look(self) -> _Found:
        """Return the newest round; a search is believed only on the exact key."""
        found = _Found()
        for number in range(1, MOST_ROUNDS + 1):
            key = round_key(self.row["external_key"], number)
            self.guard()
            tickets = [t for t in self.sink.find(key) if t.external_key == key]
            if not tickets:
                break
            newest = next((t for t in tickets if t.state in OPEN_STATES), tickets[-1])
            found = _Found(newest, number, found.ticket)
            if newest.state in OPEN_STATES:
                break
        return found

    def seen(self, ticket: Ticket | None) -> Seen | None:
        if ticket is None:
            return None
        traits = self.sink.traits
        return Seen(
            state=ticket.state,
            closed_at=ticket.resolved_at,
            content_sha256=ticket.content_sha256,
            is_duplicate=ticket.is_duplicate,
            merged_into=ticket.merged_into,
            can_reopen=traits.can_reopen,
            can_comment=traits.can_comment,
        )

    def create(self, found: _Found, number: int) -> DeliveryOutcome:
        """Create the ticket of a round, having noted that we are about to."""
        key = round_key(self.row["external_key"], number)
        more = f"\n\nFollows {code(found.ticket.remote_key)}, which is closed." if found.ticket else ""
        draft = draft_of(self.row, content_of(self.row["payload"]), key, more=more)
        self.guard()
        self.warehouse.intend_outbox(self.row, key)
        made = self.sink.create(draft)
        problem = "it carries another key" if made.external_key != key else None
        problem = problem or self._problem("create", draft.title, made)
        if problem:
            raise AmbiguousDelivery(self.sink.name, f"was accepted, but {problem}")
        return DeliveryOutcome("sent", ticket=made, error=self.link(made, found.ticket))

    def link(self, ticket: Ticket, earlier: Ticket | None) -> str | None:
        """Link a round to the one before; that it could not be is told, and no reason to try the ticket again."""
        if earlier is None or not self.sink.traits.can_link:
            return None
        try:
            self.guard()
            self.sink.link(ticket, earlier)
        except ConnectorError as error:
            return f"is not linked to {earlier.remote_key}: {error}"
        return None

    def change(self, act: str, ticket: Ticket) -> DeliveryOutcome:
        """Update, resolve or reopen a ticket, and see whether it was done."""
        said = content_of(self.row["payload"])
        draft = draft_of(self.row, said, ticket.external_key)
        self.guard()
        if act == "resolve":
            told = self.sink.resolve(ticket, said["note"])
        elif act == "reopen":
            told = self.sink.reopen(ticket, "It is back, or still going on.")
        else:
            told = self.sink.update(ticket, draft)
        problem = self._problem(act, draft.title, told)
        if problem is None:
            return DeliveryOutcome("sent", ticket=told)
        if self.row["attempt_count"] >= self.policy.max_unapplied:
            return DeliveryOutcome("dead", ticket=told, error=f"was accepted {act} after {act}, but {problem}")
        return DeliveryOutcome("unknown", ticket=told, error=f"was accepted, but {problem}", retry_after=LOOK_AGAIN)

    def _problem(self, act: str, wanted: str, told: Ticket) -> str | None:
        limit = self.sink.traits.title_limit
        return not_applied(act, wanted_title=wanted, limit=limit, title=told.title, state=told.state)

    def reopen(self, found: _Found, ticket: Ticket) -> DeliveryOutcome:
        """Reopen and bring up to date; where the system refuses to reopen, the next round is opened."""
        try:
            outcome = self.change("reopen", ticket)
        except ConnectorError as error:
            if isinstance(error, Retryable):
                raise
            return self.create(found, found.number + 1)
        if outcome.state != "sent" or outcome.ticket is None or not self.sink.traits.can_update:
            return outcome
        return self.change("update", outcome.ticket)

    def tell_master(self, ticket: Ticket, master: str) -> DeliveryOutcome:
        """Comment on the ticket a person merged ours into; once, also where the answer is lost."""
        meant = f"comment:{master}"
        if self.row["target_key"] != meant:
            said = content_of(self.row["payload"])
            self.guard()
            self.warehouse.intend_outbox(self.row, meant)
            on = Ticket(master, ticket.external_key, "unknown", ticket.title, ticket.priority)
            try:
                self.sink.comment(on, f"{said['title']}\n\n{said['body']}")
            except AmbiguousDelivery as error:
                return DeliveryOutcome("sent", ticket=ticket, error=f"told {master}, perhaps: {error}")
        return DeliveryOutcome("sent", ticket=ticket, error=f"told {master}, of which it is the duplicate")


def tell_ticket(
    sink: TicketSink,
    row: Mapping[str, Any],
    *,
    mode: str,
    guard: Callable[[], None],
    warehouse: Warehouse,
    policy: DeliveryPolicy,
) -> DeliveryOutcome:
    """Do what a row of the outbox says; errors of the sink pass through."""
    this = _Try(sink, row, guard, warehouse, policy)
    if row["previous_state"] == "sending" and row["target_key"] and not sink.traits.has_native_key:
        # its sender died a moment ago: what it may have asked for may still be under way, or not yet to be found
        wait = sink.traits.search_delay + timedelta(seconds=policy.in_flight_s)
        return DeliveryOutcome("unknown", error="the sender died", retry_after=wait, is_untried=True)
    found = this.look()
    key = round_key(row["external_key"], max(found.number, 1))
    call = decide(row, this.seen(found.ticket), current_key=key, policy=policy, now=warehouse.now())
    if call.act in {"create", "follow"}:
        early = _too_early(this, found)
        if early:
            return early
    if mode == "mock":
        return DeliveryOutcome("skipped", ticket=None, error=f"mode is `mock`: would {call.act}", is_untried=True)
    return _do(this, call, found)


def _too_early(this: _Try, found: _Found) -> DeliveryOutcome | None:
    """Return why no ticket is opened although none was found: the search may lag, or a person deleted it."""
    told_at, row = this.row["told_at"], this.row
    known = row["known_remote_key"]
    since = this.warehouse.now() - told_at if told_at else None
    delay = this.sink.traits.search_delay
    if since is not None and since < delay:
        return DeliveryOutcome("pending", error="the search may lag", retry_after=delay - since, is_untried=True)
    if found.ticket is not None or known is None or row["ticket_action"] == "create":
        return None
    if row["attempt_count"] >= VANISHED_AFTER:
        return DeliveryOutcome("skipped", error=f"{known} is no longer there; a person deleted it")
    return DeliveryOutcome("pending", error=f"{known} was not found", retry_after=max(delay, LOOK_AGAIN))


def _do(this: _Try, call: Call, found: _Found) -> DeliveryOutcome:
    ticket, traits = found.ticket, this.sink.traits
    if ticket is None or call.act in {"create", "follow"}:
        if call.act == "settle":
            return DeliveryOutcome("skipped", error=call.reason)
        return this.create(found, found.number + 1)
    if call.act == "settle":
        note = this.link(ticket, found.earlier) if this.row["target_key"] else None
        return DeliveryOutcome("sent" if call.is_done else "skipped", ticket=ticket, error=note or call.reason)
    if call.act == "tell_master":
        return this.tell_master(ticket, ticket.merged_into or "")
    if call.act == "reopen":
        return this.reopen(found, ticket)
    able = traits.can_resolve if call.act == "resolve" else traits.can_update
    if not able:
        return DeliveryOutcome("skipped", ticket=ticket, error=f"the system cannot {call.act}")
    return this.change(call.act, ticket)
