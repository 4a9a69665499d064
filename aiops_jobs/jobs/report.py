"""Write the pages of a window: its own, one for each incident in it, and the index of all windows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from aiops_jobs.contracts import operations as o
from aiops_jobs.contracts import results as r
from aiops_jobs.contracts.feedback import INCIDENT_OUTCOMES
from aiops_jobs.core.feedback.outcomes import latest
from aiops_jobs.core.reports import (
    INDEX,
    Facts,
    build_index,
    build_pages,
    build_view,
    page_name,
    render_incident,
    render_index,
    render_markdown,
    render_page,
    report_name,
    summary_rows,
)
from aiops_jobs.core.reports.drafts import KINDS, build_draft, draft_name, to_html, to_markdown
from aiops_jobs.errors import NotFoundError
from aiops_jobs.jobs.report_rows import facts_of, with_pictures, with_remedies
from aiops_jobs.jobs.running import Run, RunReport, open_run, report_of
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

JOB = "report"


def report(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Write self-contained HTML pages about ``window`` as known at ``as_of``: its own, and one for each incident.

    The page of an incident that a later report has told about stays as it is: that report knew more.
    ``details`` hold the ``path`` of the window's page, how many incidents have a page, the summary as ``markdown``,
    and the incidents as a ``table`` of strings.
    """
    with open_run(context, JOB, window, as_of) as run:
        facts = with_pictures(run, facts_of(run), context.policies)
        view = build_view(
            facts,
            context.policies,
            window=window,
            as_of=as_of,
            estate=context.estate,
            run_id=run.record.run_id,
            code_version=context.code_version,
        )
        path = context.pages.write(report_name(window), render_page(view))
        written = _write_pages(run, facts)
        if revised := _revised(run, facts):
            written += _write_pages(run, with_pictures(run, facts_of(run, revised), context.policies))
        _write_index(run)
        run.details |= {
            "path": path,
            "verdict": view.verdict.level,
            "incidents": len(view.incidents) + view.hidden_incidents,
            "pages": len(written),
            "gaps": len(view.data.gaps),
            "markdown": render_markdown(view),
            "table": summary_rows(view),
        }
    return report_of(run)


def report_incident(context: Context, incident_id: str) -> RunReport:
    """Write the page of one incident, as the latest knowledge tells it; ``details`` hold its ``path``.

    Raises:
        NotFoundError: No such incident was ever published.
    """
    found = context.warehouse.read(r.INCIDENTS, where=[Filter("incident_id", incident_id)]).to_pylist()
    if not found:
        remedy = "`aiops tickets` and the page of the window list them."
        raise NotFoundError("incident", incident_id, remedy=remedy)
    window, as_of = _latest_telling(context, found[0])
    told = context.warehouse.read(INCIDENT_OUTCOMES, where=[Filter("incident_id", incident_id)])["known_at"].to_pylist()
    as_of = max([as_of, *told])
    with open_run(context, JOB, window, as_of, parameters={"incident": incident_id}) as run:
        facts = with_pictures(run, facts_of(run, [incident_id]), context.policies)
        (path,) = _write_pages(run, facts)
        run.details |= {"path": path, "incident": incident_id}
    return report_of(run)


def report_draft(context: Context, incident_id: str, kind: str) -> RunReport:
    """Write the draft of an RCA report or of a postmortem as Markdown and HTML; ``details`` hold both paths.

    Raises:
        NotFoundError: No such incident was ever published.
    """
    found = context.warehouse.read(r.INCIDENTS, where=[Filter("incident_id", incident_id)]).to_pylist()
    if not found:
        raise NotFoundError("incident", incident_id, remedy="`aiops tickets` and the page of the window list them.")
    window, as_of = _latest_telling(context, found[0])
    with open_run(context, JOB, window, as_of, parameters={"incident": incident_id, "draft": kind}) as run:
        facts = with_remedies(run, facts_of(run, [incident_id]), [incident_id])
        path, markdown = _write_draft(run, facts, incident_id, kind)
        run.details |= {"path": path, "markdown_path": markdown, "incident": incident_id}
    return report_of(run)


