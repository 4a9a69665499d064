"""What the jobs ask of systems that people are told through: ticket systems, and targets that only take events.

A `TicketSink` keeps tickets that can be found again by our key; an `EventSink` takes events, and either folds them by
that key itself (PagerDuty, an alert manager) or forgets (chat, e-mail, a webhook). The delivery engine makes every
decision: a sink does one call, reads back what came of it, and says so. It never tries again by itself.

Errors a sink raises, and what the engine does then:

| error                  | means                                  | the call                     | the sink            |
|------------------------|----------------------------------------|------------------------------|---------------------|
| `CredentialsRefused`   | who we are, or may do, is not accepted | stays pending                | is paused, finding  |
| `ConnectorError`       | this call is refused, now and later    | becomes a dead letter        | goes on             |
| `ConnectorUnavailable` | surely not done; not now               | stays pending, waits as told | counts as a failure |
| `AmbiguousDelivery`    | may have been done                     | is unknown: looked for first | counts as a failure |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.ports.checks import Check


@dataclass(frozen=True, slots=True)
class Draft:
    """What a ticket shall say; already redacted. The sink renders it and cuts it to its own limits."""

    external_key: str
    """Key the ticket is found again by; at most one ticket carries it. Letters, digits, ``-`` and ``.``; at most 60."""
    title: str
    """Plain text, one line; never markup."""
    body: str
    """Markdown as `aiops_jobs.core.tickets.richtext` reads it; text from telemetry is escaped in it."""
    priority: str
    """P1 … P5."""
    assignment_group: str | None
    started_at: datetime
    """Begin of the trouble."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Machine-readable extras, such as the incident id, the service, and ``content_sha256``."""
    assignee: str | None = None
    """Person, as the catalogue names him; null leaves that to the group."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as its system tells it: read back, never what a write was answered with."""

    remote_key: str
    external_key: str
    state: str
    """One of ``tickets.ticket_state``."""
    title: str
    priority: str
    remote_url: str | None = None
    assignment_group: str | None = None
    opened_at: datetime | None = None
    updated_at: datetime | None = None
    resolved_at: datetime | None = None
    """When it was resolved or closed; null where it is open or the system does not tell."""
    content_sha256: str | None = None
    """Digest of what we last wrote, where the system keeps it."""
    assignee: str | None = None
    resolution_code: str | None = None
    """As the system calls it."""
    is_duplicate: bool = False
    """A person closed it as the duplicate of another."""
    merged_into: str | None = None
    """``remote_key`` of the ticket it was merged into or is the duplicate of, where the system tells."""
    acknowledged_at: datetime | None = None
    """When a person first took it on, where the system tells."""
    resolved_by: str | None = None
    """Who resolved or closed it, as the system names him or her."""
    cause: str | None = None
    """What people there say the cause was: a cause field, else the closing note."""
    reopen_count: int | None = None
    """How often it was opened again, where the system counts."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to be told to an `EventSink`."""

    action: str
    """trigger | update | resolve"""
    event_id: str
    """The same at every try of the same call: a receiver may drop what it has seen."""
    draft: Draft
    """``draft.external_key`` is the key under which the target folds what belongs together."""
    note: str | None = None
    """Closing note of a ``resolve``."""
    previous: str | None = None
    """``Receipt.ref`` of the last event of this key, where one was kept: a chat message is changed, not posted anew."""
    may_be_told: bool = False
    """An earlier try may have been told: its answer was lost, or its sender died. A target that can be read
    (``traits.can_recall``) is looked at first."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an event target answered."""

    ref: str
    """What the next event of the key needs to know (channel and time stamp of a message); kept in ``tickets``. Where
    the target tells nothing, the key itself."""
    remote_url: str | None = None


@dataclass(frozen=True, slots=True)
class SinkTraits:
    """What the delivery engine must know about a sink."""

    mode: str = "live"
    """off | log | mock | live"""
    has_native_key: bool = False
    """The system itself takes a second write of one key for the first: a call may be repeated without looking."""
    search_delay: timedelta = timedelta(0)
    """How long a new ticket may stay invisible to ``find``; zero where search is strongly consistent."""
    can_update: bool = True
    can_resolve: bool = True
    can_reopen: bool = False
    can_link: bool = False
    can_comment: bool = False
    title_limit: Limit = field(default=Limit(250))
    """Longest title, in the system's own unit."""
    body_limit: Limit = field(default=Limit(60_000))
    """Longest body after rendering, in the system's own unit."""
    markup: str = "markdown"
    """What bodies are rendered to: markdown | text | html | adf | mrkdwn | adaptive_card | textile | jira_wiki"""
    can_recall: bool = False
    """Of an `EventSink`: what was told can be read there, and is looked for before it is told again."""
    scopes: tuple[str, ...] = ()
    """Permissions it needs, as the system calls them; ``aiops check`` shows and tries them."""


class Renderer(Protocol):
    """Turns a body into a system's own markup; what telemetry said stays text there."""

    def render(self, markdown: str, limit: Limit) -> Any:
        """Return the body in the system's markup, cut at a block or a letter so that it holds ``limit``."""


@runtime_checkable
class TicketSink(Protocol):
    """A system that keeps tickets."""

    name: str
    traits: SinkTraits

    def check(self) -> Sequence[Check]:
        """Ask an identity endpoint, and for each permission; never trust an empty list. Never raises."""

    def find(self, external_key: str) -> list[Ticket]:
        """Return the tickets carrying exactly this key, open and closed, oldest first.

        The answer of a search is filtered again here on the exact key: systems ignore what they do not understand.
        """

    def create(self, draft: Draft) -> Ticket:
        """Create a ticket and return it as read back.

        Raises:
            AmbiguousDelivery: It may have happened; also where it was accepted and could not be read back.
        """

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Make the open ``ticket`` say what ``draft`` says and return it as read back.

        Absolute values, only of what differs: repeating it changes nothing, not even the time of the last change.
        """

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Resolve the ticket with a closing note and return it as read back; a resolved one stays as it is."""

    def reopen(self, ticket: Ticket, note: str) -> Ticket:
        """Open a resolved ticket again with a note and return it as read back (``traits.can_reopen``)."""

    def comment(self, ticket: Ticket, text: str) -> None:
        """Add a comment, in Markdown (``traits.can_comment``)."""

    def link(self, ticket: Ticket, earlier: Ticket) -> None:
        """Say that ``ticket`` follows ``earlier``; saying it again changes nothing (``traits.can_link``)."""


@runtime_checkable
class EventSink(Protocol):
    """A target that takes events and keeps nothing that could be found again."""

    name: str
    traits: SinkTraits

    def check(self) -> Sequence[Check]:
        """Ask whether the target is there and knows us, without telling anybody anything. Never raises."""

    def emit(self, event: Event) -> Receipt:
        """Tell one event.

        Raises:
            AmbiguousDelivery: It may have been told.
        """


Sink = TicketSink | EventSink


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """How one call to a sink ended."""

    state: str
    """One of ``ticket_outbox.outbox_state``."""
    ticket: Ticket | None = None
    error: str | None = None
    retry_after: timedelta | None = None
    is_untried: bool = False
    """The sink was not called: it costs no try."""
