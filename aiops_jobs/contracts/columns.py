"""The column dictionary. If two tables record the same thing, they use the same column; else another name.

Suffixes: ``_at`` instant in UTC, ``_s`` seconds, ``_bytes``, ``_ratio`` 0…1, ``_count``, ``_id`` ours, ``_key`` theirs.
"""

from __future__ import annotations

from aiops_jobs.contracts.constraints import Between, Constraint, MaxLength, OneOf
from aiops_jobs.contracts.table import Column, Kind

SEVERITIES = ("info", "warning", "critical")
PRIORITIES = ("P1", "P2", "P3", "P4", "P5")
LEVELS = ("high", "medium", "low")
FINDING_KINDS = ("anomaly", "capacity_risk", "failure_risk", "data_quality", "delivery")
DQ_STATES = ("ok", "partial", "stale", "no_data", "insufficient_data")
CAUSE_KINDS = ("change", "capacity", "dependency", "traffic", "config", "infra", "data", "unknown")
EVIDENCE_KINDS = ("metric", "log", "trace", "change", "topology", "alert", "ticket")


def _text(
    name: str, description: str, *rules: Constraint, semconv: str | None = None, sensitive: bool = False
) -> Column:
    return Column(name, Kind.STRING, description, semconv=semconv, constraints=rules, sensitive=sensitive)


def _label(name: str, description: str, *values: str, semconv: str | None = None) -> Column:
    return Column(name, Kind.LABEL, description, semconv=semconv, constraints=(OneOf(values),) if values else ())


def _instant(name: str, description: str) -> Column:
    return Column(name, Kind.TIMESTAMP, description)


def _number(name: str, description: str, *rules: Constraint, unit: str | None = None) -> Column:
    return Column(name, Kind.NUMBER, description, unit=unit, constraints=rules)


def _count(name: str, description: str) -> Column:
    return Column(name, Kind.INTEGER, description, unit="1", constraints=(Between(0),))


def _ratio(name: str, description: str) -> Column:
    return _number(name, description, Between(0, 1), unit="1")


def _seconds(name: str, description: str) -> Column:
    return _number(name, description, Between(0), unit="s")


def _json(name: str, description: str, *, sensitive: bool = False) -> Column:
    return Column(name, Kind.JSON, description, sensitive=sensitive)


def _flag(name: str, description: str) -> Column:
    return Column(name, Kind.BOOLEAN, description)


# --- where and what -------------------------------------------------------------------------------------------------
source = _label("source", "Name of the configured source.").required()
entity_id = _label(
    "entity_id", "Configuration item, as kind/name: `service/checkout`, `host/web-01`, `disk/web-01:sda`."
)
from_entity_id = _text("from_entity_id", "The configuration item that depends on the other (the caller).").required()
to_entity_id = _text(
    "to_entity_id", "The configuration item it depends on (the callee, the host it runs on)."
).required()
entity_kind = _label(
    "entity_kind",
    "What kind of configuration item it is.",
    "service",
    "host",
    "disk",
    "database",
    "queue",
    "gateway",
)
service_name = _label("service_name", "Logical service.", semconv="service.name")
host_name = _label("host_name", "Machine or virtual machine.", semconv="host.name")
labels = _label("labels", "Remaining labels, as a JSON object with sorted keys.")
attributes = _json("attributes", "Remaining attributes, as a JSON object with sorted keys.")
owner_team = _text("owner_team", "Team that owns the item.")
assignment_group = _text("assignment_group", "Group that receives tickets about the item.")
on_call = _text("on_call", "Person who takes tickets about the item first, as ticket systems name him or her.")
service_criticality = _label(
    "service_criticality", "How much the business depends on it.", "critical", "high", "medium", "low"
)
redundancy_group = _text("redundancy_group", "Items of one group can stand in for each other.")
summary = _text("summary", "One line for a human.", MaxLength(500), sensitive=True).required()
title = _text("title", "Short name for a human.", MaxLength(250), sensitive=True).required()
description = _text("description", "Longer text for a human.", sensitive=True)

