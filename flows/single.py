"""A flow for each job that is scheduled by itself: the windows a person asked for, or those outstanding."""

from __future__ import annotations

from typing import Any

from prefect import Flow, flow

from aiops_jobs.jobs.catalogue import JOBS, Job
from flows.parameters import WindowParameters, open_context
from flows.policy import run_step, show_report, summarise

_flow: Any = flow  # its overloads do not know a function made here


def single_flow(job: Job) -> Flow[..., list[str]]:
    """Return a flow that runs ``job`` window by window and leaves its summary in the UI."""

    def run(parameters: WindowParameters = WindowParameters()) -> list[str]:  # noqa: B008 - frozen
        context = open_context()
        reports = [run_step(job, context, window, as_of) for window, as_of in parameters.windows(context, job.name)]
        summarise(f"aiops-{job.name.replace('_', '-')}", reports, description=job.description)
        if job.name == "report" and reports:
            show_report(reports[-1])
        return [report.run_id for report in reports]

    run.__name__ = run.__qualname__ = job.name
    run.__doc__ = job.description
    made: Flow[..., list[str]] = _flow(run, name=job.name.replace("_", "-"), description=job.description)
    return made


train = single_flow(JOBS["train"])
train_routing = single_flow(JOBS["train_routing"])
detect = single_flow(JOBS["detect"])
forecast = single_flow(JOBS["forecast"])
score_failures = single_flow(JOBS["score_failures"])
evaluate_causes = single_flow(JOBS["evaluate_causes"])
read_back = single_flow(JOBS["read_back"])
correlate = single_flow(JOBS["correlate"])
deliver = single_flow(JOBS["deliver"])
report = single_flow(JOBS["report"])
maintain = single_flow(JOBS["maintain"])
learn_patterns = single_flow(JOBS["learn_patterns"])
