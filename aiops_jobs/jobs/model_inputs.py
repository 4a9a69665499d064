"""What the models read, and which of them speaks: shared by the jobs that train and that ask them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.operations import MODEL_VERSIONS
from aiops_jobs.contracts.telemetry import METRIC_POINTS, TICKET_HISTORY
from aiops_jobs.core.features.failures import Failures, to_failures
from aiops_jobs.core.features.grid import POINT_COLUMNS, Grid, encoded, to_grid
from aiops_jobs.core.features.roles import roles_of
from aiops_jobs.core.features.smart import Readings, day_floor, to_readings
from aiops_jobs.core.models import SLA_RISK, TICKET_ROUTING, champion_at
from aiops_jobs.core.models.routing import Router
from aiops_jobs.core.models.sla_risk import SlaRisk
from aiops_jobs.core.policies import MetricRole
from aiops_jobs.core.tickets.desk import Desk
from aiops_jobs.jobs.feedback import with_verdicts
from aiops_jobs.jobs.running import Run
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

HARDWARE_COLUMNS = ("observed_at", "entity_id", "host_name", "metric_name", "value")
TICKET_COLUMNS = ("ticket_key", "opened_at", "resolved_at", "entity_id", "cause_entity_id", "resolution_code")
MIN_HISTORY_S = 2 * 86400.0
"""With fewer samples than these make, a series is not forecast."""
FRESH_S = 86400.0
"""A series silent for longer is not forecast: nobody knows where it stands."""


@dataclass(frozen=True, slots=True)
class CapacityHistory:
    """Filling resources.

    Args:
        grid: Series with a limit that are alive and known long enough.
        roles: Role of each series.
        skipped: Series with a limit that are not.
    """

    grid: Grid
    roles: tuple[MetricRole, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that speaks as of an instant.

    Args:
        row: Its row in ``model_versions``.
        artefact: The model as plain data and arrays.
    """

    row: Mapping[str, Any]
    artefact: Mapping[str, Any]

    @property
    def version(self) -> str:
        """Its ``model_version``."""
        return str(self.row["model_version"])


def known_until(run: Run) -> datetime:
    """Return the end of what a run may look at: its window's, or its knowledge's where that is earlier."""
    return min(run.window.end, run.as_of)


def champion_of(context: Context, name: str, as_of: datetime, *, before: bool = False) -> Champion | None:
    """Return the champion as of an instant, loaded; ``None`` where there is none.

    Raises:
        CorruptPartError: Its file is not the one that was registered.
    """
    versions = context.warehouse.read(MODEL_VERSIONS, where=[Filter("model_name", name)])
    row = champion_at(versions, name, as_of, before=before)
    if row is None:
        return None
    return Champion(row, context.models.load(row["artifact_path"], row["sha256"]))


def capacity_history(run: Run) -> CapacityHistory:
    """Read the saturation metrics that have a limit, as hourly (by policy) means."""
    policy, roles = run.context.policies.capacity, run.context.policies.roles
    until = known_until(run)
    window = Window(until - timedelta(seconds=policy.lookback_s), until)
    points, _ = _of_metrics(run.read(METRIC_POINTS, window, columns=POINT_COLUMNS), roles, _has_limit)
    grid = to_grid(points, window, step_s=policy.step_s)
    there = np.isfinite(grid.values)
    fresh = max(1, round(FRESH_S / policy.step_s))
    is_known = (there.sum(axis=1) * policy.step_s >= MIN_HISTORY_S) & there[:, -fresh:].any(axis=1)
    rows = np.flatnonzero(is_known)
    series = grid.series.take(pa.array(rows))
    found = roles_of(series["metric_name"].to_pylist(), roles)
    chosen = Grid(series, grid.start, grid.step_s, grid.values[rows], grid.counts[rows])
    return CapacityHistory(chosen, tuple(role for role in found if role), len(is_known) - len(rows))


def hardware_history(run: Run, *, lookback_s: float) -> Readings:
    """Read the hardware metrics of the whole UTC days before what is known ends, as daily readings."""
    roles = run.context.policies.roles
    end = day_floor(known_until(run))
    start = day_floor(end - timedelta(seconds=lookback_s))
    everything = run.read(METRIC_POINTS, Window(start, end), columns=HARDWARE_COLUMNS)
    points, names = _of_metrics(everything, roles, _is_hardware)
    return to_readings(points, names, start, end)


def failure_history(run: Run, *, lookback_s: float) -> Failures:
    """Read the tickets opened within the look-back, and people's verdicts, as far as they tell of failures.

    Where a verdict holds about a ticket of ours, it speaks and not the ticket's own row: what turned out to be false is
    no failure, and what is the duplicate of another is counted with that one. Verdicts that are not sure enough, and
    those on tickets that we have resolved ourselves, teach nothing.
    """
    until = day_floor(known_until(run))
    window = Window(until - timedelta(seconds=lookback_s), until)
    least = run.context.policies.feedback.min_training_confidence_ratio
    tickets = with_verdicts(run, run.read(TICKET_HISTORY, window, columns=TICKET_COLUMNS), least=least)
    return to_failures(tickets, run.context.policies.failure.failure_codes, until)


def _has_limit(role: MetricRole) -> bool:
    return role.role == "saturation" and role.limit is not None and role.direction != "down"


def _is_hardware(role: MetricRole) -> bool:
    return role.role == "hardware"


def _of_metrics(
    points: pa.Table, roles: Sequence[MetricRole], is_wanted: Callable[[MetricRole], bool]
) -> tuple[pa.Table, list[str]]:
    """Return the points of the metrics whose role is wanted, and the names of these metrics."""
    codes, names = encoded(points["metric_name"])
    chosen = np.array([role is not None and is_wanted(role) for role in roles_of(names, roles)], dtype=bool)
    present = np.unique(codes)
    kept = [names[code] for code in present.tolist() if chosen[code]]
    return points.filter(pa.array(chosen[codes])), sorted(kept)


def desk_of(run: Run) -> Desk:
    """Return the champions that know who solves tickets and which are late, as of a run's knowledge cut."""
    router = champion_of(run.context, TICKET_ROUTING, run.as_of)
    risk = champion_of(run.context, SLA_RISK, run.as_of)
    return Desk(
        router=Router.from_dict(router.artefact["serving"]) if router else None,
        router_version=router.version if router else None,
        risk=SlaRisk.from_dict(risk.artefact["serving"]) if risk else None,
        risk_version=risk.version if risk else None,
    )
