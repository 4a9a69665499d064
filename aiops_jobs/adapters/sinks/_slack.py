"""What a Slack message of a ticket looks like, for the Web API and for incoming webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiops_jobs.adapters.markup.mrkdwn import MrkdwnRenderer, literal, section, shortened
from aiops_jobs.core.tickets.limits import Limit
from aiops_jobs.ports import Draft, Event

HEADER = Limit(150, "utf16")
FALLBACK = Limit(600, "utf16")
"""Of ``text``, which a notification shows; Slack takes more, and nobody reads it."""
BODY = Limit(10_500, "utf16")
"""Of the body's blocks: with header, note and context it stays below the sum of 13 200 that no page of Slack names."""
NOTE = Limit(1000, "utf16")
PART = Limit(150, "utf16")
MARKS = {"P1": "🔴", "P2": "🟠", "P3": "🟡", "P4": "🔵", "P5": "⚪"}
DONE = "✅"


def message(event: Event) -> dict[str, Any]:
    """Return ``text`` and ``blocks`` of an event; nothing telemetry said can mention, link or ring anybody."""
    draft = event.draft
    is_done = event.action == "resolve"
    mark = DONE if is_done else MARKS.get(draft.priority, "")
    title = f"{mark} {draft.title}".strip()
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": shortened(title, HEADER), "emoji": False}}
    ]
    if is_done and event.note:
        blocks.append(section(f"{DONE} {note_text(event.note)}"))
    blocks += MrkdwnRenderer().render(draft.body, BODY)
    blocks.append(_context(draft))
    return {"text": shortened(f"{mark} {draft.priority} {draft.title}".strip(), FALLBACK), "blocks": blocks}


def note_text(note: str) -> str:
    """Return a closing note as safe ``mrkdwn``."""
    return shortened(note, NOTE, literal)


def _context(draft: Draft) -> dict[str, Any]:
    said = [draft.priority, draft.assignment_group, draft.assignee, _service(draft.fields), draft.external_key]
    text = " · ".join(shortened(part, PART, literal) for part in said if part)
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def _service(fields: Mapping[str, Any]) -> str | None:
    service = fields.get("service_name")
    return service if isinstance(service, str) else None
