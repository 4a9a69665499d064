"""Which call about which conclusion is due to which sink: create, update, resolve, or none and why.

A ticket belongs to an incident, or to a risk of one entity, for as long as it lasts: it is found again by its external
key. A call is due only if it tells something new, so asking the same question twice suggests the same calls, and the
outbox, keyed by what a call says, takes each once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.contracts.results import TICKET_SUGGESTIONS
from aiops_jobs.core.columns import rows_from_records
from aiops_jobs.core.incidents.correlation import CorrelationResult
from aiops_jobs.core.policies import Policies
from aiops_jobs.core.tickets.come_true import one_ticket_each, stories
from aiops_jobs.core.tickets.owners import Owners
from aiops_jobs.core.tickets.redact import redact_text
from aiops_jobs.core.tickets.subjects import (
    NOTHING_KNOWN,
    Around,
    Subject,
    digest_subject,
    incident_subjects,
    risk_subjects,
)
from aiops_jobs.identity import canonical_json, digest, fingerprint


@dataclass(frozen=True, slots=True)
class KnownCall:
    """A call about a key that another run has put into the outbox."""

    endpoint: str
    external_key: str
    sequence: int
    action: str
    content_sha256: str
    is_later: bool
    """Whether that run knew more than this one: a later knowledge cut, or a later window."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Rows of ``ticket_suggestions`` (without lineage) and of ``ticket_outbox`` (without ``run_id``)."""

    suggestions: pa.Table
    outbox: pa.Table


def to_suggestions(
    result: CorrelationResult,
    risks: pa.Table,
    items: pa.Table,
    *,
    policies: Policies,
    endpoints: Mapping[str, str],
    known: Sequence[KnownCall] = (),
    around: Around = NOTHING_KNOWN,
) -> Suggestions:
    """Return what is suggested for every incident and risk to every sink, and the calls that are new.

    Args:
        result: Incidents with causes and evidence.
        risks: ``findings``; those of the policy's kinds are looked at, of each entity the latest.
        items: ``configuration_items``: who is responsible.
        policies: `TicketPolicy` is followed.
        endpoints: Name of each sink, and how far it may go.
        known: Calls that other runs have put into the outbox.
        around: What is known around the incidents.
    """
    owners = Owners(items)
    subjects = [
        *incident_subjects(result, owners, policies, around),
        *risk_subjects(risks, owners, policies, around),
    ]
    kinds = policies.tickets.finding_kinds
    foreseen = [row for row in risks.to_pylist() if row["finding_kind"] in kinds]
    told = stories(result.incidents.to_pylist(), foreseen, policies.capacity.horizon_s)
    subjects.sort(key=lambda s: (s.priority, s.started_at, s.subject_id))
    rows: list[dict[str, Any]] = []
    for endpoint, mode in sorted(endpoints.items()):
        calls: dict[str, list[KnownCall]] = {}
        for call in known:
            if call.endpoint == endpoint:
                calls.setdefault(call.external_key, []).append(call)
        last = {key: max(made, key=lambda c: c.sequence).action for key, made in _spoken_before(calls).items()}
        rows += _for_endpoint(one_ticket_each(subjects, told, last), calls, endpoint, mode, policies)
    rows.sort(key=lambda row: row["suggestion_id"])
    outbox = [_outbox_row(row) for row in rows if row["is_due"]]
    return Suggestions(rows_from_records(TICKET_SUGGESTIONS, rows), _outbox_table(outbox))


# --- calls ----------------------------------------------------------------------------------------------------------


def _spoken_before(calls: Mapping[str, list[KnownCall]]) -> dict[str, list[KnownCall]]:
    """Return the calls of runs that knew no more than this one; a key about which there is none is left out."""
    earlier = {key: [call for call in made if not call.is_later] for key, made in calls.items()}
    return {key: made for key, made in earlier.items() if made}


def _for_endpoint(
    subjects: Sequence[Subject], calls: Mapping[str, list[KnownCall]], endpoint: str, mode: str, policies: Policies
) -> list[dict[str, Any]]:
    """Return the rows for one sink; new tickets beyond a cap are held back and told in one digest."""
    rows, held, opened = [], [], Counter[str]()
    for subject in subjects:
        row = _row(subject, calls.get(subject.external_key, ()), endpoint, mode, policies)
        if row["is_due"] and row["ticket_action"] == "create":
            reason = _beyond_cap(subject, opened, policies)
            if reason:
                held.append(subject)
                row.update(ticket_action="none", is_due=False, reason=reason)
        rows.append(row)
    if held:
        rows.append(_row(digest_subject(held, policies), (), endpoint, mode, policies))
    return rows


