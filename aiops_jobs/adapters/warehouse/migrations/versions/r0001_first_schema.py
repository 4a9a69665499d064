"""The schema of the first release, frozen: later changes are later migrations."""

from __future__ import annotations

from aiops_jobs.adapters.warehouse.migrations.notation import create_tables

revision = "0001"
down_revision = None

SCHEMA = """
alerts: alert_id
    index run_id; started_at
    alert_id:text! alert_fingerprint:text! alert_name:text! entity_id:text service_name:text host_name:text
    severity:text! alert_state:text! started_at:instant! last_event_at:instant! resolved_at:instant resolved_by:text
    event_count:integer! full_duplicate_count:integer! flap_count:integer! is_flapping:flag! summary:text!
    labels:text source:text! policy_version:text! run_id:text! as_of:instant! code_version:text! config_hash:text!
    input_manifest_id:text

anomalies: finding_id
    index run_id; started_at
    finding_id:text! series_id:text! metric_name:text! unit:text entity_id:text! service_name:text host_name:text
    direction:text! started_at:instant! ended_at:instant peak_at:instant! detected_at:instant!
    detection_delay_s:number! score_at_detection:number! peak_score:number! expected:number! lower:number!
    upper:number! observed:number! abs_deviation:number! rel_deviation:number point_count:integer!
    coverage_ratio:number! detector:text! threshold:number! policy_version:text! run_id:text! as_of:instant!
    code_version:text! config_hash:text! input_manifest_id:text

capacity_forecasts: series_id issued_at target_at
    index issued_at; run_id
    series_id:text! issued_at:instant! target_at:instant! p10:number! p50:number! p90:number! model_version:text!
    run_id:text! as_of:instant! code_version:text! config_hash:text! input_manifest_id:text

capacity_risks: finding_id
    index issued_at; run_id
    finding_id:text! series_id:text! metric_name:text! entity_id:text! service_name:text host_name:text
    issued_at:instant! observed:number! limit_value:number! breach_probability_ratio:number! breach_p10_at:instant
    breach_p50_at:instant breach_p90_at:instant horizon_s:number! recommendation:text! model_version:text!
    policy_version:text! run_id:text! as_of:instant! code_version:text! config_hash:text! input_manifest_id:text

evidence: evidence_id
    index run_id; started_at
    evidence_id:text! incident_id:text! cause_rank:integer! started_at:instant! evidence_kind:text! statement:text!
    query:text window_start:instant! window_end:instant! evidence_value:number run_id:text! as_of:instant!
    code_version:text! config_hash:text! input_manifest_id:text

failure_risks: entity_id issued_at horizon_s
    index issued_at; run_id
    finding_id:text! entity_id:text! host_name:text issued_at:instant! horizon_s:number! probability_ratio:number!
    raw_probability_ratio:number! threshold:number! decision:text! top_features:text model_version:text!
    policy_version:text! run_id:text! as_of:instant! code_version:text! config_hash:text! input_manifest_id:text

findings: finding_id
    index run_id; started_at
    finding_id:text! finding_kind:text! entity_id:text! service_name:text host_name:text subject_series_id:text
    severity:text! score:number! started_at:instant! ended_at:instant detected_at:instant! title:text! summary:text!
    dq_status:text! coverage_ratio:number confidence_ratio:number policy_version:text! run_id:text! as_of:instant!
    code_version:text! config_hash:text! input_manifest_id:text

incident_alerts: incident_id member_id
    index run_id; started_at
    incident_id:text! member_id:text! member_kind:text! started_at:instant! role:text! reason:text! hops:integer
    gap_s:number policy_version:text! run_id:text! as_of:instant! code_version:text! config_hash:text!
    input_manifest_id:text

incidents: incident_id
    index run_id; started_at
    incident_id:text! title:text! summary:text! incident_state:text! started_at:instant! ended_at:instant
    detected_at:instant! severity:text! impact:text! urgency:text! priority:text! entity_id:text service_name:text
    services_affected:text alert_count:integer! finding_count:integer! source_count:integer! cause_kind:text!
    cause_entity_id:text confidence_ratio:number causal_chain:text policy_version:text! run_id:text! as_of:instant!
    code_version:text! config_hash:text! input_manifest_id:text

leases: lease_name
    index started_at
    lease_name:text! lease_token:integer! holder:text expires_at:instant started_at:instant!

model_evaluations: model_name model_version metric window_start window_end
    index run_id; window_start
    model_name:text! model_version:text! metric:text! window_start:instant! window_end:instant! metric_value:number!
    baseline_value:number sample_count:integer! run_id:text! as_of:instant!

model_versions: model_name model_version
    index as_of; run_id
    model_name:text! model_version:text! model_stage:text! artifact_path:text! sha256:text! train_from:instant!
    train_to:instant! as_of:instant! features_hash:text! parameters:text run_id:text! code_version:text!
    config_hash:text! input_manifest_id:text

policies: config_hash policy_name
    index as_of
    policy_name:text! policy_version:text! spec:text config_hash:text! as_of:instant!

priority_factors: incident_id factor
    index run_id; started_at
    incident_id:text! factor:text! started_at:instant! raw_value:text! weight:number! contribution:number!
    policy_version:text! run_id:text! as_of:instant! code_version:text! config_hash:text! input_manifest_id:text

quality_results: run_id table_name source stage expectation
    index window_start
    run_id:text! table_name:text! source:text! stage:text! expectation:text! window_start:instant!
    window_end:instant! expectation_severity:text! is_success:flag! observed_text:text expected_text:text
    verdict:text owner_team:text reason:text!

root_causes: incident_id cause_rank
    index run_id; started_at
    incident_id:text! cause_rank:integer! started_at:instant! cause_kind:text! entity_id:text change_id:text
    score:number! confidence_ratio:number! margin:number! cause_status:text! statement:text! method:text!
    policy_version:text! run_id:text! as_of:instant! code_version:text! config_hash:text! input_manifest_id:text

run_attempts: attempt_id
    index run_id; started_at
    attempt_id:text! run_id:text! job:text! started_at:instant! ended_at:instant run_status:text! host_process:text!
    prefect_flow_run_id:text last_error:text

run_inputs: run_id path
    index window_start
    run_id:text! path:text! input_manifest_id:text! table_name:text! sha256:text! rows:integer!
    first_event_at:instant latest_event_at:instant window_start:instant!

run_spans: run_id table_name scope span_start span_end
    index span_start; table_name job scope as_of window_end
    run_id:text! table_name:text! scope:text! span_start:instant! span_end:instant! job:text! window_end:instant!
    as_of:instant!

runs: run_id
    index window_start
    run_id:text! job:text! window_start:instant! window_end:instant! span_start:instant! span_end:instant!
    as_of:instant! run_status:text! code_version:text! config_hash:text! input_manifest_id:text parameters:text
    rows_in:integer! rows_published:integer!

source_health: source table_name window_start window_end
    index run_id; window_start
    source:text! table_name:text! window_start:instant! window_end:instant! source_state:text! rows_in:integer!
    rows_published:integer! rows_quarantined:integer! rows_duplicate:integer! rows_late:integer!
    first_event_at:instant latest_event_at:instant freshness_lag_s:number last_error:text run_id:text!
    as_of:instant!

ticket_outbox: outbox_id
    index endpoint external_key sequence; endpoint outbox_state; run_id; started_at
    outbox_id:text! endpoint:text! external_key:text! sequence:integer! subject_id:text! started_at:instant!
    ticket_action:text! delivery_mode:text! payload:text content_sha256:text! outbox_state:text!
    attempt_count:integer! next_attempt_at:instant lease_until:instant lease_token:integer holder:text
    remote_key:text remote_url:text last_error:text run_id:text!

ticket_suggestions: suggestion_id
    index run_id; started_at
    suggestion_id:text! subject_id:text! subject_kind:text! endpoint:text! started_at:instant! ticket_action:text!
    delivery_mode:text! external_key:text! title:text! body:text! priority:text! assignment_group:text
    confidence_ratio:number reason:text! content_sha256:text! policy_version:text! run_id:text! as_of:instant!
    code_version:text! config_hash:text! input_manifest_id:text

tickets: endpoint external_key
    index opened_at
    endpoint:text! external_key:text! remote_key:text! remote_url:text subject_id:text! ticket_state:text!
    title:text! priority:text! assignment_group:text opened_at:instant! updated_at:instant resolved_at:instant
    content_sha256:text!
"""


def upgrade() -> None:
    """Create all tables."""
    create_tables(SCHEMA)
