"""How much noise people were spared: events, alerts, grouped alerts, incidents, tickets; and what was kept quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.window import Window


@dataclass(frozen=True, slots=True)
class Kept:
    """Alerts that one kind of policy kept from people."""

    kind: str
    alerts: int
    harmful: int
    """Of these, alerts that hid or delayed an incident."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """What began in a window, counted at every stage."""

    events: int
    """Notifications that monitoring systems sent."""
    alerts: int
    """Alert episodes they make up."""
    grouped: int
    """Episodes that belong to an incident."""
    incidents: int
    silent_incidents: int
    """Of these, incidents without any alert: only our findings saw them."""
    tickets: int
    """Incidents about which a ticket was opened or was to be, whether its delivery has succeeded or not."""
    kept: tuple[Kept, ...]

    @property
    def avoided(self) -> float | None:
        """Share of the notifications that people were spared; null where there were none."""
        return None if not self.events else max(0.0, 1.0 - self.tickets / self.events)


def build_funnel(tables: Mapping[str, pa.Table], window: Window) -> Funnel:
    """Return the funnel of all that began in ``window``.

    Args:
        tables: Rows of ``alerts``, ``incident_alerts``, ``incidents``, ``tickets``, ``ticket_outbox`` and
            ``alert_suppressions`` by name; one that is not there is empty. Rows of other times do no harm.
        window: What is counted.
    """
    given = {table: tables.get(table.name, table.empty()) for table in _READ}
    alerts = _began(given[r.ALERTS], window)
    incidents = _began(given[r.INCIDENTS], window)
    members = given[r.INCIDENT_ALERTS]
    members = members.filter(pc.equal(members["member_kind"].cast(pa.string()), "alert"))
    told = _texts(given[o.TICKETS], "subject_id") | _texts(given[o.TICKET_OUTBOX], "subject_id")
    return Funnel(
        events=pc.sum(alerts["event_count"]).as_py() or 0,
        alerts=alerts.num_rows,
        grouped=len(_texts(alerts, "alert_id") & _texts(members, "member_id")),
        incidents=incidents.num_rows,
        silent_incidents=pc.sum(pc.equal(incidents["alert_count"], 0)).as_py() or 0,
        tickets=len(_texts(incidents, "incident_id") & told),
        kept=_kept(_began(given[k.ALERT_SUPPRESSIONS], window)),
    )


_READ = (r.ALERTS, r.INCIDENTS, r.INCIDENT_ALERTS, o.TICKETS, o.TICKET_OUTBOX, k.ALERT_SUPPRESSIONS)


def _kept(rows: pa.Table) -> tuple[Kept, ...]:
    kinds = rows["suppression_kind"].cast(pa.string())
    found = []
    for kind in sorted(set(kinds.to_pylist())):
        own = rows.filter(pc.equal(kinds, kind))
        found.append(Kept(kind, len(_texts(own, "alert_id")), len(_texts(own.filter(own["is_harm"]), "alert_id"))))
    return tuple(sorted(found, key=lambda kept: (-kept.alerts, kept.kind)))


def _began(rows: pa.Table, window: Window) -> pa.Table:
    times = rows["started_at"]
    begun = pc.greater_equal(times, pa.scalar(window.start, times.type))
    return rows.filter(pc.and_(begun, pc.less(times, pa.scalar(window.end, times.type))))


def _texts(rows: pa.Table, column: str) -> set[str]:
    return set(rows[column].cast(pa.string()).to_pylist())
