"""Writes a simulated estate as files a file source can read: what somebody's exports would look like, flaws included.

Metrics and spans are Parquet, logs and alerts JSON lines, the rest CSV; columns are named as in the contracts, instants
are ISO 8601 in UTC. ``source`` is left out: it is the reader's name for the folder. A handful of rows is broken on
purpose, so that quarantine has something to show; ``known_bad.json`` counts them, ``ledger.json`` names the faults.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aiops_jobs.adapters.files import write_atomic
from aiops_jobs.contracts.telemetry import INGESTED
from aiops_jobs.core.estate import Estate, ledger_to_json
from aiops_jobs.errors import ConfigurationError
from aiops_jobs.window import Window

LEDGER = "ledger.json"
KNOWN_BAD = "known_bad.json"
FILE_DAYS = 7
"""Days in one file of metrics; each day is a row group of its own."""
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
NOWHEN = "2026-13-41T25:61:00Z"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Flaws:
    """How the rows of one table are spoilt; every flaw is one row."""

    replaced: tuple[Row, ...] = ()
    """Values put into copies of good rows, which makes them invalid."""
    unreadable: tuple[str, ...] = ()
    """Lines that are no rows at all."""
    duplicates: int = 0
    """Exact repetitions of good rows."""

    def count(self) -> dict[str, int]:
        """Return the number of rows of each sort."""
        return {"invalid": len(self.replaced), "unreadable": len(self.unreadable), "duplicate": self.duplicates}


FLAWS: dict[str, Flaws] = {
    "metric_points": Flaws(
        ({"value": float("nan")}, {"value": float("nan")}, {"value": float("inf")}, {"value": None}), duplicates=3
    ),
    "spans": Flaws(({"duration_s": -1.0}, {"trace_id": None}), duplicates=2),
    "log_records": Flaws(
        ({"severity_text": "LOUD"}, {"observed_at": NOWHEN}, {"body": None}),
        ('{"observed_at":"2026-11-09T08:15:00Z","record_id":"log-cut', '"only a text"'),
        duplicates=2,
    ),
    "raw_alerts": Flaws(
        ({"alert_status": "maybe"}, {"observed_at": NOWHEN}), ('{"alert_name":"HighLatency",,}',), duplicates=2
    ),
    "changes": Flaws(({"change_type": "magic"}, {"started_at": NOWHEN}), ("a,ragged,row",), duplicates=1),
    "configuration_items": Flaws(({"entity_kind": "toaster"},), duplicates=1),
    "topology_edges": Flaws(({"edge_type": None},), ("one,too,many,cells,in,this,row,of,edges",)),
    "ticket_history": Flaws(({"priority": "P0"}, {"opened_at": None}), ("broken off in the mid",)),
}


@dataclass(slots=True)
class _Writer:
    folder: Path
    written: list[Path] = field(default_factory=list)

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        write_atomic(path, data)
        self.written.append(path)


def write_estate(estate: Estate, folder: Path) -> list[Path]:
    """Write all tables, the ledger and the count of bad rows into ``folder``; equal estates give equal bytes.

    Files of an estate written there before are replaced or removed.

    Returns:
        What was written.

    Raises:
        ConfigurationError: The folder holds files of these names that were not written by this function.
    """
    old = _old_files(folder)
    writer = _Writer(folder)
    tables = {name: rows.drop_columns(["source"]) for name, rows in estate.tables.items()}
    bad = {name: _samples(tables[name], estate.spec.window, FLAWS[name]) for name in tables}
    _write_weeks(writer, "metric_points", _spoilt(tables["metric_points"], bad["metric_points"]))
    writer.write("spans.parquet", _parquet([_spoilt(tables["spans"], bad["spans"])]))
    for name in ("log_records", "raw_alerts"):
        lines = _json_lines([*_plain(tables[name]), *bad[name]])
        writer.write(f"{name}.jsonl", _with_lines(lines, FLAWS[name].unreadable))
    for name in ("changes", "configuration_items", "topology_edges", "ticket_history"):
        lines = _csv_lines(tables[name].column_names, [*_plain(tables[name]), *bad[name]])
        writer.write(f"{name}.csv", _with_lines(lines, FLAWS[name].unreadable))
    counts = {name: FLAWS[name].count() for name in sorted(tables)}
    writer.write(KNOWN_BAD, (json.dumps(counts, indent=1) + "\n").encode())
    writer.write(LEDGER, ledger_to_json(estate.ledger).encode())
    for path in old - set(writer.written):
        path.unlink()
    return writer.written


def _old_files(folder: Path) -> set[Path]:
    patterns = [f"{table.name}*.{ending}" for table in INGESTED for ending in ("parquet", "jsonl", "csv")]
    found = {path for pattern in patterns for path in folder.glob(pattern)}
    if found and not (folder / LEDGER).exists():
        raise ConfigurationError(
            "out", f"is `{folder}`, which holds other files, such as `{min(found).name}`", remedy="Use an empty folder."
        )
    return found


def _samples(rows: pa.Table, window: Window, flaws: Flaws) -> list[Row]:
    """Return bad rows: copies of rows of the window's first day (or of the first rows, where it has none)."""
    table = next(table for table in INGESTED if set(rows.column_names) == {*table.names} - {"source"})
    times = rows[table.time]
    day = pc.and_(
        pc.greater_equal(times, pa.scalar(window.start, times.type)),
        pc.less(times, pa.scalar(window.start + timedelta(days=1), times.type)),
    )
    wanted = len(flaws.replaced) + flaws.duplicates
    chosen = rows.filter(day).slice(0, wanted)
    good = _plain(chosen if chosen.num_rows == wanted else rows.slice(0, wanted))
    spoilt = [{**row, **values} for row, values in zip(good, flaws.replaced, strict=False)]
    return [*spoilt, *good[len(flaws.replaced) :]]


