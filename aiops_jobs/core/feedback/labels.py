"""Rows of ``labels``: how one is made, when a further one is due, and which of them holds at an instant.

Of the verdicts about one subject the one known latest holds. A verdict that we have caused ourselves never stands
against one of a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiops_jobs.contracts.columns import VERDICT_NUMBERS
from aiops_jobs.contracts.feedback import LABELS
from aiops_jobs.core.feedback.verdicts import INSUFFICIENT, Verdict
from aiops_jobs.identity import canonical_json, fingerprint

Row = Mapping[str, Any]
SAID = ("label_verdict", "cause_entity_id", "cause_text", "resolution_code", "merged_into", "author", "labelled_at")
"""A label is new if one of these differs from the last one of the same ticket."""


def label_row(
    subject: Row, verdict: Verdict, *, said: Row, known_at: datetime, number: int, policy_version: str
) -> dict[str, Any]:
    """Return a row of ``labels``.

    Args:
        subject: ``subject_id, subject_kind, entity_id, service_name, started_at, applies_to`` (pairs of detector and
            series).
        verdict: What was said.
        said: By whom, when and where: ``author_kind, author, labelled_at, said_in, remote_key, resolution_code,
            cause_text, cause_entity_id, merged_into, is_self_generated``; what is not given is not known.
        known_at: When we learned it.
        number: How many labels of the same ticket (or of people, about the same subject) there are already.
        policy_version: Policy that mapped it.
    """
    label_id = fingerprint(
        "lbl", subject=subject["subject_id"], said_in=said.get("said_in"), number=number, verdict=verdict.name
    )
    return dict.fromkeys(LABELS.names) | {
        **{name: subject.get(name) for name in ("subject_id", "subject_kind", "entity_id", "service_name")},
        "started_at": subject["started_at"],
        "applies_to": canonical_json(sorted(map(list, subject.get("applies_to", ())))),
        **{name: value for name, value in said.items() if name in LABELS.names},
        "label_id": label_id,
        "label_verdict": verdict.name,
        "verdict_number": VERDICT_NUMBERS[verdict.name],
        "confidence_ratio": verdict.confidence,
        "is_self_generated": bool(said.get("is_self_generated")),
        "reason": verdict.reason,
        "known_at": known_at,
        "label_number": number,
        "policy_version": policy_version,
    }


def is_news(row: Row, last: Row | None) -> bool:
    """Tell whether a label says something else than the last one of the same ticket."""
    return last is None or any(row[name] != last[name] for name in SAID)


def known(labels: Iterable[Row], at: datetime) -> list[Row]:
    """Return the labels known at an instant, in the order in which they were learned."""
    return sorted((row for row in labels if row["known_at"] <= at), key=_order)


def holding(labels: Iterable[Row], at: datetime) -> dict[str, Row]:
    """Return the label that holds of each subject at an instant."""
    kept = list(known(labels, at))
    ours = _lines(row for row in kept if row["is_self_generated"])
    told = ours | _lines(row for row in kept if not row["is_self_generated"])
    return {subject: rows[-1] for subject, rows in told.items()}


def successions(labels: Iterable[Row]) -> list[tuple[Row, datetime | None]]:
    """Return each label that people gave, with the instant at which a later one about its subject took its place."""
    lines = _lines(row for row in labels if not row["is_self_generated"])
    return [pair for rows in lines.values() for pair in _with_next(rows)]


def _lines(labels: Iterable[Row]) -> dict[str, list[Row]]:
    """Return by subject the labels that held one after the other.

    A ticket that says neither takes back only what it has said itself, not what another ticket or a person says.
    """
    lines: dict[str, list[Row]] = {}
    for row in sorted(labels, key=_order):
        line = lines.setdefault(row["subject_id"], [])
        if line and row["label_verdict"] == INSUFFICIENT and row["said_in"] != line[-1]["said_in"]:
            continue
        line.append(row)
    return lines


def _with_next(rows: Sequence[Row]) -> list[tuple[Row, datetime | None]]:
    ends = [*(row["known_at"] for row in rows[1:]), None]
    return list(zip(rows, ends, strict=True))


def _order(row: Row) -> tuple[datetime, bool, str]:
    return row["known_at"], row["author_kind"] == "human", row["label_id"]
