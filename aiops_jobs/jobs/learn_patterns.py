"""Learn from the past which alerts follow one another, and propose correlation rules with their measured effect."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.knowledge import CORRELATION_PROPOSALS
from aiops_jobs.contracts.results import ALERTS, ANOMALIES, INCIDENT_ALERTS, INCIDENTS
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.columns import micros_of, texts_of
from aiops_jobs.core.incidents.patterns import Episodes, propose_rules
from aiops_jobs.jobs.running import Run, RunReport, open_run, report_of
from aiops_jobs.ports import Context
from aiops_jobs.window import Window

JOB = "learn_patterns"


def learn_patterns(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Publish what the look-back that ends with ``window`` teaches, as proposals; none is in force by itself.

    The rows stand at the begin of that look-back; those of an earlier run about another stretch stay beside them.
    """
    policy = context.policies.patterns
    past = Window(window.end - timedelta(seconds=policy.lookback_s), window.end)
    with open_run(context, JOB, window, as_of) as run:
        episodes = _episodes(run, past)
        version = context.policies.version("patterns")
        rows = propose_rules(episodes, past, policy=policy, policy_version=version)
        moment = Window(past.start, past.start + timedelta(microseconds=1))
        run.publish(CORRELATION_PROPOSALS, rows, span=moment)
        states = rows["proposal_status"].to_pylist()
        run.details.update(
            episodes=len(episodes.start), proposed=states.count("proposed"), rejected=states.count("rejected")
        )
    return report_of(run)


def _episodes(run: Run, past: Window) -> Episodes:
    """Return the alerts and anomalies of the past with their incidents, as the run's knowledge cut has them."""
    alerts = _known(run, ALERTS, past, "alert_id", "alert_name", "service_name", "started_at")
    found = _known(run, ANOMALIES, past, "finding_id", "metric_name", "service_name", "started_at")
    belongs = _known(run, INCIDENT_ALERTS, past, "member_id", "incident_id")
    incidents = _known(run, INCIDENTS, past, "incident_id", "cause_entity_id")
    incident_of = dict(zip(texts_of(belongs["member_id"]), texts_of(belongs["incident_id"]), strict=True))
    cause_of: dict[Any, str | None] = dict(
        zip(texts_of(incidents["incident_id"]), texts_of(incidents["cause_entity_id"]), strict=True)
    )
    names = ["id", "name", "service", "started_at"]
    both = [rows.rename_columns(names).cast(_PLAIN) for rows in (alerts, found)]
    rows = pa.concat_tables(both).sort_by([("started_at", "ascending"), ("id", "ascending")])
    grouped = [incident_of.get(member) for member in texts_of(rows["id"])]
    return Episodes(
        start=micros_of(rows["started_at"]),
        name=texts_of(rows["name"]),
        service=texts_of(rows["service"]),
        incident=grouped,
        cause=[cause_of.get(incident) for incident in grouped],
    )


_PLAIN = pa.schema(
    [("id", pa.string()), ("name", pa.string()), ("service", pa.string()), ("started_at", pa.timestamp("us", tz="UTC"))]
)


def _known(run: Run, table: Table, past: Window, *names: str) -> pa.Table:
    rows = run.context.warehouse.read(table, window=past)
    run.rows_in += rows.num_rows
    known = [at is not None and at <= run.as_of for at in rows["as_of"].to_pylist()]
    return rows.filter(pa.array(known, pa.bool_())).select(list(names))