# --- telemetry ------------------------------------------------------------------------------------------------------
observed_at = _instant("observed_at", "When it was measured or written, in UTC.").required()
series_id = _label("series_id", "Stable digest of source, metric name and all labels.").required()
metric_name = _label("metric_name", "Metric name as the source spells it.").required()
unit = _label("unit", "Unit of the value, as a UCUM code, where the source tells it.")
value = _number("value", "Sample value in the unit of the metric.").required()
record_id = _text("record_id", "Stable digest of the log record and its place.").required()
severity_text = _label(
    "severity_text",
    "Log severity.",
    "TRACE",
    "DEBUG",
    "INFO",
    "WARN",
    "ERROR",
    "FATAL",
    semconv="severity_text",
)
body = _text("body", "Text of the log record or ticket, in full.", sensitive=True)
trace_id = _text("trace_id", "Trace the record belongs to, lower-case hex.", semconv="trace_id")
span_id = _text("span_id", "Span, lower-case hex.", semconv="span_id")
parent_span_id = _text("parent_span_id", "Span that caused this one; null at the root.")
span_name = _label("span_name", "Operation of the span.").required()
span_kind = _label("span_kind", "Role of the span.", "internal", "server", "client", "producer", "consumer")
duration_s = _seconds("duration_s", "How long it took.").required()
status_code = _label("status_code", "Outcome of the span.", "unset", "ok", "error")
event_id = _text("event_id", "Stable digest of one notification of an alert.").required()
alert_name = _label("alert_name", "Name of the alert rule.").required()
alert_fingerprint = _text(
    "alert_fingerprint", "Digest of source, rule, service, host and identifying labels."
).required()
severity = _label("severity", "How bad it is, by itself.", *SEVERITIES).required()
alert_status = _label("alert_status", "What this notification says.", "firing", "resolved").required()
alert_score = _number(
    "alert_score",
    "How far beyond the limit of its rule, where the source tells; 1.0: at the limit, 2.0: twice as far off.",
    Between(0),
    unit="1",
)
change_id = _text("change_id", "Identifier of the change.")
change_type = _label(
    "change_type",
    "Kind of change; `event` is an announced business event.",
    "standard",
    "normal",
    "emergency",
    "deploy",
    "flag",
    "config",
    "event",
).required()
planned_start_at = _instant("planned_start_at", "Planned begin of the change.")
planned_end_at = _instant("planned_end_at", "Planned end of the change.")
outcome = _label("outcome", "How the change went.", "unknown", "success", "failed", "rolled_back")
service_version = _text("service_version", "Version the change brought.", semconv="service.version")
edge_type = _label("edge_type", "Kind of dependency.", "calls", "runs_on", "stores_on", "contains").required()
valid_from = _instant("valid_from", "From when this version of the row is true.").required()
valid_to = _instant("valid_to", "Until when it is true; null: still.")
ticket_key = _text("ticket_key", "Identifier of the ticket in its system.").required()
opened_at = _instant("opened_at", "When it was opened.").required()
resolved_at = _instant("resolved_at", "When it was resolved; null: not yet.")
resolution_code = _label("resolution_code", "How it was resolved, in the words of the ticket system.")
cause_entity_id = _text("cause_entity_id", "Configuration item found to be the cause.")
locator = _text("locator", "Where in the source it stood: file and line, page and index.").required()
reason_code = _label("reason_code", "Why it was put aside.").required()
column_name = _text("column_name", "The offending column.")
detail = _text("detail", "What is wrong, in words.").required()
raw = _text("raw", "The row as received, at most 4 KB.", MaxLength(4096), sensitive=True)
raw_sha256 = _text("raw_sha256", "SHA-256 of the row as received.").required()
table_name = _label("table_name", "Contract the row was meant for.").required()

