"""The simulation from spec to tables: what all sources of the estate would deliver, and the truth behind it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from aiops_jobs.core.estate.alerts import to_raw_alerts
from aiops_jobs.core.estate.changes import restarts_of, to_changes
from aiops_jobs.core.estate.disks import wear_out
from aiops_jobs.core.estate.kinds import Effects, Stage, stage
from aiops_jobs.core.estate.ledger import Fault
from aiops_jobs.core.estate.logs import to_log_records
from aiops_jobs.core.estate.nuisances import maintenances, nuisances
from aiops_jobs.core.estate.physics import disturb
from aiops_jobs.core.estate.plan import Injection, make_plan
from aiops_jobs.core.estate.points import disturbed, missing, to_metric_points
from aiops_jobs.core.estate.signals import Signals, calm_signals
from aiops_jobs.core.estate.spec import EstateSpec
from aiops_jobs.core.estate.tickets import to_ticket_history
from aiops_jobs.core.estate.traces import to_spans
from aiops_jobs.core.estate.truth import disk_fault, to_fault
from aiops_jobs.core.estate.world import World, build_world, to_configuration_items, to_topology_edges


@dataclass(frozen=True)
class Estate:
    """A simulated estate."""

    spec: EstateSpec
    tables: dict[str, pa.Table]
    """Name of a telemetry contract -> conforming rows, ``source`` included."""
    ledger: tuple[Fault, ...]
    """The faults of the window, and those that cast their shadow on it, by begin."""


def simulate(spec: EstateSpec) -> Estate:
    """Return the estate of a spec; equal specs give byte-equal estates."""
    world = build_world(spec)
    plan = make_plan(spec, world)
    calm = calm_signals(spec, world)
    faults = _acts(spec, world, calm, plan.faults)
    others = _acts(spec, world, calm, (*plan.past, *plan.events))
    planned = maintenances(spec, world, plan)
    changes = to_changes(spec, world, plan, planned)
    effects = [(on.span, effect) for on, effect in (*faults, *others)] + restarts_of(changes, world, calm)
    signals = disturbed(calm, effects)
    lost = missing(spec, world, [fault for fault in plan.faults if fault.kind == "source_gap"])
    wear = wear_out(spec, world, plan)
    spans = to_spans(spec, world, signals, effects)
    tables = {
        "metric_points": to_metric_points(spec, world, signals, lost, wear),
        "log_records": to_log_records(spec, world, signals, faults, spans),
        "spans": spans,
        "raw_alerts": to_raw_alerts(spec, world, signals, lost, wear.failures, nuisances(spec, world, plan, planned)),
        "changes": changes,
        "configuration_items": to_configuration_items(world, spec),
        "topology_edges": to_topology_edges(world, spec),
        "ticket_history": to_ticket_history(spec, world, plan, wear.failures),
    }
    ledger = [to_fault(on, effect, spec) for on, effect in faults]
    ledger += [disk_fault(failure, world, spec) for failure in wear.failures if failure.failed_at >= spec.window.start]
    return Estate(spec, tables, tuple(sorted(ledger, key=lambda fault: (fault.started_at, fault.fault_id))))


def _acts(
    spec: EstateSpec, world: World, calm: Signals, injections: tuple[Injection, ...]
) -> list[tuple[Stage, Effects]]:
    stages = [stage(i, world, calm, spec.rng("act", i.kind, i.root, i.started_at)) for i in injections]
    return [(on, disturb(on)) for on in stages]
