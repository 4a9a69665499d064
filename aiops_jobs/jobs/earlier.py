"""What a correlation needs to know of earlier runs: members, calls, incidents still going on, alerts long open."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.knowledge import RUNBOOK_RECOMMENDATIONS
from aiops_jobs.contracts.operations import RUNS, TICKET_OUTBOX
from aiops_jobs.contracts.results import (
    ALERTS,
    ANOMALIES,
    EVIDENCE,
    FINDINGS,
    INCIDENT_ALERTS,
    INCIDENTS,
    PRIORITY_FACTORS,
    ROOT_CAUSES,
)
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import RAW_ALERTS
from aiops_jobs.core.columns import names_without_lineage
from aiops_jobs.core.incidents.carry import carry_on
from aiops_jobs.core.incidents.correlation import CorrelationResult
from aiops_jobs.core.incidents.members import to_members
from aiops_jobs.core.runbooks.recommend import first_lines
from aiops_jobs.core.tickets.subjects import risk_key
from aiops_jobs.core.tickets.suggest import KnownCall
from aiops_jobs.jobs.running import INSTANT, Run
from aiops_jobs.ports import Filter
from aiops_jobs.window import Window

LONGEST = timedelta(days=28)
"""An alert that has been firing for longer counts as begun then, and an incident open for longer is left alone."""


def notifications(run: Run, reach: Window) -> pa.Table:
    """Return the notifications of a stretch, and those before it of alerts that were firing when it began.

    So an episode has its true begin, and with it its id, however far back that is (up to ``LONGEST``).
    """
    policy = run.context.policies.alerts
    margin = timedelta(seconds=max(policy.resolve_timeout_s, policy.flap_window_s)) + INSTANT
    rows = run.read(RAW_ALERTS, reach)
    parts, start = [rows], reach.start
    cut = _fingerprints(rows, Window(start, start + margin))
    while len(cut) and start > reach.start - LONGEST:
        before = run.read(RAW_ALERTS, Window(start - margin, start))
        cut = _common(cut, _fingerprints(before, Window(start - margin, start)))
        if not len(cut):
            break
        earlier = Window(start - reach.duration, start)
        more = run.read(RAW_ALERTS, earlier)
        more = more.filter(pc.is_in(more["alert_fingerprint"], cut))
        parts.append(more)
        start = earlier.start
        cut = _fingerprints(more, Window(start, start + margin))
    return pa.concat_tables(parts).unify_dictionaries()


def past_notifications(run: Run, reach: Window, now: pa.Table) -> pa.Table:
    """Return the notifications before a stretch that is judged, as far back as suppression learns from.

    Args:
        run: Reads as known at its ``as_of``.
        reach: The stretch.
        now: What is judged: the alerts of the stretch, and earlier ones that were firing when it began.
    """
    oldest = pc.min(now["observed_at"]).as_py()
    first = min(reach.start, oldest) if oldest else reach.start
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    length = timedelta(seconds=run.context.policies.suppression.history_s)
    return run.read(RAW_ALERTS, Window(day - length, reach.start))


def _fingerprints(rows: pa.Table, window: Window) -> pa.Array:
    at = rows["observed_at"]
    inside = pc.and_(
        pc.greater_equal(at, pa.scalar(window.start, at.type)), pc.less(at, pa.scalar(window.end, at.type))
    )
    return pc.unique(rows.filter(inside)["alert_fingerprint"])


def _common(one: pa.Array, other: pa.Array) -> pa.Array:
    return one.filter(pc.is_in(one, other))


def earlier_members(run: Run, reach: Window) -> pa.Table:
    """Return the memberships that earlier runs have published about a stretch, as known at this run's ``as_of``."""
    return _known(run, run.context.warehouse.read(INCIDENT_ALERTS, window=reach))


