"""The rows of an incident: itself, its priority's factors, its causes and their evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.contracts.results import EVIDENCE, INCIDENTS, PRIORITY_FACTORS, ROOT_CAUSES
from aiops_jobs.core.columns import OPEN, rows_from_records, to_instant, to_instant_or_none
from aiops_jobs.core.incidents.case import Case
from aiops_jobs.core.incidents.causes import METHOD, Ranked, Verdict, find_cause
from aiops_jobs.core.incidents.cost import expected_cost
from aiops_jobs.core.incidents.novelty import Usual
from aiops_jobs.core.incidents.past import Past
from aiops_jobs.core.incidents.priority import Factor, Priority, affected_services, prioritise
from aiops_jobs.core.incidents.story import chain_of, main_node, summary_of, title_of
from aiops_jobs.core.policies import Policies
from aiops_jobs.identity import canonical_json, fingerprint

MOST_PROOFS = 6


@dataclass(frozen=True)
class IncidentRows:
    """Rows of several incidents, by table; lineage left out."""

    incidents: pa.Table
    priority_factors: pa.Table
    root_causes: pa.Table
    evidence: pa.Table


def to_incident_rows(cases: Sequence[Case], past: Past, *, policies: Policies) -> IncidentRows:
    """Judge each incident, with what tickets of the past let expect, and return its rows, all sorted by their keys."""
    rows: dict[str, list[dict[str, Any]]] = {"incidents": [], "factors": [], "causes": [], "evidence": []}
    versions = {name: policies.version(name) for name in ("correlation", "priority", "cost")}
    usual = Usual(cases[0].members, policies.priority.novelty_s) if cases else None
    for case in cases:
        verdict = find_cause(case)
        priority = prioritise(case, policy=policies.priority)
        cost = expected_cost(case, past, policies.cost)
        costs = {"actionable_probability_ratio": cost.actionable, "expected_cost": cost.expected}
        rows["incidents"].append({**_incident(case, verdict, priority, versions["correlation"]), **costs})
        factors = (*priority.factors, *([_novelty(case, usual)] if usual else []))
        rows["factors"] += _factors(case, factors, versions["priority"])
        rows["factors"] += _factors(case, cost.factors, versions["cost"])
        rows["causes"] += _causes(case, verdict, versions["correlation"])
        rows["evidence"] += _evidence(case, verdict)
    return IncidentRows(
        incidents=_sorted(INCIDENTS, rows["incidents"]),
        priority_factors=_sorted(PRIORITY_FACTORS, rows["factors"]),
        root_causes=_sorted(ROOT_CAUSES, rows["causes"]),
        evidence=_sorted(EVIDENCE, rows["evidence"]),
    )


def _sorted(table: Any, records: list[dict[str, Any]]) -> pa.Table:
    return rows_from_records(table, sorted(records, key=lambda row: tuple(row[name] for name in table.key)))


def _incident(case: Case, verdict: Verdict, priority: Priority, version: str) -> dict[str, Any]:
    members, own = case.members, case.own
    ended = case.ended
    node, best = main_node(case), verdict.best
    services = affected_services(case)
    named = [members.service[m] for m in own if members.service[m]]
    alerts = sum(bool(members.is_alert[m]) for m in own)
    return {
        "incident_id": case.group.incident_id,
        "title": title_of(case),
        "summary": summary_of(case, verdict),
        "incident_state": "open" if ended >= OPEN else "resolved",
        "started_at": to_instant(case.began),
        "ended_at": to_instant_or_none(ended),
        "detected_at": to_instant(min(int(members.detected[m]) for m in case.loud)),
        "severity": SEVERITIES[max(int(members.severity[m]) for m in own)],
        "impact": priority.impact,
        "urgency": priority.urgency,
        "priority": priority.priority,
        "entity_id": node,
        "service_name": services[0] if services else (named[0] if named else None),
        "services_affected": canonical_json(sorted(services)),
        "alert_count": alerts,
        "finding_count": len(own) - alerts,
        "source_count": len({members.source[m] for m in own}),
        "cause_kind": best.candidate.cause_kind if best else "unknown",
        "cause_entity_id": best.candidate.entity if best else None,
        "confidence_ratio": best.confidence if best else None,
        "causal_chain": canonical_json(chain_of(case, verdict)),
        "policy_version": version,
    }


def _novelty(case: Case, usual: Usual) -> Factor:
    """Return how unusual the incident is; it changes no priority, and nothing of ours sorts by it yet."""
    return Factor("novelty", f"{usual.surprise(case.own, case.began):.3f}", 0.0, 0.0)


def _factors(case: Case, factors: Sequence[Factor], version: str) -> list[dict[str, Any]]:
    return [
        {
            "incident_id": case.group.incident_id,
            "factor": factor.name,
            "started_at": to_instant(case.began),
            "raw_value": factor.raw_value,
            "weight": factor.weight,
            "contribution": factor.contribution,
            "policy_version": version,
        }
        for factor in factors
    ]


def _causes(case: Case, verdict: Verdict, version: str) -> list[dict[str, Any]]:
    common = {
        "incident_id": case.group.incident_id,
        "started_at": to_instant(case.began),
        "method": METHOD,
        "policy_version": version,
        "calibration_version": case.world.calibration.version,
    }
    first = 1 if verdict.is_known else 2
    rows = [
        {**common, **_suspect(ranked), "cause_rank": first + place, "margin": verdict.margin(place)}
        for place, ranked in enumerate(verdict.ranking)
    ]
    return rows if verdict.is_known else [{**common, **_abstention(verdict)}, *rows]


def _suspect(ranked: Ranked) -> Mapping[str, Any]:
    candidate = ranked.candidate
    return {
        "cause_kind": candidate.cause_kind,
        "entity_id": candidate.entity,
        "change_id": candidate.change_id,
        "score": ranked.score,
        "confidence_ratio": ranked.confidence,
        "raw_confidence_ratio": ranked.share,
        "cause_status": "suspect",
        "statement": candidate.statement,
    }


def _abstention(verdict: Verdict) -> Mapping[str, Any]:
    best = verdict.ranking[0].confidence if verdict.ranking else 0.0
    why = f"the best of {len(verdict.ranking)} candidates reaches {best:.0%}" if verdict.ranking else "there is none"
    return {
        "cause_rank": 1,
        "cause_kind": "unknown",
        "entity_id": None,
        "change_id": None,
        "score": 1.0,
        "confidence_ratio": verdict.unknown_share,
        "margin": max(0.0, verdict.unknown_share - best),
        "cause_status": "abstained",
        "statement": f"No candidate stands out: {why}.",
    }


def _evidence(case: Case, verdict: Verdict) -> list[dict[str, Any]]:
    first = 1 if verdict.is_known else 2
    rows = []
    for place, ranked in enumerate(verdict.ranking):
        for number, proof in enumerate(ranked.candidate.proofs[:MOST_PROOFS]):
            window = [to_instant(proof.start), to_instant(proof.end)]
            incident_id, rank = case.group.incident_id, first + place
            rows.append(
                {
                    "evidence_id": fingerprint("evd", incident_id=incident_id, cause_rank=rank, number=number),
                    "incident_id": incident_id,
                    "cause_rank": rank,
                    "started_at": to_instant(case.began),
                    "evidence_kind": proof.kind,
                    "statement": proof.statement,
                    "query": canonical_json({"table": proof.table, "window": window, "filter": dict(proof.where)}),
                    "window_start": window[0],
                    "window_end": window[1],
                    "evidence_value": proof.value,
                }
            )
    return rows
