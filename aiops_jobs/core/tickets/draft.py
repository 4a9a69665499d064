"""What a ticket says: title and Markdown body, from an incident or a risk, in words for the person who gets it.

The rows come in redacted; redaction after the text has been made safe for Markdown would find nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops_jobs.core.tickets.markdown import bullets, code, escape, one_line, prose
from aiops_jobs.core.tickets.redact import redact_text

TITLE_LIMIT = 250
MOST_EVIDENCE = 8
MOST_CHANGES = 3
MOST_SIMILAR = 3

NEXT_STEPS: dict[str, str] = {
    "capacity": "Give {entity} more room or take load off it, then check that the symptoms go.",
    "change": "Roll back {change}, or mend it, then check that the symptoms go.",
    "config": "Undo {change}, then check that the symptoms go.",
    "infra": "Take {entity} out of service if others can stand in for it, then repair it.",
    "dependency": "Begin at {entity}: it is the deepest component with symptoms.",
    "data": "Find out why {entity} delivers no sound data, then let its readers catch up.",
    "traffic": "Find out where the load comes from, and whether {entity} can carry it.",
    "unknown": "Begin where it began: at {entity}.",
}


@dataclass(frozen=True, slots=True)
class DraftText:
    """Title and body."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """One incident with everything that belongs to it, as plain rows."""

    incident: Mapping[str, Any]
    causes: Sequence[Mapping[str, Any]] = ()
    evidence: Sequence[Mapping[str, Any]] = ()
    factors: Sequence[Mapping[str, Any]] = ()
    runbook: str | None = None
    """The runbook that fits best, with its reason."""
    similar: Sequence[Mapping[str, Any]] = ()
    """Rows of ``similar_incidents``."""
    page_url: str | None = None
    """Where its page is, if pages are served."""
    assigned: tuple[str | None, str] | None = None
    """Group that gets the ticket, if any, and why."""
    target: str | None = None
    """How likely it is solved too late."""


def incident_text(facts: IncidentFacts) -> DraftText:
    """Return what the ticket about an incident says."""
    row = facts.incident
    parts = [
        prose(row["summary"]),
        _since(row),
        _impact(row),
        _cause(facts),
        _section("How it came about", [prose(redact_text(s)) for s in _listed(row["causal_chain"])], numbered=True),
        _section("Evidence", [prose(e["statement"]) for e in _first_cause_first(facts.evidence)[:MOST_EVIDENCE]]),
        _section("Similar incidents", [_alike(row) for row in _resolved_first(facts.similar)[:MOST_SIMILAR]]),
        _section("Related changes", [prose(c["statement"]) for c in _changes(facts)]),
        _section("Announced", [prose(redact_text(f["raw_value"])) for f in facts.factors if f["factor"] in ANNOUNCED]),
        f"**Next step:** {_next_step(facts)}",
        _assigned(facts.assigned),
        f"**Target:** {prose(facts.target)}" if facts.target else "",
        f"**Runbook:** {prose(redact_text(facts.runbook))}" if facts.runbook else "",
        f"[Page of this incident]({facts.page_url})" if facts.page_url else "",
        _footer(row["incident_id"]),
    ]
    return _draft(row["title"], parts)


ANNOUNCED = ("announced_event", "maintenance")


def resolution_text(row: Mapping[str, Any]) -> DraftText:
    """Return the closing note of an incident."""
    over = f"Over since {_moment(row['ended_at'])}: no symptom and no alert of it is left."
    return _draft(row["title"], [over, _footer(row["incident_id"])])


def risk_text(finding: Mapping[str, Any], assigned: tuple[str | None, str] | None = None) -> DraftText:
    """Return what the ticket about a risk (of running out, of failing) says; ``assigned`` as in `IncidentFacts`."""
    confidence = finding.get("confidence_ratio")
    sure = f" Confidence: {confidence:.0%}." if confidence is not None else ""
    parts = [
        prose(finding["summary"]),
        f"**Known since:** {_moment(finding['detected_at'])}.{sure}",
        f"**About:** {code(finding['entity_id'])}",
        "**Next step:** Act before it happens; nothing is broken yet.",
        _assigned(assigned),
        _footer(finding["finding_id"]),
    ]
    return _draft(finding["title"], parts)


def risk_gone_text(finding: Mapping[str, Any]) -> DraftText:
    """Return the closing note of a risk that has been looked at again and was not found."""
    gone = f"The risk is gone: last told {_moment(finding['detected_at'])}, and not found when looked at again since."
    return _draft(finding["title"], [gone, _footer(finding["finding_id"])])


def digest_text(held: Sequence[tuple[str, str, str]], most: int) -> DraftText:
    """Return what one ticket says about all those that were held back, given as (priority, title, id)."""
    lines = [f"{priority} {prose(title)} ({code(subject)})" for priority, title, subject in held[:100]]
    more = [f"and {len(held) - 100} more"] if len(held) > 100 else []
    intro = f"More than {most} tickets were due in one run. These were held back; they stay in the warehouse."
    return _draft(f"{len(held)} more conclusions were held back", [intro, bullets([*lines, *more])])


def _draft(title: str, parts: Sequence[str]) -> DraftText:
    body = "\n\n".join(part for part in parts if part)
    return DraftText(one_line(title, limit=TITLE_LIMIT), body)


def _since(row: Mapping[str, Any]) -> str:
    ended = row["ended_at"]
    now = f"over since {_moment(ended)}" if ended else "still going on"
    return f"**Since:** {_moment(row['started_at'])} (detected {_moment(row['detected_at'])}), {now}."


def _impact(row: Mapping[str, Any]) -> str:
    services = [code(name) for name in _listed(row["services_affected"])]
    who = f"Services affected: {', '.join(services)}." if services else "No service is known to suffer."
    return f"**Impact:** {row['priority']} (impact {row['impact']}, urgency {row['urgency']}). {who}"


def _cause(facts: IncidentFacts) -> str:
    row = facts.incident
    if row["cause_kind"] == "unknown":
        suspects = [prose(c["statement"]) for c in facts.causes if c["cause_status"] == "suspect"][:2]
        hint = f" Suspects, none of them convincing: {' '.join(suspects)}" if suspects else ""
        return f"**Cause unknown.**{hint}"
    statement = next((c["statement"] for c in facts.causes if c["cause_rank"] == 1), row["cause_entity_id"])
    return f"**Likely cause** ({row['cause_kind']}, confidence {row['confidence_ratio']:.0%}): {prose(statement)}"


def _next_step(facts: IncidentFacts) -> str:
    row = facts.incident
    first = next((c for c in facts.causes if c["cause_rank"] == 1), {})
    entity = row["cause_entity_id"] or row["entity_id"] or row["service_name"] or "the first member"
    change = first.get("change_id") or "the change"
    return NEXT_STEPS[row["cause_kind"]].format(entity=code(entity), change=code(str(change)))


def _changes(facts: IncidentFacts) -> list[Mapping[str, Any]]:
    return [c for c in facts.causes if c["change_id"] and c["cause_kind"] != "traffic"][:MOST_CHANGES]


def _first_cause_first(evidence: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return evidence by rank of its cause, then by time; what speaks for several causes is told once."""
    ordered = sorted(evidence, key=lambda e: (e["cause_rank"], e["window_start"], e["evidence_id"]))
    return list({e["statement"]: e for e in reversed(ordered)}.values())[::-1]


