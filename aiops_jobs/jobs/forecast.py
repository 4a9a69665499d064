"""Forecast filling resources, and tell when they reach their limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.results import CAPACITY_FORECASTS, CAPACITY_RISKS, FINDINGS
from aiops_jobs.core.features.grid import Grid
from aiops_jobs.core.findings.anomalies import unstamped
from aiops_jobs.core.findings.capacity_risks import (
    Issue,
    to_capacity_findings,
    to_capacity_forecasts,
    to_capacity_risks,
)
from aiops_jobs.core.models import CAPACITY
from aiops_jobs.core.models.candidates import Clock
from aiops_jobs.core.models.capacity import CapacityModel, fit_capacity, forecast_paths
from aiops_jobs.core.models.capacity_training import MAX_SERIES
from aiops_jobs.core.models.time_to_breach import look_out
from aiops_jobs.core.policies import CapacityPolicy, MetricRole
from aiops_jobs.jobs.model_inputs import CapacityHistory, Champion, capacity_history, champion_of
from aiops_jobs.jobs.running import INSTANT, Run, RunReport, open_run, report_of
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

JOB = "forecast"
DEFAULT_VERSION = "capacity-default"
"""Stands where no model has been trained: bands are calibrated on the very series that are forecast."""
STALE_AFTER_S = 35 * 86400.0
SERIES_BLOCK = 1000
"""Series forecast at a time, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """The model in use and how it stands: ``ok``, or ``MODEL_STALE`` where it is old, missing or unfit."""

    model: CapacityModel
    version: str
    state: str


def forecast(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Publish forecasts, risks and findings of all saturation metrics with a limit, issued at the end of ``window``.

    Without a trained model the same method speaks, calibrated on the series at hand; ``details`` of the report then
    say ``MODEL_STALE``, and how many series could not be forecast at all.
    """
    policy = context.policies.capacity
    with open_run(context, JOB, window, as_of) as run:
        history = capacity_history(run)
        speaker = _speaker(context, history.grid, policy, as_of)
        issue = Issue(window.end, history.grid.end, speaker.version, context.policies.version("capacity"))
        _publish(run, history, speaker, issue, policy)
        run.details.update(
            series=history.grid.values.shape[0],
            series_skipped=history.skipped,
            model_version=speaker.version,
            model_state=speaker.state,
        )
    return report_of(run)


def _publish(run: Run, history: CapacityHistory, speaker: Speaker, issue: Issue, policy: CapacityPolicy) -> None:
    forecasts, risks, findings = (
        [unstamped(table).empty_table()] for table in (CAPACITY_FORECASTS, CAPACITY_RISKS, FINDINGS)
    )
    clock = Clock(policy.step_s)
    for grid, roles in _blocks(history):
        run.context.progress(f"{JOB}: {grid.values.shape[0]} series")
        limits = np.array([(role.limit or 0.0) * policy.limit_margin_ratio for role in roles])
        paths = forecast_paths(grid.values, speaker.model, policy.horizon_s)
        outlook = look_out(grid.values, paths, limits, clock)
        risk = to_capacity_risks(grid.series, roles, outlook, issue, policy)
        forecasts.append(to_capacity_forecasts(grid.series, roles, paths, issue, step_s=policy.step_s))
        risks.append(risk)
        findings.append(to_capacity_findings(grid.series, roles, risk, outlook, policy))
    span = Window(issue.issued_at, issue.issued_at + INSTANT)
    run.publish(CAPACITY_FORECASTS, pa.concat_tables(forecasts).unify_dictionaries(), span=span)
    run.publish(CAPACITY_RISKS, pa.concat_tables(risks).unify_dictionaries(), span=span)
    found = pa.concat_tables(findings).unify_dictionaries()
    run.publish(FINDINGS, found, scope=(Filter("finding_kind", "capacity_risk"),), span=span)
    run.details["findings"] = found.num_rows


def _blocks(history: CapacityHistory) -> Iterator[tuple[Grid, tuple[MetricRole, ...]]]:
    grid = history.grid
    for start in range(0, grid.values.shape[0], SERIES_BLOCK):
        part = slice(start, start + SERIES_BLOCK)
        series = grid.series.slice(start, SERIES_BLOCK)
        yield Grid(series, grid.start, grid.step_s, grid.values[part], grid.counts[part]), history.roles[part]


def _speaker(context: Context, grid: Grid, policy: CapacityPolicy, as_of: datetime) -> Speaker:
    """Return the champion as of ``as_of``; where there is none that fits, the method calibrated on the spot."""
    champion = champion_of(context, CAPACITY, as_of)
    if champion is not None:
        model = CapacityModel.from_dict(champion.artefact["serving"])
        if _fits(model, policy):
            return Speaker(model, champion.version, _freshness(champion, as_of))
    values = grid.values[:: max(1, -(-grid.values.shape[0] // MAX_SERIES))]
    return Speaker(fit_capacity(values, Clock(policy.step_s), policy.horizon_s), DEFAULT_VERSION, "MODEL_STALE")


def _fits(model: CapacityModel, policy: CapacityPolicy) -> bool:
    """Tell whether the model was trained for this step and at least this horizon."""
    return model.step_s == policy.step_s and int(model.steps[-1]) * model.step_s >= policy.horizon_s


def _freshness(champion: Champion, as_of: datetime) -> str:
    age_s = (as_of - champion.row["as_of"]).total_seconds()
    return "MODEL_STALE" if age_s > STALE_AFTER_S else "ok"
