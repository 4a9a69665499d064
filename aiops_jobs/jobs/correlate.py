"""Group alerts and findings into incidents with ranked causes, and suggest tickets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.knowledge import ALERT_SUPPRESSIONS, RUNBOOK_RECOMMENDATIONS, SIMILAR_INCIDENTS
from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.contracts.results import (
    ALERTS,
    ANOMALIES,
    EVIDENCE,
    FINDINGS,
    INCIDENT_ALERTS,
    INCIDENTS,
    PRIORITY_FACTORS,
    ROOT_CAUSES,
    TICKET_SUGGESTIONS,
)
from aiops_jobs.contracts.table import Table
from aiops_jobs.contracts.telemetry import (
    CHANGES,
    CONFIGURATION_ITEMS,
    LOG_RECORDS,
    METRIC_POINTS,
    SPANS,
    TICKET_HISTORY,
    TOPOLOGY_EDGES,
)
from aiops_jobs.core.alerts.harm import rule_health
from aiops_jobs.core.columns import plain
from aiops_jobs.core.incidents.correlation import (
    CorrelationResult,
    Facts,
    Prepared,
    change_start,
    conclude,
    context_of,
    nodes_in_reach,
    prepare,
    wanted_windows,
)
from aiops_jobs.core.incidents.past import PAST_COLUMNS
from aiops_jobs.core.incidents.readings import METRIC_COLUMNS, Readings, of_nodes
from aiops_jobs.core.incidents.signals import LOG_COLUMNS, SPAN_COLUMNS, Signals
from aiops_jobs.core.runbooks.recommend import recommend
from aiops_jobs.core.tickets.redact import redact_columns
from aiops_jobs.core.tickets.subjects import Around
from aiops_jobs.core.tickets.suggest import Suggestions, to_suggestions
from aiops_jobs.jobs.earlier import (
    earlier_calls,
    earlier_members,
    known_runbooks,
    notifications,
    past_notifications,
    still_going,
)
from aiops_jobs.jobs.evaluate_causes import calibration_known_to
from aiops_jobs.jobs.feedback import with_verdicts
from aiops_jobs.jobs.model_inputs import desk_of
from aiops_jobs.jobs.remembering import remembered, with_earlier
from aiops_jobs.jobs.risks import remembered_risks, risks_gone, risks_to_speak_of
from aiops_jobs.jobs.running import INSTANT, Run, RunReport, open_run, report_of
from aiops_jobs.ports import Context
from aiops_jobs.window import Window

JOB = "correlate"
DETECTORS = ("detect",)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Configuration items and dependencies are true from some day on; none was before this one."""
MOST_READS = 24
"""With more stretches of logs and spans to read, all between the first and the last is read at once."""


