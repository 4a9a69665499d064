"""Contracts of what people say about our conclusions, and of what became of incidents.

Both tables are only added to: a changed mind is a further row. What was known at an instant is what stood there with a
``known_at`` up to it.
"""

from __future__ import annotations

from aiops_jobs.contracts import columns as c
from aiops_jobs.contracts.table import Table

LABELS = Table(
    name="labels",
    grain="one verdict of one author about one incident or finding; a changed mind is a further row",
    columns=(
        c.label_id,
        c.subject_id,
        c.subject_kind,
        c.entity_id,
        c.service_name,
        c.started_at,
        c.label_verdict.required(),
        c.verdict_number.required(),
        c.cause_entity_id,
        c.cause_text,
        c.resolution_code,
        c.merged_into,
        c.author_kind,
        c.author,
        c.confidence_ratio.required(),
        c.is_self_generated.required(),
        c.labelled_at,
        c.known_at,
        c.label_number,
        c.said_in,
        c.remote_key,
        c.applies_to,
        c.reason,
        c.policy_version,
    ),
    key=("label_id",),
    time="known_at",
)
INCIDENT_OUTCOMES = Table(
    name="incident_outcomes",
    grain="what was known of one incident's outcome from an instant on; `started_at` is the incident's",
    columns=(
        c.incident_id,
        c.known_at,
        c.started_at,
        c.outcome_state,
        c.label_verdict,
        c.verdict_number,
        c.is_self_generated,
        c.cause_entity_id,
        c.cause_text,
        c.resolution_code,
        c.assignee,
        c.closed_by,
        c.reopen_count,
        c.acknowledged_at,
        c.resolved_at,
        c.time_to_detect_s,
        c.time_to_acknowledge_s,
        c.time_to_resolve_s,
    ),
    key=("incident_id", "known_at"),
    time="started_at",
)

FEEDBACK_TABLES = (LABELS, INCIDENT_OUTCOMES)
