"""Contracts of remediation: actions, what became of their steps, who stopped what, and the log nobody edits."""

from __future__ import annotations

from aiops_jobs.contracts import columns as c
from aiops_jobs.contracts.table import Table

REMEDIATION_ACTIONS = Table(
    name="remediation_actions",
    grain="one plan to do something about one entity, from its proposal to its end",
    columns=(
        c.action_id,
        c.proposed_at,
        c.action_state,
        c.runbook_id,
        c.runbook_version,
        c.subject_id,
        c.entity_id.required(),
        c.service_name,
        c.redundancy_group,
        c.risk_tier,
        c.plan,
        c.plan_sha256,
        c.proposed_by,
        c.dry_run_result,
        c.approved_by,
        c.approved_at,
        c.executed_at,
        c.finished_at,
        c.reason,
        c.revision,
    ),
    key=("action_id",),
    time="proposed_at",
)
REMEDIATION_STEPS = Table(
    name="remediation_steps",
    grain="one step of one action, written before it begins and again when it is known how it ended",
    columns=(
        c.action_id,
        c.step_kind,
        c.step_number,
        c.step_name,
        c.step_state,
        c.started_at,
        c.ended_at,
        c.step_output,
    ),
    key=("action_id", "step_kind", "step_number"),
    time="started_at",
)
REMEDIATION_STOPS = Table(
    name="remediation_stops",
    grain="one kill switch: of everything, or of one runbook",
    columns=(c.stop_scope, c.is_stopped, c.recorded_at, c.actor, c.reason),
    key=("stop_scope",),
    time="recorded_at",
)
AUDIT_LOG = Table(
    name="audit_log",
    grain="one decision about remediation, refusals too; each entry holds the digest of the one before it",
    columns=(
        c.audit_number,
        c.recorded_at,
        c.actor,
        c.audit_event,
        c.audited_action_id,
        c.reason,
        c.facts,
        c.previous_sha256,
        c.entry_sha256,
    ),
    key=("audit_number",),
    time="recorded_at",
)

REMEDIATION_TABLES = (REMEDIATION_ACTIONS, REMEDIATION_STEPS, REMEDIATION_STOPS, AUDIT_LOG)
