"""Train the router of tickets and the model of their targets on closed tickets, judge and promote them."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from aiops_jobs.contracts.telemetry import TICKET_HISTORY
from aiops_jobs.core.features.failures import seconds
from aiops_jobs.core.features.ticket_history import COLUMNS, described, in_order, solved_s
from aiops_jobs.core.models import SLA_RISK, TICKET_ROUTING, Trial
from aiops_jobs.core.models.routing import Router
from aiops_jobs.core.models.routing_training import try_router
from aiops_jobs.core.models.sla_training import to_promises, try_sla_risk
from aiops_jobs.jobs.model_inputs import champion_of, known_until
from aiops_jobs.jobs.running import RunReport, open_run, report_of
from aiops_jobs.jobs.train import record
from aiops_jobs.ports import Context
from aiops_jobs.window import Window

JOB = "train_routing"


def train_routing(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Train on the tickets opened within the look-back that ends with ``window``, or with ``as_of`` if that is earlier.

    A group is known from the moment its ticket was solved; a target is known to be missed when its time is over.
    ``details`` of the report tell, for each model, ``promoted``, ``candidate`` or ``rejected``, and why.
    """
    policy = context.policies.routing
    with open_run(context, JOB, window, as_of) as run:
        until = known_until(run)
        data = Window(until - timedelta(seconds=policy.lookback_s), until)
        rows = in_order(run.read(TICKET_HISTORY, data, columns=COLUMNS))
        tickets = described(rows, [row["opened_at"] for row in rows])
        group, solved, known_s = [row["assignment_group"] for row in rows], solved_s(rows), seconds(until)
        context.progress(f"{JOB}: {TICKET_ROUTING}")
        champion = champion_of(context, TICKET_ROUTING, as_of, before=True)
        routing = try_router(tickets, group, solved, known_s, policy, champion.artefact if champion else None)
        record(run, (routing, champion, data))
        context.progress(f"{JOB}: {SLA_RISK}")
        within = np.array([policy.resolve_within_s.get(row["priority"], np.nan) for row in rows], dtype=np.float64)
        promises = to_promises(tickets, group, solved, within, known_s)
        champion = champion_of(context, SLA_RISK, as_of, before=True)
        own = champion.artefact if champion else None
        record(run, (try_sla_risk(promises, known_s, policy, own, _judge(routing)), champion, data))
    return report_of(run)


def _judge(trial: Trial) -> Router | None:
    """Return the router that knew only what was known when the later period began."""
    return Router.from_dict(trial.artefact["judged"]) if trial.artefact is not None else None