# --- time and size of conclusions -----------------------------------------------------------------------------------
started_at = _instant("started_at", "When it began.").required()
ended_at = _instant("ended_at", "When it ended, exclusive; null: still going on.")
detected_at = _instant("detected_at", "Event time of the sample at which it could first be known.").required()
detection_delay_s = _seconds("detection_delay_s", "From the begin to the detection.")
peak_at = _instant("peak_at", "When it was worst.")
last_event_at = _instant("last_event_at", "Last notification.").required()
window_start = _instant("window_start", "Begin of the window, inclusive.").required()
window_end = _instant("window_end", "End of the window, exclusive.").required()
issued_at = _instant("issued_at", "The instant a prediction speaks from: nothing later was used.").required()
target_at = _instant("target_at", "The instant a prediction speaks about.").required()
score = _number(
    "score", "Strength of the finding; 1.0 is the boundary for every kind.", Between(0), unit="1"
).required()
coverage_ratio = _ratio("coverage_ratio", "Share of expected samples that were present.")
confidence_ratio = _ratio("confidence_ratio", "How sure we are, calibrated where outcomes are known.")
dq_status = _label("dq_status", "Whether the data behind it was sound.", *DQ_STATES).required()

# --- findings -------------------------------------------------------------------------------------------------------
finding_id = _text("finding_id", "Deterministic id of a finding.").required()
finding_kind = _label("finding_kind", "What kind of conclusion it is.", *FINDING_KINDS).required()
subject_series_id = _text("subject_series_id", "Series the finding is about; null where it is about an entity.")
direction = _label("direction", "On which side of the band.", "up", "down").required()
score_at_detection = _number(
    "score_at_detection", "Score when it was first known; never rewritten.", Between(0), unit="1"
).required()
peak_score = _number("peak_score", "Largest score.", Between(0), unit="1").required()
expected = _number("expected", "Expected value at the peak.").required()
lower = _number("lower", "Lower bound of the band at the peak.").required()
upper = _number("upper", "Upper bound of the band at the peak.").required()
observed = _number("observed", "Value at the peak.").required()
abs_deviation = _number("abs_deviation", "Distance from expected at the peak.", Between(0)).required()
rel_deviation = _number(
    "rel_deviation", "Distance as a multiple of |expected|; null where expected is 0.", Between(0), unit="1"
)
point_count = _count("point_count", "Anomalous samples.").required()
detector = _label("detector", "Name of the detector.").required()
threshold = _number("threshold", "Boundary in use.").required()
p10 = _number("p10", "10 % quantile.").required()
p50 = _number("p50", "Median.").required()
p90 = _number("p90", "90 % quantile.").required()
limit_value = _number("limit_value", "Value at which the resource is full.").required()
breach_probability_ratio = _ratio(
    "breach_probability_ratio", "Probability of reaching the limit within the horizon."
).required()
breach_p10_at = _instant("breach_p10_at", "Early (10 %) time of breach; null: beyond the horizon.")
breach_p50_at = _instant("breach_p50_at", "Median time of breach; null: beyond the horizon.")
breach_p90_at = _instant("breach_p90_at", "Late (90 %) time of breach; null: beyond the horizon.")
recommendation = _text("recommendation", "What to do, in one sentence.").required()
horizon_s = _seconds("horizon_s", "How far the prediction looks.").required()
probability_ratio = _ratio("probability_ratio", "Calibrated probability.").required()
raw_probability_ratio = _ratio("raw_probability_ratio", "Probability before calibration.").required()
decision = _label("decision", "What follows from it.", "act", "watch", "none").required()
top_features = _json("top_features", "Features that speak most for it, with their values.")

