"""Which closed ticket tells the cause of which incident, and how good our causes were by that.

A ticket is an incident's outcome if we have put it there ourselves and somebody else has closed it, or if it was opened
while the incident lasted (give or take the policy's slack) about an entity or service of it. The recorded cause takes
no part in the match: matching by it would find only those that we got right. What our own call has resolved is no
outcome, for we would be learning from ourselves.

Measures: AC@k (share of incidents whose true cause is among the first k) and Avg@5 (mean of AC@1 to AC@5), as in the
RCAEval benchmark (Pham et al., 2024), on single-cause incidents.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from aiops_jobs.core.columns import Bools, Floats, Ints
from aiops_jobs.core.incidents.calibration import CauseCalibration, cross_fitted, fit, version_of
from aiops_jobs.core.models.calibration import expected_calibration_error
from aiops_jobs.core.policies import OutcomePolicy

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(20))
DEEPEST = 5
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An incident whose cause a closed ticket tells."""

    incident_id: str
    started_at: datetime
    ticket_key: str
    cause_entity_id: str


@dataclass(frozen=True)
class Judged:
    """Outcomes beside what we had said, in order of the incidents' begin."""

    outcomes: Sequence[Outcome]
    share: Floats
    """Raw share of the first candidate; 0 where there was none."""
    rank: Ints
    """Place of the true cause among the candidates, 1 first; 0: not among them."""

    @property
    def is_right(self) -> Bools:
        """Whether the first candidate was the cause."""
        return np.asarray(self.rank == 1)

    def accuracy_at(self, depth: int) -> float | None:
        """Return AC@k; null without outcomes."""
        return float(np.mean((self.rank >= 1) & (self.rank <= depth))) if len(self.rank) else None

    @property
    def average_at_5(self) -> float | None:
        """Return Avg@5; null without outcomes."""
        found = [self.accuracy_at(depth) for depth in range(1, DEEPEST + 1)]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known else None


def match_outcomes(
    incidents: Iterable[Row],
    tickets: Iterable[Row],
    *,
    own: Mapping[str, str],
    closed_by_us: AbstractSet[str],
    until: datetime,
    policy: OutcomePolicy,
    labels: Iterable[Row] = (),
) -> list[Outcome]:
    """Return at most one outcome for each incident and one incident for each ticket.

    Args:
        incidents: Rows of ``incidents``.
        tickets: Rows of ``ticket_history``, as known at the knowledge cut.
        own: Incident id by the key of each ticket that we have opened.
        closed_by_us: Keys of the tickets that a call of ours has resolved.
        until: Tickets resolved later are not known yet.
        policy: Slack, and resolution codes that tell no cause.
        labels: Verdicts that hold. Where one tells the cause of an incident, no ticket does; where one says false or
            duplicate, there is none.
    """
    known = sorted(incidents, key=lambda row: (row["started_at"], row["incident_id"]))
    by_id = {row["incident_id"]: row for row in known}
    places: dict[str, list[Row]] = defaultdict(list)
    for row in known:
        for place in places_of(row):
            places[place].append(row)
    found, settled = _labelled(labels, by_id)
    usable = [t for t in tickets if _tells(t, until, policy) and t["ticket_key"] not in closed_by_us]
    usable.sort(key=lambda t: (own.get(t["ticket_key"]) not in by_id, t["opened_at"], t["ticket_key"]))
    for ticket in usable:
        incident = by_id.get(own.get(ticket["ticket_key"], "")) or _overlapping(ticket, places, found, policy)
        if incident is not None and incident["incident_id"] not in found:
            found[incident["incident_id"]] = Outcome(
                incident["incident_id"], incident["started_at"], ticket["ticket_key"], ticket["cause_entity_id"]
            )
    told = [outcome for outcome in found.values() if outcome.incident_id not in settled]
    return sorted(told, key=lambda outcome: (outcome.started_at, outcome.incident_id))


def _labelled(labels: Iterable[Row], incidents: Mapping[str, Row]) -> tuple[dict[str, Outcome], set[str]]:
    """Return the outcomes that people's verdicts tell, and the incidents about which no ticket is asked any more."""
    about = [r for r in labels if r["subject_id"] in incidents and not r["is_self_generated"]]
    found = {
        row["subject_id"]: Outcome(
            row["subject_id"],
            incidents[row["subject_id"]]["started_at"],
            row["remote_key"] or row["label_id"],
            row["cause_entity_id"],
        )
        for row in about
        if row["label_verdict"] == "true" and row["cause_entity_id"]
    }
    return found, {row["subject_id"] for row in about if row["label_verdict"] in {"false", "duplicate"}}


