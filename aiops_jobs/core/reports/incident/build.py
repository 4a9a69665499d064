"""Builds the pages of incidents from the rows other jobs have left; made once for all incidents of a window."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.contracts.feedback import INCIDENT_OUTCOMES
from aiops_jobs.core.feedback.outcomes import latest
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.reports.facts import Facts, Row, rows_by
from aiops_jobs.core.reports.incident.around import Surroundings
from aiops_jobs.core.reports.incident.model import Factor, Outcome, Page, Runbook, Similar
from aiops_jobs.core.reports.incident_model import Candidate, Change, Incident
from aiops_jobs.core.reports.incidents import build_incidents, parsed
from aiops_jobs.core.reports.model import RunLine
from aiops_jobs.core.reports.soundness import build_data_state
from aiops_jobs.core.reports.view import run_lines
from aiops_jobs.core.tickets.draft import NEXT_STEPS
from aiops_jobs.window import Window

SPEAKING = (r.INCIDENTS, r.INCIDENT_ALERTS, r.ROOT_CAUSES, r.EVIDENCE, r.PRIORITY_FACTORS, r.ALERTS, r.FINDINGS)
"""Tables whose rows name the runs behind a page."""
PLAUSIBLE = 0.05
"""Changes less likely to be the cause are not put before somebody who may undo them at night."""
NO_ROLLBACK = ("event",)
"""Kinds of changes that nobody can take back."""


def build_pages(
    facts: Facts, policies: Policies, *, window: Window, as_of: datetime, estate: str, most: int
) -> list[Page]:
    """Return the pages of the most urgent incidents.

    Args:
        facts: Rows around the window, with the series to be drawn.
        policies: How much is shown, what metrics are called, from which confidence on a cause is named.
        window: What is not over goes on to the end of it.
        as_of: Knowledge cut; rows learned later are left out.
        estate: What the estate is called.
        most: How many pages at most.
    """
    facts, _ = facts.known_at(as_of)
    incidents, _ = build_incidents(facts, policies, window)
    teller = _Teller(facts, policies, window, as_of)
    return [teller.page(incident, estate) for incident in incidents[:most]]


class _Teller:
    """Looks up by incident what a page says beyond the incident itself."""

    def __init__(self, facts: Facts, policies: Policies, window: Window, as_of: datetime) -> None:
        self._facts, self._policies, self._window, self._as_of = facts, policies, window, as_of
        self._rows = {row["incident_id"]: row for row in facts[r.INCIDENTS].to_pylist()}
        self._runbooks = rows_by(facts[k.RUNBOOK_RECOMMENDATIONS], "incident_id")
        self._similar = rows_by(facts[k.SIMILAR_INCIDENTS], "incident_id")
        self._factors = rows_by(facts[r.PRIORITY_FACTORS], "incident_id")
        self._outcomes = latest(facts[INCIDENT_OUTCOMES].to_pylist(), as_of)
        self._runs = {line.run_id: line for line in run_lines(facts)}
        self._said = {table: _runs_of(facts[table]) for table in SPEAKING}
        findings = facts[r.FINDINGS]
        kinds = findings["finding_kind"].cast(pa.string())
        silent = findings.filter(pc.equal(kinds, "data_quality"))
        self._around = Surroundings(facts[t.TOPOLOGY_EDGES], silent["entity_id"].cast(pa.string()).to_pylist())

    def page(self, incident: Incident, estate: str) -> Page:
        """Return the page of one incident."""
        key = incident.incident_id
        row = self._rows[key]
        best = incident.candidates[0] if incident.candidates else None
        abstained = best is None or best.status == "abstained" or row["cause_kind"] == "unknown"
        return Page(
            estate=estate,
            known_at=row["as_of"],
            incident=incident,
            impact=row["impact"],
            urgency=row["urgency"],
            confidence=row["confidence_ratio"],
            abstained=abstained,
            least_confidence=self._policies.correlation.abstain_below,
            policy_version=row["policy_version"],
            next_step=_next_step(row, best),
            runbooks=tuple(_runbook(b) for b in self._ranked(self._runbooks, key, "runbook_rank")),
            rollbacks=_rollbacks(incident),
            similar=tuple(_similar(s) for s in self._ranked(self._similar, key, "similar_rank")),
            factors=tuple(_factor(f) for f in self._ranked(self._factors, key, "factor")),
            expected_cost=row["expected_cost"],
            actionable=row["actionable_probability_ratio"],
            map=self._around.map(incident),
            runs=self._lines(incident),
            outcome=_outcome(self._outcomes.get(key)),
            gaps=self._gaps(incident.started_at, incident.ended_at or self._window.end),
        )

    def _gaps(self, start: datetime, end: datetime) -> tuple[str, ...]:
        """Return what is missing from the time in which the incident went on."""
        if end <= start:
            return ()
        findings = self._facts[r.FINDINGS]
        kind = findings["started_at"].type
        begun = pc.less(findings["started_at"], pa.scalar(end, kind))
        going = pc.fill_null(pc.greater(findings["ended_at"], pa.scalar(start, kind)), fill_value=True)
        tables = {**self._facts.tables, r.FINDINGS.name: findings.filter(pc.and_(begun, going))}
        return build_data_state(replace(self._facts, tables=tables), Window(start, end), self._as_of).gaps

    def _ranked(self, rows: Mapping[str, list[Row]], key: str, column: str) -> list[Row]:
        return sorted(rows.get(key, []), key=lambda row: (row[column],))

    def _lines(self, incident: Incident) -> tuple[RunLine, ...]:
        own = {incident.incident_id, *(m.member_id for m in incident.members)}
        named = {run for said in self._said.values() for key in own for run in said.get(key, ())}
        return tuple(self._runs[run] for run in sorted(named) if run in self._runs)


def _runs_of(rows: pa.Table) -> dict[str, set[str]]:
    """Return the runs that spoke, by incident, alert or finding."""
    column = next(name for name in ("incident_id", "alert_id", "finding_id") if name in rows.column_names)
    found: dict[str, set[str]] = {}
    pairs = zip(rows[column].to_pylist(), rows["run_id"].to_pylist(), strict=True)
    for key, run in pairs:
        found.setdefault(str(key), set()).add(str(run))
    return found


def _next_step(row: Row, best: Candidate | None) -> str:
    """Return what the ticket says, too."""
    entity = row["cause_entity_id"] or row["entity_id"] or row["service_name"] or "the first member"
    change = best.change_id if best is not None and best.change_id else None
    return NEXT_STEPS[row["cause_kind"]].format(
        entity=f"`{_plain(entity)}`", change=f"`{_plain(change)}`" if change else "the change"
    )


def _plain(text: str) -> str:
    """Return text that may stand between backticks."""
    return text.replace("`", "'")


def _rollbacks(incident: Incident) -> tuple[Change, ...]:
    plausible = {c.rank for c in incident.candidates if c.confidence >= PLAUSIBLE}
    suspected = [c for c in incident.changes if c.rank in plausible and c.change_type not in NO_ROLLBACK]
    return tuple(sorted(suspected, key=lambda c: (c.rank or 0, c.change_id)))


def _runbook(row: Row) -> Runbook:
    return Runbook(
        runbook_id=row["runbook_id"],
        title=row["title"],
        reason=row["reason"],
        risk_tier=row["risk_tier"],
        score=row["score"],
        parameters=tuple(_pairs(row["parameters"])),
        matched=tuple(_listed(row["matched_on"])),
    )


def _similar(row: Row) -> Similar:
    return Similar(
        similar_id=row["similar_id"],
        kind=row["similar_kind"],
        title=row["title"],
        opened_at=row["opened_at"],
        similarity=row["similarity_ratio"],
        resolution=row["resolution"] or "",
        resolution_code=row["resolution_code"] or "",
        cause=row["cause_entity_id"],
        matched=tuple(_listed(row["matched_on"])),
    )


def _outcome(row: Mapping[str, Any] | None) -> Outcome | None:
    if row is None:
        return None
    return Outcome(
        known_at=row["known_at"],
        state=row["outcome_state"],
        verdict=row["label_verdict"],
        is_ours=bool(row["is_self_generated"]),
        cause=row["cause_entity_id"],
        words=row["cause_text"],
        assignee=row["assignee"],
        closed_by=row["closed_by"],
        reopened=row["reopen_count"],
        detect_s=row["time_to_detect_s"],
        acknowledge_s=row["time_to_acknowledge_s"],
        resolve_s=row["time_to_resolve_s"],
    )


def _factor(row: Row) -> Factor:
    return Factor(row["factor"].replace("_", " "), row["raw_value"], row["weight"], row["contribution"])


def _listed(text: str | None) -> Iterable[str]:
    said = parsed(text)
    return [_text(item) for item in said] if isinstance(said, list) else [_text(said)]


def _pairs(text: str | None) -> Iterable[tuple[str, str]]:
    said = parsed(text)
    return [(str(name), _text(said[name])) for name in sorted(said)] if isinstance(said, dict) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