# --- alerts and incidents -------------------------------------------------------------------------------------------
alert_id = _text("alert_id", "Deterministic id of an alert episode.").required()
alert_state = _label("alert_state", "State of the episode.", "open", "resolved", "suppressed").required()
resolved_by = _label("resolved_by", "What ended the episode.", "integration", "timeout")
event_count = _count("event_count", "Notifications in the episode.").required()
full_duplicate_count = _count("full_duplicate_count", "Notifications that repeated one of the episode.").required()
flap_count = _count("flap_count", "Changes between firing and resolved.").required()
is_flapping = _flag("is_flapping", "Whether it changed state too often to be believed.").required()
incident_id = _text("incident_id", "Deterministic id of an incident; never re-numbered.").required()
incident_state = _label("incident_state", "State of the incident.", "open", "resolved").required()
impact = _label("impact", "How much is affected.", *LEVELS).required()
urgency = _label("urgency", "How soon it hurts.", *LEVELS).required()
priority = _label("priority", "ITIL priority: impact by urgency; P1 is first.", *PRIORITIES).required()
services_affected = _json("services_affected", "Services affected, as a sorted JSON list.")
alert_count = _count("alert_count", "Alert episodes in it.").required()
finding_count = _count("finding_count", "Findings in it.").required()
source_count = _count("source_count", "Different sources that saw it.").required()
cause_kind = _label("cause_kind", "Kind of cause; a symptom is never a cause.", *CAUSE_KINDS).required()
causal_chain = _json("causal_chain", "From the cause to the symptom, as a JSON list of sentences.", sensitive=True)
member_id = _text("member_id", "Alert or finding that belongs to the incident.").required()
member_kind = _label("member_kind", "What the member is.", "alert", "finding").required()
role = _label("role", "Part it plays.", "primary", "member").required()
reason = _text("reason", "Why, in one sentence.", sensitive=True).required()
hops = _count("hops", "Distance in the topology.")
gap_s = _seconds("gap_s", "Distance in time.")
factor = _text("factor", "What was taken into account.").required()
raw_value = _text("raw_value", "Its value, as text.", sensitive=True).required()
weight = _number("weight", "Its weight.").required()
contribution = _number("contribution", "What it added.").required()
cause_rank = Column("cause_rank", Kind.INTEGER, "1 is the most likely.", constraints=(Between(1),)).required()
cause_status = _label(
    "cause_status", "Only a person confirms.", "suspect", "confirmed", "rejected", "abstained"
).required()
margin = _number("margin", "Lead over the next candidate.", Between(0)).required()
method = _label("method", "How it was ranked.").required()
evidence_id = _text("evidence_id", "Deterministic id.").required()
evidence_kind = _label("evidence_kind", "Where the evidence comes from.", *EVIDENCE_KINDS).required()
statement = _text("statement", "What it shows, in one sentence.", sensitive=True).required()
query = _json("query", "Table, window and filter that show it again.")
evidence_value = _number("evidence_value", "The number in the statement, if any.")

# --- suppression ----------------------------------------------------------------------------------------------------
SUPPRESSION_KINDS = ("maintenance", "inhibition", "flapping", "transient", "frequent", "low_information")
recurrence_class = _label(
    "recurrence_class", "How usual the alert is for its service.", "frequent", "regular", "rare", "novel"
)
transient_probability_ratio = _ratio(
    "transient_probability_ratio", "Learned probability that it ends by itself before the hold is over."
)
informativeness_ratio = _ratio("informativeness_ratio", "How much its words tell; 0: always the same.")
suppression_kind = _label("suppression_kind", "Which policy kept it from people.", *SUPPRESSION_KINDS).required()
rule_id = _text("rule_id", "Rule within the policy, by its name.").required()
suppressed_by = _text("suppressed_by", "Change or alert that suppresses it, where one does.")
delay_s = _seconds("delay_s", "How much later people hear of it because of this.")
notifications_avoided = _count(
    "notifications_avoided", "Firing notifications nobody got because of it; each counts for one rule only."
)
later_incident_id = _text("later_incident_id", "Incident it became part of all the same.")
is_harm = _flag("is_harm", "Whether an incident was kept from people or delayed by it.").required()

