"""Commands that do work: run a job, back-fill it, write the page, check the connections."""

from __future__ import annotations

import webbrowser
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from aiops_jobs.cli.output import say, show_rows, window_of
from aiops_jobs.errors import AiopsError, ConfigurationError
from aiops_jobs.jobs.running import RunReport

Start = Annotated[str, Parameter(name="--from")]
End = Annotated[str, Parameter(name="--to")]
NAMES = (
    "ingest",
    "nightly",
    "train",
    "detect",
    "forecast",
    "score_failures",
    "evaluate_causes",
    "correlate",
    "deliver",
    "report",
    "maintain",
    "learn_patterns",
)


def run(job: str, *, start: Start, end: End, as_of: str | None = None, json: bool = False) -> None:
    """Run JOB over one window, in this process, without an orchestrator. Running it again changes nothing.

    Parameters
    ----------
    job:
        ingest, train, detect, forecast, score_failures, evaluate_causes, correlate, deliver, report, maintain,
        learn_patterns, or nightly for all but the last.
    start:
        Begin of the window, inclusive, as 2026-11-20T00:00:00Z.
    end:
        End of the window, exclusive.
    as_of:
        Knowledge cut: nothing learned later is used. Default: the end of the window.
    json:
        Print JSON instead of a table.
    """
    _finish(*_run(job, start, end, as_of), as_json=json)


def backfill(
    job: str, *, start: Start, end: End, every: str = "1d", as_of: str | None = None, json: bool = False
) -> None:
    """Run JOB over every window between two instants, oldest first. Can be interrupted and run again.

    Parameters
    ----------
    job:
        As for `aiops run`.
    start:
        Begin of the first window.
    end:
        End of the last window, exclusive.
    every:
        Length of one window: 15m, 6h, 1d.
    as_of:
        Knowledge cut of all windows. Default: the end of each window, as if it had been run then.
    json:
        Print JSON instead of a table.
    """
    whole, _ = window_of(start, end, as_of)
    parts = list(whole.split(_length(every)))
    reports: list[RunReport] = []
    errors: list[AiopsError] = []
    for number, part in enumerate(parts, start=1):
        say(f"window {number} of {len(parts)}: {part}")
        begin, stop = str(part).split("/")
        done, failed = _run(job, begin, stop, as_of)
        reports += done
        errors += failed
    _finish(reports, errors, as_json=json)


def report(
    incident: str | None = None,
    *,
    start: Start | None = None,
    end: End | None = None,
    as_of: str | None = None,
    draft: Literal["rca", "postmortem"] | None = None,
    browse: Annotated[bool, Parameter(name="--open")] = False,
    json: bool = False,
) -> None:
    """Write the page of one incident, or the pages of one window, and say where they are.

    Parameters
    ----------
    incident:
        Id of an incident (inc-…), told as the latest knowledge tells it; no window is needed then.
    start:
        Begin of the window, inclusive.
    end:
        End of the window, exclusive.
    as_of:
        Knowledge cut. Default: the end of the window.
    draft:
        Write a draft about the incident instead, as HTML and Markdown, for people to finish.
    browse:
        Show the page in the browser of this machine.
    json:
        Print JSON instead of a line.
    """
    if incident is not None:
        from aiops_jobs.bootstrap import bootstrap
        from aiops_jobs.jobs.report import report_draft, report_incident

        context = bootstrap(progress=say)
        done = [report_draft(context, incident, draft) if draft else report_incident(context, incident)]
    elif start is None or end is None:
        remedy = "Name an incident (inc-…), or a window with --from and --to."
        raise ConfigurationError("--from/--to", "is missing", remedy=remedy)
    else:
        done, _ = _run("report", start, end, as_of)
    path = str(done[0].details.get("path"))
    show_rows([{"report": path, "run": done[0].run_id}], as_json=json)
    if browse:
        webbrowser.open(Path(path).as_uri())


def check(*, json: bool = False) -> None:
    """Check settings, connections and permissions; exit 4 if one of them will not work.

    Parameters
    ----------
    json:
        Print JSON instead of a table.
    """
    from aiops_jobs.bootstrap import bootstrap, executors
    from aiops_jobs.settings import load_settings

    settings = load_settings()
    context = bootstrap(settings)
    found = [("warehouse", c) for c in context.warehouse.check()]
    others = {"source": context.sources, "sink": context.sinks, "executor": executors(settings)}
    for kind, named in others.items():
        found += [(f"{kind} {name}", c) for name, each in sorted(named.items()) for c in each.check()]
    rows = [
        {"part": part, "check": c.name, "result": "ok" if c.is_ok else "FAILED", "detail": c.detail, "remedy": c.remedy}
        for part, c in found
    ]
    if not context.sources:
        rows.append(
            {
                "part": "settings",
                "check": "sources",
                "result": "ok",
                "detail": "no source is configured",
                "remedy": "Add a [sources.<name>] table to aiops.toml.",
            }
        )
    show_rows(rows, as_json=json, title="Checks")
    bad = [row for row in rows if row["result"] != "ok"]
    if bad:
        raise ConfigurationError(
            ", ".join(sorted({str(row["part"]) for row in bad})),
            f"did not pass: {bad[0]['detail']}",
            remedy=str(bad[0]["remedy"]) or "See the table above.",
        )


def _run(job: str, start: str, end: str, as_of: str | None) -> tuple[list[RunReport], list[AiopsError]]:
    window, cut = window_of(start, end, as_of)
    if job not in NAMES:
        raise ConfigurationError("JOB", f"is `{job}`, which is unknown", remedy=f"Use one of: {', '.join(NAMES)}.")
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.jobs.catalogue import JOBS, ingest_all, run_nightly

    context = bootstrap(progress=say)
    if job == "nightly":
        return run_nightly(context, window, cut)
    if job == "ingest":
        return ingest_all(context, window, cut)
    return [JOBS[job].run(context, window, cut)], []


def _finish(reports: list[RunReport], errors: list[AiopsError], *, as_json: bool) -> None:
    if as_json:
        show_rows([asdict(r) for r in reports], as_json=True)
    else:
        rows = [
            {"job": r.job, "window": r.window, "rows in": r.rows_in, "published": r.rows_published, "run": r.run_id}
            for r in reports
        ]
        show_rows(rows, as_json=False, title="Runs")
    for error in errors[:-1]:
        say(f"failed: {error}")
    if errors:
        raise errors[-1]


def _length(text: str) -> timedelta:
    units = {"m": "minutes", "h": "hours", "d": "days"}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isdigit() or int(number) == 0:
        raise ConfigurationError("--every", f"is `{text}`", remedy="Write a length such as 15m, 6h or 1d.")
    return timedelta(**{units[unit]: int(number)})
