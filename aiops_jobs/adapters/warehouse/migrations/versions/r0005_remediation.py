"""Remediation: actions, steps, stops, and an audit log that the database itself refuses to change."""

from __future__ import annotations

from alembic import op

from aiops_jobs.adapters.warehouse.migrations.notation import create_tables

revision = "0005"
down_revision = "0004"

SCHEMA = """
audit_log: audit_number
    index recorded_at
    audit_number:integer! recorded_at:instant! actor:text! audit_event:text! audited_action_id:text reason:text!
    facts:text previous_sha256:text! entry_sha256:text!

remediation_actions: action_id
    index proposed_at
    action_id:text! proposed_at:instant! action_state:text! runbook_id:text! runbook_version:text! subject_id:text!
    entity_id:text! service_name:text redundancy_group:text risk_tier:text! plan:text! plan_sha256:text!
    proposed_by:text! dry_run_result:text approved_by:text approved_at:instant executed_at:instant
    finished_at:instant reason:text! revision:integer!

remediation_steps: action_id step_kind step_number
    index started_at
    action_id:text! step_kind:text! step_number:integer! step_name:text! step_state:text! started_at:instant!
    ended_at:instant step_output:text

remediation_stops: stop_scope
    index recorded_at
    stop_scope:text! is_stopped:flag! recorded_at:instant! actor:text! reason:text!
"""
SQLITE = """
CREATE TRIGGER audit_log_no_{what} BEFORE {what} ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END
"""
POSTGRES = """
CREATE FUNCTION audit_log_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$;
CREATE TRIGGER audit_log_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_only_added_to()
"""


def upgrade() -> None:
    """Add the tables, and the triggers that keep the log."""
    create_tables(SCHEMA)
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(SQLITE.format(what=what))
    else:
        op.execute(POSTGRES)
