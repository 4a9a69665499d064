"""What a ticket says: title and Markdown body, from an incident or a risk, in words for the person who gets it.

The rows come in redacted; redaction after the text has been made safe for Markdown would find nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiops_jobs.core.tickets.markdown import bullets, code, one_line, prose
from aiops_jobs.core.tickets.owners import Assignment
from aiops_jobs.core.tickets.redact import redact_text
from aiops_jobs.core.tickets.voices import Voice
from aiops_jobs.core.tickets.voices.english import ENGLISH

TITLE_LIMIT = 250
MOST_EVIDENCE = 8
MOST_CHANGES = 3
MOST_SIMILAR = 3

NEXT_STEPS = ENGLISH.next_steps
ENGLISH_VOICE = Voice()


@dataclass(frozen=True, slots=True)
class DraftText:
    """Title and body."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Target:
    """How likely a ticket misses its target."""

    miss_ratio: float
    is_at_risk: bool
    """Likely enough to be warned of."""


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
    assigned: Assignment | None = None
    """Who gets the ticket, and why."""
    target: Target | None = None
    """How likely it is solved too late; null where no history says."""


def incident_text(facts: IncidentFacts, voice: Voice = ENGLISH_VOICE) -> DraftText:
    """Return what the ticket about an incident says."""
    row, words = facts.incident, voice.phrases
    parts = [
        voice.summary(row),
        _since(row, voice),
        _impact(row, voice),
        _cause(facts, voice),
        "" if words.retells else _section(words.chain, _chain(row), numbered=True),
        _section(words.evidence, [voice.proof(e) for e in _first_cause_first(facts.evidence)[:MOST_EVIDENCE]]),
        _section(words.similar, [_alike(row, voice) for row in _resolved_first(facts.similar)[:MOST_SIMILAR]]),
        _section(words.changes, [voice.cause(c) for c in _changes(facts)]),
        _section(words.announced, [_announced(f, voice) for f in facts.factors if f["factor"] in ANNOUNCED]),
        voice.say("next_step", step=_next_step(facts, voice)),
        _assigned(facts.assigned, voice),
        _target(facts.target, voice),
        voice.say("runbook", text=voice.runbook(redact_text(facts.runbook))) if facts.runbook else "",
        f"[{words.page}]({facts.page_url})" if facts.page_url else "",
        _footer(row["incident_id"], voice),
    ]
    return _draft(voice.title(row), parts)


ANNOUNCED = ("announced_event", "maintenance")


def resolution_text(row: Mapping[str, Any], voice: Voice = ENGLISH_VOICE) -> DraftText:
    """Return the closing note of an incident."""
    over = voice.say("over", ended=voice.moment(row["ended_at"]))
    return _draft(voice.title(row), [over, _footer(row["incident_id"], voice)])


def risk_text(
    finding: Mapping[str, Any], voice: Voice = ENGLISH_VOICE, assigned: Assignment | None = None
) -> DraftText:
    """Return what the ticket about a risk (of running out, of failing) says, and who gets it."""
    confidence = finding.get("confidence_ratio")
    sure = voice.say("confidence", confidence=f"{confidence:.0%}") if confidence is not None else ""
    parts = [
        "" if voice.phrases.retells else prose(finding["summary"]),
        voice.say("known_since", detected=voice.moment(finding["detected_at"]), sure=sure),
        voice.say("about", entity=code(finding["entity_id"])),
        voice.say("next_step", step=voice.phrases.risk_step),
        _assigned(assigned, voice),
        _footer(finding["finding_id"], voice),
    ]
    return _draft(voice.risk_title(finding), parts)


def risk_gone_text(finding: Mapping[str, Any], voice: Voice = ENGLISH_VOICE) -> DraftText:
    """Return the closing note of a risk that has been looked at again and was not found."""
    gone = voice.say("risk_gone", detected=voice.moment(finding["detected_at"]))
    return _draft(voice.risk_title(finding), [gone, _footer(finding["finding_id"], voice)])


def digest_text(held: Sequence[tuple[str, str, str]], most: int, voice: Voice = ENGLISH_VOICE) -> DraftText:
    """Return what one ticket says about all those that were held back, given as (priority, title, id)."""
    lines = [f"{priority} {prose(title)} ({code(subject)})" for priority, title, subject in held[:100]]
    more = [voice.say("digest_more", count=len(held) - 100)] if len(held) > 100 else []
    intro = voice.say("digest_intro", most=most)
    return _draft(voice.say("digest_title", count=len(held)), [intro, bullets([*lines, *more])])


def _draft(title: str, parts: Sequence[str]) -> DraftText:
    body = "\n\n".join(part for part in parts if part)
    return DraftText(one_line(title, limit=TITLE_LIMIT), body)


