"""Whether the data behind a page was sound: what never came, what was put aside, which expectations did not hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts.telemetry import INGESTED, QUARANTINE
from aiops_jobs.core.reports.facts import Facts, Row
from aiops_jobs.core.reports.model import Complaint, DataState, PutAside, SourceCell
from aiops_jobs.core.reports.words import count, duration
from aiops_jobs.window import Window

NEVER = "never"
WORST_FIRST = ("unreachable", NEVER, "silent", "partial", "late", "ok")
TOLD = {
    "unreachable": "could not be read",
    NEVER: "was never asked for",
    "silent": "delivered nothing",
    "partial": "is incomplete",
    "late": "stopped too early",
}
LOOKED_FOR = {"detect": "Anomalies", "correlate": "Incidents"}
"""Jobs without which a quiet page says nothing, and what they look for."""
SEVERITY_ORDER = ("critical", "warning", "info")
MOST_COMPLAINTS = 40


def build_data_state(facts: Facts, window: Window, as_of: datetime) -> DataState:
    """Return how every table of every source stood in ``window``, and what is missing, in words.

    Sources that were configured and not asked are missing data too; so is a window without any source.
    """
    health = [row for row in facts[o.SOURCE_HEALTH].to_pylist() if _overlaps(row, window)]
    by_cell: dict[tuple[str, str], list[Row]] = {key: [] for key in facts.asked}
    for row in health:
        by_cell.setdefault((row["source"], row["table_name"]), []).append(row)
    until = min(window.end, as_of)
    cells = {key: _cell(rows, window, until) for key, rows in by_cell.items()}
    order = [table.name for table in INGESTED]
    tables = sorted({table for _, table in cells}, key=lambda name: (order.index(name) if name in order else 99, name))
    gaps = [_gap(source, table, cells[source, table]) for source, table in sorted(cells)]
    told = [gap for gap in gaps if gap] if cells else ["No source was read for this window."]
    silences = _silences(facts, cells)
    told += [f"{row['title']}." for row in silences if row["severity"] != "info"]
    return DataState(
        tables=tuple(tables),
        sources=tuple(sorted({source for source, _ in cells})),
        cells=cells,
        complaints=_complaints(facts[o.QUALITY_RESULTS].to_pylist()),
        put_aside=_put_aside(facts[QUARANTINE].to_pylist()),
        gaps=tuple(told),
        silent=tuple(row["summary"] for row in silences),
        judged=facts[o.QUALITY_RESULTS].num_rows,
    )


def _silences(facts: Facts, cells: Iterable[tuple[str, str]]) -> list[Row]:
    """Return the findings about data that are not about a cell of the matrix: what stopped reporting by itself."""
    of_cells = {f"source/{source}:{table}" for source, table in cells}
    rows = [row for row in facts[r.FINDINGS].to_pylist() if row["finding_kind"] == "data_quality"]
    others = [row for row in rows if row["entity_id"] not in of_cells]
    return sorted(others, key=lambda row: (row["severity"] == "info", row["started_at"], row["finding_id"]))


def idle_gaps(runs: Iterable[Row], window: Window, as_of: datetime) -> tuple[str, ...]:
    """Return what was not even looked for in all of ``window``, as far as it is known, one sentence each."""
    done: dict[str, list[tuple[datetime, datetime]]] = {job: [] for job in LOOKED_FOR}
    for row in runs:
        if row["run_status"] == "completed" and row["job"] in done:
            done[row["job"]].append((row["window_start"], row["window_end"]))
    until = min(window.end, as_of)
    return tuple(
        f"{LOOKED_FOR[job]} were not looked for everywhere: `{job}` has not worked through the whole window."
        for job, spans in done.items()
        if _uncovered(spans, window.start, until)
    )


def _overlaps(row: Row, window: Window) -> bool:
    return bool(row["window_start"] < window.end and window.start < row["window_end"])


def _cell(rows: Sequence[Row], window: Window, until: datetime) -> SourceCell:
    states = [row["source_state"] for row in rows] or [NEVER]
    worst = min(states, key=WORST_FIRST.index)
    problems = [row["last_error"] for row in rows if row["source_state"] == worst and row["last_error"]]
    latest = [row["latest_event_at"] for row in rows if row["latest_event_at"]]
    names = ("rows_in", "rows_published", "rows_quarantined", "rows_duplicate", "rows_late")
    sums = {name: sum(row[name] for row in rows) for name in names}
    return SourceCell(
        state=worst,
        windows=len(rows),
        sound_windows=states.count("ok"),
        **sums,
        latest_event_at=max(latest, default=None),
        problem=problems[-1] if problems else None,
        is_whole=not _uncovered([(row["window_start"], row["window_end"]) for row in rows], window.start, until),
    )


def _uncovered(spans: Iterable[tuple[datetime, datetime]], start: datetime, end: datetime) -> float:
    """Return the seconds of ``[start, end)`` that no span covers."""
    missing, reached = 0.0, start
    for begin, stop in sorted(spans):
        if begin > reached:
            missing += (min(begin, end) - reached).total_seconds()
        reached = max(reached, min(stop, end))
        if reached >= end:
            break
    return missing + max(0.0, (end - reached).total_seconds())


def _gap(source: str, table: str, cell: SourceCell) -> str | None:
    """Return what is missing in one sentence; null where nothing is."""
    if cell.state == "ok" and cell.is_whole:
        return None
    what = f"`{table}` from `{source}`"
    if cell.state == "ok":
        return f"{what} was not asked for over the whole window."
    share = ""
    if cell.windows > 1:
        share = f" in {cell.windows - cell.sound_windows} of {count(cell.windows, 'window')}"
    why = f": {cell.problem.rstrip('.')}" if cell.problem else ""
    return f"{what} {TOLD[cell.state]}{share}{why}."


def _complaints(rows: Iterable[Row]) -> tuple[Complaint, ...]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if not row["is_success"]:
            found.setdefault((row["table_name"], row["source"], row["expectation"]), []).append(row)
    latest = {key: max(same, key=lambda row: row["window_start"]) for key, same in found.items()}
    ordered = sorted(found, key=lambda key: (SEVERITY_ORDER.index(latest[key]["expectation_severity"]), key))
    return tuple(_complaint(latest[key], len(found[key])) for key in ordered[:MOST_COMPLAINTS])


def _complaint(row: Row, times: int) -> Complaint:
    return Complaint(
        table_name=row["table_name"],
        source=row["source"],
        expectation=row["expectation"],
        verdict=row["verdict"] or "violated",
        severity=row["expectation_severity"],
        observed=row["observed_text"] or "",
        wanted=row["expected_text"] or "",
        owner=row["owner_team"] or "",
        reason=row["reason"],
        times=times,
    )


def _put_aside(rows: Iterable[Row]) -> tuple[PutAside, ...]:
    found: dict[tuple[str, str, str, str], int] = {}
    for row in rows:
        key = (row["source"], row["table_name"], row["reason_code"], row["detail"])
        found[key] = found.get(key, 0) + 1
    return tuple(PutAside(*key, found[key]) for key in sorted(found, key=lambda key: (-found[key], key)))


def lag_words(latest: datetime, until: datetime) -> str:
    """Return how old the newest row is, in words."""
    return f"newest {duration(max(0.0, (until - latest).total_seconds()))} before the end"