def earlier_calls(run: Run, result: CorrelationResult, risks: pa.Table) -> list[KnownCall]:
    """Return the calls that other runs have put into the outbox about incidents and risks.

    Each says whether that run knew more than this one: what it said then stands.
    """
    warehouse = run.context.warehouse
    keys = {*result.incidents["incident_id"].to_pylist(), *(risk_key(row) for row in risks.to_pylist())}
    names = ["endpoint", "external_key", "sequence", "ticket_action", "content_sha256", "run_id"]
    stored = warehouse.read(TICKET_OUTBOX, where=[Filter("external_key", sorted(keys))]).select(names)
    rows = [r for r in stored.to_pylist() if r["run_id"] != run.record.run_id]
    if not rows:
        return []
    runs = warehouse.read(RUNS, where=[Filter("run_id", sorted({r["run_id"] for r in rows}))])
    knowledge = {r["run_id"]: (r["as_of"], r["window_end"]) for r in runs.to_pylist()}
    ours = (run.as_of, run.window.end)
    return [
        KnownCall(
            endpoint=r["endpoint"],
            external_key=r["external_key"],
            sequence=r["sequence"],
            action=r["ticket_action"],
            content_sha256=r["content_sha256"],
            is_later=knowledge.get(r["run_id"], ours) > ours,
        )
        for r in rows
    ]


def still_going(run: Run, result: CorrelationResult) -> CorrelationResult:
    """Return ``result`` together with the incidents from before the span that were not over when it began.

    Their state and end are brought up to date and published with the rest.
    """
    span, warehouse = run.span, run.context.warehouse
    before = Window(span.start - LONGEST, span.start)
    rows = _known(run, warehouse.read(INCIDENTS, window=before))
    rows = rows.filter(pc.fill_null(pc.greater_equal(rows["ended_at"], _scalar(span.start, rows, "ended_at")), True))
    if not rows.num_rows:
        return result
    own = [Filter("incident_id", rows["incident_id"].to_pylist())]
    memberships = warehouse.read(INCIDENT_ALERTS, where=own)
    ids = [Filter("alert_id", memberships["member_id"].to_pylist())]
    findings = [Filter("finding_id", memberships["member_id"].to_pylist())]
    members = to_members(
        _newest(result.alerts, warehouse.read(ALERTS, where=ids)),
        warehouse.read(FINDINGS, where=findings),
        warehouse.read(ANOMALIES, where=findings),
        policies=run.context.policies,
    )
    carried = carry_on(
        rows,
        memberships,
        members,
        told=set(result.incidents["incident_id"].to_pylist()),
        taken=set(result.incident_alerts["member_id"].to_pylist()),
    )
    kept = [Filter("incident_id", carried["incident_id"].to_pylist())]
    return replace(
        result,
        incidents=_both(result.incidents, carried),
        root_causes=_both(result.root_causes, _plain(ROOT_CAUSES, warehouse.read(ROOT_CAUSES, where=kept))),
        evidence=_both(result.evidence, _plain(EVIDENCE, warehouse.read(EVIDENCE, where=kept))),
        priority_factors=_both(
            result.priority_factors, _plain(PRIORITY_FACTORS, warehouse.read(PRIORITY_FACTORS, where=kept))
        ),
    )


def known_runbooks(run: Run, result: CorrelationResult, fitting: pa.Table) -> dict[str, str]:
    """Return what tickets say about runbooks: as found now, and for incidents carried on, as found when they began."""
    now = fitting.to_pylist()
    told = {row["incident_id"] for row in now}
    rest = [name for name in result.incidents["incident_id"].to_pylist() if name not in told]
    stored = run.context.warehouse.read(RUNBOOK_RECOMMENDATIONS, where=[Filter("incident_id", rest)])
    return first_lines([*_known(run, stored).to_pylist(), *now])


def _known(run: Run, rows: pa.Table) -> pa.Table:
    """Return the rows that were known at the run's knowledge cut."""
    return rows.filter(pc.less_equal(rows["as_of"], _scalar(run.as_of, rows, "as_of")))


def _scalar(instant: datetime, rows: pa.Table, column: str) -> pa.Scalar:
    return pa.scalar(instant, rows.schema.field(column).type)


def _newest(now: pa.Table, before: pa.Table) -> pa.Table:
    """Return the alerts as this run sees them, and those it does not see as they were."""
    unseen = before.filter(pc.invert(pc.is_in(before["alert_id"], now["alert_id"].combine_chunks())))
    return _both(now, _plain(ALERTS, unseen))


def _plain(table: Table, rows: pa.Table) -> pa.Table:
    return rows.select(names_without_lineage(table))


def _both(one: pa.Table, other: pa.Table) -> pa.Table:
    return pa.concat_tables([one, other.cast(one.schema)]).unify_dictionaries()
