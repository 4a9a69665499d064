"""What the jobs ask of systems that tickets are delivered to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from aiops_jobs.ports.checks import Check


@dataclass(frozen=True, slots=True)
class Draft:
    """What a ticket shall say; already redacted and cut to no sink's limits."""

    external_key: str
    title: str
    body: str
    """Markdown."""
    priority: str
    assignment_group: str | None
    started_at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Machine-readable extras, such as the incident id and the service."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as its system tells it."""

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
    content_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class SinkTraits:
    """What the delivery engine must know about a sink."""

    mode: str = "live"
    """off | log | mock | live"""
    has_native_key: bool = False
    """The system itself refuses a second ticket for one key."""
    search_delay: timedelta = timedelta(0)
    """How long a new ticket may stay invisible to ``find``."""
    scopes: tuple[str, ...] = ()
    """Permissions it needs."""


class Sink(Protocol):
    """A system tickets are delivered to."""

    name: str
    traits: SinkTraits

    def check(self) -> Sequence[Check]:
        """Ask an identity endpoint; never trust an empty list."""

    def find(self, external_key: str) -> list[Ticket]:
        """Return the tickets carrying exactly this key, open and closed, oldest first."""

    def create(self, draft: Draft) -> Ticket:
        """Create a ticket and return it as read back.

        Raises:
            AmbiguousDelivery: It may have happened.
        """

    def update(self, ticket: Ticket, draft: Draft) -> Ticket:
        """Make the ticket say what ``draft`` says; absolute values, so repeating changes nothing."""

    def resolve(self, ticket: Ticket, note: str) -> Ticket:
        """Resolve the ticket with a closing note."""


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """How one call to a sink ended."""

    state: str
    """One of ``ticket_outbox.outbox_state``."""
    ticket: Ticket | None = None
    error: str | None = None
    retry_after: timedelta | None = None
