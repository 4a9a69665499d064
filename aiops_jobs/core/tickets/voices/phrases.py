"""The keys of everything a ticket says by itself; one module per language fills them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """Sentences of one language; what stands in braces is filled in, and is the same in every language."""

    retells: bool
    """Whether what the warehouse says in English is told anew from its columns."""
    levels: Mapping[str, str]
    """high, medium, low."""
    causes: Mapping[str, str]
    """Kinds of causes."""
    proofs: Mapping[str, str]
    """Kinds of evidence."""
    symptoms: Mapping[str, str]
    """What users feel, by the word in a title."""
    risks: Mapping[str, str]
    """Titles of risks, by kind of finding."""
    next_steps: Mapping[str, str]
    """What to do, by kind of cause."""
    assigned_by: Mapping[str, str]
    """Why a group gets the ticket, by the step that decided."""
    title: str
    more_services: str
    counted: str
    summary: str
    since: str
    is_over: str
    goes_on: str
    impact: str
    services: str
    no_service: str
    cause_unknown: str
    suspects: str
    likely_cause: str
    cause_of: str
    cause_by_change: str
    proof: str
    proof_value: str
    chain: str
    evidence: str
    similar: str
    changes: str
    announced: str
    next_step: str
    assigned: str
    nobody: str
    on_call: str
    target: str
    at_risk: str
    runbook: str
    page: str
    footer: str
    over: str
    confidence: str
    known_since: str
    about: str
    risk_step: str
    risk_gone: str
    digest_title: str
    digest_intro: str
    digest_more: str
    alike: str
    alike_cause: str
    the_change: str
    first_member: str
