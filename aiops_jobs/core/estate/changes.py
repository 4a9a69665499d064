"""What was changed in the estate: deployments, most of them harmless, maintenance, announced events, repairs."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.telemetry import CHANGES
from aiops_jobs.core.estate.kinds import Effects
from aiops_jobs.core.estate.nuisances import Maintenance
from aiops_jobs.core.estate.plan import SALE_FACTOR, Injection, Plan
from aiops_jobs.core.estate.signals import Signals
from aiops_jobs.core.estate.spec import EPOCH, EstateSpec, Row
from aiops_jobs.core.estate.world import World
from aiops_jobs.identity import fingerprint

DEPLOYMENTS_PER_DAY = 2.5
QUIET_BEFORE_FAULT = timedelta(hours=8)
"""No harmless deployment of the very root lies this close before its fault: that would be a fair suspect."""
ORDINARY: tuple[tuple[str, str, str], ...] = (
    ("config", "service", "Raise the cache lifetime of {name}"),
    ("flag", "service", "Enable the feature flag new-layout for 5 % of {name}"),
    ("standard", "host", "Install security updates on {name}"),
    ("normal", "database", "Rotate the credentials of {name}"),
    ("standard", "host", "Replace a fan of {name}"),
)
REPAIRS: dict[str, tuple[str, str]] = {
    "pool_exhausted": ("emergency", "Restart the connection pool of {name}"),
    "pool_exhausted_by_surge": ("emergency", "Enlarge the connection pool of {name}"),
    "bad_deployment": ("deploy", "Roll back {name}"),
    "queue_backlog": ("emergency", "Restart the consumer of {name}"),
    "cpu_saturation": ("emergency", "Stop the runaway batch process on {name}"),
    "gateway_node": ("emergency", "Take {name} out of the load balancer"),
    "memory_leak": ("emergency", "Raise the memory limit of {name}"),
    "network_loss": ("emergency", "Replace the network cable of {name}"),
    "filesystem_full": ("emergency", "Delete old archives on {name}"),
}


def to_changes(spec: EstateSpec, world: World, plan: Plan, planned: list[Maintenance]) -> pa.Table:
    """Return ``changes`` of history and window, by time."""
    rows = [*_deployments(spec, world, plan), *_ordinary(spec, world)]
    rows += [_event(event) for event in plan.events]
    rows += [maintenance.to_change() for maintenance in planned]
    rows += [_culprit(spec, fault) for fault in plan.faults if fault.change_id]
    rows += [row for fault in (*plan.past, *plan.faults) for row in _repair(fault)]
    window = spec.window.extended(before=spec.history)
    kept = sorted(
        (row for row in rows if window.contains(row["started_at"])),
        key=lambda row: (row["started_at"], row["change_id"]),
    )
    for row in kept:
        item = world.item[row["entity_id"]]
        row.update(service_name=item.service_name, host_name=item.host_name, source=spec.source)
        row["planned_start_at"] = row.get("planned_start_at", row["started_at"])
        row["planned_end_at"] = row.get("planned_end_at", row["ended_at"])
        if row["ended_at"] >= spec.window.end:
            row.update(ended_at=None, outcome="unknown")
    return pa.Table.from_pylist(kept, schema=CHANGES.to_arrow())


def restarts_of(changes: pa.Table, world: World, calm: Signals) -> list[tuple[slice, Effects]]:
    """Return what harmless deployments do to the metrics: one restart each."""
    effects = []
    for row in changes.select(["change_type", "entity_id", "started_at", "outcome"]).to_pylist():
        index = calm.grid.index(row["started_at"])
        if row["change_type"] == "deploy" and row["outcome"] != "rolled_back" and index < calm.grid.size:
            extra = np.zeros((len(world.services), 1))
            extra[world.services.index(row["entity_id"].split("/")[1])] = 1.0
            effects.append((slice(index, index + 1), {"service.restarts": extra}))
    return effects


def _deployments(spec: EstateSpec, world: World, plan: Plan) -> list[Row]:
    rng = spec.rng("deployments")
    grid = spec.grid
    count = int(rng.poisson(DEPLOYMENTS_PER_DAY * grid.size * spec.step_s / 86400))
    rows = []
    for number, offset in enumerate(np.sort(rng.integers(0, grid.size * spec.step_s, count))):
        at = EPOCH + timedelta(seconds=int(grid.start_s + offset))
        at = at.replace(hour=8 + at.hour % 9)
        service = world.services[int(rng.integers(0, len(world.services)))]
        version = f"{int(rng.integers(2, 6))}.{number}.{int(rng.integers(0, 9))}"
        length = timedelta(minutes=int(rng.integers(4, 15)))
        if not _is_suspect(plan, f"service/{service}", at):
            rows.append(_deployment(f"CHG-{10_000 + number}", service, version, at, at + length, "success"))
    return rows


def _is_suspect(plan: Plan, entity: str, at: datetime) -> bool:
    """Tell whether a deployment would stand beside the root's own fault, or on the day of the great sale."""
    if any(e.strength >= SALE_FACTOR and e.started_at.date() == at.date() for e in plan.events):
        return True
    faults = [fault for fault in (*plan.past, *plan.faults) if fault.root == entity]
    return any(fault.started_at - QUIET_BEFORE_FAULT <= at < fault.ended_at for fault in faults)


