"""Capacity forecasts as rows: the fan of each series, its risk in numbers, and a finding where somebody must act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.results import CAPACITY_FORECASTS, CAPACITY_RISKS, FINDINGS
from aiops_jobs.core.features.grid import INSTANT, micros
from aiops_jobs.core.features.roles import label_of
from aiops_jobs.core.findings.anomalies import unstamped
from aiops_jobs.core.findings.wording import fitted, moment, name_of, quantity
from aiops_jobs.core.models.capacity import Paths
from aiops_jobs.core.models.time_to_breach import NEVER, Outlook
from aiops_jobs.core.policies import CapacityPolicy, MetricRole
from aiops_jobs.identity import fingerprint

TARGET_EVERY_S = 3 * 3600.0
"""One published instant of a fan in so many seconds: a day keeps its shape, and the table stays small."""
HABIT = 0.5
"""A resource that has reached its limit on this share of days lives there: a risk to be shown, not a finding."""
MOST_MORE = 1.0
"""More than this share of the present capacity is not a matter of adding some: the growth must stop."""
SOUND_COVERAGE = 0.9
THIN_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class Issue:
    """When and by whom a forecast is issued.

    Args:
        issued_at: Nothing later was used.
        begin: End of the last step of the history: where the first forecast step begins.
        model_version: Model in use.
        policy_version: Policy in use.
    """

    issued_at: datetime
    begin: datetime
    model_version: str
    policy_version: str

    def at(self, steps: int, step_s: float) -> datetime:
        """Return the begin of a forecast step (1 is the first), never before the issue."""
        return max(self.issued_at, self.begin + timedelta(seconds=(steps - 1) * step_s))


def to_capacity_forecasts(
    series: pa.Table, roles: Sequence[MetricRole], paths: Paths, issue: Issue, *, step_s: float
) -> pa.Table:
    """Return rows of ``capacity_forecasts``, ratios cut to what a ratio can be, sorted by series and target."""
    every = max(1, round(TARGET_EVERY_S / step_s))
    begins = micros(issue.begin) + ((paths.steps - 1) * step_s * 1e6).astype(np.int64)
    chosen = np.flatnonzero((begins >= micros(issue.issued_at)) & ((paths.steps - 1) % every == 0))
    count = len(chosen)
    top = np.array([1.0 if _is_ratio(role) else np.inf for role in roles])[:, None]
    columns: dict[str, Any] = {
        "series_id": pa.array(np.repeat(np.array(series["series_id"].to_pylist(), dtype=object), count), pa.string()),
        "issued_at": pa.array(np.full(len(roles) * count, micros(issue.issued_at)), INSTANT),
        "target_at": pa.array(np.tile(begins[chosen], len(roles)), INSTANT),
        "model_version": pa.array([issue.model_version] * (len(roles) * count), pa.string()),
    }
    for name, level in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
        value = paths.at(level)[:, chosen]
        columns[name] = np.where(np.isfinite(top), np.clip(value, 0.0, top), value).ravel()
    schema = unstamped(CAPACITY_FORECASTS)
    return pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


def to_capacity_risks(
    series: pa.Table, roles: Sequence[MetricRole], outlook: Outlook, issue: Issue, policy: CapacityPolicy
) -> pa.Table:
    """Return rows of ``capacity_risks``, one for every series, in the order of the series."""
    rows = []
    for row, (about, role) in enumerate(zip(series.to_pylist(), roles, strict=True)):
        early, middle, late = (
            None if step == NEVER else issue.at(step, policy.step_s) for step in outlook.breach[row].tolist()
        )
        risk = {
            "finding_id": _id(about["series_id"], issue),
            **{name: about[name] for name in ("series_id", "metric_name", "entity_id", "service_name", "host_name")},
            "issued_at": issue.issued_at,
            "observed": float(outlook.observed[row]),
            "limit_value": float(role.limit or 0.0),
            "breach_probability_ratio": float(outlook.probability[row, -1]),
            "breach_p10_at": early,
            "breach_p50_at": middle,
            "breach_p90_at": late,
            "horizon_s": policy.horizon_s,
            "model_version": issue.model_version,
            "policy_version": issue.policy_version,
        }
        risk["recommendation"] = _recommendation(risk, outlook, row, policy)
        rows.append(risk)
    return pa.Table.from_pylist(rows, schema=unstamped(CAPACITY_RISKS))


def to_capacity_findings(
    series: pa.Table, roles: Sequence[MetricRole], risks: pa.Table, outlook: Outlook, policy: CapacityPolicy
) -> pa.Table:
    """Return rows of ``findings`` for the risks that the policy wants told: a breach likely, soon, and new."""
    found = [
        _finding(about, role, risk, outlook, row, policy)
        for row, (about, role, risk) in enumerate(zip(series.to_pylist(), roles, risks.to_pylist(), strict=True))
        if _is_told(risk, outlook.habit[row], policy)
    ]
    return pa.Table.from_pylist(found, schema=unstamped(FINDINGS))


def _is_told(risk: dict[str, Any], habit: float, policy: CapacityPolicy) -> bool:
    left = _left_s(risk)
    is_likely = risk["breach_probability_ratio"] >= policy.min_breach_probability
    return is_likely and left is not None and left <= policy.alert_within_s and habit < HABIT


def _finding(
    about: dict[str, Any],
    role: MetricRole,
    risk: dict[str, Any],
    outlook: Outlook,
    row: int,
    policy: CapacityPolicy,
) -> dict[str, Any]:
    left = _left_s(risk) or 0.0
    label = label_of(risk["metric_name"], role)
    full = "is full" if left == 0.0 else f"full in {_span(left)}"
    coverage = float(outlook.coverage[row])
    return {
        "finding_id": risk["finding_id"],
        "finding_kind": "capacity_risk",
        "entity_id": risk["entity_id"],
        "service_name": risk["service_name"],
        "host_name": risk["host_name"],
        "subject_series_id": risk["series_id"],
        "severity": "critical" if left <= policy.critical_within_s else "warning",
        "score": policy.alert_within_s / max(left, policy.step_s),
        "started_at": risk["issued_at"],
        "ended_at": None,
        "detected_at": risk["issued_at"],
        "title": fitted(f"{name_of(risk['entity_id'])} {label} {full}", 250),
        "summary": fitted(_summary(about, label, risk, float(outlook.limits[row])), 500),
        "dq_status": _soundness(coverage),
        "coverage_ratio": coverage,
        "confidence_ratio": risk["breach_probability_ratio"],
        "policy_version": risk["policy_version"],
    }


def _summary(about: dict[str, Any], label: str, risk: dict[str, Any], limit: float) -> str:
    unit = about["unit"]
    late = moment(risk["breach_p90_at"]) if risk["breach_p90_at"] else "later than the forecast reaches"
    return (
        f"{label} ({risk['metric_name']}) of {risk['entity_id']} is at {quantity(risk['observed'], unit)} and reaches "
        f"{quantity(limit, unit)} at about {moment(risk['breach_p50_at'])} (between {moment(risk['breach_p10_at'])} "
        f"and {late} with 80 % probability). Within {_span(risk['horizon_s'])} it gets there with a probability of "
        f"{risk['breach_probability_ratio']:.0%}. {risk['recommendation']}"
    )


def _recommendation(risk: dict[str, Any], outlook: Outlook, row: int, policy: CapacityPolicy) -> str:
    horizon = _span(policy.horizon_s)
    if outlook.habit[row] >= HABIT:
        return f"Check the limit: it was reached on {outlook.habit[row]:.0%} of the days before."
    middle, limit = risk["breach_p50_at"], float(outlook.limits[row])
    if middle is None:
        if risk["breach_p10_at"] is None:
            return f"Nothing to do: no breach is to be expected within {horizon}."
        return f"Keep an eye on it: a breach within {horizon} is possible."
    more = float(outlook.needed[row]) / limit - 1.0 if limit > 0 else 0.0
    grown = f", or add {more:.0%} of capacity to last {horizon} (90 % sure)" if 0.0 < more <= MOST_MORE else ""
    by = "now" if middle <= risk["issued_at"] else f"before {moment(risk['breach_p10_at'] or middle)}"
    return f"Free space or stop the growth {by}{grown}."


def _left_s(risk: dict[str, Any]) -> float | None:
    middle = risk["breach_p50_at"]
    return None if middle is None else float((middle - risk["issued_at"]).total_seconds())


def _span(seconds: float) -> str:
    """Return a length of time as people say it."""
    hours = seconds / 3600.0
    return f"{hours:.0f} hours" if hours < 36 else f"{hours / 24.0:.3g} days"


def _soundness(coverage: float) -> str:
    if coverage >= SOUND_COVERAGE:
        return "ok"
    return "partial" if coverage >= THIN_COVERAGE else "insufficient_data"


def _is_ratio(role: MetricRole) -> bool:
    return role.limit is not None and role.limit <= 1.0


def _id(series_id: str, issue: Issue) -> str:
    return fingerprint("fnd", kind="capacity_risk", series_id=series_id, issued_at=issue.issued_at)
