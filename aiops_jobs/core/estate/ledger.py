"""The truth about an estate: every injected fault, its root, its time and its symptoms."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from aiops_jobs.window import parse_instant


@dataclass(frozen=True, slots=True)
class Symptom:
    """The first sample at which a fault visibly moved one metric of one entity."""

    entity_id: str
    metric_name: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault."""

    fault_id: str
    kind: str
    root_entity_id: str
    cause_kind: str
    change_id: str | None
    """The change that brought it, if one did."""
    started_at: datetime
    """When its root began to deviate."""
    ended_at: datetime
    """When somebody put it right; may lie after the window."""
    breaches_at: datetime | None
    """When the resource is full or the disk fails: a prediction counts before this instant."""
    service_name: str | None
    """The service that suffers most."""
    priority: str
    """What a service desk would call it."""
    found_by: tuple[str, ...]
    """Conclusions that count as finding it: incident | capacity_risk | failure_risk | data_quality."""
    is_detectable: bool
    """Whether the telemetry of the window shows it at all."""
    symptoms: tuple[Symptom, ...]
    """In order of time."""
    summary: str

    @property
    def affected_entities(self) -> frozenset[str]:
        """The root and every entity with a symptom."""
        return frozenset((self.root_entity_id, *(symptom.entity_id for symptom in self.symptoms)))


def ledger_table(faults: Iterable[Fault]) -> pa.Table:
    """Return the ledger with one row a fault; symptoms as a list of ``entity metric``."""
    instant = pa.timestamp("us", tz="UTC")
    words = pa.list_(pa.string())
    schema = pa.schema(
        [
            ("fault_id", pa.string()),
            ("kind", pa.string()),
            ("root_entity_id", pa.string()),
            ("cause_kind", pa.string()),
            ("change_id", pa.string()),
            ("started_at", instant),
            ("ended_at", instant),
            ("breaches_at", instant),
            ("service_name", pa.string()),
            ("priority", pa.string()),
            ("found_by", words),
            ("is_detectable", pa.bool_()),
            ("symptoms", words),
            ("summary", pa.string()),
        ]
    )
    rows = [
        {
            **{name: getattr(fault, name) for name in schema.names},
            "found_by": list(fault.found_by),
            "symptoms": [f"{s.entity_id} {s.metric_name}" for s in fault.symptoms],
        }
        for fault in faults
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def ledger_to_json(faults: Iterable[Fault]) -> str:
    """Return the ledger as JSON for people and for `ledger_from_json`."""
    return json.dumps([asdict(fault) for fault in faults], indent=1, default=_iso) + "\n"


def ledger_from_json(text: str) -> tuple[Fault, ...]:
    """Return the faults written by `ledger_to_json`."""
    return tuple(_fault(row) for row in json.loads(text))


def _fault(row: dict[str, Any]) -> Fault:
    symptoms = tuple(Symptom(s["entity_id"], s["metric_name"], parse_instant(s["started_at"])) for s in row["symptoms"])
    instants = {name: parse_instant(row[name]) for name in ("started_at", "ended_at")}
    breach = parse_instant(row["breaches_at"]) if row["breaches_at"] else None
    return Fault(**{**row, **instants, "breaches_at": breach, "found_by": tuple(row["found_by"]), "symptoms": symptoms})


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
