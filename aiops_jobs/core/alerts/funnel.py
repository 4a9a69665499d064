"""The noise funnel: how many events became how many alerts, incidents and tickets, and what was kept quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.columns import SUPPRESSION_KINDS
from aiops_jobs.core.columns import texts_of
from aiops_jobs.window import Window


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
    tickets: int
    """Incidents among them with a ticket."""
    notifications_avoided: int
    """Firing notifications that suppression kept from people."""
    harm: int
    """Alerts that were kept quiet although their incident could have been known by them."""
    harm_delay_s: float
    """Largest delay of any of them."""
    suppressed_by_kind: Mapping[str, int] = field(default_factory=dict)
    """Alerts that each kind kept quiet, at least for a while; one alert may be in several."""

    @property
    def noise_reduction(self) -> float | None:
        """``1 - tickets / events``; null without events."""
        return 1.0 - self.tickets / self.events if self.events else None

    @property
    def compression(self) -> float | None:
        """``1 - incidents / events``; null without events."""
        return 1.0 - self.incidents / self.events if self.events else None

    @property
    def grouping_coverage(self) -> float | None:
        """``grouped / alerts``; null without alerts."""
        return self.grouped / self.alerts if self.alerts else None

    def summary(self) -> dict[str, Any]:
        """Return counts and shares by name."""
        shares = {name: getattr(self, name) for name in ("noise_reduction", "compression", "grouping_coverage")}
        return {**asdict(self), **shares}


def funnel(tables: Mapping[str, pa.Table], window: Window) -> Funnel:
    """Count what became of the notifications of a window.

    Args:
        tables: By contract name: ``alerts``, ``alert_suppressions``, ``incident_alerts``, ``incidents``, and
            ``tickets`` or ``ticket_suggestions`` (``tickets`` is used where both are given). A missing table is empty.
        window: What begins in it counts.
    """
    alerts = _begun(tables, "alerts", window)
    incidents = _begun(tables, "incidents", window)
    ids = set(_texts(alerts, "alert_id"))
    quiet = _of(tables.get("alert_suppressions"), "alert_id", ids)
    told = set(_texts(incidents, "incident_id"))
    members = _of(tables.get("incident_alerts"), "member_id", ids)
    kinds: dict[str, set[str | None]] = {kind: set() for kind in SUPPRESSION_KINDS}
    for alert, kind in zip(_texts(quiet, "alert_id"), _texts(quiet, "suppression_kind"), strict=True):
        kinds[kind or ""].add(alert)
    harmed = quiet.filter(quiet["is_harm"]) if quiet.num_rows else quiet
    return Funnel(
        events=_sum(alerts, "event_count"),
        duplicates=_sum(alerts, "full_duplicate_count"),
        alerts=alerts.num_rows,
        suppressed=sum(state == "suppressed" for state in _texts(alerts, "alert_state")),
        grouped=len(set(_texts(members, "member_id"))),
        incidents=incidents.num_rows,
        tickets=len(told & _ticketed(tables)),
        notifications_avoided=_sum(quiet, "notifications_avoided"),
        harm=len(set(_texts(harmed, "alert_id"))),
        harm_delay_s=max((d for d in _values(harmed, "delay_s") if d is not None), default=0.0),
        suppressed_by_kind={kind: len(found) for kind, found in kinds.items()},
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


def _ticketed(tables: Mapping[str, pa.Table]) -> set[str | None]:
    tickets = tables.get("tickets")
    if tickets is not None and tickets.num_rows:
        return set(_texts(tickets, "subject_id"))
    suggested = tables.get("ticket_suggestions")
    if suggested is None or not suggested.num_rows:
        return set()
    return set(_texts(suggested.filter(pc.equal(suggested["ticket_action"].cast(pa.string()), "create")), "subject_id"))


def _texts(rows: pa.Table, column: str) -> list[str | None]:
    return texts_of(rows[column]) if rows.num_rows else []


def _values(rows: pa.Table, column: str) -> list[Any]:
    found: list[Any] = rows[column].to_pylist() if rows.num_rows else []
    return found


def _sum(rows: pa.Table, column: str) -> int:
    return int(sum(value or 0 for value in _values(rows, column)))
