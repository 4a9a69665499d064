"""What the jobs ask of the outside world. Adapters answer; nothing here knows how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

from aiops_jobs.contracts.table import Table
from aiops_jobs.core.policies import Policies
from aiops_jobs.window import Window


@dataclass(frozen=True, slots=True)
class Check:
    """One thing ``aiops check`` found about a connection."""

    name: str
    is_ok: bool
    detail: str
    remedy: str = ""


# --- sources ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read: it goes to quarantine, its siblings go on."""

    locator: str
    reason_code: str
    detail: str
    raw: str
    column_name: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table as a source delivered them.

    Args:
        rows: Columns of the table's contract (nullable ones may be missing), not yet judged.
        locators: Where each row stood (``file:line``, ``page/index``), as long as ``rows``; ``None`` where
            the source has no such place: then the position in the batch is used.
        rejects: What could not even be read.
    """

    rows: pa.Table
    locators: pa.Array | None = None
    rejects: tuple[Reject, ...] = ()


class Source(Protocol):
    """A system telemetry is read from."""

    name: str
    tables: Sequence[Table]
    """Contracts it can deliver."""

    def check(self) -> Sequence[Check]:
        """Ask the system who it is and whether we may read; never raise for its answer."""

    def extract(self, table: Table, window: Window) -> Iterator[Batch]:
        """Yield the rows of ``table`` whose time lies in ``window``.

        Raises:
            ConnectorUnavailable: The system cannot answer now; the whole window is to be tried again.
            ConnectorError: It refuses.
        """


# --- lake -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of the lake that was read, as lineage records it."""

    path: str
    table_name: str
    sha256: str
    rows: int
    first_event_at: datetime | None
    latest_event_at: datetime | None


@dataclass(frozen=True, slots=True)
class LakeRead:
    """Rows of a window, with the files they came from."""

    rows: pa.Table
    inputs: tuple[InputFile, ...]


@dataclass(frozen=True, slots=True)
class LakeCommit:
    """What a write did."""

    version: int
    parts: tuple[InputFile, ...]
    changed: bool
    """False where the very same rows were already there."""


class Lake(Protocol):
    """Windowed tables of files: a window is replaced, never appended twice; the past can be read again."""

    def write(self, table: Table, rows: pa.Table, *, source: str, window: Window, as_of: datetime) -> LakeCommit:
        """Replace what ``source`` has in ``window`` by ``rows`` (conforming; time inside the window), atomically.

        ``source`` names the writer: a configured source, or a job that hands a result on. What was written with
        a later ``as_of`` stays current; every version stays readable by ``as_of`` until `maintain` removes it.
        """

    def read(
        self,
        table: Table,
        window: Window,
        *,
        as_of: datetime | None = None,
        columns: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
    ) -> LakeRead:
        """Return the rows whose time lies in ``window``, sorted by the table's key, as known at ``as_of``."""

    def windows(self, table: Table, *, source: str | None = None, as_of: datetime | None = None) -> list[Window]:
        """Return the windows that were written, in order: what is not covered here was never asked for."""

    def maintain(self, table: Table, *, keep: timedelta, as_of: datetime) -> int:
        """Remove files no longer referenced for longer than ``keep``; return how many."""


