"""Says how a source stands in one window, so that missing data is seen and never taken for calm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.operations import SOURCE_HEALTH
from aiops_jobs.contracts.results import FINDINGS, LINEAGE
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.ingestion.splitting import Split
from aiops_jobs.core.policies import IngestPolicy
from aiops_jobs.identity import fingerprint
from aiops_jobs.window import Window

OK, LATE, SILENT, UNREACHABLE, PARTIAL = "ok", "late", "silent", "unreachable", "partial"
GRAVITY = {"info": 0, "warning": 1, "critical": 2}
SCORES = {"info": 0.5, "warning": 1.0, "critical": 2.0}
DQ_STATUS = {LATE: "stale", SILENT: "no_data", UNREACHABLE: "no_data", PARTIAL: "partial"}
TITLES = {
    LATE: "{table} from {source} stopped before the end of the window",
    SILENT: "{source} delivered no {table}",
    UNREACHABLE: "{source} could not be read for {table}",
    PARTIAL: "{table} from {source} are incomplete",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one table of one source stands in one window."""

    state: str
    severity: str = "info"
    problem: str | None = None
    """What is wrong, in words; null where nothing is."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one source delivered of one table for one window; ``split`` is null where nothing could be read."""

    table: Table
    source: str
    window: Window
    split: Split | None

    @property
    def entity_id(self) -> str:
        """What a finding about the data is about: one table of one source."""
        return f"source/{self.source}:{self.table.name}"

    @property
    def event_bounds(self) -> tuple[datetime | None, datetime | None]:
        """The earliest and the latest event time of the good rows; null without any."""
        if self.split is None or self.split.good.num_rows == 0:
            return None, None
        bounds = pc.min_max(self.split.good[self.table.time]).as_py()
        return bounds["min"], bounds["max"]


def standing(split: Split, verdicts: pa.Table, policy: IngestPolicy) -> Standing:
    """Return how a source stands that could be read, from what became of its rows and what the gate said.

    Args:
        split: What became of the rows.
        verdicts: ``quality_results`` of the rows that are to be published.
        policy: Which share of bad rows makes a window incomplete.
    """
    failed = {kind: _failed(verdicts, kind) for kind in ("no_data", "stale")}
    if failed["no_data"]:
        return Standing(SILENT, *_gravest(failed["no_data"]))
    if failed["stale"]:
        return Standing(LATE, *_gravest(failed["stale"]))
    holes = [row for row in _failed(verdicts, "violated") if str(row["expectation"]).startswith("largest_gap_s")]
    if holes:
        return Standing(PARTIAL, *_gravest(holes))
    if split.quarantined_ratio >= policy.partial_above_ratio and split.rows_quarantined:
        put_aside = f"{split.rows_quarantined} of {split.rows_in} rows were put aside"
        return Standing(PARTIAL, "warning", put_aside)
    return Standing(OK)


def blocking_problems(split: Split, policy: IngestPolicy) -> list[str]:
    """Return why rows are not fit to be published as a whole, in words; empty where they are."""
    problems = []
    is_many = split.rows_quarantined >= policy.min_quarantined_count or not split.rows_published
    if split.quarantined_ratio > policy.max_quarantined_ratio and is_many:
        reasons = pc.value_counts(split.quarantine["reason_code"].cast(pa.string())).to_pylist()
        named = ", ".join(f"{r['values']} {r['counts']}" for r in sorted(reasons, key=lambda r: str(r["values"])))
        problems.append(
            f"{split.rows_quarantined} of {split.rows_in} rows were put aside ({named}); "
            f"at most {policy.max_quarantined_ratio:.0%} may be"
        )
    if split.duplicate_ratio > policy.max_duplicate_ratio:
        problems.append(
            f"{split.rows_duplicate} of {split.rows_in} rows repeat others; "
            f"at most {policy.max_duplicate_ratio:.0%} may"
        )
    return problems


def to_source_health(delivery: Delivery, state: Standing, *, run_id: str, as_of: datetime, published: bool) -> pa.Table:
    """Return the row of ``source_health``.

    Where rows were received but not published, those that were good count as put aside.
    """
    split, window = delivery.split, delivery.window
    first, latest = delivery.event_bounds
    good = 0 if split is None else split.rows_published
    held_back = 0 if published else good
    row = {
        "source": delivery.source,
        "table_name": delivery.table.name,
        "window_start": window.start,
        "window_end": window.end,
        "source_state": state.state,
        "rows_in": 0 if split is None else split.rows_in,
        "rows_published": good - held_back,
        "rows_quarantined": held_back + (0 if split is None else split.rows_quarantined),
        "rows_duplicate": 0 if split is None else split.rows_duplicate,
        "rows_late": 0 if split is None else split.rows_late,
        "first_event_at": first,
        "latest_event_at": latest,
        "freshness_lag_s": None if latest is None else (window.end - latest).total_seconds(),
        "last_error": state.problem,
        "run_id": run_id,
        "as_of": as_of,
    }
    return SOURCE_HEALTH.conform(pa.Table.from_pylist([row], schema=SOURCE_HEALTH.to_arrow()))


def to_findings(delivery: Delivery, state: Standing, *, policy_version: str) -> pa.Table:
    """Return rows of ``findings``, lineage aside: one where the data of the window is not sound, else none."""
    names = [name for name in FINDINGS.names if name not in {column.name for column in LINEAGE}]
    schema = pa.schema([FINDINGS.to_arrow().field(name) for name in names])
    if state.state == OK:
        return schema.empty_table()
    table, source, window = delivery.table.name, delivery.source, delivery.window
    _, latest = delivery.event_bounds
    title = TITLES[state.state].format(table=table, source=source)
    row = {
        "finding_id": fingerprint("dq", source=source, table=table, window=str(window), state=state.state),
        "finding_kind": "data_quality",
        "entity_id": delivery.entity_id,
        "severity": state.severity,
        "score": SCORES[state.severity],
        "started_at": latest if state.state == LATE and latest is not None else window.start,
        "ended_at": window.end,
        "detected_at": window.end,
        "title": title[:250],
        "summary": (state.problem or title)[:500],
        "dq_status": DQ_STATUS[state.state],
        "policy_version": policy_version,
    }
    return pa.Table.from_pylist([row], schema=schema)


def _failed(verdicts: pa.Table, verdict: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = verdicts.to_pylist()
    return [row for row in rows if row["verdict"] == verdict and not row["is_success"]]


def _gravest(rows: Sequence[dict[str, object]]) -> tuple[str, str]:
    worst = max(rows, key=lambda row: (GRAVITY[str(row["expectation_severity"])], str(row["expectation"])))
    told = f"{worst['expectation']}: seen {worst['observed_text']}, wanted {worst['expected_text']}"
    return str(worst["expectation_severity"]), told
