"""Closed tickets of an invented service desk: who solves what follows from the service and the words of the title."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.telemetry import TICKET_HISTORY
from aiops_jobs.core.features.failures import seconds
from aiops_jobs.core.features.ticket_history import described, in_order, solved_s
from aiops_jobs.core.models.sla_training import to_promises
from aiops_jobs.core.policies import RoutingPolicy

END = datetime(2026, 11, 20, tzinfo=UTC)
SERVICES = {"web": "Storefront", "orders": "Ordering", "search": "Findability", "mail": "Messaging"}
DAY = timedelta(days=1)


def closed_tickets(count=400, *, seed=0, days=120, end=END, noise=0.05):
    """Return rows of ``ticket_history``: storage troubles go to Storage, others to the team of the service."""
    rng = np.random.default_rng(seed)
    names, rows = sorted(SERVICES), []
    for number in range(count):
        service = names[int(rng.integers(len(names)))]
        is_disk = rng.random() < 0.3
        group = "Storage" if is_disk else SERVICES[service]
        if rng.random() < noise:
            group = "Storage" if not is_disk else SERVICES[service]
        opened = end - timedelta(days=float(rng.uniform(0.01, days)))
        hours = rng.exponential(20.0 if group == "Storage" else 3.0)
        host = f"{service}-{int(rng.integers(5))}"
        rows.append(
            {
                "opened_at": opened,
                "ticket_key": f"T-{number:04d}",
                "title": f"Disk of {host} is full" if is_disk else f"{service} answers slowly",
                "description": None,
                "priority": ("P2", "P3")[int(rng.integers(2))],
                "entity_id": f"host/{host}",
                "service_name": service,
                "host_name": host,
                "assignment_group": group,
                "resolved_at": opened + timedelta(hours=float(hours)),
                "resolution_code": "fixed",
                "cause_entity_id": None,
                "source": "desk",
            }
        )
    return rows


def to_history(rows):
    return TICKET_HISTORY.conform(pa.Table.from_pylist(rows, schema=TICKET_HISTORY.to_arrow()))


def learned_from(rows):
    """Return tickets, groups and times of solution, as the job prepares them."""
    ordered = in_order(to_history(rows))
    tickets = described(ordered, [row["opened_at"] for row in ordered])
    return tickets, [row["assignment_group"] for row in ordered], solved_s(ordered), ordered


def promises_from(rows, until=END, policy=None):
    policy = policy or RoutingPolicy()
    tickets, group, solved, ordered = learned_from(rows)
    within = np.array([policy.resolve_within_s.get(row["priority"], np.nan) for row in ordered])
    return to_promises(tickets, group, solved, within, seconds(until))
