"""Failure probabilities as rows: every entity's risk, and a finding for each that somebody should act on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aiops_jobs.contracts.results import FAILURE_RISKS, FINDINGS
from aiops_jobs.core.findings.anomalies import unstamped
from aiops_jobs.core.findings.wording import fitted, name_of, quantity
from aiops_jobs.core.models.calibration import sigmoid
from aiops_jobs.core.models.failure_risk import FailureModel, explain
from aiops_jobs.core.models.failure_training import operating_point
from aiops_jobs.core.policies import FailurePolicy
from aiops_jobs.identity import canonical_json, fingerprint

WATCH_SHARE = 0.5
"""From this share of the operating point on an entity is watched, not yet acted on."""
CRITICAL = 0.5
"""More likely than not to fail within the horizon."""
CHANGES = (("delta_7d", "7 days"), ("delta_28d", "28 days"), ("delta_1d", "a day"))
"""Of the changes of a metric, the first that is not zero is told."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The entities to be scored, at one instant.

    Args:
        entities: Entity ids.
        hosts: Their machines, where known.
        names: Feature names.
        matrix: Features, one row an entity.
        coverage: Share of the last days with a reading, ``(R,)``.
    """

    entities: Sequence[str]
    hosts: Sequence[str | None]
    names: Sequence[str]
    matrix: npt.NDArray[np.float32]
    coverage: npt.NDArray[np.float64]


def to_failure_risks(
    fleet: Fleet,
    model: FailureModel,
    policy: FailurePolicy,
    *,
    issued_at: datetime,
    model_version: str,
    policy_version: str,
) -> pa.Table:
    """Return rows of ``failure_risks`` for the whole fleet; those that are watched or acted on say why."""
    log_odds = model.log_odds(fleet.names, fleet.matrix)
    probability, raw = model.calibration.probability(log_odds), sigmoid(log_odds)
    threshold = operating_point(policy)
    suspects = np.flatnonzero(probability >= WATCH_SHARE * threshold)
    reasons = explain(model, fleet.names, fleet.matrix[suspects])
    why = {row: canonical_json(reason) for row, reason in zip(suspects.tolist(), reasons, strict=True)}
    rows = [
        {
            "finding_id": _id(entity, issued_at, policy),
            "entity_id": entity,
            "host_name": host,
            "issued_at": issued_at,
            "horizon_s": policy.horizon_s,
            "probability_ratio": float(probability[row]),
            "raw_probability_ratio": float(raw[row]),
            "threshold": threshold,
            "decision": _decision(float(probability[row]), threshold),
            "top_features": why.get(row),
            "model_version": model_version,
            "policy_version": policy_version,
        }
        for row, (entity, host) in enumerate(zip(fleet.entities, fleet.hosts, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=unstamped(FAILURE_RISKS))


def to_failure_findings(risks: pa.Table, fleet: Fleet, *, missing_features: Sequence[str]) -> pa.Table:
    """Return rows of ``findings`` for the entities to be acted on.

    Args:
        risks: As `to_failure_risks` returns them, for this fleet.
        fleet: Tells how complete the readings were.
        missing_features: Features the model knows and no source delivers any more: then all of it is partial.
    """
    found = [
        _finding(risk, float(fleet.coverage[row]), is_complete=not missing_features)
        for row, risk in enumerate(risks.to_pylist())
        if risk["decision"] == "act"
    ]
    return pa.Table.from_pylist(found, schema=unstamped(FINDINGS))


def reason_in_words(top_features: str | None) -> str:
    """Return what speaks for a failure, for a person.

    Example:
        >>> reason_in_words('[{"delta_7d":35.0,"last":120.0,"metric":"bad_sectors","weight":2.1}]')
        'bad_sectors 120 (+35 in 7 days)'
    """
    return "; ".join(_feature(feature) for feature in _parsed(top_features)) or "many small signs"


def _parsed(top_features: str | None) -> list[dict[str, Any]]:
    return list(json.loads(top_features)) if top_features else []


def _feature(feature: Mapping[str, Any]) -> str:
    name = str(feature["metric"])
    if "last" not in feature:
        others = [
            f"{key} {quantity(value)}" for key, value in sorted(feature.items()) if key not in {"metric", "weight"}
        ]
        return ", ".join(others) or name
    change = next((f" ({feature[key]:+.3g} in {days})" for key, days in CHANGES if feature.get(key)), "")
    return f"{name} {quantity(feature['last'])}{change}"


def _decision(probability: float, threshold: float) -> str:
    if probability >= threshold:
        return "act"
    return "watch" if probability >= WATCH_SHARE * threshold else "none"


def _finding(risk: Mapping[str, Any], coverage: float, *, is_complete: bool) -> dict[str, Any]:
    probability, entity = risk["probability_ratio"], risk["entity_id"]
    days = f"{risk['horizon_s'] / 86400.0:.3g} days"
    kind = entity.split("/", 1)[0] if "/" in entity else "entity"
    summary = (
        f"{kind} {name_of(entity)} fails within {days} with a probability of {probability:.0%}; from "
        f"{risk['threshold']:.0%} on, replacing it costs less than waiting. It shows: "
        f"{reason_in_words(risk['top_features'])}. Save its data and replace it."
    )
    return {
        "finding_id": risk["finding_id"],
        "finding_kind": "failure_risk",
        "entity_id": entity,
        "service_name": None,
        "host_name": risk["host_name"],
        "subject_series_id": None,
        "severity": "critical" if probability >= CRITICAL else "warning",
        "score": probability / risk["threshold"],
        "started_at": risk["issued_at"],
        "ended_at": None,
        "detected_at": risk["issued_at"],
        "title": fitted(f"{kind} {name_of(entity)} likely to fail within {days} ({probability:.0%})", 250),
        "summary": fitted(summary, 500),
        "dq_status": "ok" if is_complete and coverage >= 0.5 else "partial",
        "coverage_ratio": coverage,
        "confidence_ratio": probability,
        "policy_version": risk["policy_version"],
    }


def _id(entity: str, issued_at: datetime, policy: FailurePolicy) -> str:
    return fingerprint("fnd", kind="failure_risk", entity_id=entity, issued_at=issued_at, horizon_s=policy.horizon_s)