def correlate(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Publish alert episodes, incidents with priority, causes and evidence, and ticket suggestions with their calls.

    The run speaks about ``window`` and the look-back before it; it reads twice as far, so that incidents which begin
    in its span are seen from their begin.
    """
    policies = context.policies
    reach = context_of(window, policies)
    with open_run(context, JOB, window, as_of, lookback=window.start - reach.start) as run:
        facts = _facts(run)
        prepared = prepare(
            facts, policies=policies, span=run.span, known=earlier_members(run, context_of(run.span, policies))
        )
        context.progress(f"{JOB}: {len(prepared.groups)} groups of alerts and findings")
        sure = calibration_known_to(run)
        result = _redacted(conclude(prepared, _signals(run, prepared), policies=policies, calibration=sure))
        everything = still_going(run, result)
        fitting, similar = _recommend(run, facts, result), remembered(run, result)
        around = Around(
            runbooks=known_runbooks(run, everything, fitting),
            similar=with_earlier(run, similar, everything),
            desk=desk_of(run),
            report_url=context.report_url,
        )
        suggested = _suggest(run, everything, around)
        run.publish(RUNBOOK_RECOMMENDATIONS, fitting)
        run.publish(SIMILAR_INCIDENTS, similar)
        run.publish(INCIDENTS, everything.incidents)
        _publish(run, result, suggested)
        run.details.update(_funnel(result, suggested))
        run.details["suppression_rules"] = rule_health(result.alert_suppressions, policies)
    return report_of(run)


def _facts(run: Run) -> Facts:
    policies = run.context.policies
    reach = context_of(run.span, policies)
    lasting = Window(BEGINNING, run.span.end)
    raw_alerts = notifications(run, reach)
    return Facts(
        raw_alerts=raw_alerts,
        past_alerts=past_notifications(run, reach, raw_alerts),
        findings=run.read(FINDINGS, reach, sources=DETECTORS),
        anomalies=run.read(ANOMALIES, reach, sources=DETECTORS),
        changes=run.read(CHANGES, Window(change_start(reach, policies), run.span.end)),
        items=run.read(CONFIGURATION_ITEMS, lasting),
        edges=run.read(TOPOLOGY_EDGES, lasting),
        tickets=with_verdicts(
            run,
            run.read(
                TICKET_HISTORY, reach.extended(before=timedelta(seconds=policies.cost.lookback_s)), columns=PAST_COLUMNS
            ),
        ),
    )


def _signals(run: Run, prepared: Prepared) -> Signals:
    """Read logs, spans and metrics, but only near the incidents."""
    windows = wanted_windows(prepared, policies=run.context.policies)
    if len(windows) > MOST_READS:
        windows = [Window(windows[0].start, windows[-1].end)]
    return Signals(
        logs=_stretches(run, LOG_RECORDS, windows, LOG_COLUMNS),
        spans=_stretches(run, SPANS, windows, SPAN_COLUMNS),
        readings=Readings(_points(run, prepared, windows), run.context.policies.roles),
    )


def _points(run: Run, prepared: Prepared, windows: list[Window]) -> pa.Table:
    """Read metrics near the incidents, of what they reach; stretch by stretch, so that the rest is let go at once."""
    nodes = nodes_in_reach(prepared, policies=run.context.policies)
    parts = [of_nodes(run.read(METRIC_POINTS, window, columns=METRIC_COLUMNS), nodes) for window in windows]
    return pa.concat_tables([METRIC_POINTS.empty().select(METRIC_COLUMNS), *parts]).unify_dictionaries()


def _stretches(run: Run, table: Table, windows: list[Window], columns: tuple[str, ...]) -> pa.Table:
    if not windows:
        return table.empty().select(columns)
    return pa.concat_tables([run.read(table, window, columns=columns) for window in windows]).unify_dictionaries()


def _redacted(result: CorrelationResult) -> CorrelationResult:
    """Take personal data and secrets out of every text before it is stored."""
    return CorrelationResult(
        alerts=redact_columns(ALERTS, result.alerts),
        alert_suppressions=redact_columns(ALERT_SUPPRESSIONS, result.alert_suppressions),
        incidents=redact_columns(INCIDENTS, result.incidents),
        incident_alerts=result.incident_alerts,
        priority_factors=result.priority_factors,
        root_causes=redact_columns(ROOT_CAUSES, result.root_causes),
        evidence=redact_columns(EVIDENCE, result.evidence),
    )


def _recommend(run: Run, facts: Facts, result: CorrelationResult) -> pa.Table:
    return recommend(
        result,
        facts.findings,
        facts.anomalies,
        facts.changes,
        runbooks=run.context.runbooks,
        policies=run.context.policies,
    )


def _suggest(run: Run, result: CorrelationResult, around: Around) -> Suggestions:
    """Return what is due about incidents and risks: those known now, and those that still have a ticket."""
    risks = remembered_risks(run)
    items = run.read(CONFIGURATION_ITEMS, Window(BEGINNING, run.span.end))
    known = earlier_calls(run, result, risks)
    risks = risks_to_speak_of(run, risks, {call.external_key for call in known})
    return to_suggestions(
        result,
        risks,
        items,
        policies=run.context.policies,
        endpoints={name: sink.traits.mode for name, sink in run.context.sinks.items()},
        known=known,
        around=replace(around, risks_gone=risks_gone(run, risks)),
    )


def _publish(run: Run, result: CorrelationResult, suggested: Suggestions) -> None:
    run.publish(ALERTS, result.alerts)
    run.publish(ALERT_SUPPRESSIONS, result.alert_suppressions)
    run.publish(INCIDENT_ALERTS, result.incident_alerts)
    run.publish(PRIORITY_FACTORS, result.priority_factors)
    run.publish(ROOT_CAUSES, result.root_causes)
    run.publish(EVIDENCE, result.evidence)
    span = Window(run.span.start, run.span.end + INSTANT)
    run.publish(TICKET_SUGGESTIONS, suggested.suggestions, span=span)
    run_ids = pa.array([run.record.run_id] * suggested.outbox.num_rows, pa.string())
    calls = suggested.outbox.append_column("run_id", run_ids)
    until = pa.array([run.window.end] * calls.num_rows, TICKET_OUTBOX.to_arrow().field("told_until").type)
    calls = calls.set_column(calls.schema.get_field_index("told_until"), "told_until", until)
    run.outbox = TICKET_OUTBOX.conform(calls)


def _funnel(result: CorrelationResult, suggested: Suggestions) -> dict[str, object]:
    """Return how many of what became how many of what."""
    priorities = Counter(str(p) for p in result.incidents["priority"].to_pylist())
    actions = Counter(str(a) for a in suggested.suggestions["ticket_action"].to_pylist())
    events = sum(result.alerts["event_count"].to_pylist())
    return {
        "events": events,
        "alerts": result.alerts.num_rows,
        "alerts_suppressed": pc.sum(pc.equal(plain(result.alerts["alert_state"]), "suppressed")).as_py() or 0,
        "notifications_avoided": pc.sum(result.alert_suppressions["notifications_avoided"]).as_py() or 0,
        "suppression_harm": pc.sum(result.alert_suppressions["is_harm"]).as_py() or 0,
        "members": result.incident_alerts.num_rows,
        "incidents": result.incidents.num_rows,
        **{f"incidents_{name}": count for name, count in sorted(priorities.items())},
        **{f"suggested_{name}": count for name, count in sorted(actions.items())},
        "new_calls": suggested.outbox.num_rows,
    }