# --- warehouse --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """``column = value`` or, for a sequence, ``column in values``."""

    column: str
    value: Any


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows to publish into one table: all that the run knows about ``span``.

    Later knowledge wins, and equal knowledge keeps its first witness, so the order of runs does not matter:

    * a stored row with the same key and equal content (lineage columns aside) keeps the lineage of the earlier
      ``as_of``; with other content, the row of the later ``as_of`` stays;
    * a stored row of the table whose time lies in ``span``, that matches ``scope``, whose ``as_of`` is not later
      than this run's and that is not in ``rows``, is deleted;
    * a row whose key is not stored and whose time lies in the span of a completed run of the same job with a
      later ``as_of`` is not inserted: that run knew better.

    Rows whose time lies before ``span`` are upserted by the first rule and never delete anything.
    """

    table: Table
    rows: pa.Table
    scope: tuple[Filter, ...] = ()
    span: Window | None = None
    """Defaults to the run's span."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The question a run answers, and what it used."""

    run_id: str
    job: str
    window: Window
    span: Window
    """What the run speaks about: its window and the look-back it revises."""
    as_of: datetime
    code_version: str
    config_hash: str
    parameters: str
    input_manifest_id: str | None = None
    rows_in: int = 0
    rows_published: int = 0


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything a run concluded; committed in one transaction or not at all."""

    run: RunRecord
    tables: tuple[TableRows, ...] = ()
    inputs: tuple[InputFile, ...] = ()
    quality: pa.Table | None = None
    """Rows of ``quality_results``."""
    health: pa.Table | None = None
    """Rows of ``source_health``."""
    outbox: pa.Table | None = None
    """Rows of ``ticket_outbox``; a row already there keeps its state."""
    upserts: tuple[TableRows, ...] = ()
    """Rows written by key alone, without window semantics (``model_versions``, ``policies``, …)."""


class Lease(Protocol):
    """The right to publish; renewed in the background while held."""

    token: int

    def verify(self) -> None:
        """Raise ``Superseded`` if another process has taken over."""


class Warehouse(Protocol):
    """Result tables, runs, leases and the ticket outbox."""

    def check(self) -> Sequence[Check]:
        """Connect, compare the schema with the contracts, tell what is missing."""

    def migrate(self) -> None:
        """Bring the schema to the newest version."""

    def read(
        self,
        table: Table,
        *,
        window: Window | None = None,
        where: Sequence[Filter] = (),
        order_by: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> pa.Table:
        """Return conforming rows; ``window`` filters the table's time column; default order is the key."""

    def lease(self, name: str) -> AbstractContextManager[Lease]:
        """Hold ``name`` exclusively.

        Raises:
            Superseded: Somebody else holds it and is alive.
        """

    def begin(self, run: RunRecord) -> str:
        """Record that a try at ``run`` starts; return its ``attempt_id``."""

    def publish(self, publication: Publication, *, attempt_id: str, lease: Lease) -> None:
        """Commit ``publication`` and mark run and try completed, in one transaction guarded by ``lease``."""

    def fail(self, run: RunRecord, *, attempt_id: str, error: str) -> None:
        """Record that the try failed; an earlier completed publication of the run stays."""

    def claim_outbox(self, endpoint: str, *, limit: int) -> list[dict[str, Any]]:
        """Lease due rows of the outbox to this process, oldest and lowest ``sequence`` first, one per external key."""

    def settle_outbox(self, row: Mapping[str, Any], outcome: DeliveryOutcome) -> None:
        """Record the outcome of one call, and the ticket as seen, in one transaction; refuse a lost lease."""


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """How one call to a sink ended."""

    state: str
    """One of ``ticket_outbox.outbox_state``."""
    ticket: Ticket | None = None
    error: str | None = None
    retry_after: timedelta | None = None


# --- sinks ------------------------------------------------------------------------------------------------------


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


# --- quality and models -----------------------------------------------------------------------------------------


class QualityGate(Protocol):
    """Great Expectations, behind one door."""

    def validate(self, table: Table, rows: pa.Table, *, stage: str, window: Window, source: str) -> pa.Table:
        """Judge the rows of one window; return ``quality_results`` without ``run_id``.

        Contract expectations and ``expectations/<table>.yaml``; row count, freshness and null share come first.
        Never raises for a failed expectation: see `critical_failures` of the result.
        """


class ModelStore(Protocol):
    """Model files: written atomically, opened only with the digest they were registered with."""

    def save(self, model_name: str, model_version: str, model: Any) -> tuple[str, str]:
        """Store ``model``; return its path inside the store and its SHA-256."""

    def load(self, path: str, sha256: str) -> Any:
        """Return the model.

        Raises:
            CorruptPartError: The file is not the one that was registered.
        """


class Pages(Protocol):
    """Where finished pages and exports go."""

    def write(self, name: str, text: str) -> str:
        """Write one file atomically; return where a person finds it."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a job may touch. Built once, in ``bootstrap``."""

    lake: Lake
    warehouse: Warehouse
    quality: QualityGate
    models: ModelStore
    pages: Pages
    sources: Mapping[str, Source]
    sinks: Mapping[str, Sink]
    policies: Policies
    code_version: str
    config_hash: str
    source_hashes: Mapping[str, str]
    """Digest of each source's settings, secrets excluded."""
    progress: Callable[[str], None] = lambda _: None
    """Told, in words, what a long job is doing."""


def all_ok(checks: Iterable[Check]) -> bool:
    """Tell whether every check is fine."""
    return all(check.is_ok for check in checks)
