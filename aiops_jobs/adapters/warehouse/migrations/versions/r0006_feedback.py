"""Feedback: what tickets tell beyond their state, verdicts, and outcomes of incidents; the last two only added to."""

from __future__ import annotations

from alembic import op

from aiops_jobs.adapters.warehouse.migrations.notation import add_columns, create_tables

revision = "0006"
down_revision = "0005"

SCHEMA = """
incident_outcomes: incident_id known_at
    index started_at
    incident_id:text! known_at:instant! started_at:instant! outcome_state:text label_verdict:text verdict_number:integer
    is_self_generated:flag cause_entity_id:text cause_text:text resolution_code:text assignee:text closed_by:text
    reopen_count:integer acknowledged_at:instant resolved_at:instant time_to_detect_s:number
    time_to_acknowledge_s:number time_to_resolve_s:number

labels: label_id
    index known_at
    label_id:text! subject_id:text! subject_kind:text! entity_id:text service_name:text started_at:instant!
    label_verdict:text! verdict_number:integer! cause_entity_id:text cause_text:text resolution_code:text
    merged_into:text author_kind:text! author:text confidence_ratio:number! is_self_generated:flag! labelled_at:instant!
    known_at:instant! label_number:integer! said_in:text remote_key:text applies_to:text reason:text!
    policy_version:text!
"""
TICKETS = """
    assignee:text resolution_code:text cause_text:text is_duplicate:flag merged_into:text reopen_count:integer
    acknowledged_at:instant closed_by:text seen_at:instant
"""
TABLES = ("labels", "incident_outcomes")
SQLITE = """
CREATE TRIGGER {table}_no_{what} BEFORE {what} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} are only added to'); END
"""
FUNCTION = """
CREATE FUNCTION feedback_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'labels and outcomes are only added to'; END $$
"""
POSTGRES = """
CREATE TRIGGER {table}_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION feedback_only_added_to()
"""


def upgrade() -> None:
    """Add the tables and columns, and the triggers that keep what was said."""
    create_tables(SCHEMA)
    add_columns("tickets", TICKETS)
    if op.get_bind().dialect.name == "sqlite":
        for table in TABLES:
            for what in ("UPDATE", "DELETE"):
                op.execute(SQLITE.format(table=table, what=what))
    else:
        op.execute(FUNCTION)
        for table in TABLES:
            op.execute(POSTGRES.format(table=table))
