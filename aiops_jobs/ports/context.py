"""Everything a job may touch, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from aiops_jobs.contracts.table import Table
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.runbooks.runbook import Runbook
from aiops_jobs.ports.lake import Lake
from aiops_jobs.ports.sinks import Sink
from aiops_jobs.ports.sources import Source
from aiops_jobs.ports.warehouse import Warehouse
from aiops_jobs.window import Window


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
    runbooks: tuple[Runbook, ...] = ()
    """What may be done about incidents."""
    estate: str = "estate"
    """What people call what is watched."""
    stopped: Callable[[], str | None] = lambda: None
    """Why no ticket may go out (the kill switch); null while they may. Asked before every call to a sink."""
    report_url: str | None = None
    """Where finished pages are served, if they are."""
    progress: Callable[[str], None] = lambda _: None
    """Told, in words, what a long job is doing."""
