"""What is kept quiet and why, what resembles an incident, what may be done about it."""

from __future__ import annotations

from aiops_jobs.adapters.warehouse.migrations.notation import add_columns, create_tables

revision = "0002"
down_revision = "0001"

SCHEMA = """
alert_suppressions: alert_id suppression_kind rule_id started_at
    index run_id; started_at
    alert_id:text! suppression_kind:text! rule_id:text! started_at:instant! ended_at:instant reason:text!
    suppressed_by:text delay_s:number notifications_avoided:integer later_incident_id:text is_harm:flag!
    policy_version:text! run_id:text! as_of:instant! code_version:text! config_hash:text! input_manifest_id:text

cause_curves: window_start window_end threshold method
    index run_id
    window_start:instant! window_end:instant! threshold:number! answered_ratio:number! hit_ratio:number
    sample_count:integer! method:text! policy_version:text! run_id:text! as_of:instant! code_version:text!
    config_hash:text! input_manifest_id:text

correlation_proposals: proposal_id window_end
    index run_id; window_start
    proposal_id:text! window_start:instant! window_end:instant! spec:text support_count:integer! lift:number!
    confidence_ratio:number effect:text proposal_status:text! reason:text! policy_version:text! run_id:text!
    as_of:instant! code_version:text! config_hash:text! input_manifest_id:text

runbook_recommendations: incident_id runbook_rank
    index run_id; started_at
    incident_id:text! runbook_rank:integer! started_at:instant! runbook_id:text! runbook_version:text! title:text!
    score:number! matched_on:text parameters:text risk_tier:text! reason:text! policy_version:text! run_id:text!
    as_of:instant! code_version:text! config_hash:text! input_manifest_id:text

similar_incidents: incident_id similar_rank
    index run_id; started_at
    incident_id:text! similar_rank:integer! started_at:instant! similar_id:text! similar_kind:text!
    similarity_ratio:number! matched_on:text title:text! opened_at:instant! resolution_code:text resolution:text
    cause_entity_id:text policy_version:text! run_id:text! as_of:instant! code_version:text! config_hash:text!
    input_manifest_id:text
"""
COLUMNS = {
    "alerts": "recurrence_class:text transient_probability_ratio:number informativeness_ratio:number",
    "incidents": "actionable_probability_ratio:number expected_cost:number",
    "incident_alerts": "correlation_rule:text similarity_ratio:number",
}


def upgrade() -> None:
    """Add the tables and columns."""
    create_tables(SCHEMA)
    for table, columns in COLUMNS.items():
        add_columns(table, columns)
