"""What people said about our conclusions: read as of an instant, and written down, for every job that needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.columns import VERDICT_NUMBERS
from aiops_jobs.contracts.feedback import INCIDENT_OUTCOMES, LABELS
from aiops_jobs.contracts.operations import TICKETS
from aiops_jobs.contracts.results import ANOMALIES, FINDINGS, INCIDENT_ALERTS, INCIDENTS
from aiops_jobs.contracts.table import Table
from aiops_jobs.core.feedback import outcomes
from aiops_jobs.core.feedback.labels import holding, known, label_row
from aiops_jobs.core.feedback.leniency import Leniency, leniency_of
from aiops_jobs.core.feedback.past import spoken_of, tickets_of
from aiops_jobs.core.feedback.verdicts import Verdict
from aiops_jobs.errors import ConfigurationError, NotFoundError
from aiops_jobs.identity import digest
from aiops_jobs.jobs.redacting import redacted
from aiops_jobs.jobs.running import Run
from aiops_jobs.ports import Context, Filter, InputFile

Row = dict[str, Any]
PLACE = "warehouse/labels"
"""How the verdicts that a run knew are called among its inputs."""


def labels_known(run: Run) -> list[Row]:
    """Return the labels known at the run's knowledge cut; they become an input of it."""
    rows = [dict(row) for row in known(run.context.warehouse.read(LABELS).to_pylist(), run.as_of)]
    if rows:
        instants = [row["known_at"] for row in rows]
        said = digest([sorted((name, str(value)) for name, value in row.items()) for row in rows])
        run.uses(InputFile(PLACE, LABELS.name, said, len(rows), min(instants), max(instants)))
    return rows


def labels_held(run: Run) -> list[Row]:
    """Return the labels that hold at the run's knowledge cut, one a subject."""
    held = holding(labels_known(run), run.as_of)
    return [dict(held[subject]) for subject in sorted(held)]


def leniency_known(run: Run) -> Leniency:
    """Return by how much people's verdicts widen bands, as far as they are known to the run."""
    return leniency_of(labels_known(run), run.context.policies.feedback)


def with_verdicts(run: Run, tickets: pa.Table, *, least: float = 0.0) -> pa.Table:
    """Return rows of ``ticket_history`` together with what verdicts say about our own tickets, each once.

    Args:
        run: Which verdicts are known.
        tickets: Some columns of ``ticket_history``, ``ticket_key`` among them.
        least: Less sure verdicts are left out; what their tickets say themselves is then left in.
    """
    held = [row for row in labels_held(run) if row["confidence_ratio"] >= least]
    said = [{name: row[name] for name in tickets.column_names} for row in tickets_of(held)]
    spoken = pa.array(sorted(spoken_of(held)), pa.string())
    if not len(spoken) and not said:
        return tickets
    rest = tickets.filter(pc.invert(pc.is_in(tickets["ticket_key"].cast(pa.string()), spoken)))
    more = pa.Table.from_pylist(said, schema=pa.schema([field.with_nullable(True) for field in tickets.schema]))
    return pa.concat_tables([rest, more.cast(tickets.schema)]).unify_dictionaries()


