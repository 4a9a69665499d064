"""Alerts and what surrounds them, for the tests of suppression."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
from incident_world import DAY, POLICIES, T0, at, event, facts, table

from aiops_jobs.contracts.results import INCIDENT_ALERTS
from aiops_jobs.contracts.telemetry import CHANGES, RAW_ALERTS, TOPOLOGY_EDGES
from aiops_jobs.core.alerts.episodes import to_alerts
from aiops_jobs.core.alerts.suppress import Suppressed, Surroundings, suppress
from aiops_jobs.core.columns import to_micros
from aiops_jobs.core.incidents.correlation import CorrelationResult
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.policies.suppression import SuppressionPolicy

__all__ = ["DAY", "POLICIES", "T0", "at", "event", "facts", "table"]
DAYS = 24 * 60
"""Minutes of a day."""


def following(**policy: Any) -> Policies:
    """Return the default policies with another suppression."""
    return replace(POLICIES, suppression=replace(SuppressionPolicy(), **policy))


def kept(
    alerts: list[dict[str, Any]],
    *,
    past: list[dict[str, Any]] = [],  # noqa: B006 - never changed
    changes: list[dict[str, Any]] = [],  # noqa: B006
    links: list[dict[str, Any]] = [],  # noqa: B006
    policies: Policies = POLICIES,
    until: Any = None,
) -> Suppressed:
    """Return what is suppressed of some notifications."""
    end = until or DAY.end
    around = Surroundings(table(RAW_ALERTS, [*past, *alerts]), table(CHANGES, changes), table(TOPOLOGY_EDGES, links))
    episodes = to_alerts(table(RAW_ALERTS, alerts), policies=policies, until=end)
    return suppress(episodes, around, policies=policies, until=to_micros(end))


def quiet(suppressed: Suppressed, kind: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of one kind."""
    rows = suppressed.rows.to_pylist()
    return [row for row in rows if kind is None or row["suppression_kind"] == kind]


def states(suppressed: Suppressed) -> list[str]:
    return suppressed.alerts["alert_state"].to_pylist()


def history(days: int, minutes: list[float], lasts: float, name: str = "Hiccup", **more: Any) -> list[dict[str, Any]]:
    """Return episodes at the same minutes (from `T0`) of each of some days before, each of the same length."""
    told = []
    for day in range(1, days + 1):
        for minute in minutes:
            told.append(event(minute - day * DAYS, name, **more))
            told.append(event(minute - day * DAYS + lasts, name, status="resolved", **more))
    return told


def known_rows(result: CorrelationResult) -> pa.Table:
    """Return the memberships of a result as the warehouse would give them."""
    stamp = {"run_id": "r", "as_of": T0, "code_version": "c", "config_hash": "h", "input_manifest_id": None}
    return table(INCIDENT_ALERTS, [{**row, **stamp} for row in result.incident_alerts.to_pylist()])