# --- knowledge ------------------------------------------------------------------------------------------------------
similar_rank = Column(
    "similar_rank", Kind.INTEGER, "1 comes first: close, and known how it ended.", constraints=(Between(1),)
).required()
similar_id = _text("similar_id", "Incident of ours or ticket of the past that it resembles.").required()
similar_kind = _label("similar_kind", "What it resembles.", "incident", "ticket").required()
similarity_ratio = _ratio("similarity_ratio", "How close; 1: the same words at the same place.")
matched_on = _json("matched_on", "What they have in common, as a sorted JSON list.")
resolution = _text("resolution", "How it was resolved, in the words of who did.", sensitive=True)
runbook_rank = Column("runbook_rank", Kind.INTEGER, "1 fits best.", constraints=(Between(1),)).required()
runbook_id = _text("runbook_id", "Name of the runbook.").required()
runbook_version = _text("runbook_version", "Digest of the runbook as it was.").required()
risk_tier = _label("risk_tier", "What it may break.", "none", "low", "medium", "high").required()
proposal_id = _text("proposal_id", "Deterministic id of a proposal.").required()
proposal_status = _label("proposal_status", "Only a person accepts.", "proposed", "rejected").required()
support_count = _count("support_count", "How often it was seen.").required()
lift = _number("lift", "How many times more often than by chance.", Between(0), unit="1").required()
effect = _json("effect", "What it would have done, measured on a later period.")
answered_ratio = _ratio("answered_ratio", "Share of cases in which a cause is named.")
hit_ratio = _ratio("hit_ratio", "Share of the named causes that were right.")
raw_confidence_ratio = _ratio("raw_confidence_ratio", "Share of all evidence, before calibration.")
calibration_version = _text("calibration_version", "Calibration that made it; joins to `cause_evaluations`.")
slope = _number("slope", "Calibrated log-odds per raw log-odds.", Between(0), unit="1").required()
shift = _number("shift", "Calibrated log-odds where the raw are 0.", unit="1").required()
first_hit_ratio = _ratio("first_hit_ratio", "Share of cases whose true cause came first (AC@1).")
top3_hit_ratio = _ratio("top3_hit_ratio", "Share of cases whose true cause was among the first three (AC@3).")
top5_mean_hit_ratio = _ratio("top5_mean_hit_ratio", "Mean of AC@1 to AC@5 (Avg@5).")
raw_calibration_error = _ratio("raw_calibration_error", "Expected calibration error of the raw confidence.")
calibration_error = _ratio("calibration_error", "The same after calibration, on cases it was not fitted on.")
correlation_rule = _label("correlation_rule", "Rule that made it a member.")
expected_cost = _number(
    "expected_cost", "What it will cost if nobody acts, in the units of the cost policy.", Between(0), unit="1"
)
actionable_probability_ratio = _ratio("actionable_probability_ratio", "Probability that somebody can act on it.")

