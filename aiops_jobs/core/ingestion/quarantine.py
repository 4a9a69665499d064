"""Writes down rows that are not published: where they stood, what is wrong, what they said."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import QUARANTINE
from aiops_jobs.core.ingestion.reasons import Reason
from aiops_jobs.window import Window

RAW_BYTES = 4096
"""Bytes of a row that are kept; the digest is of all of it."""

Redaction = Callable[[pa.Array], pa.Array]
"""Removes what must not be kept from an array of texts, value by value."""


@dataclass(frozen=True, slots=True)
class PutAside:
    """One row that is not published."""

    locator: str
    reason: Reason
    raw: str

    @property
    def raw_sha256(self) -> str:
        """Digest of the row as received."""
        return hashlib.sha256(self.raw.encode("utf-8", "surrogatepass")).hexdigest()


def raw_texts(rows: pa.Table) -> list[str]:
    """Return each row as one line of JSON with sorted keys; values as received."""
    return [_raw(row) for row in rows.to_pylist()]


def _raw(row: Mapping[str, Any]) -> str:
    return json.dumps(_plain(row), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def to_quarantine(
    table: Table, aside: Iterable[PutAside], *, source: str, window: Window, redact: Redaction | None = None
) -> pa.Table:
    """Return rows of ``quarantine``, sorted by where they stood; nothing may be put aside twice from one place."""
    items = sorted(aside, key=lambda item: (item.locator, item.raw_sha256))
    count = len(items)
    details = pa.array([item.reason.detail for item in items], pa.string())
    raws = pa.array([_utf8(item.raw) for item in items], pa.string())
    if redact is not None:
        details, raws = redact(details), redact(raws)
    columns = {
        "window_start": [window.start] * count,
        "window_end": [window.end] * count,
        "table_name": [table.name] * count,
        "source": [source] * count,
        "locator": [item.locator for item in items],
        "reason_code": [item.reason.code for item in items],
        "column_name": pa.array([item.reason.column for item in items], pa.string()),
        "detail": details,
        "raw": pa.array([_cut(text) for text in raws.to_pylist()], pa.string()),
        "raw_sha256": [item.raw_sha256 for item in items],
    }
    if not count:
        return QUARANTINE.empty()
    return QUARANTINE.conform(pa.table(columns))


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _cut(text: str) -> str:
    data = text.encode()
    return text if len(data) <= RAW_BYTES else data[:RAW_BYTES].decode("utf-8", "ignore")
