"""What the jobs ask of the outside world. Adapters answer; nothing here knows how."""

from __future__ import annotations

from aiops_jobs.ports.checks import Check, all_ok
from aiops_jobs.ports.context import Context, ModelStore, Pages, QualityGate
from aiops_jobs.ports.lake import InputFile, Lake, LakeCommit, LakeRead
from aiops_jobs.ports.sinks import (
    DeliveryOutcome,
    Draft,
    Event,
    EventSink,
    Receipt,
    Renderer,
    Sink,
    SinkTraits,
    Ticket,
    TicketSink,
)
from aiops_jobs.ports.sources import Batch, Reject, Source
from aiops_jobs.ports.warehouse import Filter, Lease, Publication, RunRecord, TableRows, Warehouse

__all__ = [
    "Batch",
    "Check",
    "Context",
    "DeliveryOutcome",
    "Draft",
    "Event",
    "EventSink",
    "Filter",
    "InputFile",
    "Lake",
    "LakeCommit",
    "LakeRead",
    "Lease",
    "ModelStore",
    "Pages",
    "Publication",
    "QualityGate",
    "Receipt",
    "Reject",
    "Renderer",
    "RunRecord",
    "Sink",
    "SinkTraits",
    "Source",
    "TableRows",
    "Ticket",
    "TicketSink",
    "Warehouse",
    "all_ok",
]