def _ordinary(spec: EstateSpec, world: World) -> list[Row]:
    rng = spec.rng("ordinary changes")
    days = spec.grid.size * spec.step_s // 86400
    kinds = {"service": world.services, "host": world.hosts, "database": world.databases}
    rows = []
    for day in range(days):
        change_type, kind, text = ORDINARY[int(rng.integers(0, len(ORDINARY)))]
        name = kinds[kind][int(rng.integers(0, len(kinds[kind])))]
        at = EPOCH + timedelta(seconds=int(spec.grid.start_s + day * 86400 + rng.integers(7 * 3600, 19 * 3600)))
        length = timedelta(minutes=int(rng.integers(10, 60)))
        rows.append(
            _change(f"CHG-{20_000 + day}", change_type, f"{kind}/{name}", text.format(name=name), at, at + length)
        )
    return rows


def _deployment(change_id: str, service: str, version: str, begin: datetime, end: datetime, outcome: str) -> Row:
    title = f"Deploy {service} {version}"
    return {
        **_change(change_id, "deploy", f"service/{service}", title, begin, end),
        "service_version": version,
        "outcome": outcome,
    }


def _culprit(spec: EstateSpec, fault: Injection) -> Row:
    """Return the deployment that is the cause; that it was rolled back is known only where that lies in the window."""
    outcome = "rolled_back" if fault.ended_at < spec.window.end else "success"
    end = fault.started_at + timedelta(minutes=6)
    return _deployment(str(fault.change_id), fault.root.split("/")[1], "6.0.0", fault.started_at, end, outcome)


def _event(event: Injection) -> Row:
    is_sale = event.strength >= SALE_FACTOR
    title = "Black Friday sale: expect four times the usual traffic" if is_sale else "Newsletter to all customers"
    return {
        **_change(str(event.change_id), "event", event.root, title, event.started_at, event.ended_at),
        "planned_start_at": event.started_at,
        "planned_end_at": event.ended_at,
    }


def _repair(fault: Injection) -> list[Row]:
    """Return the change that ended a fault."""
    if fault.kind not in REPAIRS:
        return []
    change_type, text = REPAIRS[fault.kind]
    change_id = "CHG-" + fingerprint("fix", root=fault.root, at=fault.ended_at)[-6:].upper()
    title = text.format(name=fault.root.split("/")[1])
    end = fault.ended_at + timedelta(minutes=5)
    return [_change(change_id, change_type, fault.root, title, fault.ended_at, end)]


def _change(change_id: str, change_type: str, entity: str, title: str, begin: datetime, end: datetime) -> Row:
    return {
        "started_at": begin,
        "change_id": change_id,
        "change_type": change_type,
        "title": title,
        "entity_id": entity,
        "ended_at": end,
        "outcome": "success",
    }
