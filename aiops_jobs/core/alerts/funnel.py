"""The noise funnel: how many events became how many alerts, incidents and tickets, and what was kept quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.columns import texts_of
from aiops_jobs.window import Window


@dataclass(frozen=True, slots=True)
class Kept:
    """Alerts that one kind of policy kept quiet, at least for a while; one alert may be kept by several."""

    kind: str
    alerts: int
    harmful: int
    """Of these, alerts that hid or delayed an incident."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """Counts of one window."""

    events: int
    """Notifications of monitoring systems in the alerts of the window."""
    duplicates: int
    """Of these: word for word repetitions."""
    alerts: int
    """Alert episodes that begin in the window."""
    suppressed: int
    """Of these: nobody hears of them."""
    grouped: int
    """Of these: members of incidents."""
    incidents: int
    """Incidents that begin in the window."""
    silent_incidents: int
    """Of these: without any alert, seen by our findings only."""
    tickets: int
    """Incidents among them about which a ticket was opened or was to be, whether its delivery has succeeded or not."""
    notifications_avoided: int
    """Firing notifications that suppression kept from people."""
    harm: int
    """Alerts that were kept quiet although their incident could have been known by them."""
    harm_delay_s: float
    """Largest delay of any of them."""
    kept: tuple[Kept, ...]
    """What each kind kept quiet, the most first."""

    @property
    def noise_reduction(self) -> float | None:
        """Share of the notifications that people were spared, ``1 - tickets / events``; null without events."""
        return max(0.0, 1.0 - self.tickets / self.events) if self.events else None

    @property
    def compression(self) -> float | None:
        """``1 - incidents / events``; null without events."""
        return 1.0 - self.incidents / self.events if self.events else None

    @property
    def grouping_coverage(self) -> float | None:
        """``grouped / alerts``; null without alerts."""
        return self.grouped / self.alerts if self.alerts else None


def funnel(tables: Mapping[str, pa.Table], window: Window) -> Funnel:
    """Count what became of the notifications of a window.

    Args:
        tables: By contract name: ``alerts``, ``alert_suppressions``, ``incident_alerts``, ``incidents``,
            ``tickets`` and ``ticket_outbox``. A missing table is empty; rows of other times do no harm.
        window: What begins in it counts.
    """
    alerts = _begun(tables, "alerts", window)
    incidents = _begun(tables, "incidents", window)
    ids = set(_texts(alerts, "alert_id"))
    quiet = _of(tables.get("alert_suppressions"), "alert_id", ids)
    told = set(_texts(incidents, "incident_id"))
    members = _of(tables.get("incident_alerts"), "member_id", ids)
    harmed = quiet.filter(quiet["is_harm"]) if quiet.num_rows else quiet
    return Funnel(
        events=_sum(alerts, "event_count"),
        duplicates=_sum(alerts, "full_duplicate_count"),
        alerts=alerts.num_rows,
        suppressed=sum(state == "suppressed" for state in _texts(alerts, "alert_state")),
        grouped=len(set(_texts(members, "member_id"))),
        incidents=incidents.num_rows,
        silent_incidents=sum(count == 0 for count in _values(incidents, "alert_count")),
        tickets=len(told & (_subjects(tables, "tickets") | _subjects(tables, "ticket_outbox"))),
        notifications_avoided=_sum(quiet, "notifications_avoided"),
        harm=len(set(_texts(harmed, "alert_id"))),
        harm_delay_s=max((d for d in _values(harmed, "delay_s") if d is not None), default=0.0),
        kept=_kept(quiet),
    )


def _begun(tables: Mapping[str, pa.Table], name: str, window: Window) -> pa.Table:
    rows = tables.get(name)
    if rows is None or not rows.num_rows:
        return pa.table({})
    at = rows["started_at"]
    inside = pc.and_(
        pc.greater_equal(at, pa.scalar(window.start, at.type)), pc.less(at, pa.scalar(window.end, at.type))
    )
    return rows.filter(inside)


def _of(rows: pa.Table | None, column: str, ids: set[str | None]) -> pa.Table:
    if rows is None or not rows.num_rows:
        return pa.table({})
    return rows.filter(pc.is_in(rows[column], pa.array(sorted(i for i in ids if i), pa.string())))


def _subjects(tables: Mapping[str, pa.Table], name: str) -> set[str | None]:
    return set(_texts(tables[name], "subject_id")) if name in tables else set()


def _kept(rows: pa.Table) -> tuple[Kept, ...]:
    """Count the alerts in ``alert_suppressions`` by kind."""
    alerts: dict[str, set[str | None]] = {}
    harmful: dict[str, set[str | None]] = {}
    told = zip(_texts(rows, "suppression_kind"), _texts(rows, "alert_id"), _values(rows, "is_harm"), strict=True)
    for kind, alert, is_harm in told:
        alerts.setdefault(kind or "", set()).add(alert)
        harmful.setdefault(kind or "", set()).update([alert] if is_harm else [])
    found = [Kept(kind, len(alerts[kind]), len(harmful[kind])) for kind in alerts]
    return tuple(sorted(found, key=lambda kept: (-kept.alerts, kept.kind)))


def _texts(rows: pa.Table, column: str) -> list[str | None]:
    return texts_of(rows[column]) if rows.num_rows else []


def _values(rows: pa.Table, column: str) -> list[Any]:
    found: list[Any] = rows[column].to_pylist() if rows.num_rows else []
    return found


def _sum(rows: pa.Table, column: str) -> int:
    return int(sum(value or 0 for value in _values(rows, column)))
