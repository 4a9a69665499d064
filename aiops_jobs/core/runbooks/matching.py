"""Which runbooks fit an incident, and why: evidence counted once a kind, most where it is seen at the cause itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.policies import RunbookPolicy
from aiops_jobs.core.runbooks.runbook import Match, Runbook

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signal:
    """Something an incident shows: an alert, a metric, a log line or a finding."""

    kind: str
    """alert | metric | log | finding"""
    text: str
    is_at_cause: bool


@dataclass(frozen=True, slots=True)
class IncidentView:
    """What the choice of a runbook needs to know of an incident."""

    incident_id: str
    started_at: datetime
    cause_kind: str
    cause_entity_id: str | None
    service_name: str | None = None
    host_name: str | None = None
    change_id: str | None = None
    change_type: str | None = None
    signals: tuple[Signal, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, str]:
        """Return what parameters can be filled with, by their source."""
        entity = self.cause_entity_id or ""
        kind, _, name = entity.partition("/")
        host = self.host_name or (name.partition(":")[0] if kind in {"host", "disk"} else "")
        found = {
            "entity": entity,
            "entity_name": name,
            "service": name if kind == "service" else self.service_name or "",
            "host": host,
            "change": self.change_id or "",
        }
        return {source: value for source, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Fit:
    """How well one runbook fits one incident; a score of 1.0 makes a recommendation."""

    runbook: Runbook
    score: float
    matched_on: tuple[str, ...]
    reason: str


def rank(view: IncidentView, runbooks: Sequence[Runbook], policy: RunbookPolicy) -> list[Fit]:
    """Return the runbooks that fit, best first; equals by id."""
    fits = [fit_of(view, runbook, policy) for runbook in runbooks]
    good = [fit for fit in fits if fit.score >= 1.0]
    return sorted(good, key=lambda fit: (-fit.score, fit.runbook.id))[: policy.max_recommended]


def fit_of(view: IncidentView, runbook: Runbook, policy: RunbookPolicy) -> Fit:
    """Return how well ``runbook`` fits, whatever the score."""
    match = runbook.match
    found: list[tuple[float, str]] = []
    for kind, weight, patterns in _groups(match, policy):
        hit = _strongest(view.signals, kind, patterns)
        if hit is not None:
            found.append((weight * (1.0 if hit.is_at_cause else policy.far_ratio), f"{kind} `{hit.text[:80]}`"))
    if view.change_type is not None and view.change_type in match.change_types:
        found.append((policy.change_weight, f"change of type `{view.change_type}`"))
    found += _labels(view, match, policy)
    named = sum(weight for weight, _ in found)
    found += _kinds(view, match, policy)
    score = max(0.0, sum(weight for weight, _ in found)) if named else 0.0
    matched = tuple(sorted(text for weight, text in found if weight > 0))
    against = [text for weight, text in found if weight < 0]
    reason = f"It is for {_listed(matched)}." + (f" Against it: {_listed(against)}." if against else "")
    return Fit(runbook, round(score, 4), matched, reason)


def _groups(match: Match, policy: RunbookPolicy) -> list[tuple[str, float, tuple[str, ...]]]:
    exact = tuple(f"^{kind}$" for kind in match.finding_kinds)
    return [
        ("alert", policy.alert_weight, match.alert_names),
        ("metric", policy.metric_weight, match.metric_names),
        ("log", policy.log_weight, match.log_patterns),
        ("finding", policy.finding_weight, exact),
    ]


def _strongest(signals: Sequence[Signal], kind: str, patterns: Sequence[str]) -> Signal | None:
    """Return the first signal of a kind that fits one of the patterns, one at the cause if there is any."""
    own = sorted((s for s in signals if s.kind == kind), key=lambda s: (not s.is_at_cause, s.text))
    if not own or not patterns:
        return None
    texts = pa.array([signal.text for signal in own], pa.string())
    fits = [False] * len(own)
    for pattern in patterns:
        hits = pc.match_substring_regex(texts, pattern).to_pylist()
        fits = [one or other for one, other in zip(fits, hits, strict=True)]
    return next((signal for signal, fit in zip(own, fits, strict=True) if fit), None)


def _labels(view: IncidentView, match: Match, policy: RunbookPolicy) -> list[tuple[float, str]]:
    hits = [
        f"label `{name}={view.labels[name]}`"
        for name, pattern in sorted(match.labels.items())
        if name in view.labels and pc.match_substring_regex(pa.array([view.labels[name]]), pattern)[0].as_py()
    ]
    return [(policy.label_weight, hits[0])] if hits else []


def _kinds(view: IncidentView, match: Match, policy: RunbookPolicy) -> list[tuple[float, str]]:
    """Return what the kinds of cause and entity say; where nothing is known of them, nothing."""
    entity_kind = (view.cause_entity_id or "").partition("/")[0]
    known = [
        (policy.cause_weight, "cause kind", "" if view.cause_kind == UNKNOWN else view.cause_kind, match.cause_kinds),
        (policy.entity_weight, "entity kind", entity_kind, match.entity_kinds),
    ]
    return [
        (weight if value in wanted else -weight, f"{what} `{value}`")
        for weight, what, value, wanted in known
        if value and wanted
    ]


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts) if texts else "nothing seen here"


def parameters_of(view: IncidentView, runbook: Runbook) -> dict[str, Any]:
    """Return the parameters the incident itself fills; the rest is asked of the person who proposes."""
    values = view.values()
    filled = {name: values.get(p.source, p.default) for name, p in runbook.parameters.items()}
    return {name: value for name, value in filled.items() if value is not None}