def label(
    context: Context, subject_id: str, verdict: str, *, author: str, cause: str | None = None, note: str | None = None
) -> Row:
    """Write down what a person says about an incident or finding; return the row.

    Args:
        context: Only the warehouse and the policies are used.
        subject_id: Id of an incident (``inc-``) or a finding (``fnd-``).
        verdict: One of ``labels.label_verdict``.
        author: Who says so.
        cause: Configuration item that was the cause, as kind/name, or words.
        note: Further words.

    Raises:
        ConfigurationError: There is no such verdict.
        NotFoundError: There is no such incident or finding.
    """
    if verdict not in VERDICT_NUMBERS:
        raise ConfigurationError("--verdict", f"is `{verdict}`", remedy=f"Use one of: {', '.join(VERDICT_NUMBERS)}.")
    subjects = subjects_of(context, [subject_id])
    if not subjects:
        raise NotFoundError("incident or finding", subject_id, remedy="The report and `aiops explain` name them.")
    now = context.warehouse.now()
    before = context.warehouse.read(LABELS, where=[Filter("subject_id", subject_id)]).to_pylist()
    is_entity = bool(cause and "/" in cause and " " not in cause)
    said = {
        "author_kind": "human",
        "author": author,
        "labelled_at": now,
        "cause_entity_id": cause if is_entity else None,
        "cause_text": note or (None if is_entity else cause),
    }
    row = label_row(
        subjects[subject_id],
        Verdict(verdict, 1.0 if verdict != "insufficient_data" else 0.0, "a person said so"),
        said=said,
        known_at=now,
        number=sum(row["said_in"] is None for row in before),
        policy_version=context.policies.version("feedback"),
    )
    add(context, LABELS, [row])
    tell_outcomes(context, [subject_id], now)
    return row


def subjects_of(context: Context, ids: Iterable[str]) -> dict[str, Row]:
    """Return what labels need to know of incidents and findings, by id; what is not there any more is left out."""
    wanted = sorted(set(ids))
    warehouse = context.warehouse
    incidents = warehouse.read(INCIDENTS, where=[Filter("incident_id", wanted)]).to_pylist()
    memberships = warehouse.read(
        INCIDENT_ALERTS, where=[Filter("incident_id", wanted), Filter("member_kind", "finding")]
    )
    members: dict[str, list[str]] = {}
    for row in memberships.to_pylist():
        members.setdefault(row["incident_id"], []).append(row["member_id"])
    findings = warehouse.read(FINDINGS, where=[Filter("finding_id", wanted)]).to_pylist()
    members |= {row["finding_id"]: [row["finding_id"]] for row in findings}
    everything = sorted({finding for found in members.values() for finding in found})
    anomalies = warehouse.read(ANOMALIES, where=[Filter("finding_id", everything)])
    series = {r["finding_id"]: (r["detector"], r["series_id"]) for r in anomalies.to_pylist()}
    return {
        row[f"{kind}_id"]: {
            "subject_id": row[f"{kind}_id"],
            "subject_kind": kind,
            **{name: row[name] for name in ("entity_id", "service_name", "started_at", "detected_at")},
            "applies_to": {series[m] for m in members.get(row[f"{kind}_id"], ()) if m in series},
        }
        for kind, rows in (("incident", incidents), ("finding", findings))
        for row in rows
    }


def tell_outcomes(context: Context, subjects: Sequence[str], now: datetime) -> int:
    """Write down what became of incidents where it differs from what is known; return of how many."""
    warehouse, wanted = context.warehouse, sorted(set(subjects))
    incidents = warehouse.read(INCIDENTS, where=[Filter("incident_id", wanted)]).to_pylist()
    if not incidents:
        return 0
    tickets: dict[str, list[Row]] = {}
    for row in warehouse.read(TICKETS, where=[Filter("subject_id", wanted)]).to_pylist():
        tickets.setdefault(row["subject_id"], []).append(row)
    held = holding(warehouse.read(LABELS, where=[Filter("subject_id", wanted)]).to_pylist(), now)
    before = outcomes.latest(warehouse.read(INCIDENT_OUTCOMES, where=[Filter("incident_id", wanted)]).to_pylist())
    rows = [
        outcomes.outcome_row(row, tickets.get(row["incident_id"], []), held.get(row["incident_id"]), now)
        for row in incidents
    ]
    news = [row for row in rows if outcomes.is_news(row, before.get(row["incident_id"]))]
    add(context, INCIDENT_OUTCOMES, news)
    return len(news)


def add(context: Context, table: Table, rows: Sequence[Row]) -> None:
    """Add rows of a table of feedback, redacted."""
    if rows:
        schema = pa.schema([field.with_nullable(True) for field in table.to_arrow()])
        told = redacted(context, table, pa.Table.from_pylist(list(rows), schema=schema))
        context.warehouse.add_feedback(table, table.conform(told))