def _since(row: Mapping[str, Any], voice: Voice) -> str:
    ended = row["ended_at"]
    state = voice.say("is_over", ended=voice.moment(ended)) if ended else voice.say("goes_on")
    began, detected = voice.moment(row["started_at"]), voice.moment(row["detected_at"])
    return voice.say("since", began=began, detected=detected, state=state)


def _impact(row: Mapping[str, Any], voice: Voice) -> str:
    services = [code(name) for name in _listed(row["services_affected"])]
    who = voice.say("services", names=", ".join(services)) if services else voice.say("no_service")
    levels = {name: voice.phrases.levels[row[name]] for name in ("impact", "urgency")}
    return voice.say("impact", priority=row["priority"], who=who, **levels)


def _cause(facts: IncidentFacts, voice: Voice) -> str:
    row = facts.incident
    if row["cause_kind"] == "unknown":
        suspects = [voice.cause(c) for c in facts.causes if c["cause_status"] == "suspect"][:2]
        hint = voice.say("suspects", names=" ".join(suspects)) if suspects else ""
        return voice.say("cause_unknown", hint=hint)
    first = next((voice.cause(c) for c in facts.causes if c["cause_rank"] == 1), prose(str(row["cause_entity_id"])))
    kind, confidence = voice.phrases.causes[row["cause_kind"]], f"{row['confidence_ratio']:.0%}"
    return voice.say("likely_cause", kind=kind, confidence=confidence, statement=first)


def _next_step(facts: IncidentFacts, voice: Voice) -> str:
    row = facts.incident
    first = next((c for c in facts.causes if c["cause_rank"] == 1), {})
    entity = row["cause_entity_id"] or row["entity_id"] or row["service_name"] or voice.phrases.first_member
    change = first.get("change_id") or voice.phrases.the_change
    return voice.fill(voice.phrases.next_steps[row["cause_kind"]], entity=code(entity), change=code(str(change)))


def _chain(row: Mapping[str, Any]) -> list[str]:
    return [prose(redact_text(step)) for step in _listed(row["causal_chain"])]


def _announced(factor: Mapping[str, Any], voice: Voice) -> str:
    said = redact_text(factor["raw_value"])
    return code(said) if voice.phrases.retells else prose(said)


def _changes(facts: IncidentFacts) -> list[Mapping[str, Any]]:
    return [c for c in facts.causes if c["change_id"] and c["cause_kind"] != "traffic"][:MOST_CHANGES]


def _first_cause_first(evidence: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return evidence by rank of its cause, then by time; what speaks for several causes is told once."""
    ordered = sorted(evidence, key=lambda e: (e["cause_rank"], e["window_start"], e["evidence_id"]))
    return list({e["statement"]: e for e in reversed(ordered)}.values())[::-1]


def _resolved_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: (row["resolution_code"] is None, row["similar_rank"]))


def _alike(row: Mapping[str, Any], voice: Voice) -> str:
    """Return what helped the last time, before what it was: that is what a reader looks for."""
    ended = f"{prose(row['resolution_code'].replace('_', ' '))}: " if row["resolution_code"] else ""
    how = f" {prose(one_line(row['resolution'], limit=200))}" if row["resolution"] else ""
    cause = voice.say("alike_cause", entity=code(row["cause_entity_id"])) if row["cause_entity_id"] else ""
    opened, share = f"{row['opened_at']:%Y-%m-%d}", f"{row['similarity_ratio']:.0%}"
    when = voice.say("alike", subject=code(row["similar_id"]), opened=opened, share=share)
    return f"{ended}{prose(row['title'])} ({when}).{cause}{how}"


def _assigned(assigned: Assignment | None, voice: Voice) -> str:
    if assigned is None:
        return ""
    group = prose(assigned.group) if assigned.group else voice.phrases.nobody
    told = voice.phrases.assigned_by[assigned.step] if voice.phrases.retells else prose(redact_text(assigned.reason))
    person = voice.say("on_call", person=prose(assigned.person)) if assigned.person else ""
    return voice.say("assigned", group=group, person=person, reason=told)


def _target(target: Target | None, voice: Voice) -> str:
    if target is None:
        return ""
    at_risk = voice.phrases.at_risk if target.is_at_risk else ""
    return voice.say("target", at_risk=at_risk, share=f"{target.miss_ratio:.0%}")


def _section(head: str, lines: Sequence[str], *, numbered: bool = False) -> str:
    return f"**{head}**\n\n{bullets(lines, numbered=numbered)}" if lines else ""


def _footer(subject: str, voice: Voice) -> str:
    return f"---\n\n{voice.say('footer', subject=code(subject), command=code(f'aiops explain {subject}'))}"


def _listed(text: str | None) -> list[str]:
    names: list[str] = json.loads(text) if text else []
    return names
