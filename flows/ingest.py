"""Copy a window of telemetry from every source into the lake."""

from __future__ import annotations

from prefect import flow

from aiops_jobs.errors import AiopsError
from aiops_jobs.jobs.catalogue import ingest_all
from flows.parameters import WindowParameters, open_context
from flows.policy import complaint, ingest_task, summarise


@flow(name="ingest", description="Copy a window of telemetry from every source into the lake.", log_prints=False)
def ingest(parameters: WindowParameters = WindowParameters()) -> list[str]:  # noqa: B008 - frozen
    """Ingest every table of every source; return the run ids.

    Raises:
        AiopsError: After everything else was done: what could not be read, source by source.
    """
    context = open_context()
    reports, errors = [], list[AiopsError]()
    for window, as_of in parameters.windows(context, "ingest"):
        done, failed = ingest_all(context, window, as_of, step=ingest_task)
        reports += done
        errors += failed
    summarise("aiops-ingest", reports, description="What came in, by source and table.")
    if errors:
        raise AiopsError(complaint(errors)) from errors[0]
    return [report.run_id for report in reports]
