"""Contracts of what is known around incidents: what was kept quiet, what resembles them, what may be done."""

from __future__ import annotations

from aiops_jobs.contracts import columns as c
from aiops_jobs.contracts.results import result_table

ALERT_SUPPRESSIONS = result_table(
    "alert_suppressions",
    "one stretch in which one rule kept one alert from people, with its reason and its harm",
    (
        c.alert_id,
        c.suppression_kind,
        c.rule_id,
        c.started_at,
        c.ended_at,
        c.reason,
        c.suppressed_by,
        c.delay_s,
        c.notifications_avoided,
        c.later_incident_id,
        c.is_harm,
        c.policy_version,
    ),
    key=("alert_id", "suppression_kind", "rule_id", "started_at"),
    time="started_at",
)
SIMILAR_INCIDENTS = result_table(
    "similar_incidents",
    "one incident or ticket of the past that one incident resembles; `started_at` is the incident's",
    (
        c.incident_id,
        c.similar_rank,
        c.started_at,
        c.similar_id,
        c.similar_kind,
        c.similarity_ratio.required(),
        c.matched_on,
        c.title,
        c.opened_at,
        c.resolution_code,
        c.resolution,
        c.cause_entity_id,
        c.policy_version,
    ),
    key=("incident_id", "similar_rank"),
    time="started_at",
)
RUNBOOK_RECOMMENDATIONS = result_table(
    "runbook_recommendations",
    "one runbook that fits one incident; `started_at` is the incident's",
    (
        c.incident_id,
        c.runbook_rank,
        c.started_at,
        c.runbook_id,
        c.runbook_version,
        c.title,
        c.score,
        c.matched_on,
        c.parameters,
        c.risk_tier,
        c.reason,
        c.policy_version,
    ),
    key=("incident_id", "runbook_rank"),
    time="started_at",
)
CORRELATION_PROPOSALS = result_table(
    "correlation_proposals",
    "one correlation rule learned from the past, proposed with its measured effect; never in force by itself",
    (
        c.proposal_id,
        c.window_start,
        c.window_end,
        c.spec,
        c.support_count,
        c.lift,
        c.confidence_ratio,
        c.effect,
        c.proposal_status,
        c.reason,
        c.policy_version,
    ),
    key=("proposal_id", "window_end"),
    time="window_start",
)
CAUSE_CURVES = result_table(
    "cause_curves",
    "how often the first cause was right on closed incidents, if one is named from a confidence on",
    (
        c.window_start,
        c.window_end,
        c.threshold,
        c.answered_ratio.required(),
        c.hit_ratio,
        c.sample_count,
        c.method,
        c.policy_version,
    ),
    key=("window_start", "window_end", "threshold", "method"),
    time="window_start",
)

KNOWLEDGE_TABLES = (
    ALERT_SUPPRESSIONS,
    SIMILAR_INCIDENTS,
    RUNBOOK_RECOMMENDATIONS,
    CORRELATION_PROPOSALS,
    CAUSE_CURVES,
)
