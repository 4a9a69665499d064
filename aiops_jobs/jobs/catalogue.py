"""All jobs by name, and the order in which a night runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiops_jobs.contracts.operations import RUNS
from aiops_jobs.contracts.telemetry import INGESTED
from aiops_jobs.errors import AiopsError, Superseded
from aiops_jobs.identity import canonical_json
from aiops_jobs.jobs.correlate import correlate
from aiops_jobs.jobs.deliver import deliver
from aiops_jobs.jobs.detect import detect
from aiops_jobs.jobs.evaluate_causes import evaluate_causes
from aiops_jobs.jobs.forecast import forecast
from aiops_jobs.jobs.ingest import ingest
from aiops_jobs.jobs.learn_patterns import learn_patterns
from aiops_jobs.jobs.maintain import maintain
from aiops_jobs.jobs.read_back import read_back
from aiops_jobs.jobs.report import report
from aiops_jobs.jobs.running import RunReport
from aiops_jobs.jobs.score_failures import score_failures
from aiops_jobs.jobs.train import train
from aiops_jobs.jobs.train_routing import train_routing
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

Verb = Callable[[Context, Window, datetime], RunReport]
IngestStep = Callable[[Context, str, str, Window, datetime], RunReport]
CATCH_UP = 7


@dataclass(frozen=True, slots=True)
class Job:
    """One verb, as people and schedulers know it."""

    name: str
    run: Verb
    description: str


AFTER_INGEST: tuple[Job, ...] = (
    Job("read_back", read_back, "Read tickets back from their systems: state, verdict and cause, times."),
    Job("train", train, "Train and evaluate the failure and capacity models on what is known."),
    Job("train_routing", train_routing, "Learn from closed tickets who solves what, and which targets are missed."),
    Job("detect", detect, "Judge the metrics of the window and record what is unusual."),
    Job("forecast", forecast, "Forecast saturating resources and their time to breach."),
    Job("score_failures", score_failures, "Score every disk and host with the champion failure model."),
    Job("evaluate_causes", evaluate_causes, "Judge our causes by closed tickets and calibrate confidence."),
    Job("correlate", correlate, "Group alerts and findings into incidents with ranked causes; suggest tickets."),
    Job("deliver", deliver, "Deliver the ticket outbox to the sinks, each ticket once."),
    Job("report", report, "Write the page and the summary of the window."),
    Job("maintain", maintain, "Remove what nobody can ask for any more."),
)
NOW_AND_THEN: tuple[Job, ...] = (
    Job("learn_patterns", learn_patterns, "Learn which alerts follow one another; propose correlation rules."),
)
"""What no night needs: it looks at weeks, and what it says waits for a person."""
JOBS: dict[str, Job] = {job.name: job for job in (*AFTER_INGEST, *NOW_AND_THEN)}


def ingest_steps(context: Context) -> list[tuple[str, str]]:
    """Return every (source, table) pair that an ingestion works through, in order."""
    order = [table.name for table in INGESTED]
    return [
        (name, table)
        for name, source in sorted(context.sources.items())
        for table in sorted({t.name for t in source.tables}, key=order.index)
    ]


def outstanding(context: Context, source: str, table: str, window: Window) -> list[Window]:
    """Return ``window`` and the windows of its length before it that ``source`` still owes, oldest first.

    Nothing is owed before the first window a source ever delivered, nor further back than ``CATCH_UP`` windows.
    """
    asked = canonical_json({"source": source, "table": table})
    done = context.warehouse.read(
        RUNS, where=[Filter("job", "ingest"), Filter("run_status", "completed"), Filter("parameters", asked)]
    )
    known: list[datetime] = done["window_end"].to_pylist()
    mark = max(known, default=window.start)
    if mark >= window.start:
        return [window]
    owed = Window(max(mark, window.start - CATCH_UP * window.duration), window.start)
    return [*owed.split(window.duration), window]


def ingest_owed(context: Context, source: str, table: str, window: Window, as_of: datetime) -> RunReport:
    """Ingest one table of one source: what it still owes and ``window``; return the report of the last."""
    reports = [ingest(context, source, table, owed, as_of) for owed in outstanding(context, source, table, window)]
    return reports[-1]


def ingest_all(
    context: Context, window: Window, as_of: datetime, *, step: IngestStep = ingest_owed
) -> tuple[list[RunReport], list[AiopsError]]:
    """Ingest every table of every source; one that fails does not stop the others.

    Args:
        context: Everything a job may touch.
        window: Event time to be read.
        as_of: Knowledge cut.
        step: How one table of one source is ingested; an orchestrator wraps it.

    Returns:
        The reports of what succeeded, and the errors of what did not.
    """
    reports: list[RunReport] = []
    errors: list[AiopsError] = []
    for source, table in ingest_steps(context):
        context.progress(f"ingest {table} from {source}")
        try:
            reports.append(step(context, source, table, window, as_of))
        except Superseded:
            raise  # another process works on this very window: going on would publish from half of its data
        except AiopsError as error:
            errors.append(error)
    return reports, errors


def run_nightly(context: Context, window: Window, as_of: datetime) -> tuple[list[RunReport], list[AiopsError]]:
    """Run the whole main job over one window, in order, without an orchestrator.

    Sources that fail are missing data in everything that follows; they do not stop it.
    """
    reports, errors = ingest_all(context, window, as_of)
    for job in AFTER_INGEST:
        context.progress(job.name)
        reports.append(job.run(context, window, as_of))
    return reports, errors
