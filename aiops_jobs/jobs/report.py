"""Write the page of a window: what happened, why, what is coming, and whether the data behind it was sound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.detectors.judging import band_of, history_of
from aiops_jobs.core.features.grid import POINT_COLUMNS
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.reports import Facts, build_view, render_markdown, render_page, summary_rows
from aiops_jobs.core.reports.outlook import chosen_risks
from aiops_jobs.core.reports.plotting import chosen_anomalies, plot_window
from aiops_jobs.jobs.running import INSTANT, Run, RunReport, open_run, report_of
from aiops_jobs.ports import Filter
from aiops_jobs.ports.context import Context
from aiops_jobs.window import Window

JOB = "report"
LONGEST = timedelta(days=28)
"""Incidents, runs and source windows that began longer before the page's window are not looked for."""
HISTORY = timedelta(days=14)
"""How much of a resource's past is drawn before its forecast."""


def report(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Write one self-contained HTML page about ``window`` as known at ``as_of``.

    ``details`` hold its ``path``, the summary as ``markdown``, and its incidents as a ``table`` of strings.
    """
    with open_run(context, JOB, window, as_of) as run:
        facts = _with_pictures(run, _facts(run), context.policies)
        view = build_view(
            facts,
            context.policies,
            window=window,
            as_of=as_of,
            estate=context.estate,
            run_id=run.record.run_id,
            code_version=context.code_version,
        )
        path = context.pages.write(f"report-{_stamp(window.start)}-{_stamp(window.end)}.html", render_page(view))
        run.details |= {
            "path": path,
            "verdict": view.verdict.level,
            "incidents": len(view.incidents) + view.hidden_incidents,
            "gaps": len(view.data.gaps),
            "markdown": render_markdown(view),
            "table": summary_rows(view),
        }
    return report_of(run)


def _stamp(instant: datetime) -> str:
    return f"{instant:%Y%m%dT%H%M}"


# --- rows -----------------------------------------------------------------------------------------------------------


def _facts(run: Run) -> Facts:
    """Return the rows of the window, and of what the incidents in it are made of."""
    window, context = run.window, run.context
    reach = window.extended(before=LONGEST)
    tables = {
        r.INCIDENTS: _during(_stored(run, r.INCIDENTS, reach), window, "started_at", "ended_at"),
        r.ANOMALIES: _during(_stored(run, r.ANOMALIES, reach), window, "started_at", "ended_at"),
        o.SOURCE_HEALTH: _during(_stored(run, o.SOURCE_HEALTH, reach), window, "window_start", "window_end"),
        o.QUALITY_RESULTS: _during(_stored(run, o.QUALITY_RESULTS, reach), window, "window_start", "window_end"),
        o.RUNS: _during(_stored(run, o.RUNS, reach), window, "window_start", "window_end"),
    }
    issued = window.extended(after=INSTANT)  # a forecast made at the end of the window speaks from that instant
    tables |= {table: _stored(run, table, issued) for table in (r.CAPACITY_RISKS, r.FAILURE_RISKS)}
    tables |= _of_incidents(
        run, _texts(tables[r.INCIDENTS], "incident_id"), _texts(tables[r.CAPACITY_RISKS], "finding_id")
    )
    subjects = {
        *_texts(tables[r.INCIDENTS], "incident_id"),
        *_texts(tables[r.CAPACITY_RISKS], "finding_id"),
        *_texts(tables[r.FAILURE_RISKS], "finding_id"),
    }
    tables |= {table: _about(run, table, subjects) for table in (o.TICKETS, o.TICKET_OUTBOX)}
    unsound = run.context.warehouse.read(r.FINDINGS, window=reach, where=[Filter("finding_kind", "data_quality")])
    tables[r.FINDINGS] = pa.concat_tables([tables[r.FINDINGS], _during(unsound, window, "started_at", "ended_at")])
    tables[o.MODEL_VERSIONS] = _where(run, o.MODEL_VERSIONS, "model_stage", ("champion", "candidate"))
    versions = _texts(tables[o.MODEL_VERSIONS], "model_version")
    tables[o.MODEL_EVALUATIONS] = _where(run, o.MODEL_EVALUATIONS, "model_version", versions)
    lookback = timedelta(seconds=context.policies.correlation.change_lookback_s)
    tables[t.CHANGES] = run.read(t.CHANGES, window.extended(before=lookback))
    tables[t.QUARANTINE] = _during(run.read(t.QUARANTINE, reach), window, "window_start", "window_end")
    offered = {table.name for table in t.INGESTED}
    asked = [
        (name, table.name)
        for name, source in context.sources.items()
        for table in source.tables
        if table.name in offered
    ]
    return Facts(tables={table.name: rows for table, rows in tables.items()}, asked=sorted(set(asked)))


def _of_incidents(run: Run, incidents: Iterable[str], risks: Iterable[str]) -> dict[Table, pa.Table]:
    """Return what the incidents are made of, wherever in time it lies, and the findings that risks have become."""
    parts = (r.INCIDENT_ALERTS, r.PRIORITY_FACTORS, r.ROOT_CAUSES, r.EVIDENCE)
    tables = {table: _where(run, table, "incident_id", incidents) for table in parts}
    members = _texts(tables[r.INCIDENT_ALERTS], "member_id")
    tables[r.ALERTS] = _where(run, r.ALERTS, "alert_id", members)
    tables[r.FINDINGS] = _where(run, r.FINDINGS, "finding_id", [*members, *risks])
    return tables


def _stored(run: Run, table: Table, window: Window) -> pa.Table:
    return run.context.warehouse.read(table, window=window)


def _where(run: Run, table: Table, column: str, values: Iterable[str]) -> pa.Table:
    wanted = sorted(set(values))
    return run.context.warehouse.read(table, where=[Filter(column, wanted)]) if wanted else table.empty()


def _about(run: Run, table: Table, subjects: set[str]) -> pa.Table:
    """Return what was written to the service desk about ``subjects``, ever, and about anything else in the window."""
    ever = _where(run, table, "subject_id", subjects)
    now = _stored(run, table, run.window)
    others = pc.invert(pc.is_in(now["subject_id"], pa.array(sorted(subjects), pa.string())))
    return pa.concat_tables([ever, now.filter(others)])


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


def _with_pictures(run: Run, facts: Facts, policies: Policies) -> Facts:
    """Return the facts with the series to be drawn: few, chosen by strength, read from the lake in one go."""
    facts_known, _ = facts.known_at(run.as_of)
    anomalies = chosen_anomalies(facts_known, policies.report)
    risks = chosen_risks(facts_known, policies)
    if not anomalies and not risks:
        return facts
    shown: dict[str, Window] = {}
    for row in anomalies:
        own = plot_window(row, policies.report, run.window)
        known = shown.get(row["series_id"], own)
        shown[row["series_id"]] = Window(min(own.start, known.start), max(own.end, known.end))
    past = {row["series_id"]: Window(row["issued_at"] - HISTORY, row["issued_at"]) for row in risks}
    needed = [history_of(window, policies) for window in shown.values()] + list(past.values())
    reach = Window(min(w.start for w in needed), max(w.end for w in needed))
    points = run.read(t.METRIC_POINTS, reach, columns=POINT_COLUMNS)
    points = points.filter(pc.is_in(points["series_id"].cast(pa.string()), pa.array([*shown, *past], pa.string())))
    forecasts = [_forecast_of(run, row["series_id"], row["issued_at"]) for row in risks]
    tables = {**facts.tables, r.CAPACITY_FORECASTS.name: pa.concat_tables([r.CAPACITY_FORECASTS.empty(), *forecasts])}
    return replace(
        facts,
        tables=tables,
        bands={series: band_of(points, series, window, policies) for series, window in sorted(shown.items())},
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
