"""Contracts of what sources deliver: the lake."""

from __future__ import annotations

from aiops_jobs.contracts import columns as c
from aiops_jobs.contracts.table import Table

METRIC_POINTS = Table(
    name="metric_points",
    grain="one sample of one series from one source",
    columns=(
        c.observed_at,
        c.series_id,
        c.metric_name,
        c.unit,
        c.entity_id,
        c.service_name,
        c.host_name,
        c.labels,
        c.value,
        c.source,
    ),
    key=("source", "series_id", "observed_at"),
    time="observed_at",
)
LOG_RECORDS = Table(
    name="log_records",
    grain="one log record",
    columns=(
        c.observed_at,
        c.record_id,
        c.service_name,
        c.host_name,
        c.severity_text.required(),
        c.body.required(),
        c.trace_id,
        c.span_id,
        c.attributes,
        c.source,
    ),
    key=("source", "record_id"),
    time="observed_at",
)
SPANS = Table(
    name="spans",
    grain="one span of one trace; `observed_at` is its begin",
    columns=(
        c.observed_at,
        c.trace_id.required(),
        c.span_id.required(),
        c.parent_span_id,
        c.service_name.required(),
        c.host_name,
        c.span_name,
        c.span_kind,
        c.duration_s,
        c.status_code.required(),
        c.attributes,
        c.source,
    ),
    key=("source", "trace_id", "span_id"),
    time="observed_at",
)
RAW_ALERTS = Table(
    name="raw_alerts",
    grain="one notification of one alert by a monitoring system",
    columns=(
        c.observed_at,
        c.event_id,
        c.alert_fingerprint,
        c.alert_name,
        c.alert_status,
        c.severity,
        c.entity_id,
        c.service_name,
        c.host_name,
        c.summary,
        c.labels,
        c.alert_score,
        c.source,
    ),
    key=("source", "event_id"),
    time="observed_at",
)
CHANGES = Table(
    name="changes",
    grain="one change, deployment or announced event; `started_at` is its actual begin",
    columns=(
        c.started_at,
        c.change_id.required(),
        c.change_type,
        c.title,
        c.entity_id,
        c.service_name,
        c.host_name,
        c.planned_start_at,
        c.planned_end_at,
        c.ended_at,
        c.outcome,
        c.service_version,
        c.attributes,
        c.source,
    ),
    key=("source", "change_id"),
    time="started_at",
)
CONFIGURATION_ITEMS = Table(
    name="configuration_items",
    grain="one version of one service, host, disk, database, queue or gateway",
    columns=(
        c.valid_from,
        c.entity_id.required(),
        c.entity_kind.required(),
        c.service_name,
        c.host_name,
        c.service_criticality,
        c.owner_team,
        c.assignment_group,
        c.on_call,
        c.redundancy_group,
        c.valid_to,
        c.attributes,
        c.source,
    ),
    key=("source", "entity_id", "valid_from"),
    time="valid_from",
)
TOPOLOGY_EDGES = Table(
    name="topology_edges",
    grain="one version of one dependency between two configuration items",
    columns=(
        c.valid_from,
        c.from_entity_id,
        c.to_entity_id,
        c.edge_type,
        c.valid_to,
        c.confidence_ratio,
        c.source,
    ),
    key=("source", "from_entity_id", "to_entity_id", "edge_type", "valid_from"),
    time="valid_from",
)
TICKET_HISTORY = Table(
    name="ticket_history",
    grain="one ticket of the past, as its system last told it",
    columns=(
        c.opened_at,
        c.ticket_key,
        c.title,
        c.description,
        c.priority,
        c.entity_id,
        c.service_name,
        c.host_name,
        c.assignment_group,
        c.resolved_at,
        c.resolution_code,
        c.cause_entity_id,
        c.source,
    ),
    key=("source", "ticket_key"),
    time="opened_at",
)
QUARANTINE = Table(
    name="quarantine",
    grain="one row that was received and not published; `window_start` is the window it was asked for",
    columns=(
        c.window_start,
        c.window_end,
        c.table_name,
        c.source,
        c.locator,
        c.reason_code,
        c.column_name,
        c.detail,
        c.raw,
        c.raw_sha256,
    ),
    key=("table_name", "source", "window_start", "window_end", "locator", "raw_sha256"),
    time="window_start",
)

INGESTED = (
    METRIC_POINTS,
    LOG_RECORDS,
    SPANS,
    RAW_ALERTS,
    CHANGES,
    CONFIGURATION_ITEMS,
    TOPOLOGY_EDGES,
    TICKET_HISTORY,
)
LAKE_TABLES = (*INGESTED, QUARANTINE)