def places_of(incident: Row) -> set[str]:
    """Return the entities an incident is told about: its own, its service, the services it affects."""
    services = [incident["service_name"], *json.loads(incident["services_affected"] or "[]")]
    return {place for place in (incident["entity_id"], *(f"service/{name}" for name in services if name)) if place}


def _tells(ticket: Row, until: datetime, policy: OutcomePolicy) -> bool:
    resolved = ticket["resolved_at"]
    is_closed = resolved is not None and resolved <= until
    return is_closed and bool(ticket["cause_entity_id"]) and ticket["resolution_code"] not in policy.no_cause_codes


def _overlapping(
    ticket: Row, places: Mapping[str, list[Row]], taken: Mapping[str, Outcome], policy: OutcomePolicy
) -> Row | None:
    """Return the incident that a ticket was opened during, the one that began nearest before others."""
    about = {ticket["entity_id"], f"service/{ticket['service_name']}", f"host/{ticket['host_name']}"}
    slack, opened = timedelta(seconds=policy.slack_s), ticket["opened_at"]
    fitting = {
        row["incident_id"]: row
        for place in about
        for row in places.get(place or "", ())
        if row["incident_id"] not in taken
        and row["started_at"] - slack <= opened
        and (row["ended_at"] is None or opened <= row["ended_at"] + slack)
    }
    return min(fitting.values(), key=lambda row: (abs(opened - row["started_at"]), row["incident_id"]), default=None)


def judged(outcomes: Sequence[Outcome], causes: Iterable[Row]) -> Judged:
    """Compare outcomes with what was said; an abstention is no candidate, but its suspects are.

    Args:
        outcomes: As `match_outcomes` returns them.
        causes: Rows of ``root_causes``; those without a raw confidence are from before there was calibration.
    """
    said: dict[str, list[Row]] = defaultdict(list)
    for row in causes:
        if row["cause_status"] != "abstained":
            said[row["incident_id"]].append(row)
    share, rank = np.zeros(len(outcomes)), np.zeros(len(outcomes), np.int64)
    for number, outcome in enumerate(outcomes):
        candidates = sorted(said[outcome.incident_id], key=lambda row: int(row["cause_rank"]))
        if candidates:
            raw = candidates[0]["raw_confidence_ratio"]
            share[number] = candidates[0]["confidence_ratio"] if raw is None else raw
        for place, row in enumerate(candidates, start=1):
            if row["entity_id"] == outcome.cause_entity_id:
                rank[number] = place
                break
    return Judged(outcomes, share, rank)


def curve(confidence: Floats, is_right: Bools) -> list[dict[str, Any]]:
    """Return, for each threshold, the share of incidents answered and how many of the answers were right.

    Args:
        confidence: Of the first candidate of each incident; 0 where there is none, which is never an answer.
        is_right: Whether it was the cause.
    """
    rows = []
    for threshold in THRESHOLDS:
        answered = (confidence >= threshold) & (confidence > 0.0)
        count = int(answered.sum())
        rows.append(
            {
                "threshold": threshold,
                "answered_ratio": count / len(confidence) if len(confidence) else 0.0,
                "hit_ratio": float(is_right[answered].mean()) if count else None,
                "sample_count": len(confidence),
            }
        )
    return rows


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What outcomes teach: rows of ``cause_curves`` and of ``cause_evaluations``, window and policy left out."""

    calibration: CauseCalibration
    curves: list[dict[str, Any]]
    row: dict[str, Any]


def evaluate(cases: Judged, policy: OutcomePolicy) -> Evaluation:
    """Judge raw and calibrated confidence, the latter on cases it was not fitted on; return the map to use from now on.

    Cases without any candidate count as missed, and take no part in the calibration.
    """
    said = cases.share > 0.0
    share, is_right = cases.share[said], cases.is_right[said]
    calibration = fit(share, is_right, policy)
    honest = np.zeros(len(cases.share))
    honest[said] = cross_fitted(share, is_right, policy)
    curves = [
        {**row, "method": method}
        for method, confidence in (("raw", cases.share), ("calibrated", honest))
        for row in curve(confidence, cases.is_right)
    ]
    row = {
        "calibration_version": version_of(calibration),
        "slope": calibration.slope,
        "shift": calibration.shift,
        "sample_count": len(cases.share),
        "first_hit_ratio": cases.accuracy_at(1),
        "top3_hit_ratio": cases.accuracy_at(3),
        "top5_mean_hit_ratio": cases.average_at_5,
        "raw_calibration_error": expected_calibration_error(share, is_right) if len(share) else None,
        "calibration_error": expected_calibration_error(honest[said], is_right) if len(share) else None,
    }
    return Evaluation(calibration, curves, row)
