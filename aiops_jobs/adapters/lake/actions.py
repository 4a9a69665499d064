"""Parts as Delta tells them: actions of a commit, listings of a version, and records in a commit's metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.transaction import AddAction, RemoveAction

from aiops_jobs.adapters.lake.parts import Part, parse_part, to_instant

METADATA_KEY = "aiops"


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit shall do.

    Args:
        added: Parts that become current.
        recorded: Parts that are known from now on without becoming current.
        removed: Parts that cease to be current.
        transaction: Name and number under which Delta remembers the writer.
        records: All parts worth remembering; replaces what earlier commits recorded.
    """

    added: Sequence[Part] = ()
    recorded: Sequence[Part] = ()
    removed: Sequence[Part] = ()
    transaction: tuple[str, int] | None = None
    records: Sequence[Part] | None = None

    def metadata(self) -> dict[str, Any]:
        """Return what the commit remembers of the change."""
        known: dict[str, Any] = {"parts": [_record(part) for part in (*self.added, *self.recorded)]}
        if self.records is not None:
            known["records"] = [[*_record(part), part.version] for part in self.records]
        return {METADATA_KEY: known}

    def actions(self, folder: Path, time: str, *, at_ms: int) -> list[AddAction | RemoveAction]:
        """Return the change in Delta's words; ``time`` is the column whose range readers may skip by."""
        return [
            *(_add(folder, part, time) for part in self.added),
            *(RemoveAction(part.path, data_change=True, deletion_timestamp=at_ms) for part in self.removed),
        ]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one commit remembers: the parts it brought, and whether it replaces the memory of all before it."""

    parts: list[Part]
    is_complete: bool


def parse_entry(commit: Mapping[str, Any]) -> Entry:
    """Return what one commit of `DeltaTable.history` remembers."""
    known = commit.get(METADATA_KEY) or {}
    parts = [_parsed(record, commit["version"]) for record in known.get("parts", ())]
    parts += [_parsed(record[:-1], record[-1]) for record in known.get("records", ())]
    return Entry([part for part in parts if part is not None], "records" in known)


def listed(actions: pa.Table, time: str, known: Mapping[str, Part]) -> Iterable[tuple[str, Part | None]]:
    """Yield path and part of every current file; ``None`` for a file whose name is not one of ours.

    Args:
        actions: As `DeltaTable.get_add_actions` returns them.
        known: Parts by path that were parsed before.
    """
    columns = (
        actions["path"].to_pylist(),
        actions["num_records"].to_pylist(),
        _instants(actions, "min", time),
        _instants(actions, "max", time),
    )
    for path, rows, first, latest in zip(*columns, strict=True):
        yield path, known.get(path) or parse_part(path, rows=rows, first=first, latest=latest)


def _add(folder: Path, part: Part, time: str) -> AddAction:
    state = (folder / part.path).stat()
    stats: dict[str, Any] = {"numRecords": part.rows}
    if part.first is not None and part.latest is not None:
        stats |= {
            "minValues": {time: _iso(part.first)},
            "maxValues": {time: _iso(part.latest)},
            "nullCount": {time: 0},
        }
    return AddAction(
        path=part.path,
        size=state.st_size,
        partition_values={},
        modification_time=state.st_mtime_ns // 1_000_000,
        data_change=True,
        stats=json.dumps(stats),
    )


def _record(part: Part) -> list[Any]:
    return [part.path, part.rows, part.first, part.latest]


def _parsed(record: Sequence[Any], version: int) -> Part | None:
    path, rows, first, latest = record
    return parse_part(path, rows=rows, first=first, latest=latest, version=version)


def _instants(actions: pa.Table, statistic: str, time: str) -> list[int | None]:
    if statistic not in actions.column_names:  # no file has statistics: all are empty
        return [None] * actions.num_rows
    values = pc.struct_field(actions[statistic], time).cast(pa.timestamp("us", tz="UTC"))
    instants: list[int | None] = values.cast(pa.int64()).to_pylist()
    return instants


def _iso(micros: int) -> str:
    return to_instant(micros).isoformat(timespec="microseconds").replace("+00:00", "Z")
