"""The page in short, for the UI of a workflow engine: Markdown, and rows of a table."""

from __future__ import annotations

import re

from aiops_jobs.core.reports.incident_model import Incident
from aiops_jobs.core.reports.markup import clean
from aiops_jobs.core.reports.model import View
from aiops_jobs.core.reports.words import DASH, count, duration, instant, percent, shortened, span

LEVEL_WORDS = {"act": "ACT NOW", "look": "LOOK", "blind": "DATA MISSING", "calm": "CALM"}
MOST_LINES = 10
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~&$-])")


def render_markdown(view: View) -> str:
    """Return the page's summary as Markdown.

    Text from telemetry is escaped or stands in a fence longer than any run of backticks in it: it cannot become a
    link, an image, HTML or a heading.
    """
    verdict = view.verdict
    lines = [
        f"## {LEVEL_WORDS[verdict.level]}: {escaped(verdict.headline)}",
        "",
        f"{escaped(view.estate)}, {span(view.window.start, view.window.end)}, as of {instant(view.as_of)} UTC",
        "",
        *(f"- {escaped(sentence)}" for sentence in verdict.sentences),
        "",
    ]
    if view.data.gaps:
        lines += ["### Missing or incomplete data", "", *_fenced(list(view.data.gaps[:MOST_LINES])), ""]
    if view.incidents:
        lines += ["### Incidents", "", "| priority | incident | began | state | probable cause | confidence |"]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        lines += [_incident_line(incident) for incident in view.incidents[:MOST_LINES]]
        lines += [""]
    if view.forecasts:
        lines += ["### Capacity", "", *_fenced([f"{f.title}: {f.told}" for f in view.forecasts[:MOST_LINES]]), ""]
    acting = [risk for risk in view.risks if risk.decision != "none"]
    if acting:
        told = [f"{r.entity_id}: {percent(r.probability)} in {duration(r.horizon_s)}, {r.decision}" for r in acting]
        lines += ["### Failure risks", "", *_fenced(told[:MOST_LINES]), ""]
    lines += [f"Run `{view.run_id}`, {count(len(view.runs), 'run')} behind it, code `{view.code_version}`."]
    return "\n".join(lines) + "\n"


def summary_rows(view: View) -> list[dict[str, str]]:
    """Return one row an incident for a table in the UI; where there is none, one row with the verdict."""
    if not view.incidents:
        return [{"priority": DASH, "incident": clean(view.verdict.headline), **dict.fromkeys(_COLUMNS, DASH)}]
    return [_row(incident) for incident in view.incidents]


_COLUMNS = ("service", "began", "state", "probable cause", "confidence", "tickets", "id")


def escaped(text: str) -> str:
    """Return ``text`` as one line in which no character means anything to Markdown or HTML."""
    return _SPECIAL.sub(r"\\\1", " ".join(clean(text).split())).replace("\\<", "&lt;").replace("\\>", "&gt;")


def _row(incident: Incident) -> dict[str, str]:
    best = incident.candidates[0] if incident.candidates else None
    return {
        "priority": incident.priority,
        "incident": clean(incident.title),
        "service": clean(incident.service or DASH),
        "began": instant(incident.started_at),
        "state": "open" if incident.is_open else "resolved",
        "probable cause": DASH if best is None else clean(best.statement),
        "confidence": DASH if best is None else percent(best.confidence),
        "tickets": ", ".join(clean(f"{t.endpoint} {t.key or t.state}") for t in incident.tickets) or DASH,
        "id": incident.incident_id,
    }


def _incident_line(incident: Incident) -> str:
    row = _row(incident)
    cause = shortened(row["probable cause"], 160)
    cells = (row["priority"], row["incident"], row["began"], row["state"], cause, row["confidence"])
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def _fenced(lines: list[str]) -> list[str]:
    told = [" ".join(clean(line).split()) for line in lines]
    longest = max((len(run) for line in told for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *told, fence]
