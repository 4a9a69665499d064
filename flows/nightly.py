"""The main job: ingest, read back, train, detect, forecast, score, correlate, deliver, report, maintain; in order."""

from __future__ import annotations

from prefect import flow

from aiops_jobs.errors import AiopsError
from aiops_jobs.jobs.catalogue import AFTER_INGEST, ingest_all
from flows.parameters import WindowParameters, open_context
from flows.policy import complaint, ingest_task, run_step, show_report, summarise


@flow(name="nightly", description="The main job, end to end. Running it again changes nothing.", log_prints=False)
def nightly(parameters: WindowParameters = WindowParameters()) -> list[str]:  # noqa: B008 - frozen
    """Work through the asked or the outstanding windows; return the run ids.

    A source that cannot be read is missing data in everything that follows; the rest is done and delivered, and the
    flow then fails with the name of the source, so that somebody looks.

    Raises:
        AiopsError: After everything else was done: what could not be read, source by source.
    """
    context = open_context()
    reports, errors = [], list[AiopsError]()
    for window, as_of in parameters.windows(context, "maintain"):
        done, failed = ingest_all(context, window, as_of, step=ingest_task)
        reports += done
        errors += failed
        for job in AFTER_INGEST:
            reports.append(run_step(job, context, window, as_of))
            if job.name == "report":
                show_report(reports[-1])
    summarise("aiops-nightly", reports, description="What ran, window by window.")
    if errors:
        raise AiopsError(complaint(errors)) from errors[0]
    return [report.run_id for report in reports]