def _resolved_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: (row["resolution_code"] is None, row["similar_rank"]))


def _alike(row: Mapping[str, Any]) -> str:
    """Return what helped the last time, before what it was: that is what a reader looks for."""
    ended = f"{prose(row['resolution_code'].replace('_', ' '))}: " if row["resolution_code"] else ""
    how = f" {prose(one_line(row['resolution'], limit=200))}" if row["resolution"] else ""
    cause = f" Cause: {code(row['cause_entity_id'])}." if row["cause_entity_id"] else ""
    when = f"{code(row['similar_id'])}, {row['opened_at']:%Y-%m-%d}, {row['similarity_ratio']:.0%} alike"
    return f"{ended}{prose(row['title'])} ({when}).{cause}{how}"


def _assigned(assigned: tuple[str | None, str] | None) -> str:
    if assigned is None:
        return ""
    group, reason = assigned
    return f"**Assigned to:** {prose(group) if group else 'nobody yet'}. {prose(redact_text(reason))}"


def _section(head: str, lines: Sequence[str], *, numbered: bool = False) -> str:
    return f"**{head}**\n\n{bullets(lines, numbered=numbered)}" if lines else ""


def _footer(subject: str) -> str:
    return f"---\n\n{code(subject)}. Why, from which files and versions: {code(f'aiops explain {subject}')}"


def _listed(text: str | None) -> list[str]:
    names: list[str] = json.loads(text) if text else []
    return names


def _moment(instant: datetime) -> str:
    return escape(f"{instant:%Y-%m-%d %H:%M} UTC")