def _write_draft(run: Run, facts: Facts, incident_id: str, kind: str) -> tuple[str, str]:
    """Write one draft as HTML and as Markdown; return where they are."""
    pages, policy = run.context.pages, run.context.policies.tickets
    draft = build_draft(facts, incident_id, kind, language=policy.language, zone=policy.time_zone)
    html = pages.write(draft_name(incident_id, kind, "html"), to_html(draft))
    return html, pages.write(draft_name(incident_id, kind, "md"), to_markdown(draft))


def _write_pages(run: Run, facts: Facts) -> list[str]:
    """Write the pages of the incidents among ``facts`` that no later report has told about; return where they are.

    Of those that are over also the drafts their pages lead to.
    """
    context = run.context
    pages = build_pages(
        facts,
        context.policies,
        window=run.window,
        as_of=run.as_of,
        estate=context.estate,
        most=context.policies.report.max_pages,
    )
    later = [Window(row["window_start"], row["window_end"]) for row in _reports(context) if row["as_of"] > run.as_of]
    fresh = [page for page in pages if not _is_told(page.incident.started_at, page.incident.ended_at, later)]
    over = [page.incident.incident_id for page in fresh if page.incident.ended_at is not None]
    known = with_remedies(run, facts.known_at(run.as_of)[0], over)
    for incident_id, kind in product(over, KINDS):
        _write_draft(run, known, incident_id, kind)
    return [context.pages.write(page_name(page.incident.incident_id), render_incident(page)) for page in fresh]


def _revised(run: Run, facts: Facts) -> list[str]:
    """Return the incidents that were over before the window, and about which more is known since.

    That is, those of the look-back that the last correlation has revised, and those of which people have told more.
    """
    shown = set(facts[r.INCIDENTS]["incident_id"].to_pylist())
    back = run.window.extended(before=_lookback(run))
    rows = run.context.warehouse.read(r.INCIDENTS, window=back).select(["incident_id", "as_of"]).to_pylist()
    known = {row["incident_id"] for row in rows if row["as_of"] == run.as_of}
    known |= set(latest(_told_of(run.context, run.window.start, run.as_of)))
    return sorted(known - shown)


def _told_of(context: Context, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Return what was learned in a time about what became of incidents."""
    rows: list[dict[str, Any]] = context.warehouse.read(INCIDENT_OUTCOMES).to_pylist()
    return [row for row in rows if since < row["known_at"] <= until]


def _lookback(run: Run) -> timedelta:
    """Return how far back before its window a correlation revises incidents."""
    correlation = run.context.policies.correlation
    return timedelta(seconds=correlation.lookback_s + correlation.max_duration_s)


def _write_index(run: Run) -> None:
    windows = {Window(row["window_start"], row["window_end"]) for row in _reports(run.context)} | {run.window}
    told = build_index(sorted(windows), run.context.warehouse.read(r.INCIDENTS))
    run.context.pages.write(INDEX, render_index(run.context.estate, told, older=len(windows) - len(told)))


def _reports(context: Context) -> list[dict[str, Any]]:
    """Return the completed reports about whole windows."""
    where = [Filter("job", JOB), Filter("run_status", "completed"), Filter("parameters", "{}")]
    rows: list[dict[str, Any]] = context.warehouse.read(o.RUNS, where=where).to_pylist()
    return rows


def _is_told(started_at: datetime, ended_at: datetime | None, windows: Sequence[Window]) -> bool:
    return any(started_at < w.end and (ended_at is None or ended_at > w.start) for w in windows)


def _latest_telling(context: Context, incident: dict[str, Any]) -> tuple[Window, datetime]:
    """Return window and knowledge cut of the latest correlation that overlaps the incident and knew its row."""
    where = [Filter("job", "correlate"), Filter("run_status", "completed")]
    runs = context.warehouse.read(o.RUNS, where=where).to_pylist()
    knew = [row for row in runs if row["as_of"] >= incident["as_of"]]
    touching = [
        row
        for row in knew
        if _is_told(incident["started_at"], incident["ended_at"], [Window(row["window_start"], row["window_end"])])
    ]
    own = [row for row in runs if row["run_id"] == incident["run_id"]]
    best = max(touching or own, key=lambda row: (row["as_of"], row["window_end"], row["window_start"]))
    return Window(best["window_start"], best["window_end"]), best["as_of"]
