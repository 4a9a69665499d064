"""What went wrong with deliveries, as findings: a dead letter, a sink that does not know us, calls that wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from aiops_jobs.contracts.operations import TICKET_OUTBOX
from aiops_jobs.core.tickets.delivery import content_of
from aiops_jobs.core.tickets.draft import DraftText
from aiops_jobs.core.tickets.markdown import bullets, code, escape, one_line
from aiops_jobs.core.tickets.pacing import PAUSED, Pace
from aiops_jobs.core.tickets.redact import redact_text
from aiops_jobs.identity import canonical_json, digest, fingerprint

MOST_LISTED = 100
TITLE_LIMIT = 250


def delivery_findings(
    dead: Sequence[Mapping[str, Any]], paces: Mapping[str, Pace], *, at: datetime, policy_version: str
) -> list[dict[str, Any]]:
    """Return findings of kind ``delivery``, lineage columns aside: one a dead letter, one a paused sink.

    Args:
        dead: Rows of ``ticket_outbox`` that were given up.
        paces: How each sink is doing.
        at: End of the window of the run that looked.
    """
    found = []
    for row in sorted(dead, key=lambda r: r["outbox_id"]):
        said = redact_text(one_line(str(row["last_error"]), limit=500))
        found.append(
            _finding(
                fingerprint("fnd", kind="delivery", outbox_id=row["outbox_id"]),
                endpoint=row["endpoint"],
                severity="warning",
                started_at=min(row["started_at"], at),
                at=at,
                title=f"`{row['endpoint']}` did not get the {row['ticket_action']} of {row['external_key']}",
                summary=f"Given up: {said}. `aiops tickets retry {row['outbox_id']}` sends it again.",
            )
        )
    for endpoint, pace in sorted(paces.items()):
        if pace.state == PAUSED:
            said = redact_text(one_line(pace.reason, limit=500))
            found.append(
                _finding(
                    fingerprint("fnd", kind="delivery", endpoint=endpoint, paused_at=at),
                    endpoint=endpoint,
                    severity="critical",
                    started_at=at,
                    at=at,
                    title=f"Nothing is delivered to `{endpoint}`: it is paused",
                    summary=f"{said}. Its calls wait; `aiops check` tells whether it knows us again.",
                )
            )
    return [row | {"policy_version": policy_version} for row in found]


def _finding(
    finding_id: str, *, endpoint: str, severity: str, started_at: datetime, at: datetime, title: str, summary: str
) -> dict[str, Any]:
    return {
        "finding_id": finding_id,
        "finding_kind": "delivery",
        "entity_id": f"sink/{endpoint}",
        "severity": severity,
        "score": 1.0,
        "started_at": started_at,
        "detected_at": at,
        "title": one_line(title, limit=TITLE_LIMIT),
        "summary": summary,
        "dq_status": "ok",
    }


def overflow_digest(
    held: Sequence[Mapping[str, Any]], *, endpoint: str, mode: str, hour: datetime, run_id: str
) -> pa.Table:
    """Return the one row of ``ticket_outbox`` that speaks for new tickets which wait for the next hour.

    Args:
        held: Rows of ``ticket_outbox`` that wait.
        hour: Begin of the hour that is full; there is one digest for it.
    """
    text = _overflow_text(held)
    key = fingerprint("digest", endpoint=endpoint, hour=hour)
    said = [str(row["priority"]) for row in map(_said, held)]
    payload: dict[str, Any] = {
        "title": text.title,
        "body": text.body,
        "priority": min(said),
        "assignment_group": None,
        "started_at": hour,
        "fields": {},
    }
    row = dict.fromkeys(TICKET_OUTBOX.names) | {
        "outbox_id": fingerprint("out", endpoint=endpoint, external_key=key),
        "endpoint": endpoint,
        "external_key": key,
        "sequence": 0,
        "subject_id": key,
        "started_at": hour,
        "ticket_action": "create",
        "delivery_mode": mode,
        "payload": canonical_json(payload),
        "content_sha256": digest(payload),
        "outbox_state": "pending",
        "attempt_count": 0,
        "run_id": run_id,
    }
    schema = pa.schema([field.with_nullable(True) for field in TICKET_OUTBOX.to_arrow()])
    return TICKET_OUTBOX.conform(pa.Table.from_pylist([row], schema=schema))


def _overflow_text(held: Sequence[Mapping[str, Any]]) -> DraftText:
    rows = sorted(
        ((str(said["priority"]), str(said["title"]), row) for row, said in zip(held, map(_said, held), strict=True)),
        key=lambda item: (item[0], item[2]["outbox_id"]),
    )
    lines = [f"{priority} {escape(title)} ({code(row['subject_id'])})" for priority, title, row in rows[:MOST_LISTED]]
    if len(rows) > MOST_LISTED:
        lines.append(f"and {len(rows) - MOST_LISTED} more")
    intro = "So many new tickets were due within an hour that these wait; they are opened as the next hours allow."
    return DraftText(f"{len(rows)} more tickets wait for the next hour", f"{intro}\n\n{bullets(lines)}")


def _said(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return content_of(row["payload"])