def _beyond_cap(subject: Subject, opened: Counter[str], policies: Policies) -> str | None:
    """Count a new ticket, or return why it is held back; what is held back takes nobody's place."""
    most, most_service = policies.tickets.max_per_run, policies.delivery.max_per_service
    service = str(subject.fields.get("service_name") or "")
    if opened[""] >= most:
        return f"Held back: more than {most} new tickets in one run."
    if service and opened[service] >= most_service:
        return f"Held back: more than {most_service} new tickets about one service in one run."
    opened.update({"": 1} if not service else {"": 1, service: 1})
    return None


def _row(subject: Subject, calls: Sequence[KnownCall], endpoint: str, mode: str, policies: Policies) -> dict[str, Any]:
    earlier = sorted((c for c in calls if not c.is_later), key=lambda c: c.sequence)
    later = sorted((c for c in calls if c.is_later), key=lambda c: c.sequence)
    said = {"meaning": dict(subject.meaning), "round": sum(call.action == "resolve" for call in earlier)}
    action, reason, is_due = _decide(subject, earlier, later, digest({**said, "act": "tell"}))
    if is_due and action == "resolve" and policies.delivery.resolve_on == "never":
        action, reason, is_due = "none", "It is over; the policy leaves resolving to people.", False
    content = digest({**said, "act": "resolve" if action == "resolve" else "tell"})
    text = subject.closing if action == "resolve" and subject.closing else subject.text
    return {
        "suggestion_id": fingerprint("sug", endpoint=endpoint, external_key=subject.external_key),
        "subject_id": subject.subject_id,
        "subject_kind": subject.kind,
        "endpoint": endpoint,
        "started_at": subject.started_at,
        "ticket_action": action,
        "delivery_mode": mode,
        "external_key": subject.external_key,
        "title": text.title,
        "body": text.body,
        "priority": subject.priority,
        "assignment_group": subject.assignment_group,
        "confidence_ratio": subject.confidence,
        "reason": reason,
        "content_sha256": content,
        "policy_version": policies.version("tickets"),
        "is_due": is_due,
        "sequence": earlier[-1].sequence + 1 if earlier else 0,
        "fields": subject.fields,
        "assignee": subject.assignee,
        **subject.told,
    }


def _decide(
    subject: Subject, earlier: Sequence[KnownCall], later: Sequence[KnownCall], content: str
) -> tuple[str, str, bool]:
    """Return action, reason, and whether the call is new."""
    if later:
        return later[-1].action, "A later run has already spoken about it.", False
    last = earlier[-1] if earlier else None
    if last is None:
        if subject.against:
            return "none", subject.against, False
        return "create", "It has no ticket yet.", True
    if last.action == "resolve":
        if subject.closing:
            return "resolve", "It is over, and its ticket is resolved.", False
        return "create", "It is back after its ticket was resolved.", True
    if subject.closing:
        return "resolve", "It is over.", True
    if last.content_sha256 == content:
        return last.action, "Nothing new since the last call.", False
    return "update", "Priority, cause, services or owner changed.", True


def _outbox_row(row: Mapping[str, Any]) -> dict[str, Any]:
    payload = {
        "title": redact_text(row["title"]),
        "body": redact_text(row["body"]),
        "priority": row["priority"],
        "assignment_group": row["assignment_group"],
        "assignee": row["assignee"],
        "started_at": row["started_at"],
        "fields": dict(row["fields"]),
    }
    if row["ticket_action"] == "resolve":
        payload["note"] = payload["body"]
    copied = ("endpoint", "external_key", "sequence", "subject_id", "started_at", "ticket_action", "delivery_mode")
    identity = {name: row[name] for name in ("endpoint", "external_key", "ticket_action", "content_sha256", "sequence")}
    return {
        **{name: row[name] for name in copied},
        "outbox_id": fingerprint("out", **identity),
        "payload": canonical_json(payload),
        "content_sha256": row["content_sha256"],
        "outbox_state": "pending",
        "attempt_count": 0,
    }


def _outbox_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = pa.schema([(f.name, _plain(f.type)) for f in TICKET_OUTBOX.to_arrow() if f.name != "run_id"])
    ordered = sorted(rows, key=lambda row: row["outbox_id"])
    return pa.Table.from_pylist([dict(row) for row in ordered], schema=schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
