"""The service desk's memory: tickets of the past, with what was found and done."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.telemetry import TICKET_HISTORY
from aiops_jobs.core.estate import catalogue as cat
from aiops_jobs.core.estate.disks import Failure
from aiops_jobs.core.estate.plan import Injection, Plan
from aiops_jobs.core.estate.signals import entities_of
from aiops_jobs.core.estate.spec import EstateSpec, Row
from aiops_jobs.core.estate.world import World

INCIDENT_TICKETS = 40
REQUEST_TICKETS = 75

# kind of fault -> title, description, resolution code, priority
INCIDENTS: dict[str, tuple[str, str, str, str]] = {
    "pool_exhausted": (
        "{service} slow, connection pool of {name} exhausted",
        "Requests wait for a connection of {name}. A worker leaked sessions; the pool was restarted and enlarged.",
        "capacity_added",
        "P1",
    ),
    "bad_deployment": (
        "{service} returns errors after a release",
        "Latency and errors of {name} rose right after a deployment. It was rolled back.",
        "rolled_back",
        "P2",
    ),
    "queue_backlog": (
        "Backlog in queue {name}",
        "The consumer hung on a poisoned message. The consumer was restarted and the queue drained.",
        "restarted",
        "P3",
    ),
    "cpu_saturation": (
        "High CPU on {name}, services on it are slow",
        "A batch process used all processors of {name}. It was stopped and moved to another host.",
        "process_stopped",
        "P3",
    ),
    "gateway_node": (
        "Card approvals failing through {name}",
        "Workers of {name} crashed while forwarding authorizations. The node was taken out and reinstalled.",
        "node_replaced",
        "P1",
    ),
    "memory_leak": (
        "{service} restarts, out of memory",
        "Containers of {name} were killed for memory. The limit was raised until a fixed version came.",
        "fixed_in_release",
        "P2",
    ),
    "network_loss": (
        "Packet loss on {name}",
        "A damaged cable of {name} caused retransmissions. The cable was replaced.",
        "cable_replaced",
        "P3",
    ),
    "filesystem_full": (
        "File system of {name} full",
        "Archived logs filled the file system of {name}. Old files were compressed and deleted.",
        "cleaned_up",
        "P2",
    ),
}
# title, description, group, resolution code, priority
REQUESTS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "Access to the {service} dashboards",
        "Please give grace.lee@example.com read access.",
        "platform",
        "fulfilled",
        "P5",
    ),
    ("Certificate of {service} expires in 30 days", "Renewal as every year.", "platform", "certificate_renewed", "P4"),
    ("Page of {service} was slow for a customer", "Could not be reproduced.", "storefront", "no_fault_found", "P4"),
    ("False alarm: probe of {service} failed once", "The probe itself timed out.", "platform", "false_alarm", "P5"),
    ("Duplicate of an earlier report about {service}", "See the first report.", "storefront", "duplicate", "P4"),
    ("Reset the password of a {service} operator", "Called from the known number.", "identity", "fulfilled", "P5"),
)


def to_ticket_history(spec: EstateSpec, world: World, plan: Plan, failures: tuple[Failure, ...]) -> pa.Table:
    """Return ``ticket_history`` as its system tells it at the end of the window, by time.

    Faults of the window have no tickets here (to open them is the house's work), but for disks: those who replace
    them write it down. What breaks has broken before: each root has a ticket about the same trouble in the past.
    """
    rng = spec.rng("tickets")
    rows = [*_disks(failures), *_incidents(spec, world, rng), *_requests(spec, rng)]
    rows += [_incident(world, p.kind, p.root, p.started_at, p.ended_at) for p in plan.past]
    rows += _earlier(spec, world, plan.faults)
    rows = [row for row in rows if row["opened_at"] < spec.window.end]
    rows.sort(key=lambda row: (row["opened_at"], row["title"], str(row["entity_id"])))
    for number, row in enumerate(rows):
        row.update(ticket_key=f"INC{100_000 + number}", source=spec.source)
        if row["resolved_at"] >= spec.window.end:
            row.update(resolved_at=None, resolution_code=None, cause_entity_id=None)
    return pa.Table.from_pylist(rows, schema=TICKET_HISTORY.to_arrow())


def _disks(failures: tuple[Failure, ...]) -> list[Row]:
    return [
        {
            "opened_at": failure.failed_at + timedelta(minutes=40),
            "title": f"Disk {failure.disk} failed",
            "description": f"{failure.disk} does not answer any more. It was replaced by a spare.",
            "priority": "P4",
            "entity_id": f"disk/{failure.disk}",
            "service_name": None,
            "host_name": failure.disk.split(":")[0],
            "assignment_group": cat.GROUPS["storage"],
            "resolved_at": failure.replaced_at,
            "resolution_code": "disk_replaced",
            "cause_entity_id": f"disk/{failure.disk}",
        }
        for failure in failures
    ]


def _incidents(spec: EstateSpec, world: World, rng: np.random.Generator) -> list[Row]:
    """Return incidents of the time before metrics were kept, of every kind."""
    oldest, newest = spec.wear_history.days, min(spec.history.days + 2, spec.wear_history.days - 1)
    kinds = list(INCIDENTS)
    rows = []
    for number in range(INCIDENT_TICKETS):
        kind = kinds[number % len(kinds)]
        entities = entities_of(world, _kind_of_root(kind))
        root = entities[int(rng.integers(0, len(entities)))]
        at = spec.window.start - timedelta(days=float(rng.uniform(newest, oldest)))
        rows.append(_incident(world, kind, root, at, at + timedelta(hours=float(rng.uniform(1, 4)))))
    return rows


def _earlier(spec: EstateSpec, world: World, faults: tuple[Injection, ...]) -> list[Row]:
    """Return a ticket about the last time the same happened at the same root, for each fault of the window."""
    rng = spec.rng("earlier tickets")
    oldest, newest = spec.wear_history.days, min(spec.history.days + 2, spec.wear_history.days - 1)
    rows = []
    for fault in faults:
        at = spec.window.start - timedelta(days=float(rng.uniform(newest, oldest)))
        if fault.kind.removesuffix("_by_surge") in INCIDENTS:
            end = at + timedelta(hours=float(rng.uniform(1, 4)))
            rows.append(_incident(world, fault.kind, fault.root, at, end))
    return rows


def _kind_of_root(kind: str) -> str:
    known = {"pool_exhausted": "database", "queue_backlog": "queue", "gateway_node": "gateway"}
    return known.get(kind, "service" if kind in ("bad_deployment", "memory_leak") else "machine")


def _incident(world: World, kind: str, root: str, begin: datetime, end: datetime) -> Row:
    title, text, code, priority = INCIDENTS[kind.removesuffix("_by_surge")]
    item = world.item[root]
    name = root.split("/")[1]
    service = item.service_name or next(iter(world.services_on(name)), None)
    begin = begin.replace(microsecond=0)
    return {
        "opened_at": begin + timedelta(minutes=12),
        "title": title.format(name=name, service=service or name),
        "description": text.format(name=name),
        "priority": priority,
        "entity_id": f"service/{service}" if service else root,
        "service_name": service,
        "host_name": item.host_name,
        "assignment_group": cat.GROUPS[item.team],
        "resolved_at": end.replace(microsecond=0) + timedelta(minutes=30),
        "resolution_code": code,
        "cause_entity_id": root,
    }


def _requests(spec: EstateSpec, rng: np.random.Generator) -> list[Row]:
    rows: list[Row] = []
    for number in range(REQUEST_TICKETS):
        title, text, team, code, priority = REQUESTS[number % len(REQUESTS)]
        service = cat.SERVICES[int(rng.integers(0, len(cat.SERVICES)))].name
        at = spec.window.start - timedelta(seconds=int(rng.uniform(1, spec.wear_history.total_seconds())))
        rows.append(
            {
                "opened_at": at,
                "title": title.format(service=service),
                "description": text,
                "priority": priority,
                "entity_id": f"service/{service}",
                "service_name": service,
                "host_name": None,
                "assignment_group": cat.GROUPS[team],
                "resolved_at": at + timedelta(seconds=int(rng.uniform(3600, 5 * 86400))),
                "resolution_code": code,
                "cause_entity_id": None,
            }
        )
    return rows