# --- tickets --------------------------------------------------------------------------------------------------------
suggestion_id = _text("suggestion_id", "Deterministic id.").required()
subject_id = _text("subject_id", "Incident or finding it speaks of.").required()
subject_kind = _label("subject_kind", "What the subject is.", "incident", "finding").required()
endpoint = _label("endpoint", "Configured sink.").required()
ticket_action = _label("ticket_action", "What is suggested.", "create", "update", "resolve", "none").required()
delivery_mode = _label("delivery_mode", "How far the sink may go.", "off", "log", "mock", "live").required()
content_sha256 = _text("content_sha256", "Digest of title, body and fields; the same text is sent once.").required()
assigned_by = _label(
    "assigned_by", "Which step found the group; `triage`: none did.", "catalogue", "rule", "classifier", "triage"
)
assignment_reason = _text("assignment_reason", "Why it goes there, in one sentence.", sensitive=True)
routing_model_version = _text("routing_model_version", "Classifier that was asked; joins to `model_versions`.")
sla_miss_probability_ratio = _ratio("sla_miss_probability_ratio", "Calibrated probability that it is solved too late.")
sla_model_version = _text("sla_model_version", "Model that gave that probability; joins to `model_versions`.")
ASSIGNMENT = (assigned_by, assignment_reason, routing_model_version, sla_miss_probability_ratio, sla_model_version)
outbox_id = _text("outbox_id", "Deterministic id of one intended call.").required()
external_key = _text("external_key", "Key by which the ticket is found again; one ticket per key and sink.").required()
payload = _json("payload", "What is to be sent, redacted.")
outbox_state = _label(
    "outbox_state", "How far delivery came.", "pending", "sending", "sent", "unknown", "dead", "skipped"
).required()
attempt_count = _count("attempt_count", "Tries so far.").required()
next_attempt_at = _instant("next_attempt_at", "Not before.")
lease_until = _instant("lease_until", "A dispatcher holds it until then.")
lease_token = Column("lease_token", Kind.INTEGER, "Fencing token of the holder.")
target_key = _text("target_key", "Key under which this call meant to create a ticket; null before it was about to.")
told_until = _instant("told_until", "End of the window the call speaks about; null where its age does not matter.")
enqueued_at = _instant("enqueued_at", "When the call was decided, by the clock on the wall.")
settled_at = _instant("settled_at", "When it last came to an outcome, by the clock on the wall.")
sink_state = _label(
    "sink_state",
    "Whether calls go out: as they come, none for now, or none until it knows us again.",
    "closed",
    "open",
    "paused",
).required()
failure_count = _count("failure_count", "Failures in a row.").required()
refusal_count = _count("refusal_count", "Refused calls in a row.").required()
retry_tokens = _number("retry_tokens", "Tries beyond the first that are left.", Between(0), unit="1").required()
retry_at = _instant("retry_at", "Nothing is called before.")
switch_name = _text("switch_name", "What is switched.").required()
is_stopped = _flag("is_stopped", "Whether it stands still.").required()
changed_by = _text("changed_by", "Who switched.")
remote_key = _text("remote_key", "Identifier in the other system.")
remote_url = _text("remote_url", "Where a person can look at it.")
last_error = _text("last_error", "What the other system said last.", sensitive=True)
sequence = Column(
    "sequence", Kind.INTEGER, "Order of the calls about one ticket.", constraints=(Between(0),)
).required()
ticket_state = _label(
    "ticket_state", "State of the ticket, mapped.", "new", "in_progress", "resolved", "closed", "unknown"
).required()
updated_at = _instant("updated_at", "Last change.")

