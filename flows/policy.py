"""How Prefect treats our jobs: the only opinions about retries, names and summaries in the repository."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from prefect import Task, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from aiops_jobs.errors import AiopsError, Retryable
from aiops_jobs.jobs.catalogue import Job, ingest_owed
from aiops_jobs.jobs.running import RunReport
from aiops_jobs.ports import Context
from aiops_jobs.settings import load_settings
from aiops_jobs.window import Window

_task: Any = task  # its overloads do not know a job of any signature


async def is_retryable(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Retry what may heal by itself; everything else fails at once."""
    return isinstance(await state.aresult(raise_on_failure=False), Retryable)


def as_task(job: Callable[..., RunReport], *, name: str, description: str = "") -> Task[..., RunReport]:
    """Wrap a job as a Prefect task with the house policy: no cache, retries only of what may heal."""
    delays = list(load_settings().retry_delays_s)
    made: Task[..., RunReport] = _task(
        job,
        name=name,
        task_run_name=name,
        description=description,
        cache_policy=NO_CACHE,
        retries=len(delays),
        retry_delay_seconds=delays,
        retry_condition_fn=is_retryable,
        persist_result=False,
    )
    return made


def run_step(job: Job, context: Context, window: Window, as_of: datetime) -> RunReport:
    """Run one job as a task."""
    return as_task(job.run, name=job.name, description=job.description)(context, window, as_of)


def ingest_task(context: Context, source: str, table: str, window: Window, as_of: datetime) -> RunReport:
    """Ingest one table of one source as a task."""
    return as_task(ingest_owed, name=f"ingest {table} from {source}")(context, source, table, window, as_of)


def summarise(key: str, reports: Sequence[RunReport], *, description: str) -> None:
    """Leave a table of what ran in the Prefect UI."""
    rows = [
        {
            "job": r.job,
            "window": r.window,
            "as of": r.as_of,
            "rows in": r.rows_in,
            "rows published": r.rows_published,
            "run": r.run_id,
            "details": ", ".join(f"{k}={v}" for k, v in r.details.items() if isinstance(v, (int, float, str)))[:300],
        }
        for r in reports
    ]
    create_table_artifact(table=rows, key=key, description=description)


def show_report(report: RunReport) -> None:
    """Leave the report's summary in the Prefect UI."""
    markdown = report.details.get("markdown")
    if isinstance(markdown, str):
        create_markdown_artifact(markdown=markdown, key="aiops-report", description=f"Report of {report.window}")
    table = report.details.get("table")
    if isinstance(table, list) and table:
        create_table_artifact(table=table, key="aiops-incidents", description=f"Incidents of {report.window}")


def complaint(errors: Sequence[AiopsError]) -> str:
    """Return one sentence per error, for the state of a flow that worked around them."""
    return f"{len(errors)} of the inputs are missing data: " + " | ".join(str(error) for error in errors)
