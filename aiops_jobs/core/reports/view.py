"""Decides what a page says: the verdict in one glance, then everything it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from aiops_jobs.contracts import knowledge as k
from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts import telemetry as t
from aiops_jobs.contracts.feedback import INCIDENT_OUTCOMES
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.alerts.funnel import funnel
from aiops_jobs.core.feedback.outcomes import figures, latest
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.reports.facts import Facts, Row, rows_by
from aiops_jobs.core.reports.incident_model import Incident, Ticket
from aiops_jobs.core.reports.incidents import build_incidents, tickets_about
from aiops_jobs.core.reports.model import (
    ACT,
    BLIND,
    CALM,
    LOOK,
    DataState,
    FailureRisk,
    Forecast,
    RunLine,
    Verdict,
    View,
)
from aiops_jobs.core.reports.outlook import build_forecasts, build_models, build_risks
from aiops_jobs.core.reports.soundness import build_data_state, idle_gaps
from aiops_jobs.core.reports.words import count, day, percent, sentence, span
from aiops_jobs.window import Window

SHOWN: tuple[Table, ...] = (
    r.INCIDENTS,
    r.INCIDENT_ALERTS,
    r.PRIORITY_FACTORS,
    r.ROOT_CAUSES,
    r.EVIDENCE,
    r.ALERTS,
    r.FINDINGS,
    r.ANOMALIES,
    r.CAPACITY_FORECASTS,
    r.CAPACITY_RISKS,
    r.FAILURE_RISKS,
    k.ALERT_SUPPRESSIONS,
    k.SIMILAR_INCIDENTS,
    k.RUNBOOK_RECOMMENDATIONS,
    t.CHANGES,
    t.TOPOLOGY_EDGES,
    t.QUARANTINE,
    o.SOURCE_HEALTH,
    o.QUALITY_RESULTS,
    o.MODEL_VERSIONS,
    o.MODEL_EVALUATIONS,
    o.TICKET_OUTBOX,
    o.TICKETS,
    o.RUNS,
    INCIDENT_OUTCOMES,
)
"""Every table a page is made of."""
URGENT = ("P1", "P2")
SAY_NOTHING = ("report", "maintain")
"""Jobs that conclude nothing: their runs are not behind a page, and a page written twice is the same page."""


def build_view(
    facts: Facts, policies: Policies, *, window: Window, as_of: datetime, estate: str, run_id: str, code_version: str
) -> View:
    """Return what the page of ``window`` shows.

    Args:
        facts: Rows of `SHOWN` around the window, with the series to be drawn.
        policies: How much is shown, and what metrics are called.
        window: What the page is about.
        as_of: Knowledge cut; rows learned later are left out and counted.
        estate: What the estate is called.
        run_id: The run that writes the page.
        code_version: The code that wrote it.
    """
    facts, revised = facts.known_at(as_of)
    incidents, plots = build_incidents(facts, policies, window)
    shown = tuple(incidents[: policies.report.max_incidents])
    risks, hidden_risks = build_risks(facts, policies)
    forecasts, hidden_forecasts = build_forecasts(facts, policies)
    tickets = _tickets(facts)
    data = build_data_state(facts, window, as_of)
    data = replace(data, gaps=(*data.gaps, *idle_gaps(facts[o.RUNS].to_pylist(), window, as_of)))
    return View(
        estate=estate,
        window=window,
        as_of=as_of,
        run_id=run_id,
        code_version=code_version,
        verdict=_verdict(incidents, forecasts, risks, tickets, data),
        incidents=shown,
        hidden_incidents=len(incidents) - len(shown),
        plots=tuple(plots),
        anomaly_count=facts[r.ANOMALIES].num_rows,
        forecasts=tuple(forecasts),
        hidden_forecasts=hidden_forecasts,
        risks=tuple(risks),
        hidden_risks=hidden_risks,
        tickets=tickets,
        data=data,
        models=tuple(build_models(facts)),
        runs=run_lines(facts, window),
        funnel=funnel(facts.tables, window),
        figures=figures(latest(facts[INCIDENT_OUTCOMES].to_pylist(), as_of)),
        revised=revised,
    )


def _tickets(facts: Facts) -> tuple[Ticket, ...]:
    known, intended = rows_by(facts[o.TICKETS], "subject_id"), rows_by(facts[o.TICKET_OUTBOX], "subject_id")
    subjects = sorted({*known, *intended})
    return tuple(ticket for s in subjects for ticket in tickets_about(s, known.get(s, []), intended.get(s, [])))


def run_lines(facts: Facts, window: Window | None = None) -> tuple[RunLine, ...]:
    """Return the runs that concluded something (about ``window``), in the order of their windows."""
    rows = sorted(
        (row for row in facts[o.RUNS].to_pylist() if row["job"] not in SAY_NOTHING and _concerns(row, window)),
        key=lambda row: (row["window_start"], row["job"], row["parameters"], row["run_id"]),
    )
    return tuple(
        RunLine(
            run_id=row["run_id"],
            job=row["job"],
            asked="" if row["parameters"] in (None, "{}") else row["parameters"],
            status=row["run_status"],
            window=span(row["window_start"], row["window_end"]),
            as_of=row["as_of"],
            code_version=row["code_version"],
            config_hash=row["config_hash"],
            input_manifest_id=row["input_manifest_id"],
            rows_in=row["rows_in"],
            rows_published=row["rows_published"],
        )
        for row in rows
    )


def _concerns(row: Row, window: Window | None) -> bool:
    return window is None or bool(row["window_start"] < window.end and window.start < row["window_end"])


# --- the verdict ----------------------------------------------------------------------------------------------------


def _verdict(
    incidents: Sequence[Incident],
    forecasts: Sequence[Forecast],
    risks: Sequence[FailureRisk],
    tickets: Sequence[Ticket],
    data: DataState,
) -> Verdict:
    """Return what a reader should do. Missing data is never calm, and calm is said only where all data came."""
    urgent = [i for i in incidents if i.priority in URGENT and i.is_open]
    acting = [risk for risk in risks if risk.decision == "act"]
    dead = [ticket for ticket in tickets if ticket.state == "delivery dead"]
    filling = [f for f in forecasts if f.breach_at[1] is not None]
    level, headline = CALM, "Nothing needs you"
    if urgent:
        level = ACT
        headline = f"{urgent[0].priority} is open: {urgent[0].title}"
        if len(urgent) > 1:
            headline = f"{len(urgent)} urgent incidents are open"
    elif over := [i for i in incidents if i.priority in URGENT]:
        level, headline = LOOK, f"{over[0].priority} is over: {over[0].title}"
    elif incidents or acting or dead or filling:
        level, headline = LOOK, _look(incidents, len(acting) + len(filling), len(dead))
    elif data.gaps:
        level, headline = BLIND, "Calm cannot be confirmed: data is missing"
    sentences = [
        _incident_words(incidents),
        _cause_words(incidents),
        _risk_words(filling, acting),
        _ticket_words(tickets, len(dead)),
    ]
    return Verdict(level, headline, tuple(s for s in sentences if s))


def _look(incidents: Sequence[Incident], coming: int, dead: int) -> str:
    if incidents:
        still = sum(i.is_open for i in incidents)
        state = "all over" if not still else f"{still} still open"
        return f"{sentence(count(len(incidents), 'incident'))} to look at, {state}"
    if coming:
        return f"No incident; {count(coming, 'risk')} to plan for"
    return f"No incident; {count(dead, 'ticket')} could not be delivered"


def _incident_words(incidents: Sequence[Incident]) -> str:
    if not incidents:
        return "No incident began in the window."
    by_priority = Counter(i.priority for i in incidents)
    listed = ", ".join(f"{by_priority[p]} × {p}" for p in sorted(by_priority))
    still = sum(i.is_open for i in incidents)
    return f"{sentence(count(len(incidents), 'incident'))} ({listed}), {still} open."


def _cause_words(incidents: Sequence[Incident]) -> str:
    first = next((i for i in incidents if i.candidates), None)
    if first is None:
        return ""
    best = first.candidates[0]
    if best.status == "abstained":
        return f"The cause of “{first.title}” is not known."
    told = f"{best.statement.rstrip('.')} ({percent(best.confidence)})."
    return f"Likely cause: {told}" if first is incidents[0] else f"Likely cause of “{first.title}”: {told}"


def _risk_words(filling: Sequence[Forecast], acting: Sequence[FailureRisk]) -> str:
    parts = []
    if filling:
        parts.append(f"{count(len(filling), 'resource')} will be full, the first about {day(filling[0].breach_at[1])}")
    if acting:
        parts.append(f"{count(len(acting), 'item')} should be replaced before failing")
    return sentence(f"{'; '.join(parts)}.") if parts else ""


def _ticket_words(tickets: Sequence[Ticket], dead: int) -> str:
    if not tickets:
        return ""
    waiting = sum(ticket.state.startswith("delivery ") for ticket in tickets) - dead
    there = len(tickets) - waiting - dead
    parts = [f"{count(there, 'ticket')} with the service desk"]
    if waiting:
        parts.append(f"{waiting} waiting for delivery")
    if dead:
        parts.append(f"{dead} could not be delivered")
    return sentence(f"{', '.join(parts)}.")