# --- feedback -------------------------------------------------------------------------------------------------------
VERDICT_NUMBERS = {"false": 1, "true": 2, "insufficient_data": 7, "duplicate": 10}
"""What people say about a conclusion of ours, with the ``verdict_id`` of OCSF's finding classes."""
assignee = _text("assignee", "Person it is assigned to, as the ticket system names him or her.")
acknowledged_at = _instant("acknowledged_at", "When a person first took it on; null: not known.")
closed_by = _text("closed_by", "Who resolved or closed it, as the ticket system names him or her.")
cause_text = _text("cause_text", "What people say the cause was, in their words.", sensitive=True)
is_duplicate = _flag("is_duplicate", "Whether a person closed it as the duplicate of another.")
merged_into = _text("merged_into", "Ticket it was merged into or is the duplicate of, by its key there.")
reopen_count = _count("reopen_count", "How often it was opened again; null: the system does not count.")
seen_at = _instant("seen_at", "When we last looked for it, by the clock on the wall.")
label_id = _text("label_id", "Deterministic id of one verdict.").required()
said_in = _text("said_in", "Ticket it was read from, as sink/key; null: a person told us.")
label_number = _count(
    "label_number", "Place among the verdicts from one ticket, or by people about one subject, from 0."
).required()
label_verdict = _label("label_verdict", "What it turned out to be.", *VERDICT_NUMBERS)
verdict_number = Column("verdict_number", Kind.INTEGER, "The same, as OCSF numbers it: 1, 2, 7, 10.")
author_kind = _label(
    "author_kind", "Who says so: a person to us, a person through a ticket system, or a rule.", "human", "itsm", "rule"
).required()
author = _text("author", "Who says so; null: the ticket system does not tell.")
labelled_at = _instant("labelled_at", "When it was said: the resolution of the ticket.").required()
known_at = _instant("known_at", "When we learned it, by the clock on the wall; nothing before uses it.").required()
is_self_generated = _flag("is_self_generated", "Whether our own call resolved the ticket: nothing is learned from it.")
applies_to = _json("applies_to", "Series it is about when it was said, as a sorted JSON list of `[detector, series]`.")
outcome_state = _label("outcome_state", "How its tickets stand; null: it has none.", "open", "resolved")
time_to_detect_s = _seconds(
    "time_to_detect_s", "From the begin of an incident to when it could first be known (MTTD is their mean)."
)
time_to_acknowledge_s = _seconds(
    "time_to_acknowledge_s",
    "From when an incident could first be known to when a person took on a ticket of it (MTTA is their mean).",
)
time_to_resolve_s = _seconds(
    "time_to_resolve_s", "From the begin of an incident to the resolution of the last of its tickets (MTTR)."
)

# --- remediation ----------------------------------------------------------------------------------------------------
ACTION_STATES = (
    "proposed",
    "dry_run",
    "approved",
    "executing",
    "verified",
    "rolled_back",
    "failed",
    "refused",
    "expired",
)
action_id = _text("action_id", "Deterministic id of one plan, with the instant it was proposed at.").required()
audited_action_id = _text("audited_action_id", "Action the decision is about; null where there is none yet.")
action_state = _label("action_state", "How far it came.", *ACTION_STATES).required()
proposed_at = _instant("proposed_at", "When it was proposed.").required()
proposed_by = _text("proposed_by", "Person who proposed it.").required()
plan = _json("plan", "The plan in full: every argument of every step, filled in.").required()
plan_sha256 = _text("plan_sha256", "Digest of the plan; an approval is good for this one only.").required()
dry_run_result = _json("dry_run_result", "What the dry run told.")
approved_by = _text("approved_by", "Second person, who approved this very plan.")
approved_at = _instant("approved_at", "When it was approved.")
executed_at = _instant("executed_at", "When its first step was allowed to begin.")
finished_at = _instant("finished_at", "When it came to its end.")
revision = _count("revision", "How often the row was written; a writer must know the last one.").required()
step_kind = _label("step_kind", "Whether it does or undoes.", "step", "rollback").required()
step_number = _count("step_number", "Place in the plan, from 0.").required()
step_name = _text("step_name", "What the runbook calls it.").required()
step_state = _label(
    "step_state", "How far it came; `started` without an end: nobody knows.", "started", "done", "failed"
).required()
step_output = _text("step_output", "What it said, redacted and cut.", sensitive=True)
stop_scope = _text("stop_scope", "What is stopped: a runbook by its name, or all with `*`.").required()
is_stopped = _flag("is_stopped", "Whether no step may begin.").required()
recorded_at = _instant("recorded_at", "When it was recorded, by the clock on the wall.").required()
actor = _text("actor", "Who did or decided it.").required()
audit_number = _count("audit_number", "Place in the log, from 0, without gaps.").required()
audit_event = _label("audit_event", "What happened.").required()
facts = _json("facts", "What it was about, as a JSON object.")
previous_sha256 = _text("previous_sha256", "Digest of the entry before it; of the first: zeros.").required()
entry_sha256 = _text("entry_sha256", "Digest of this entry, the one before it included.").required()

