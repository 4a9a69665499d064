"""Reads what pages are made of: the rows of a window and of the incidents in it, and the series to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import remediation as m
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.contracts.feedback import INCIDENT_OUTCOMES
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.detectors.judging import band_of, history_of
from aiops_jobs.core.features.grid import POINT_COLUMNS
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.reports import Facts
from aiops_jobs.core.reports.outlook import chosen_risks
from aiops_jobs.core.reports.plotting import chosen_anomalies, incident_windows, plot_window
from aiops_jobs.jobs.feedback import leniency_known
from aiops_jobs.jobs.redacting import redacted
from aiops_jobs.jobs.running import INSTANT, Run
from aiops_jobs.ports import Filter
from aiops_jobs.window import Window

LONGEST = timedelta(days=28)
"""Incidents, runs and source windows that began longer before the page's window are not looked for."""
HISTORY = timedelta(days=14)
"""How much of a resource's past is drawn before its forecast."""
STARTED, WINDOWED = ("started_at", "ended_at"), ("window_start", "window_end")
ADVICE = (k.SIMILAR_INCIDENTS, k.RUNBOOK_RECOMMENDATIONS)
UNSOUND = replace(r.FINDINGS, name="unsound")
"""Findings about missing data."""
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Dependencies are true from some day on; none was before this one."""


def facts_of(run: Run, incidents: Sequence[str] | None = None) -> Facts:
    """Return the rows of the run's window, and of what the incidents in it are made of.

    With ``incidents`` only of those, whenever they were, and nothing about risks and the noise of the window.
    """
    tables = _whole(run) if incidents is None else {r.INCIDENTS: _where(run, r.INCIDENTS, "incident_id", incidents)}
    found = tables[r.INCIDENTS]
    risks = _texts(tables[r.CAPACITY_RISKS], "finding_id") if incidents is None else []
    tables |= _of_incidents(run, _texts(found, "incident_id"), risks, whole=incidents is None)
    if incidents is not None:
        tables[r.ANOMALIES] = _where(run, r.ANOMALIES, "finding_id", _texts(tables[r.INCIDENT_ALERTS], "member_id"))
    since = _since(found, run.window)
    tables |= _soundness(run, since)
    tables[r.FINDINGS] = pa.concat_tables([tables[r.FINDINGS], tables.pop(UNSOUND)])
    tables[o.RUNS] = _with(tables[o.RUNS], _where(run, o.RUNS, "run_id", _runs_behind(tables)), "run_id")
    lookback = timedelta(seconds=run.context.policies.correlation.change_lookback_s)
    tables[t.CHANGES] = redacted(run.context, t.CHANGES, run.read(t.CHANGES, since.extended(before=lookback)))
    tables[t.TOPOLOGY_EDGES] = (
        run.read(t.TOPOLOGY_EDGES, Window(BEGINNING, run.window.end)) if found.num_rows else t.TOPOLOGY_EDGES.empty()
    )
    return Facts(tables={table.name: rows for table, rows in tables.items()}, asked=_asked(run))


def with_remedies(run: Run, facts: Facts, incidents: Iterable[str]) -> Facts:
    """Return the facts with what was done about incidents: actions, their steps and the decisions about them."""
    actions = _where(run, m.REMEDIATION_ACTIONS, "subject_id", incidents)
    ids = _texts(actions, "action_id")
    more = {
        m.REMEDIATION_ACTIONS.name: actions,
        m.REMEDIATION_STEPS.name: _where(run, m.REMEDIATION_STEPS, "action_id", ids),
        m.AUDIT_LOG.name: _where(run, m.AUDIT_LOG, "audited_action_id", ids),
    }
    return replace(facts, tables={**facts.tables, **more})


def _whole(run: Run) -> dict[Table, pa.Table]:
    """Return what is told about a window beyond its incidents."""
    window = run.window
    reach = window.extended(before=LONGEST)
    tables = {table: _during(_stored(run, table, reach), window, *STARTED) for table in (r.INCIDENTS, r.ANOMALIES)}
    issued = window.extended(after=INSTANT)  # a forecast made at the end of the window speaks from that instant
    tables |= {table: _stored(run, table, issued) for table in (r.CAPACITY_RISKS, r.FAILURE_RISKS)}
    tables[o.QUALITY_RESULTS] = _during(_stored(run, o.QUALITY_RESULTS, reach), window, *WINDOWED)
    tables[o.MODEL_VERSIONS] = _where(run, o.MODEL_VERSIONS, "model_stage", ("champion", "candidate"))
    versions = _texts(tables[o.MODEL_VERSIONS], "model_version")
    tables[o.MODEL_EVALUATIONS] = _where(run, o.MODEL_EVALUATIONS, "model_version", versions)
    tables[t.QUARANTINE] = _during(run.read(t.QUARANTINE, reach), window, *WINDOWED)
    return tables


def _of_incidents(run: Run, incidents: list[str], risks: list[str], *, whole: bool) -> dict[Table, pa.Table]:
    """Return what the incidents are made of, wherever in time it lies, and the findings that risks have become.

    With ``whole`` also every alert and every suppression of the window, and what the service desk was told about it.
    """
    parts = (r.INCIDENT_ALERTS, r.PRIORITY_FACTORS, r.ROOT_CAUSES, r.EVIDENCE)
    tables = {table: _where(run, table, "incident_id", incidents) for table in (*parts, *ADVICE)}
    members = _texts(tables[r.INCIDENT_ALERTS], "member_id")
    outcomes = _where(run, INCIDENT_OUTCOMES, "incident_id", incidents)
    if whole:
        reach = run.window.extended(before=LONGEST)
        outcomes = _with(outcomes, _stored(run, INCIDENT_OUTCOMES, reach), *INCIDENT_OUTCOMES.key)
    tables[INCIDENT_OUTCOMES] = outcomes
    tables[r.FINDINGS] = _where(run, r.FINDINGS, "finding_id", [*members, *risks])
    tables[r.ALERTS] = _where(run, r.ALERTS, "alert_id", members)
    tables[k.ALERT_SUPPRESSIONS] = _where(run, k.ALERT_SUPPRESSIONS, "alert_id", members)
    subjects = [*incidents, *risks]
    if whole:
        subjects += _texts(_stored(run, r.FAILURE_RISKS, run.window.extended(after=INSTANT)), "finding_id")
    for table in (o.TICKETS, o.TICKET_OUTBOX):
        tables[table] = _where(run, table, "subject_id", subjects)
    if whole:
        for table in (r.ALERTS, k.ALERT_SUPPRESSIONS, o.TICKETS, o.TICKET_OUTBOX):
            tables[table] = _with(tables[table], _stored(run, table, run.window), *table.key)
    return tables


def _soundness(run: Run, since: Window) -> dict[Table, pa.Table]:
    """Return how sources and runs stood while the incidents went on and in the window."""
    reach = since.extended(before=LONGEST)
    unsound = run.context.warehouse.read(r.FINDINGS, window=reach, where=[Filter("finding_kind", "data_quality")])
    return {
        o.SOURCE_HEALTH: _during(_stored(run, o.SOURCE_HEALTH, reach), since, *WINDOWED),
        o.RUNS: _during(_stored(run, o.RUNS, reach), since, *WINDOWED),
        UNSOUND: _during(unsound, since, *STARTED),
    }


def _since(incidents: pa.Table, window: Window) -> Window:
    """Return the window, extended to the begin of the earliest incident."""
    began: list[datetime] = incidents["started_at"].to_pylist()
    return Window(min([window.start, *began]), window.end)


def _runs_behind(tables: Mapping[Table, pa.Table]) -> list[str]:
    said = (r.INCIDENTS, r.INCIDENT_ALERTS, r.ROOT_CAUSES, r.EVIDENCE, r.FINDINGS)
    return [run_id for table in said for run_id in _texts(tables[table], "run_id")]


def _asked(run: Run) -> list[tuple[str, str]]:
    """Return every table of every configured source."""
    offered = {table.name for table in t.INGESTED}
    sources = run.context.sources.items()
    return sorted({(name, table.name) for name, source in sources for table in source.tables if table.name in offered})


def _stored(run: Run, table: Table, window: Window) -> pa.Table:
    return run.context.warehouse.read(table, window=window)


def _where(run: Run, table: Table, column: str, values: Iterable[str]) -> pa.Table:
    wanted = sorted(set(values))
    return run.context.warehouse.read(table, where=[Filter(column, wanted)]) if wanted else table.empty()


def _with(rows: pa.Table, more: pa.Table, *key: str) -> pa.Table:
    """Return rows and those of ``more`` whose key is not among them."""
    known = {tuple(row.values()) for row in rows.select(list(key)).to_pylist()}
    fresh = pa.array([tuple(row.values()) not in known for row in more.select(list(key)).to_pylist()], pa.bool_())
    return pa.concat_tables([rows, more.filter(fresh)]).unify_dictionaries()


def _during(rows: pa.Table, window: Window, start: str, end: str) -> pa.Table:
    """Return the rows whose time overlaps ``window``; without an end they go on."""
    kind = rows[start].type
    begun = pc.less(rows[start], pa.scalar(window.end, kind))
    going = pc.fill_null(pc.greater(rows[end], pa.scalar(window.start, kind)), fill_value=True)
    return rows.filter(pc.and_(begun, going))


def _texts(rows: pa.Table, column: str) -> list[str]:
    values: list[str] = rows[column].to_pylist()
    return values


# --- pictures -------------------------------------------------------------------------------------------------------


def with_pictures(run: Run, facts: Facts, policies: Policies) -> Facts:
    """Return the facts with the series to be drawn: few, chosen by strength, read from the lake in one go."""
    facts_known, _ = facts.known_at(run.as_of)
    anomalies = chosen_anomalies(facts_known, policies.report)
    risks = chosen_risks(facts_known, policies)
    if not anomalies and not risks:
        return facts
    shown: dict[str, Window] = {}
    members = incident_windows(facts_known, policies.report, run.window)
    for row in anomalies:
        own = members.get(row["finding_id"]) or plot_window(row, policies.report, run.window)
        known = shown.get(row["series_id"], own)
        shown[row["series_id"]] = Window(min(own.start, known.start), max(own.end, known.end))
    past = {row["series_id"]: Window(row["issued_at"] - HISTORY, row["issued_at"]) for row in risks}
    needed = [history_of(window, policies) for window in shown.values()] + list(past.values())
    reach = Window(min(w.start for w in needed), max(w.end for w in needed))
    points = run.read(t.METRIC_POINTS, reach, columns=POINT_COLUMNS)
    points = points.filter(pc.is_in(points["series_id"].cast(pa.string()), pa.array([*shown, *past], pa.string())))
    leniency = leniency_known(run)
    forecasts = [_forecast_of(run, row["series_id"], row["issued_at"]) for row in risks]
    tables = {**facts.tables, r.CAPACITY_FORECASTS.name: pa.concat_tables([r.CAPACITY_FORECASTS.empty(), *forecasts])}
    return replace(
        facts,
        tables=tables,
        bands={series: band_of(points, series, window, policies, leniency) for series, window in sorted(shown.items())},
        histories={series: _line(points, series, window) for series, window in sorted(past.items())},
        units=_units(points),
    )


def _forecast_of(run: Run, series_id: str, issued_at: datetime) -> pa.Table:
    where = [Filter("series_id", series_id)]
    window = Window(issued_at, issued_at + INSTANT)
    return run.context.warehouse.read(r.CAPACITY_FORECASTS, window=window, where=where)


def _line(points: pa.Table, series_id: str, window: Window) -> pa.Table:
    times = points["observed_at"]
    inside = pc.and_(
        pc.greater_equal(times, pa.scalar(window.start, times.type)), pc.less(times, pa.scalar(window.end, times.type))
    )
    own = pc.equal(points["series_id"].cast(pa.string()), series_id)
    return points.filter(pc.and_(own, inside)).select(["observed_at", "value"])


def _units(points: pa.Table) -> dict[str, str]:
    pairs = points.select(["series_id", "unit"]).unify_dictionaries().group_by(["series_id", "unit"]).aggregate([])
    return {row["series_id"]: row["unit"] for row in pairs.to_pylist() if row["unit"] is not None}