def _spoilt(rows: pa.Table, bad: Sequence[Row]) -> pa.Table:
    """Return ``rows`` with bad ones at the end."""
    schema = pa.schema([f.with_nullable(True) for f in rows.schema])
    times = {f.name for f in schema if pa.types.is_timestamp(f.type)}
    typed = [{k: _instant(v) if k in times else v for k, v in row.items()} for row in bad]
    return pa.concat_tables([rows.cast(schema), pa.Table.from_pylist(typed, schema=schema)]).unify_dictionaries()


def _write_weeks(writer: _Writer, name: str, rows: pa.Table) -> None:
    """Write a file for every seven days, named after the first, and in it a row group for every day."""
    day_us = 86_400_000_000
    micros = rows["observed_at"].cast(pa.int64()).to_numpy()
    first_us = (MONDAY - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    day = (micros - first_us) // day_us
    order = day.argsort(kind="stable")
    rows, day = rows.take(pa.array(order)), day[order]
    for week in range(int(day[0]) // FILE_DAYS, int(day[-1]) // FILE_DAYS + 1):
        begin, end = day.searchsorted([week * FILE_DAYS, (week + 1) * FILE_DAYS])
        if begin == end:
            continue
        edges = day[begin:end].searchsorted(range(week * FILE_DAYS, (week + 1) * FILE_DAYS + 1)) + begin
        days = [rows.slice(a, b - a) for a, b in pairwise(edges) if b > a]
        start = MONDAY + timedelta(days=week * FILE_DAYS)
        writer.write(f"{name}-{start:%Y-%m-%d}.parquet", _parquet(days))


def _parquet(groups: Sequence[pa.Table]) -> bytes:
    buffer = io.BytesIO()
    schema = groups[0].schema.remove_metadata()
    with pq.ParquetWriter(buffer, schema, compression="zstd") as file:
        for group in groups:
            file.write_table(group.cast(schema), row_group_size=max(group.num_rows, 1))
    return buffer.getvalue()


def _plain(rows: pa.Table) -> list[Row]:
    """Return rows as text and numbers, instants as ISO 8601 in UTC."""
    columns = {
        name: _iso(rows[name]) if pa.types.is_timestamp(rows[name].type) else rows[name] for name in rows.column_names
    }
    plain: list[Row] = pa.table(columns).to_pylist()
    return plain


def _iso(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.strftime(instants, format="%Y-%m-%dT%H:%M:%S")
    return pc.binary_join_element_wise(pc.replace_substring_regex(text, r"\.0+$", ""), "Z", "")


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None


def _json_lines(rows: Sequence[Row]) -> Iterator[bytes]:
    for row in rows:
        yield orjson.dumps({name: value for name, value in row.items() if value is not None})


def _csv_lines(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    yield _csv_line(names)
    for row in rows:
        yield _csv_line(["" if row[name] is None else row[name] for name in names])


def _csv_line(cells: Sequence[Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue().encode()


def _with_lines(lines: Iterator[bytes], unreadable: Sequence[str]) -> bytes:
    """Return the lines with the unreadable ones after the third, where they are not the end of anything."""
    whole = list(lines)
    return b"\n".join([*whole[:3], *(text.encode() for text in unreadable), *whole[3:]]) + b"\n"