# --- operation ------------------------------------------------------------------------------------------------------
run_id = _text(
    "run_id", "Digest of job, window, as_of, code, configuration: the same question has the same run."
).required()
job = _label("job", "Job that ran.").required()
as_of = _instant("as_of", "Knowledge cut: nothing learned later was used.").required()
span_start = _instant(
    "span_start", "Begin of what the run speaks about: its window and the look-back it revises."
).required()
span_end = _instant("span_end", "End of what the run speaks about, exclusive.").required()
scope = _json("scope", "Which rows it spoke about, as a sorted JSON list of `[column, values]`; `[]`: all.").required()
run_status = _label("run_status", "How it stands.", "running", "completed", "failed", "superseded").required()
code_version = _text("code_version", "Version and digest of the package's source.").required()
config_hash = _text("config_hash", "Digest of the policies in force.").required()
input_manifest_id = _text("input_manifest_id", "Digest of all input files; joins to `run_inputs`.")
policy_version = _text("policy_version", "Version of the policy it follows; joins to `policies`.").required()
model_version = _text("model_version", "Model that said it; joins to `model_versions`.").required()
rows_in = _count("rows_in", "Rows received.").required()
rows_published = _count("rows_published", "Rows published.").required()
rows_quarantined = _count("rows_quarantined", "Rows put aside with a reason.").required()
rows_duplicate = _count("rows_duplicate", "Exact repetitions.").required()
rows_late = _count("rows_late", "Rows older than the window, put aside as late.").required()
attempt_id = _text("attempt_id", "One try at a run.").required()
host_process = _text("host_process", "Machine and process that tried.").required()
prefect_flow_run_id = _text("prefect_flow_run_id", "Flow run in Prefect, if any.")
path = _text("path", "Path inside the lake; `warehouse/labels`: the verdicts known then.").required()
sha256 = _text("sha256", "SHA-256 of the file.").required()
rows = _count("rows", "Rows in the file.").required()
first_event_at = _instant("first_event_at", "Earliest event in it.")
latest_event_at = _instant("latest_event_at", "Latest event in it.")
stage = _label("stage", "When it was checked.", "ingest", "publish").required()
expectation = _text("expectation", "What was expected, in words.").required()
expectation_severity = _label("expectation_severity", "What a failure means.", "critical", "warning", "info").required()
is_success = _flag("is_success", "Whether it held.").required()
observed_text = _text("observed_text", "What was seen.")
expected_text = _text("expected_text", "What was wanted.")
verdict = _label(
    "verdict",
    "How the judgement ended: `no_data`, `stale` and `not_evaluated` are failures to judge, never success.",
    "held",
    "violated",
    "no_data",
    "stale",
    "not_evaluated",
)
source_state = _label(
    "source_state", "State of the source in the window.", "ok", "late", "silent", "unreachable", "partial"
).required()
freshness_lag_s = _seconds("freshness_lag_s", "From the newest row to the end of the window.")
model_name = _label("model_name", "Name of the model.").required()
model_stage = _label("model_stage", "Standing of the model.", "candidate", "champion", "retired").required()
artifact_path = _text("artifact_path", "Where the model file lies, inside the model store.").required()
train_from = _instant("train_from", "Begin of the training data.").required()
train_to = _instant("train_to", "End of the training data, exclusive.").required()
features_hash = _text("features_hash", "Digest of the feature names, in order.").required()
parameters = _json("parameters", "Parameters, as a JSON object.")
metric = _label("metric", "Name of the measure.").required()
metric_value = _number("metric_value", "Its value.").required()
baseline_value = _number("baseline_value", "The same measure for the naive baseline.")
sample_count = _count("sample_count", "How many cases it rests on.").required()
policy_name = _label("policy_name", "Name of the policy.").required()
spec = _json("spec", "The policy in full.")
lease_name = _text("lease_name", "What is held.").required()
holder = _text("holder", "Who holds it.")
expires_at = _instant("expires_at", "Until when, unless renewed.")
